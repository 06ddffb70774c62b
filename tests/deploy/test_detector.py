"""Which model of the detector a recorder takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from custodes.deploy.detector import FILE_NAME, MODEL_VARIABLE, detector_model
from custodes.deploy.layout import NetworkFolder


def test_the_one_that_is_named_then_the_networks_own_then_the_one_made_at_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = NetworkFolder(tmp_path)
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    made = detector_model(folder)
    assert made.parts[-3:] == (".build", "models", FILE_NAME)
    (tmp_path / FILE_NAME).write_bytes(b"own")
    assert detector_model(folder) == tmp_path / FILE_NAME
    monkeypatch.setenv(MODEL_VARIABLE, "/elsewhere/model")
    assert detector_model(folder) == Path("/elsewhere/model")

"""`custodes storage`: the limit of free space, set within what a volume allows, and followed by the keeper."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from casework.network import CaseNetwork

import custodes.custody.client_folder as client_folder
from custodes.base.errors import CorruptError
from custodes.cli.main import main
from custodes.deploy.layout import read_settings
from custodes.deploy.running import serving

GIB = 1 << 30


@pytest_asyncio.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaseNetwork]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path)
    await network.found()
    yield network
    network.close()


async def test_the_limit_is_set_shown_and_followed(
    town: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(town.folder.root)
    assert main(["storage", root]) == 0
    assert "keep free  off" in capsys.readouterr().out
    before = read_settings(town.folder)
    assert main(["storage", root, "--keep-free", "1GiB"]) == 0
    assert "keep free  1.0 GiB" in capsys.readouterr().out
    after = read_settings(town.folder)
    assert after.keep_free_bytes == GIB
    assert (after.network, after.recorder, after.store_volume) == (
        before.network,
        before.recorder,
        before.store_volume,
    )
    town.keeper.ledger.close()
    town.keeper.keystore.close()
    town.start()
    assert town.keeper.retention._keep_free_bytes == GIB
    with serving(town.folder):
        assert main(["storage", root, "--keep-free", "off"]) == 0
        assert "follows this from its next start" in capsys.readouterr().out
    assert read_settings(town.folder).keep_free_bytes == 0


async def test_a_size_beyond_the_limits_changes_nothing(
    town: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(town.folder.root)
    half = shutil.disk_usage(town.folder.store).total // 2
    for text in ("1023MiB", f"{half // GIB + 1}GiB", "-1GiB", "5", "GiB", "1.5GiB"):
        assert main(["storage", root, f"--keep-free={text}"]) != 0
    assert "half of the volume" in capsys.readouterr().err
    assert read_settings(town.folder).keep_free_bytes == 0


async def test_another_volume_is_not_measured(town: CaseNetwork, capsys: pytest.CaptureFixture[str]) -> None:
    mark = town.folder.store / ".volume"
    moved = mark.rename(mark.with_name("elsewhere"))
    assert main(["storage", str(town.folder.root), "--keep-free", "1GiB"]) != 0
    moved.rename(mark)
    assert read_settings(town.folder).keep_free_bytes == 0


async def test_settings_of_before_have_no_limit_and_damaged_ones_are_refused(town: CaseNetwork) -> None:
    file = town.folder.settings_file
    value = json.loads(file.read_text("utf-8"))
    del value["keep_free_bytes"]
    file.write_text(json.dumps(value), "utf-8")
    assert read_settings(town.folder).keep_free_bytes == 0
    for wrong in (-1, "1GiB", 1.5, True, None):
        file.write_text(json.dumps({**value, "keep_free_bytes": wrong}), "utf-8")
        with pytest.raises(CorruptError):
            read_settings(town.folder)

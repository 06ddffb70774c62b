"""Recorded renditions by the verifier's own reading: altered, missing too early, named by nobody."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from custodes_verify.errors import MalformedError
from custodes_verify.renditions import Rendition, check_renditions, row_of
from custodes_verify.report import Report
from custodes_verify.source import FolderSource

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
UTC0_US = 20_000 * DAY_US
VIEW, MAIN, CAMERA = b"view".ljust(16), b"main".ljust(16), b"camera".ljust(16)
DATA = b"a recorded rendition"
ROW = Rendition(VIEW, UTC0_US + 60_000_000, UTC0_US + 360_000_000, len(DATA), hashlib.sha256(DATA).digest())


def ledger(shredded: bool = False, as_of_us: int = UTC0_US + DAY_US, kept_us: int = 30 * DAY_US) -> Any:
    epoch = SimpleNamespace(
        stream=MAIN,
        utc0_us=UTC0_US,
        end_us=UTC0_US + HOUR_US,
        deadline_us=UTC0_US + kept_us,
        shredded=shredded,
    )
    state = SimpleNamespace(streams={VIEW: CAMERA, MAIN: CAMERA}, epochs={b"epoch": epoch})
    return SimpleNamespace(state=state, as_of_us=as_of_us)


def found(folder: Path, known: Any, *rows: Rendition) -> list[str]:
    report = Report()
    check_renditions(FolderSource(folder), known, list(rows), True, report)
    return [f"{finding.where}: {finding.what}" for finding in report.findings]


def put(folder: Path, row: Rendition, data: bytes = DATA) -> None:
    path = folder / row.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_what_is_there_is_proven_and_every_flipped_byte_is_found(tmp_path: Path) -> None:
    put(tmp_path, ROW)
    assert found(tmp_path, ledger(), ROW) == []
    for at in range(len(DATA)):
        put(tmp_path, ROW, DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :])
        (finding,) = found(tmp_path, ledger(), ROW)
        assert finding.startswith(f"{ROW.name}: is not the object")
    put(tmp_path, ROW, DATA[:-1])
    assert len(found(tmp_path, ledger(), ROW)) == 1


def test_what_is_missing_before_the_original_goes_is_named(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, ledger(), ROW)
    assert VIEW.hex() in finding and "1 recorded renditions are not there" in finding
    assert found(tmp_path, ledger(shredded=True), ROW) == []
    assert found(tmp_path, ledger(kept_us=HOUR_US), ROW) == []
    elsewhere = ROW._replace(start_us=UTC0_US + 2 * HOUR_US, end_us=UTC0_US + 2 * HOUR_US + 1)
    assert found(tmp_path, ledger(), elsewhere) == []


def test_what_nobody_named_is_named(tmp_path: Path) -> None:
    put(tmp_path, ROW)
    (finding,) = found(tmp_path, ledger(as_of_us=UTC0_US + 3 * DAY_US))
    assert finding.startswith(ROW.name)
    assert found(tmp_path, ledger(as_of_us=UTC0_US + HOUR_US)) == []


def test_a_row_that_ends_before_it_begins_is_none() -> None:
    body = {"stream": VIEW, "start_us": 5, "end_us": 5, "bytes": 1, "hash": bytes(32)}
    with pytest.raises(MalformedError):
        row_of(body)

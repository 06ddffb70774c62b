"""The forgetful disk itself: what it must keep, what it must be able to lose."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random

import pytest

from custodes.adapters.spool.powercut import Choose, PowerCutFiles

CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def states(files: PowerCutFiles, moment: int | None = None) -> set[tuple[tuple[str, bytes], ...]]:
    """What 200 cuts at a moment, by default now, leave: files by path."""
    found = set()
    for number in range(200):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder)
            files.cut(files.moment if moment is None else moment, target, chooser(number))
            left = sorted(path for path in target.rglob("*") if path.is_file())
            found.add(tuple((str(path.relative_to(target)), path.read_bytes()) for path in left))
    return found


def chooser(seed: int) -> Choose:
    return Random(seed).randrange if seed else lambda _: 0


def test_what_was_flushed_stays(root: Path) -> None:
    files = PowerCutFiles(root)
    fd = files.open(root / "a", CREATE)
    files.pwritev(fd, [b"kept", b"!"], 0)
    files.fdatasync(fd)
    files.fsync_folder(root)
    files.close(fd)
    assert states(files) == {(("a", b"kept!"),)}


def test_a_flushed_file_without_a_flushed_name_can_be_lost(root: Path) -> None:
    files = PowerCutFiles(root)
    fd = files.open(root / "a", CREATE)
    files.pwritev(fd, [b"x"], 0)
    files.fdatasync(fd)
    assert states(files) == {(), (("a", b"x"),)}


def test_unflushed_writes_are_lost_torn_zeros_or_there(root: Path) -> None:
    files = PowerCutFiles(root)
    fd = files.open(root / "a", CREATE)
    files.fsync_folder(root)
    files.pwritev(fd, [b"1"], 0)
    files.fdatasync(fd)
    files.pwritev(fd, [b"22"], 1)
    files.pwritev(fd, [b"3"], 3)
    contents = {state[0][1] for state in states(files)}
    assert contents >= {b"1", b"12", b"122", b"1223", b"1\0\0", b"1\0\0003", b"122\0", b"12\0003"}
    assert all(content.startswith(b"1") for content in contents)


def test_a_rename_is_the_old_or_the_new(root: Path) -> None:
    files = PowerCutFiles(root)
    for name, data in (("a", b"old"), ("b", b"new")):
        fd = files.open(root / name, CREATE)
        files.pwritev(fd, [data], 0)
        files.fdatasync(fd)
        files.close(fd)
    files.fsync_folder(root)
    before = files.moment
    files.rename(root / "b", root / "a")
    values = {dict(state).get("a") for state in states(files)}
    assert values == {b"old", b"new"}
    files.fsync_folder(root)
    assert states(files) == {(("a", b"new"),)}
    assert states(files, before) == {(("a", b"old"), ("b", b"new"))}


def test_an_unflushed_folder_takes_all_in_it_along(root: Path) -> None:
    files = PowerCutFiles(root)
    files.mkdir(root / "f")
    fd = files.open(root / "f" / "a", CREATE)
    files.pwritev(fd, [b"x"], 0)
    files.fdatasync(fd)
    files.fsync_folder(root / "f")
    assert states(files) == {(), (("f/a", b"x"),)}
    files.fsync_folder(root)
    assert states(files) == {(("f/a", b"x"),)}
    files.unlink(root / "f" / "a")
    files.rmdir(root / "f")
    assert states(files) == {(), (("f/a", b"x"),)}


def test_links_share_what_is_left_of_the_bytes(root: Path) -> None:
    files = PowerCutFiles(root)
    fd = files.open(root / "a", CREATE)
    files.pwritev(fd, [b"xy"], 0)
    files.link(root / "a", root / "b")
    files.fsync_folder(root)
    for state in states(files):
        assert dict(state)["a"] == dict(state)["b"]

"""The spool: order, bounds, and what a broken disk does to it and to nothing else."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from custodes.adapters.spool.breakable import BreakableFiles
from custodes.adapters.spool.files import SystemFiles
from custodes.adapters.spool.spool import SpoolFile, SpoolVolume
from custodes.adapters.spool.state import SpoolState
from custodes.adapters.spool.volume import create_mark
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    CustodesError,
    InvalidError,
    PushbackError,
    RefusedError,
    UnavailableError,
)

LIMIT = 1000


@pytest.fixture
def files() -> BreakableFiles:
    return BreakableFiles()


@pytest.fixture
async def volume(tmp_path: Path, files: BreakableFiles) -> AsyncIterator[SpoolVolume]:
    volume = make_volume(tmp_path / "spool", files)
    yield volume
    files.mend()
    await volume.close()


def make_volume(root: Path, files: BreakableFiles) -> SpoolVolume:
    return SpoolVolume(
        root,
        create_mark(root, SystemFiles()),
        asyncio.get_running_loop(),
        files=files,
        queue_limit_bytes_per_stream=LIMIT,
        stall_after_s=0.05,
        flush_s=0.02,
        retry_s=0.05,
    )


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.005)


async def finished(file: SpoolFile) -> Path:
    future: asyncio.Future[Path] = asyncio.get_running_loop().create_future()
    file.finish(future.set_result, future.set_exception)
    return await asyncio.wait_for(future, 60)


async def test_appends_arrive_in_order(volume: SpoolVolume) -> None:
    files = [volume.open(f"streams/{number}/0001.reel") for number in range(5)]
    for turn in range(30):
        for file in files:
            file.append(b"%d," % turn)
        await asyncio.sleep(0)
    for number, file in enumerate(files):
        path = await finished(file)
        assert path == volume.root / f"streams/{number}/0001.reel"
        assert path.read_bytes() == b"".join(b"%d," % turn for turn in range(30))
    health = volume.health()
    assert (health.state, health.files, health.queued_bytes, health.oldest_us) == (SpoolState.OK, 0, 0, 0)


async def test_flush_now_ends_when_the_bytes_and_the_name_are_flushed(
    volume: SpoolVolume, files: BreakableFiles
) -> None:
    file = volume.open("a/b/shares")
    file.append(b"set")
    await asyncio.wait_for(file.flush_now(), 60)
    assert (volume.root / "a/b/shares").read_bytes() == b"set"
    assert files.calls.count("fsync_folder") == 3
    assert files.calls.index("pwritev") < files.calls.index("fdatasync")
    await asyncio.wait_for(file.flush_now(), 60)
    other = volume.open("a/b/empty")
    await asyncio.wait_for(other.flush_now(), 60)
    assert (volume.root / "a/b/empty").read_bytes() == b""
    # The folders above are known to be durable; only the one that got a name is flushed again.
    assert files.calls.count("fsync_folder") == 4


async def test_appends_are_flushed_without_being_asked(volume: SpoolVolume, files: BreakableFiles) -> None:
    file = volume.open("a")
    file.append(b"x")
    assert file.queued_bytes == 1
    await until(lambda: file.queued_bytes == 0)
    assert "fdatasync" in files.calls


async def test_many_appends_are_one_write(volume: SpoolVolume, files: BreakableFiles) -> None:
    file = volume.open("a")
    for _ in range(500):
        file.append(b"xy")
    await finished(file)
    assert files.calls.count("pwritev") < 50
    assert (volume.root / "a").stat().st_size == 1000


async def test_nothing_is_overwritten(volume: SpoolVolume) -> None:
    (volume.root / "a").write_bytes(b"there before")
    file = volume.open("a")
    file.append(b"x")
    with pytest.raises(ConflictError):
        await asyncio.wait_for(file.flush_now(), 60)
    with pytest.raises(ConflictError):
        file.append(b"y")
    assert (volume.root / "a").read_bytes() == b"there before"
    assert volume.health().files == 0
    assert volume.state is SpoolState.OK


async def test_a_finished_file_takes_no_more(volume: SpoolVolume) -> None:
    file = volume.open("a")
    file.finish(lambda _: None)
    with pytest.raises(RefusedError):
        file.append(b"x")
    with pytest.raises(RefusedError):
        file.finish(lambda _: None)
    for path in ("../a", "/a", ".a", ""):
        with pytest.raises(InvalidError):
            volume.open(path)


async def test_a_full_volume_keeps_the_queue_and_goes_on(volume: SpoolVolume, files: BreakableFiles) -> None:
    file = volume.open("reel", "stream")
    file.append(b"0123456789")
    await asyncio.wait_for(file.flush_now(), 60)
    files.fail("pwritev", errno.ENOSPC)
    file.append(b"a" * 600)
    await until(lambda: volume.state is SpoolState.FULL)
    file.append(b"b" * 300)
    with pytest.raises(PushbackError):
        file.append(b"c" * 101)
    # The limit is the stream's, not the file's.
    next_file = volume.open("next", "stream")
    with pytest.raises(PushbackError):
        next_file.append(b"c" * 101)
    other = volume.open("other", "other stream")
    other.append(b"d" * 900)
    health = volume.health()
    assert health.queued_bytes == 1800
    assert health.oldest_us > 0
    assert "space" in health.reason
    files.mend()
    next_file.append(b"c" * 100)
    assert (await finished(file)).read_bytes() == b"0123456789" + b"a" * 600 + b"b" * 300
    assert (await finished(next_file)).read_bytes() == b"c" * 100
    assert (await finished(other)).read_bytes() == b"d" * 900
    await until(lambda: volume.state is SpoolState.OK)


@pytest.mark.parametrize(
    ("operation", "number", "state"),
    [
        ("open", errno.ENOSPC, SpoolState.FULL),
        ("open", errno.EROFS, SpoolState.READ_ONLY),
        ("mkdir", errno.EDQUOT, SpoolState.FULL),
        ("pwritev", errno.EIO, SpoolState.AWAY),
        ("fsync_folder", errno.EIO, SpoolState.AWAY),
        ("fdatasync", errno.ENOSPC, SpoolState.FULL),
    ],
)
async def test_what_failed_is_tried_again(
    volume: SpoolVolume, files: BreakableFiles, operation: str, number: int, state: SpoolState
) -> None:
    files.fail(operation, number)
    file = volume.open("folder/reel")
    file.append(b"x" * 100)
    await until(lambda: volume.state is state)
    file.append(b"y" * 100)
    assert file.queued_bytes == 200
    files.mend()
    assert (await finished(file)).read_bytes() == b"x" * 100 + b"y" * 100
    await until(lambda: volume.state is SpoolState.OK)


async def test_bytes_of_a_failed_flush_are_written_again(volume: SpoolVolume, files: BreakableFiles) -> None:
    file = volume.open("reel")
    file.append(b"kept")
    await asyncio.wait_for(file.flush_now(), 60)
    files.fail("fdatasync", errno.EIO)
    file.append(b"doubtful")
    await until(lambda: volume.state is SpoolState.AWAY)
    # The kernel drops the pages that it could not write and calls the file clean.
    (volume.root / "reel").write_bytes(b"kept")
    files.mend()
    assert (await finished(file)).read_bytes() == b"keptdoubtful"


async def test_a_volume_pulled_and_put_back_goes_on_in_the_same_file(
    volume: SpoolVolume, files: BreakableFiles
) -> None:
    file = volume.open("reel")
    file.append(b"before")
    await asyncio.wait_for(file.flush_now(), 60)
    files.fail("pwritev", errno.EIO)
    file.append(b"during")
    await until(lambda: volume.state is SpoolState.AWAY)
    volume.root.rename(volume.root.with_name("pulled"))
    files.mend()
    volume.root.mkdir()
    another = volume.open("another")
    another.append(b"x")
    await until(lambda: "not" in volume.health().reason or "away" in volume.health().reason)
    assert list(volume.root.iterdir()) == []
    volume.root.rmdir()
    volume.root.with_name("pulled").rename(volume.root)
    assert (await finished(file)).read_bytes() == b"beforeduring"
    assert (await finished(another)).read_bytes() == b"x"


async def test_a_file_that_lost_flushed_bytes_is_given_up(volume: SpoolVolume, files: BreakableFiles) -> None:
    file = volume.open("reel")
    file.append(b"before")
    await asyncio.wait_for(file.flush_now(), 60)
    files.fail("pwritev", errno.EIO)
    file.append(b"during")
    await until(lambda: volume.state is SpoolState.AWAY)
    (volume.root / "reel").unlink()
    files.mend()
    with pytest.raises(CorruptError):
        await finished(file)
    assert file.queued_bytes == 0


async def test_a_stalled_volume_holds_up_nothing_else(
    volume: SpoolVolume, files: BreakableFiles, tmp_path: Path
) -> None:
    other = make_volume(tmp_path / "other", BreakableFiles())
    files.stall()
    file = volume.open("reel")
    file.append(b"x" * 900)
    await until(lambda: volume.state is SpoolState.STALLED)
    with pytest.raises(PushbackError):
        file.append(b"x" * 101)
    well = other.open("reel")
    well.append(b"y")
    assert (await finished(well)).read_bytes() == b"y"
    assert other.state is SpoolState.OK
    files.mend()
    assert (await finished(file)).read_bytes() == b"x" * 900
    await until(lambda: volume.state is SpoolState.OK)
    await other.close()


async def test_close_drains(tmp_path: Path) -> None:
    volume = make_volume(tmp_path / "spool", BreakableFiles())
    opened = [volume.open(f"{number}/reel") for number in range(20)]
    paths: list[Path] = []
    for file in opened:
        file.append(b"x" * 500)
    for file in opened[:10]:
        file.finish(paths.append)
    assert await volume.close(60) == 0
    assert all((volume.root / f"{number}/reel").read_bytes() == b"x" * 500 for number in range(20))
    assert len(paths) == 10
    with pytest.raises(UnavailableError):
        volume.open("more")
    with pytest.raises(UnavailableError):
        opened[19].append(b"x")


@pytest.mark.parametrize("fault", ["stalled", "full"])
async def test_close_ends_though_the_volume_does_not_take_the_rest(tmp_path: Path, fault: str) -> None:
    files = BreakableFiles()
    volume = make_volume(tmp_path / "spool", files)
    if fault == "stalled":
        files.stall()
    else:
        files.fail("pwritev", errno.ENOSPC)
    file = volume.open("reel")
    file.append(b"x" * 500)
    told: list[CustodesError] = []
    waiting = file.flush_now()
    file.finish(lambda _: told.clear(), told.append)
    assert await volume.close(0.1) == 500
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(waiting, 60)
    await until(lambda: len(told) == 1)
    files.mend()


async def test_folders_are_tidied_when_they_are_empty(volume: SpoolVolume) -> None:
    file = volume.open("streams/a/epoch/reel")
    file.append(b"x")
    path = await finished(file)
    volume.tidy("streams/a/epoch")
    other = volume.open("streams/b/reel")
    other.append(b"y")
    await finished(other)
    assert path.exists()
    path.unlink()
    volume.tidy("streams/a/epoch")
    await until(lambda: not (volume.root / "streams/a").exists())
    assert (volume.root / "streams/b/reel").exists()
    again = volume.open("streams/a/epoch/reel")
    again.append(b"z")
    assert (await finished(again)).read_bytes() == b"z"


async def test_another_volume_is_refused(tmp_path: Path) -> None:
    create_mark(tmp_path / "spool", SystemFiles())
    with pytest.raises(UnavailableError):
        SpoolVolume(tmp_path / "spool", b"\0" * 16, asyncio.get_running_loop())
    with pytest.raises(UnavailableError):
        SpoolVolume(tmp_path / "none", b"\0" * 16, asyncio.get_running_loop())

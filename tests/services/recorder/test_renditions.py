"""Recorded renditions through crash, full disk and a store that is away: named once, whole, and never in the way."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from recording.rig import Rig
from recording.views import feed

from custodes.adapters.objects.memory import Fault, MemoryObjectStore
from custodes.adapters.spool.files import SystemFiles
from custodes.adapters.spool.volume import MARK_NAME
from custodes.base.clock import SECOND_US
from custodes.base.errors import UnavailableError
from custodes.custody.accounts import Manifest, parse_manifest
from custodes.custody.renditions import MaskReason, Rendition, open_rendition_path
from custodes.media.mp4.pieces import read_recording
from custodes.services.recorder.accounting import Minute
from custodes.services.recorder.registrar import Registrar
from custodes.services.recorder.rendition_recovery import recover_renditions
from custodes.services.recorder.renditions import RenditionShelf
from custodes.services.recorder.start import restart

SUPPORT = Path(__file__).parents[2] / "support"
STREAM = b"view".ljust(16, b"\0")
START_US = 1_800_000_000 * SECOND_US


def shelf_of(rig: Rig, files: SystemFiles | None = None) -> RenditionShelf:
    loop = asyncio.get_running_loop()
    return RenditionShelf(rig.clock, rig.volume(files), Registrar(loop, "porter"), 300 * SECOND_US)


async def closed(shelf: RenditionShelf) -> tuple[Rendition, ...]:
    shelf.close()
    async with asyncio.timeout(20):
        while not shelf.is_empty:
            await asyncio.sleep(0.02)
    return shelf.take_closed()


def manifests(store: MemoryObjectStore) -> list[Manifest]:
    return [parse_manifest(store.get(path)) for path in store.list("accounts")]


def check_stored(store: MemoryObjectStore, row: Rendition) -> bytes:
    data = store.get(row.path)
    assert (len(data), hashlib.sha256(data).digest()) == (row.size_bytes, row.hash)
    recorded = read_recording(data)
    assert recorded.valid_bytes == len(data)
    assert row.end_us == row.start_us + recorded.duration_us
    return data


async def test_a_closed_reel_is_named_and_then_in_the_store(tmp_path: Path) -> None:
    rig, store = Rig(tmp_path), MemoryObjectStore()
    shelf = shelf_of(rig)
    await feed(shelf, STREAM, START_US, 20)
    (row,) = await closed(shelf)
    assert list(store.list("renditions")) == []
    book = rig.book(store)
    book.account(Minute(START_US, (), renditions=(row,), masked=shelf.take_masked(rig.clock.utc_us())))
    assert len(book.settle()) == 2
    check_stored(store, row)
    (manifest,) = manifests(store)
    assert manifest.renditions == (row,)
    assert {time.reason for time in manifest.masked} <= {MaskReason.STARTING}
    await shelf.spool.close()


async def test_a_store_that_is_away_loses_nothing_and_names_it_once(tmp_path: Path) -> None:
    rig, store = Rig(tmp_path), MemoryObjectStore()
    shelf = shelf_of(rig)
    await feed(shelf, STREAM, START_US, 5)
    (row,) = await closed(shelf)
    await shelf.spool.close()
    book = rig.book(store)
    book.account(Minute(START_US, (), renditions=(row,)))
    store.break_(Fault.AWAY)
    with pytest.raises(UnavailableError):
        book.settle()
    store.mend()
    # As after a crash: the state names it, and so does no Restart.
    book = rig.book(store)
    recovered = restart(book, rig.spool_root, store, START_US + SECOND_US)
    assert recovered.troubles == []
    check_stored(store, row)
    assert [manifest.renditions for manifest in manifests(store)] == [(row,), ()]
    # Once more, as if the crash had come after all was done.
    assert restart(rig.book(store), rig.spool_root, store, START_US + 2 * SECOND_US).troubles == []
    assert [len(manifest.renditions) for manifest in manifests(store)] == [1, 0, 0]


@pytest.mark.parametrize("pictures", [60, 110, 200])
def test_killed_it_keeps_all_but_the_last_pictures(tmp_path: Path, pictures: int) -> None:
    rig, store = Rig(tmp_path), MemoryObjectStore()
    mark = (rig.spool_root / MARK_NAME).read_text().strip()
    command = [sys.executable, "-m", "recording.views", str(rig.spool_root), mark, STREAM.hex()]
    path = f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        given = 0
        while given < pictures:
            given = int(process.stdout.readline())
        file = rig.spool_root / open_rendition_path(STREAM, START_US)
        while not file.is_file():
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        given = max([given, *(int(line) for line in process.stdout)])
    size = file.stat().st_size
    # As a power cut would: a torn end.
    with file.open("r+b") as opened:
        opened.truncate(size - 7)
    (row,), troubles = recover_renditions(rig.spool_root)
    assert troubles == []
    book = rig.book(store)
    restart(book, rig.spool_root, store, START_US)
    recorded = read_recording(check_stored(store, row))
    # A picture is held back, one was torn; the rest had less than a second to be written.
    assert 0 < recorded.pictures <= given
    assert recorded.pictures >= given - 60
    assert [manifest.renditions for manifest in manifests(store)] == [(row,)]
    assert not file.exists()


def test_what_is_no_reel_stays_and_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    folder = rig.spool_root / "renditions" / STREAM.hex()
    folder.mkdir(parents=True)
    (folder / "007.open").write_bytes(b"somebody's")
    (folder / "8.open").write_bytes(b"half an init")
    found, troubles = recover_renditions(rig.spool_root)
    assert found == []
    assert len(troubles) == 1 and "007.open" in troubles[0]
    assert [path.name for path in folder.iterdir()] == ["007.open"]


class FullFiles(SystemFiles):
    """A disk that is full, while `full`."""

    full = False

    def pwritev(self, fd: int, buffers: Sequence[bytes | bytearray | memoryview], offset: int) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().pwritev(fd, buffers, offset)


async def test_a_full_disk_gets_no_more_of_it_and_it_comes_back(tmp_path: Path) -> None:
    rig, files = Rig(tmp_path), FullFiles()
    shelf = shelf_of(rig, files)
    await feed(shelf, STREAM, START_US, 10)
    files.full = True
    await feed(shelf, STREAM, START_US + 60 * SECOND_US, 5)
    async with asyncio.timeout(20):
        while shelf.has_room(STREAM):
            await asyncio.sleep(0.05)
            shelf.tick()
    queued = shelf.spool.health().queued_bytes
    await feed(shelf, STREAM, START_US + 120 * SECOND_US, 30)
    # Of what came while it was full nothing waits but what was open.
    assert shelf.spool.health().queued_bytes <= queued + (64 << 10)
    assert shelf.dropped > 0
    files.full = False
    async with asyncio.timeout(20):
        while not shelf.has_room(STREAM):
            await asyncio.sleep(0.05)
            shelf.tick()
    await feed(shelf, STREAM, START_US + 180 * SECOND_US, 10)
    rows = await closed(shelf)
    assert rows[-1].start_us == START_US + 180 * SECOND_US
    await shelf.spool.close()

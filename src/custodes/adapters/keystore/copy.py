"""One copy of the key store: a preallocated file whose records are overwritten in place."""

from __future__ import annotations

import fcntl
import heapq
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from custodes.adapters.keystore.record import (
    FREE,
    RECORD_BYTES,
    SEED_BYTES,
    Header,
    Record,
    RecordState,
    decode,
    decode_header,
)
from custodes.adapters.spool.faults import translated
from custodes.adapters.spool.files import FileOperations, write_all
from custodes.base.errors import ConflictError, CorruptError, NotFoundError, UnavailableError

FILE_NAME = "keys"
BLOCK_RECORDS = 4096


class KeyCopy:
    """An open, locked copy. Seeds are read when asked for and never held.

    `live`: slots by id. `doubtful`: ids whose last write failed, that may or may not be on the disk.
    `destroyed`: slots of keys that are gone, by id. `torn`: slots that are neither free nor a record.
    """

    def __init__(self, folder: Path, files: FileOperations) -> None:
        self.folder = folder
        self._files = files
        self.live: dict[bytes, set[int]] = {}
        self.destroyed: dict[bytes, set[int]] = {}
        self.doubtful: set[bytes] = set()
        self.torn: set[int] = set()
        # Slots that can be written, lowest first; what a released destroyed key left stands there until then.
        self._free: list[int] = []
        self._released: dict[int, bytes] = {}
        try:
            self._fd = files.open(folder / FILE_NAME, os.O_RDWR)
        except OSError as error:
            raise UnavailableError(f"key store copy {folder} is away: {error.strerror}") from error
        try:
            self._lock()
            with translated(f"key store copy {folder}"):
                self.header = self._scan()
        except BaseException:
            files.close(self._fd)
            raise

    @classmethod
    def create(cls, folder: Path, header: Header, capacity: int, files: FileOperations) -> KeyCopy:
        """Make a new copy; durable when it returns.

        Errors: ConflictError when the folder has one; UnavailableError, ExhaustedError.
        """
        draft = folder / f"{FILE_NAME}.new"
        with translated(f"key store copy {folder}"):
            fd = files.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR)
            try:
                _extend(files, fd, 0, _in_blocks(1 + capacity))
                write_all(files, fd, [header.encode()], 0)
                files.fdatasync(fd)
            finally:
                files.close(fd)
            try:
                files.link(draft, folder / FILE_NAME)
            except FileExistsError as error:
                raise ConflictError(f"key store copy {folder} exists") from error
            finally:
                files.unlink(draft)
            files.fsync_folder(folder)
        return cls(folder, files)

    def close(self) -> None:
        """Close the file, which unlocks it."""
        self._files.close(self._fd)

    def device(self) -> int:
        """The number of the device that the file is on."""
        return os.fstat(self._fd).st_dev

    def put(self, keys: Mapping[bytes, bytes]) -> None:
        """Write seeds by id; durable and read back when it returns.

        Errors: ExhaustedError, UnavailableError, CorruptError; which keys landed is then in doubt.
        """
        with translated(f"key store copy {self.folder}"):
            self._reserve(len(keys))
            records: dict[int, bytes] = {}
            for key_id, seed in keys.items():
                # A key whose last write failed keeps its slot: nowhere else may a trace of it be left.
                if key_id not in self.live:
                    self.live[key_id] = {self._take_slot()}
                self.doubtful.add(key_id)
                for slot in self.live[key_id]:
                    records[slot] = Record(key_id, seed, RecordState.LIVE).encode()
            self._write(records)
        self.doubtful.difference_update(keys)

    def get(self, key_id: bytes) -> bytes:
        """The seed of a key. Errors: NotFoundError; CorruptError when its record is damaged."""
        if key_id not in self.live:
            raise NotFoundError(f"key {key_id.hex()}")
        with translated(f"key store copy {self.folder}"):
            data = os.pread(self._fd, RECORD_BYTES, min(self.live[key_id]) * RECORD_BYTES)
        record = decode(data)
        if record is None or record.id != key_id or record.state is not RecordState.LIVE:
            raise CorruptError(f"key store copy {self.folder}: another record stands for key {key_id.hex()}")
        return record.seed

    def destroy(self, ids: Iterable[bytes]) -> None:
        """Overwrite keys; durable and read back when it returns. Those not here are left out.

        Errors: UnavailableError, CorruptError; the keys then still count as live.
        """
        gone = [key_id for key_id in ids if key_id in self.live]
        records = {
            slot: Record(key_id, bytes(SEED_BYTES), RecordState.DESTROYED).encode()
            for key_id in gone
            for slot in self.live[key_id]
        }
        with translated(f"key store copy {self.folder}"):
            self._write(records)
        for key_id in gone:
            self.destroyed.setdefault(key_id, set()).update(self.live.pop(key_id))
            self.doubtful.discard(key_id)

    def release(self, ids: Iterable[bytes]) -> None:
        """Let the slots of destroyed keys be used again."""
        for key_id in ids:
            for slot in self.destroyed.get(key_id, ()):
                if slot not in self._released:
                    self._released[slot] = key_id
                    heapq.heappush(self._free, slot)

    def wipe_torn(self, slots: Iterable[int]) -> None:
        """Overwrite torn records with zeros; durable and read back when it returns."""
        wiped = self.torn.intersection(slots)
        with translated(f"key store copy {self.folder}"):
            self._write(dict.fromkeys(wiped, FREE))
        self.torn -= wiped
        for slot in wiped:
            heapq.heappush(self._free, slot)

    def torn_id(self, slot: int) -> bytes:
        """What stands where a torn record's id should."""
        with translated(f"key store copy {self.folder}"):
            return os.pread(self._fd, 16, slot * RECORD_BYTES)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(f"key store copy {self.folder} is open elsewhere") from error

    def _scan(self) -> Header:
        size = os.fstat(self._fd).st_size
        data = _read(self._fd, 0, size)
        header = decode_header(data[:RECORD_BYTES])
        self._slots = size // RECORD_BYTES
        for slot in range(1, self._slots):
            try:
                record = decode(data[slot * RECORD_BYTES : (slot + 1) * RECORD_BYTES])
            except CorruptError:
                self.torn.add(slot)
                continue
            if record is None:
                self._free.append(slot)
            else:
                known = self.live if record.state is RecordState.LIVE else self.destroyed
                known.setdefault(record.id, set()).add(slot)
        return header

    def _take_slot(self) -> int:
        slot = heapq.heappop(self._free)
        before = self._released.pop(slot, None)
        if before is not None:
            self.destroyed[before].discard(slot)
            if not self.destroyed[before]:
                del self.destroyed[before]
        return slot

    def _reserve(self, count: int) -> None:
        lacking = count - len(self._free)
        if lacking > 0:
            new_slots = _in_blocks(self._slots + lacking)
            _extend(self._files, self._fd, self._slots, new_slots)
            self._files.fdatasync(self._fd)
            for slot in range(self._slots, new_slots):
                heapq.heappush(self._free, slot)
            self._slots = new_slots

    def _write(self, records: Mapping[int, bytes]) -> None:
        """Write records over what stands at their slots, flush, and read them back from the device."""
        runs = _runs(records)
        for slot, data in runs:
            write_all(self._files, self._fd, [data], slot * RECORD_BYTES)
        if runs:
            self._files.fdatasync(self._fd)
        for slot, data in runs:
            # Without this the page cache would answer, which proves nothing.
            os.posix_fadvise(self._fd, slot * RECORD_BYTES, len(data), os.POSIX_FADV_DONTNEED)
            if _read(self._fd, slot * RECORD_BYTES, len(data)) != data:
                raise CorruptError(f"key store copy {self.folder} does not hold what was written to it")


def _in_blocks(records: int) -> int:
    return -(-records // BLOCK_RECORDS) * BLOCK_RECORDS


def _extend(files: FileOperations, fd: int, first: int, end: int) -> None:
    # Reserved and also written: later writes then change no metadata and land in these very blocks.
    files.allocate(fd, first * RECORD_BYTES, (end - first) * RECORD_BYTES)
    block = bytes(BLOCK_RECORDS * RECORD_BYTES)
    for slot in range(first, end, BLOCK_RECORDS):
        write_all(files, fd, [block], slot * RECORD_BYTES)


def _runs(records: Mapping[int, bytes]) -> list[tuple[int, bytes]]:
    """Records of neighbouring slots joined, as (first slot, bytes)."""
    runs: list[tuple[int, list[bytes]]] = []
    for slot in sorted(records):
        if runs and runs[-1][0] + len(runs[-1][1]) == slot:
            runs[-1][1].append(records[slot])
        else:
            runs.append((slot, [records[slot]]))
    return [(slot, b"".join(data)) for slot, data in runs]


def _read(fd: int, offset: int, length: int) -> bytes:
    parts = []
    while length:
        data = os.pread(fd, min(length, 1 << 24), offset)
        if not data:
            raise CorruptError("the key store file is shorter than it was")
        parts.append(data)
        offset += len(data)
        length -= len(data)
    return b"".join(parts)

"""The shred keys in two copies that agree."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from custodes.adapters.keystore.copy import FILE_NAME, KeyCopy
from custodes.adapters.keystore.health import KeyStoreHealth, KeyStoreLevel, TornRecord
from custodes.adapters.keystore.medium import file_system, overwrites_in_place
from custodes.adapters.keystore.record import Header, Record, RecordState
from custodes.adapters.spool.files import FileOperations, SystemFiles
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    CustodesError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from custodes.base.ids import new_id

COPIES = 2


class KeyStore:
    """Seeds of the shred key pairs, in two copies, open in one process alone.

    Durability: `put_many` and `destroy` return when both copies are flushed and read back. With a copy
    away, keys can be read and neither made nor said to be destroyed.
    Errors of all: UnavailableError, ExhaustedError, CorruptError.
    """

    def __init__(self, paths: tuple[Path, Path], files: FileOperations) -> None:
        self.paths = paths
        self._files = files
        self._copies: list[KeyCopy | None] = [None] * COPIES
        self._faults: list[str] = [""] * COPIES
        self._lock = threading.Lock()
        self.torn: tuple[TornRecord, ...] = ()
        self.disagreeing: tuple[bytes, ...] = ()
        # By copy, since it was opened: keys destroyed that the ledger had shredded; keys taken over from the other.
        self.purged = [0] * COPIES
        self.filled = [0] * COPIES

    @classmethod
    def create(cls, paths: tuple[Path, Path], capacity: int, files: FileOperations | None = None) -> KeyStore:
        """Make both copies in two existing folders, with room for `capacity` keys, and open them.

        Errors: ConflictError when a folder has a copy.
        """
        operations = files or SystemFiles()
        _check_paths(paths)
        store = cls(paths, operations)
        store_id = new_id()
        store._copies[0] = KeyCopy.create(paths[0], Header(store_id, 0), capacity, operations)
        try:
            store._copies[1] = KeyCopy.create(paths[1], Header(store_id, 1), capacity, operations)
        except CustodesError:
            store.close()
            with suppress(OSError):
                operations.unlink(paths[0] / FILE_NAME)
            raise
        return store

    @classmethod
    def open(
        cls, paths: tuple[Path, Path], shredded: Callable[[bytes], bool], files: FileOperations | None = None
    ) -> KeyStore:
        """Open the copies that are there, purge them of every id that is `shredded`, and make them agree.

        Errors: ConflictError when it is open elsewhere or the copies are of two stores; UnavailableError
        when neither copy is there.
        """
        _check_paths(paths)
        store = cls(paths, files or SystemFiles())
        try:
            store.rejoin(shredded)
            if not any(store._copies):
                raise UnavailableError("; ".join(store._faults))
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def rebuild(
        cls,
        paths: tuple[Path, Path],
        lost: int,
        shredded: Callable[[bytes], bool],
        files: FileOperations | None = None,
    ) -> KeyStore:
        """Make the copy number `lost` anew, in an empty folder, from the other, and open both.

        Only for a copy that will not come back: it may hold keys that are destroyed here later.
        """
        operations = files or SystemFiles()
        _check_paths(paths)
        survivor = KeyCopy(paths[1 - lost], operations)
        header = Header(survivor.header.store_id, lost)
        capacity = len(survivor.live)
        survivor.close()
        KeyCopy.create(paths[lost], header, capacity, operations).close()
        return cls.open(paths, shredded, operations)

    def rejoin(self, shredded: Callable[[bytes], bool]) -> bool:
        """Try to open a copy that is away, as `open` does; whether both are there."""
        with self._lock:
            was_whole = all(self._copies)
            for number in range(COPIES):
                if self._copies[number] is None:
                    self._join(number, shredded)
            if not was_whole and all(self._copies):
                self._agree()
            return all(self._copies)

    def close(self) -> None:
        """Close and unlock the copies."""
        with self._lock:
            for number, copy in enumerate(self._copies):
                if copy is not None:
                    copy.close()
                self._copies[number] = None

    def put_many(self, keys: list[tuple[bytes, bytes]]) -> None:
        """Store (id, seed) pairs in both copies. The same again is accepted: a failed call can be repeated.

        Errors: ConflictError for an id that has another seed or was destroyed; UnavailableError when a copy
        is away.
        """
        wanted = {key_id: Record(key_id, seed, RecordState.LIVE).seed for key_id, seed in keys}
        if any(wanted[key_id] != seed for key_id, seed in keys):
            raise InvalidError("one id with two seeds")
        with self._lock:
            copies = self._both()
            missing = [_missing(copy, wanted) for copy in copies]
            for number, copy in enumerate(copies):
                with self._noting(number):
                    copy.put(missing[number])

    def get(self, key_id: bytes) -> bytes:
        """The seed of a key. Errors: NotFoundError; CorruptError when it is damaged in every copy there."""
        with self._lock:
            problem: CustodesError = NotFoundError(f"key {key_id.hex()}")
            for number, copy in enumerate(self._copies):
                if copy is None:
                    continue
                try:
                    return copy.get(key_id)
                except NotFoundError:
                    continue
                except CustodesError as error:
                    self._faults[number] = str(error)
                    problem = error
            raise problem

    def destroy(self, ids: Iterable[bytes]) -> None:
        """Overwrite keys in both copies; those that are not there are destroyed already.

        Errors: UnavailableError and others when not both could be overwritten, the one that could was;
        repeat it, and say nothing of the destruction before it returns.
        """
        gone = list(ids)
        with self._lock:
            problem: CustodesError | None = None
            for number, copy in enumerate(self._copies):
                if copy is None:
                    continue
                try:
                    with self._noting(number):
                        copy.destroy(gone)
                except CustodesError as error:
                    # The other copy is overwritten all the same.
                    problem = error
            if problem is not None:
                raise problem
            for copy in self._both():
                copy.release(gone)

    def ids(self) -> set[bytes]:
        """Ids of the keys that are in every copy that is there."""
        with self._lock:
            found = [copy.live.keys() - copy.doubtful for copy in self._copies if copy is not None]
            return set(found[0]).intersection(*found[1:]) if found else set()

    def health(self) -> KeyStoreHealth:
        """The store now."""
        keys = len(self.ids())
        with self._lock:
            red = [fault for fault in self._faults if fault]
            red += [f"the copies disagree on key {key_id.hex()}" for key_id in self.disagreeing]
            amber = [str(torn) for torn in self.torn]
            copies = [copy for copy in self._copies if copy is not None]
            if len({copy.device() for copy in copies}) < len(copies):
                amber.append("both copies of the key store are on one device")
            amber += [
                f"key store copy {path} is on {file_system(path)}, which does not overwrite in place"
                for path in self.paths
                if not overwrites_in_place(path)
            ]
        level = KeyStoreLevel.RED if red else KeyStoreLevel.AMBER if amber else KeyStoreLevel.GREEN
        return KeyStoreHealth(level, (*red, *amber), keys)

    def _join(self, number: int, shredded: Callable[[bytes], bool]) -> None:
        try:
            copy = KeyCopy(self.paths[number], self._files)
        except (UnavailableError, CorruptError) as error:
            self._faults[number] = str(error)
            return
        try:
            self._check_header(number, copy.header)
            gone = [key_id for key_id in copy.live if shredded(key_id)]
            copy.destroy(gone)
            self.purged[number] += len(gone)
            # A torn destruction may have left the seed and spoilt the id; that goes when the copies agree.
            copy.wipe_torn([slot for slot in copy.torn if shredded(copy.torn_id(slot))])
        except BaseException:
            copy.close()
            raise
        self.torn += tuple(TornRecord(copy.folder, slot) for slot in sorted(copy.torn))
        self._copies[number] = copy
        self._faults[number] = ""

    def _check_header(self, number: int, header: Header) -> None:
        others = {copy.header.store_id for copy in self._copies if copy is not None}
        if others and header.store_id not in others:
            raise ConflictError(f"key store copy {self.paths[number]} is of another store")
        if header.copy != number:
            raise ConflictError(f"key store copy {self.paths[number]} is the other copy")

    def _agree(self) -> None:
        """What one copy says is destroyed goes from the other; what one lacks it gets."""
        for step in (_destroy_alike, _fill_alike):
            for number, (copy, other) in enumerate(self._pairs()):
                before = len(copy.live)
                try:
                    with self._noting(number):
                        step(copy, other)
                        self.filled[number] += max(0, len(copy.live) - before)
                except CustodesError:
                    # Noted; the store goes on with the other copy alone, until this one is tried again.
                    copy.close()
                    self._copies[number] = None
                    return
        for copy, other in self._pairs():
            copy.release(list(copy.destroyed))
            self.disagreeing = tuple(key_id for key_id in copy.live if copy.get(key_id) != other.get(key_id))

    def _pairs(self) -> tuple[tuple[KeyCopy, KeyCopy], tuple[KeyCopy, KeyCopy]]:
        left, right = self._both()
        return (left, right), (right, left)

    def _both(self) -> list[KeyCopy]:
        copies = [copy for copy in self._copies if copy is not None]
        if len(copies) < COPIES:
            raise UnavailableError("; ".join(filter(None, self._faults)) or "the key store is closed")
        return copies

    @contextmanager
    def _noting(self, number: int) -> Iterator[None]:
        try:
            yield
        except CustodesError as error:
            self._faults[number] = str(error)
            raise
        self._faults[number] = ""


def _destroy_alike(copy: KeyCopy, other: KeyCopy) -> None:
    copy.destroy([*copy.destroyed, *other.destroyed])


def _fill_alike(copy: KeyCopy, other: KeyCopy) -> None:
    copy.put({key_id: other.get(key_id) for key_id in other.live.keys() - copy.live.keys()})
    # Whatever a torn record was, its key is whole in the other copy and now here again, or is no key.
    copy.wipe_torn(list(copy.torn))


def _missing(copy: KeyCopy, wanted: dict[bytes, bytes]) -> dict[bytes, bytes]:
    missing = {}
    for key_id, seed in wanted.items():
        if key_id in copy.destroyed:
            raise ConflictError(f"key {key_id.hex()} was destroyed")
        if key_id not in copy.live or key_id in copy.doubtful:
            missing[key_id] = seed
        elif copy.get(key_id) != seed:
            raise ConflictError(f"key {key_id.hex()} has another seed")
    return missing


def _check_paths(paths: tuple[Path, Path]) -> None:
    if len(paths) != COPIES or paths[0].resolve() == paths[1].resolve():
        raise InvalidError("a key store has two copies in two folders")

"""Objects in memory, failing on demand in the ways that stores fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from custodes.adapters.objects.paths import check_path, check_prefix
from custodes.base.errors import (
    ConflictError,
    ExhaustedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)


class Fault(Enum):
    """How a store fails. The first two end one call each, the others last until `mend`."""

    NOT_LANDED = "the call failed and changed nothing"
    LANDED = "the call failed after it had changed what it should"
    FULL = "nothing more can be written"
    STALLED = "calls do not return"
    AWAY = "nothing answers"


class MemoryObjectStore:
    """The contract of ObjectStore in a dictionary.

    Durability: as long as the object itself.
    """

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.RLock()
        self._once: list[Fault] = []
        self._lasting: set[Fault] = set()
        self._moving = threading.Event()
        self._moving.set()

    def break_(self, fault: Fault) -> None:
        """Let the next call fail, or all until `mend`; faults of one call queue up and spare reads."""
        if fault in (Fault.NOT_LANDED, Fault.LANDED):
            self._once.append(fault)
        elif fault is Fault.STALLED:
            self._moving.clear()
        else:
            self._lasting.add(fault)

    def mend(self) -> None:
        """End every fault; stalled calls go on."""
        self._once.clear()
        self._lasting.clear()
        self._moving.set()

    def put(self, path: str, data: bytes) -> None:
        """Store a new object. The same bytes again are accepted; other bytes are ConflictError."""
        check_path(path)
        with self._changing():
            self._check_places(path)
            if self._objects.setdefault(path, bytes(data)) != data:
                raise ConflictError(f"object {path} exists with other bytes")

    def swap(self, path: str, data: bytes, expected: bytes | None) -> None:
        """Replace a small object by compare-and-swap; `expected` None means that it must be absent."""
        check_path(path)
        with self._changing():
            if self._objects.get(path) != expected:
                raise ConflictError(f"object {path} is not what it was")
            self._check_places(path)
            self._objects[path] = bytes(data)

    def adopt(self, file: Path, path: str) -> None:
        """Take a finished local file as a new object and remove it from where it was."""
        check_path(path)
        if not file.is_file():
            raise NotFoundError(f"file {file.name} to adopt as {path}")
        self.put(path, file.read_bytes())
        file.unlink()

    def get(self, path: str) -> bytes:
        """The whole object. Errors: NotFoundError."""
        check_path(path)
        with self._reading():
            if path not in self._objects:
                raise NotFoundError(f"object {path}")
            return self._objects[path]

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Errors: NotFoundError; InvalidError past the end."""
        data = self.get(path)
        if start < 0 or length < 0 or start + length > len(data):
            raise InvalidError(f"object {path}: {length} bytes from {start} of {len(data)}")
        return data[start : start + length]

    def size(self, path: str) -> int:
        """Bytes of the object. Errors: NotFoundError."""
        return len(self.get(path))

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of all objects under a folder prefix ("" for all), ascending."""
        folder = check_prefix(prefix)
        start = f"{folder}/" if folder else ""
        with self._reading():
            return iter(sorted(path for path in self._objects if path.startswith(start)))

    def delete(self, path: str) -> None:
        """Remove an object; that it is absent already is no error."""
        check_path(path)
        with self._changing(grows=False):
            self._objects.pop(path, None)

    def free_bytes(self) -> int | None:
        """None: memory does not know."""
        with self._reading():
            return 0 if Fault.FULL in self._lasting else None

    def _check_places(self, path: str) -> None:
        above = path
        while "/" in above:
            above = above.rpartition("/")[0]
            if above in self._objects:
                raise ConflictError(f"object {path}: part of its path is an object")
        if any(other.startswith(path + "/") for other in self._objects):
            raise ConflictError(f"object {path}: a folder has this path")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._moving.wait()
        if Fault.AWAY in self._lasting:
            raise UnavailableError("the store is away")
        with self._lock:
            yield

    @contextmanager
    def _changing(self, grows: bool = True) -> Iterator[None]:
        with self._reading():
            once = self._once.pop(0) if self._once else None
            if grows and Fault.FULL in self._lasting:
                raise ExhaustedError("the store is full")
            if once is Fault.NOT_LANDED:
                raise UnavailableError("the call failed before it changed anything")
            yield
            if once is Fault.LANDED:
                raise UnavailableError("the call failed after it had changed what it should")

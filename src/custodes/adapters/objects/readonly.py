"""A local store to be read and nothing else: for processes that may not write there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from custodes.adapters.objects.paths import check_path, check_prefix, is_component
from custodes.adapters.spool.volume import check_mark
from custodes.base.errors import InvalidError, NotFoundError, RefusedError, UnavailableError


class ReadOnlyObjects:
    """Objects below a folder on a local volume, read without a lock or a file of its own.

    It may be made while the volume is away; reading then says so.
    Errors: as ObjectStore; RefusedError from everything that would write.
    """

    def __init__(self, root: Path, volume_id: bytes) -> None:
        self.root = root
        self._volume_id = volume_id

    def check(self) -> None:
        """Make sure that the volume is there. Errors: UnavailableError."""
        check_mark(self.root, self._volume_id)

    def get(self, path: str) -> bytes:
        """The whole object. Errors: NotFoundError."""
        try:
            return self._file(path).read_bytes()
        except OSError as error:
            raise self._read_error(path, error) from error

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Errors: NotFoundError; InvalidError past the end."""
        try:
            with self._file(path).open("rb") as file:
                data = os.pread(file.fileno(), length, start)
        except OSError as error:
            raise self._read_error(path, error) from error
        if len(data) != length:
            raise InvalidError(f"object {path} has no {length} bytes from {start}")
        return data

    def size(self, path: str) -> int:
        """Bytes of the object. Errors: NotFoundError."""
        try:
            return self._file(path).stat().st_size
        except OSError as error:
            raise self._read_error(path, error) from error

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of all objects under a folder prefix, ascending; those that are half written are not seen."""
        folder = self.root / check_prefix(prefix)
        found = (path.relative_to(self.root) for path in folder.rglob("*") if path.is_file())
        return iter(sorted(str(path) for path in found if all(is_component(part) for part in path.parts)))

    def free_bytes(self) -> int | None:
        """Nothing can be written."""
        return 0

    def put(self, path: str, data: bytes) -> None:
        """Errors: RefusedError."""
        raise RefusedError(f"object {path}: this process only reads the store")

    def swap(self, path: str, data: bytes, expected: bytes | None) -> None:
        """Errors: RefusedError."""
        raise RefusedError(f"object {path}: this process only reads the store")

    def adopt(self, file: Path, path: str) -> None:
        """Errors: RefusedError."""
        raise RefusedError(f"object {path}: this process only reads the store")

    def delete(self, path: str) -> None:
        """Errors: RefusedError."""
        raise RefusedError(f"object {path}: this process only reads the store")

    def _file(self, path: str) -> Path:
        return self.root / check_path(path)

    def _read_error(self, path: str, error: OSError) -> NotFoundError | UnavailableError:
        if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
            check_mark(self.root, self._volume_id)
            return NotFoundError(f"no object {path}")
        return UnavailableError(f"object {path} cannot be read: {error.strerror}")

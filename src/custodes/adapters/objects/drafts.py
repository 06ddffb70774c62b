"""Files on the way to becoming objects, in `.tmp` on the same volume.

A store holds a lock on an owner file of its own there; what belongs to nobody alive is removed at opening.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from custodes.adapters.spool.files import FileOperations, write_all

DRAFTS_NAME = ".tmp"
_OWNER_SUFFIX = ".owner"


class Drafts:
    """The drafts of one opened store. Make it holding the tree alone."""

    def __init__(self, root: Path, files: FileOperations) -> None:
        self._folder = root / DRAFTS_NAME
        self._files = files
        with suppress(FileExistsError):
            files.mkdir(self._folder)
        self._sweep()
        self._owner = os.urandom(8).hex()
        self._owner_path = self._folder / (self._owner + _OWNER_SUFFIX)
        fd = os.open(self._owner_path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self._release = weakref.finalize(self, os.close, fd)

    def close(self) -> None:
        """Give up the owner file."""
        if self._release.alive:
            with suppress(OSError):
                self._owner_path.unlink()
            self._release()

    @contextmanager
    def flushed(self, data: bytes) -> Iterator[Path]:
        """A file of these bytes, flushed; its name goes when the block ends. Errors: OSError."""
        path = self._folder / f"{self._owner}.{os.urandom(8).hex()}"
        fd = self._files.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        try:
            try:
                write_all(self._files, fd, [data], 0)
                self._files.fdatasync(fd)
            finally:
                self._files.close(fd)
            yield path
        finally:
            # The object has landed or the error is on its way; a name left here is swept at opening.
            with suppress(OSError):
                self._files.unlink(path)

    def _sweep(self) -> None:
        names = [child.name for child in self._folder.iterdir()]
        alive = {name.split(".")[0] for name in names if self._is_held(name)}
        for name in names:
            if name.split(".")[0] not in alive:
                self._files.unlink(self._folder / name)

    def _is_held(self, name: str) -> bool:
        if not name.endswith(_OWNER_SUFFIX):
            return False
        fd = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

"""The folders of a local store: made durable with the objects in them, removed when they empty.

Several processes share a store. Adding an object takes `.lock` shared; removing, replacing and pruning
take it alone. Which folders are known to be durable is remembered; whoever is about to remove a folder
first changes the number in `.lock`, which makes all others forget.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath

from custodes.adapters.spool.files import FileOperations
from custodes.adapters.spool.volume import check_mark
from custodes.base.errors import ConflictError, UnavailableError

LOCK_NAME = ".lock"
MAX_REMEMBERED = 65_536

_GENERATION_BYTES = 8


class FolderTree:
    """Folders below a volume's root."""

    def __init__(self, root: Path, volume_id: bytes, files: FileOperations) -> None:
        self.root = root
        self._volume_id = volume_id
        self._files = files
        self._durable: set[PurePosixPath] = set()
        self._generation = b""

    def check(self) -> None:
        """Make sure that the volume is there. Errors: UnavailableError."""
        check_mark(self.root, self._volume_id)

    def adding(self) -> AbstractContextManager[None]:
        """Hold the tree so that no folder is removed. Errors: UnavailableError."""
        return self._locked(fcntl.LOCK_SH)

    def alone(self) -> AbstractContextManager[None]:
        """Hold the tree alone. Errors: UnavailableError."""
        return self._locked(fcntl.LOCK_EX)

    def link(self, source: Path, path: str) -> bool:
        """Give a flushed file an object's name, durably; False when the name is taken.

        Call it holding the tree. Errors: ConflictError where an object stands in a folder's place, OSError.
        """
        target = self.root / path
        self.make_folder(PurePosixPath(path).parent)
        try:
            self._files.link(source, target)
        except FileExistsError:
            return False
        except NotADirectoryError as error:
            raise ConflictError(f"object {path}: part of its path is an object") from error
        self._files.fsync_folder(target.parent)
        return True

    def make_folder(self, folder: PurePosixPath) -> None:
        """Make a folder and those above it exist, their names durable. Call it holding the tree."""
        if folder in self._durable or not folder.parts:
            return
        self.make_folder(folder.parent)
        try:
            with suppress(FileExistsError):
                self._files.mkdir(self.root / folder)
        except NotADirectoryError as error:
            raise ConflictError(f"folder {folder}: part of its path is an object") from error
        # Another process may have made it and not yet flushed its name.
        self._files.fsync_folder(self.root / folder.parent)
        self._durable.add(folder)

    def prune(self, folder: PurePosixPath) -> None:
        """Remove a folder, and those above it, as far as they are empty. Call it holding the tree alone."""
        if not folder.parts or any((self.root / folder).iterdir()):
            return
        self._forget_everywhere()
        while folder.parts:
            try:
                self._files.rmdir(self.root / folder)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return
                raise
            folder = folder.parent

    def _forget_everywhere(self) -> None:
        fd = os.open(self.root / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
        try:
            generation = int.from_bytes(os.pread(fd, _GENERATION_BYTES, 0), "big") + 1
            os.pwrite(fd, generation.to_bytes(_GENERATION_BYTES, "big"), 0)
        finally:
            os.close(fd)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        # A descriptor of its own for each holder: threads that share one share its lock.
        try:
            fd = os.open(self.root / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise UnavailableError(f"store {self.root} is away: {error.strerror}") from error
        try:
            fcntl.flock(fd, how)
            self.check()
            generation = os.pread(fd, _GENERATION_BYTES, 0)
            if generation != self._generation or len(self._durable) > MAX_REMEMBERED:
                self._durable = set()
                self._generation = generation
            yield
        finally:
            os.close(fd)

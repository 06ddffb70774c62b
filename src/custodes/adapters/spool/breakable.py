"""File operations that fail or stall when told to: how disks break, for tests and drills."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from custodes.adapters.spool.files import SystemFiles


class BreakableFiles(SystemFiles):
    """The machine's file system with faults.

    `fail("pwritev", errno.ENOSPC)` makes every such call raise until `mend`; a failing `pwritev` first
    takes one byte, as a filling disk does. `stall` holds every operation until `mend`.
    """

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}
        self.calls: list[str] = []
        self._moving = threading.Event()
        self._moving.set()

    def fail(self, operation: str, number: int) -> None:
        """Let an operation raise this errno."""
        self.errors[operation] = number

    def stall(self) -> None:
        """Let every operation hang."""
        self._moving.clear()

    def mend(self) -> None:
        """End every fault."""
        self.errors.clear()
        self._moving.set()

    def open(self, path: Path, flags: int) -> int:
        """As SystemFiles, unless told otherwise."""
        self._gate("open")
        return super().open(path, flags)

    def pwritev(self, fd: int, buffers: Sequence[bytes | bytearray | memoryview], offset: int) -> int:
        """As SystemFiles, unless told otherwise."""
        if "pwritev" in self.errors and len(buffers[0]) > 1:
            return super().pwritev(fd, [buffers[0][:1]], offset)
        self._gate("pwritev")
        return super().pwritev(fd, buffers, offset)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("allocate")
        super().allocate(fd, offset, length)

    def fdatasync(self, fd: int) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("fdatasync")
        super().fdatasync(fd)

    def fsync_folder(self, path: Path) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("fsync_folder")
        super().fsync_folder(path)

    def mkdir(self, path: Path) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("mkdir")
        super().mkdir(path)

    def link(self, source: Path, target: Path) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("link")
        super().link(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("rename")
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        """As SystemFiles, unless told otherwise."""
        self._gate("unlink")
        super().unlink(path)

    def _gate(self, operation: str) -> None:
        self.calls.append(operation)
        self._moving.wait()
        number = self.errors.get(operation)
        if number is not None:
            raise OSError(number, os.strerror(number))

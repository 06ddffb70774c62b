"""The operations that change a disk, as a seam: a test stands between and forgets what was not flushed.

What these promise is POSIX and no more: bytes are durable after `fdatasync` of their file, a name is
durable after `fsync_folder` of the folder that holds it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

FILE_MODE = 0o640
FOLDER_MODE = 0o750
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
MAX_BUFFERS = min(os.sysconf("SC_IOV_MAX"), 1024)


class FileOperations(Protocol):
    """What Custodes does to a disk. Every method blocks and raises OSError."""

    def open(self, path: Path, flags: int) -> int:
        """A file descriptor, closed on exec."""
        ...

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        ...

    def pwritev(self, fd: int, buffers: Sequence[bytes | bytearray | memoryview], offset: int) -> int:
        """Write some of the buffers at an offset; how many bytes were taken."""
        ...

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """Reserve space on the disk, read as zeros until written."""
        ...

    def begin_flush(self, fd: int, offset: int) -> None:
        """Let the disk begin to write what lies from an offset on; promises nothing."""
        ...

    def fdatasync(self, fd: int) -> None:
        """Make a file's bytes and size durable."""
        ...

    def fsync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        ...

    def mkdir(self, path: Path) -> None:
        """Make one folder."""
        ...

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        ...

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; never replaces."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing a file at the target."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        ...


class SystemFiles:
    """The machine's file system."""

    def open(self, path: Path, flags: int) -> int:
        """A file descriptor, closed on exec."""
        return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)

    def close(self, fd: int) -> None:
        """Give the descriptor back."""
        os.close(fd)

    def pwritev(self, fd: int, buffers: Sequence[bytes | bytearray | memoryview], offset: int) -> int:
        """Write some of the buffers at an offset."""
        return os.pwritev(fd, buffers, offset)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """Reserve space on the disk."""
        os.posix_fallocate(fd, offset, length)

    def begin_flush(self, fd: int, offset: int) -> None:
        """Let the disk begin to write what lies from an offset on.

        Source: posix_fadvise(2); Linux answers DONTNEED by starting to write the range's dirty pages.
        """
        os.posix_fadvise(fd, offset - offset % PAGE_BYTES, 0, os.POSIX_FADV_DONTNEED)

    def fdatasync(self, fd: int) -> None:
        """Make a file's bytes and size durable."""
        os.fdatasync(fd)

    def fsync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def mkdir(self, path: Path) -> None:
        """Make one folder."""
        path.mkdir(FOLDER_MODE)

    def rmdir(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; never replaces."""
        target.hardlink_to(source)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing a file at the target."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()


def write_all(files: FileOperations, fd: int, buffers: Sequence[bytes | bytearray], offset: int) -> int:
    """Write every byte of the buffers at an offset; the offset after them.

    Errors: OSError; what was written before it stays.
    """
    for first in range(0, len(buffers), MAX_BUFFERS):
        left: list[bytes | bytearray | memoryview] = list(buffers[first : first + MAX_BUFFERS])
        wanted = sum(map(len, left))
        while wanted:
            taken = files.pwritev(fd, left, offset)
            if taken <= 0:
                raise OSError(errno.EIO, "a write took no bytes")
            offset += taken
            wanted -= taken
            if wanted:
                left = _after(left, taken)
    return offset


def _after(buffers: list[bytes | bytearray | memoryview], taken: int) -> list[bytes | bytearray | memoryview]:
    for index, buffer in enumerate(buffers):
        if taken < len(buffer):
            return [memoryview(buffer)[taken:], *buffers[index + 1 :]]
        taken -= len(buffer)
    return []

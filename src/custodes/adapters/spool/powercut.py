"""A disk that forgets what was not flushed: writes down every operation and lays out what a cut may leave.

The disk is as unkind as POSIX lets it be. Bytes written since the last `fdatasync` of their file are
there, missing, torn or read as zeros, each write for itself and in any order. Names changed since the
last `fsync_folder` of their folder have any of the values they had since, each name for itself.
For tests; slow, and it keeps everything.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from custodes.adapters.spool.files import SystemFiles

Choose = Callable[[int], int]


@dataclass(slots=True, eq=False)
class _File:
    """Changes as (moment, offset, bytes); an offset of -1 empties the file."""

    changes: list[tuple[int, int, bytes]] = field(default_factory=list)
    flushes: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Folder:
    """What each name stood for, as (moment, what); and what it stands for now."""

    names: dict[str, list[tuple[int, _File | _Folder | None]]] = field(default_factory=dict)
    flushes: list[int] = field(default_factory=list)

    def now(self, name: str) -> _File | _Folder | None:
        history = self.names.get(name)
        return history[-1][1] if history else None


class PowerCutFiles(SystemFiles):
    """The machine's file system below an empty folder, remembered operation by operation.

    A moment is a number of operations done. `cut` lays out the disk after a cut at a moment.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = _Folder()
        self._open: dict[int, _File] = {}
        self._lock = threading.Lock()
        self._moment = 0

    @property
    def moment(self) -> int:
        """How many operations are done."""
        with self._lock:
            return self._moment

    def cut(self, moment: int, target: Path, choose: Choose) -> None:
        """Fill the empty folder `target` with a state that a cut at a moment may leave.

        `choose(n)` gives a number from 0 to n - 1; 0 always forgets what was not flushed.
        """
        with self._lock:
            self._lay_out(self._tree, moment, target, choose, {})

    def open(self, path: Path, flags: int) -> int:
        """As SystemFiles."""
        with self._lock:
            fd = super().open(path, flags)
            folder, name = self._place(path)
            file = folder.now(name)
            if file is None:
                file = _File()
                self._name(folder, name, file)
            assert isinstance(file, _File)
            if flags & os.O_TRUNC:
                self._moment += 1
                file.changes.append((self._moment, -1, b""))
            self._open[fd] = file
            return fd

    def close(self, fd: int) -> None:
        """As SystemFiles."""
        with self._lock:
            del self._open[fd]
            super().close(fd)

    def pwritev(self, fd: int, buffers: Sequence[bytes | bytearray | memoryview], offset: int) -> int:
        """As SystemFiles."""
        with self._lock:
            taken = super().pwritev(fd, buffers, offset)
            self._moment += 1
            self._open[fd].changes.append((self._moment, offset, b"".join(buffers)[:taken]))
            return taken

    def allocate(self, fd: int, offset: int, length: int) -> None:
        """As SystemFiles."""
        with self._lock:
            end = os.fstat(fd).st_size
            super().allocate(fd, offset, length)
            self._moment += 1
            self._open[fd].changes.append((self._moment, end, bytes(max(0, offset + length - end))))

    def fdatasync(self, fd: int) -> None:
        """As SystemFiles."""
        with self._lock:
            super().fdatasync(fd)
            self._moment += 1
            self._open[fd].flushes.append(self._moment)

    def fsync_folder(self, path: Path) -> None:
        """As SystemFiles."""
        with self._lock:
            super().fsync_folder(path)
            self._moment += 1
            self._folder(path).flushes.append(self._moment)

    def mkdir(self, path: Path) -> None:
        """As SystemFiles."""
        with self._lock:
            super().mkdir(path)
            self._name(*self._place(path), _Folder())

    def rmdir(self, path: Path) -> None:
        """As SystemFiles."""
        with self._lock:
            super().rmdir(path)
            self._name(*self._place(path), None)

    def link(self, source: Path, target: Path) -> None:
        """As SystemFiles."""
        with self._lock:
            super().link(source, target)
            folder, name = self._place(source)
            self._name(*self._place(target), folder.now(name))

    def rename(self, source: Path, target: Path) -> None:
        """As SystemFiles."""
        with self._lock:
            super().rename(source, target)
            folder, name = self._place(source)
            self._name(*self._place(target), folder.now(name))
            self._name(folder, name, None)

    def unlink(self, path: Path) -> None:
        """As SystemFiles."""
        with self._lock:
            super().unlink(path)
            self._name(*self._place(path), None)

    def _name(self, folder: _Folder, name: str, what: _File | _Folder | None) -> None:
        self._moment += 1
        folder.names.setdefault(name, []).append((self._moment, what))

    def _place(self, path: Path) -> tuple[_Folder, str]:
        return self._folder(path.parent), path.name

    def _folder(self, path: Path) -> _Folder:
        folder = self._tree
        for name in path.relative_to(self._root).parts:
            below = folder.now(name)
            assert isinstance(below, _Folder), path
            folder = below
        return folder

    def _lay_out(
        self, folder: _Folder, moment: int, target: Path, choose: Choose, laid: dict[_File, Path]
    ) -> None:
        flushed = _last(folder.flushes, moment)
        for name, history in folder.names.items():
            durable = [what for at, what in history if at < flushed][-1:] or [None]
            values = durable + [what for at, what in history if flushed <= at <= moment]
            what = values[choose(len(values))]
            if isinstance(what, _Folder):
                (target / name).mkdir()
                self._lay_out(what, moment, target / name, choose, laid)
            elif isinstance(what, _File):
                if what in laid:
                    (target / name).hardlink_to(laid[what])
                else:
                    (target / name).write_bytes(_content(what, moment, choose))
                    laid[what] = target / name


def _last(flushes: list[int], moment: int) -> int:
    return max((at for at in flushes if at <= moment), default=0)


def _content(file: _File, moment: int, choose: Choose) -> bytes:
    content = bytearray()
    flushed = _last(file.flushes, moment)
    for at, offset, data in file.changes:
        if at > moment:
            break
        if at > flushed:
            how = choose(4)
            if how == 0:
                continue
            if how == 1:
                data = data[: choose(len(data) + 1)]
            elif how == 2 and offset + len(data) > len(content):
                # The size is there before the bytes.
                content.extend(bytes(offset + len(data) - len(content)))
                continue
        if offset < 0:
            content.clear()
        else:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
    return bytes(content)

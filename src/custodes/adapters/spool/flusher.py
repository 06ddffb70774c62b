"""The thread that makes a volume's written bytes durable, twice a second and a little more."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from custodes.adapters.spool.state import FileState, Shared, Waiter, Watch

# With the time that appends are gathered, and a few milliseconds to write, within half a second.
FLUSH_S = 0.4


class Writer(Protocol):
    """Who writes again what a failed flush left in doubt."""

    is_done: bool

    def write_again(self, file: FileState, error: OSError) -> None:
        """From the flusher's thread."""
        ...


class Flusher:
    """Flushes files that were written and tells who waits for it."""

    def __init__(self, shared: Shared, flush_s: float) -> None:
        self.watch = Watch(shared.clock)
        self._shared = shared
        self._flush_s = flush_s
        self._dirty: dict[FileState, None] = {}
        self._wake = threading.Event()
        self._urgent = threading.Event()

    def written(self, file: FileState) -> None:
        """From the appender: the file has bytes or a name to flush."""
        with self._shared.lock:
            self._dirty[file] = None
        if file.is_urgent:
            self._urgent.set()
        self._wake.set()

    def hurry(self) -> None:
        """From any thread: do not wait for the half second."""
        self._urgent.set()
        self._wake.set()

    def run(self, writer: Writer) -> None:
        """The thread's life: until the writer is done and all is flushed, or the volume is abandoned."""
        while not self._shared.is_abandoned:
            self._wake.wait()
            self._wake.clear()
            if not self._shared.is_closing:
                self._urgent.wait(self._flush_s)
            self._urgent.clear()
            writer_was_done = writer.is_done
            self._flush_all(writer)
            if writer_was_done and not self._dirty:
                return

    def _flush_all(self, writer: Writer) -> None:
        with self._shared.lock:
            dirty, self._dirty = self._dirty, {}
            begun = [(file.fd, file.durable_bytes) for file in dirty if file.fd >= 0]
        # All first, so that the disk sorts the writes and one journal commit serves many files.
        for fd, offset in begun:
            with self.watch.operation(), suppress(OSError):
                # Only a hint; whatever is wrong, the flush itself will say.
                self._shared.files.begin_flush(fd, offset)
        for file in dirty:
            if self._shared.is_abandoned:
                return
            try:
                self._flush(file)
            except OSError as error:
                self._rewind(file)
                writer.write_again(file, error)

    def _flush(self, file: FileState) -> None:
        with self._shared.lock:
            fd, items, size, turn = file.fd, file.written_items, file.written_bytes, file.turn
        if fd >= 0:
            with self.watch.operation():
                self._shared.files.fdatasync(fd)
            if not file.is_named:
                self._flush_names(file.path)
                file.is_named = True
        with self._shared.lock:
            if turn != file.turn:
                return
            for _ in range(items):
                file.pending.popleft()
            file.written_items -= items
            file.written_bytes -= size
            file.durable_bytes += size
            if file.is_finishing and not file.inbox and not file.pending:
                fd, file.fd = file.fd, -1
            else:
                fd = -1
            told = self._waiters_served(file)
        if fd >= 0:
            self._shared.files.close(fd)
        for waiter in told:
            self._shared.deliver(waiter.done)

    def _waiters_served(self, file: FileState) -> list[Waiter]:
        told = []
        while file.waiters and file.waiters[0].length <= file.durable_bytes:
            told.append(file.waiters.popleft())
        file.is_urgent = bool(file.waiters) and file.is_urgent
        return told

    def _flush_names(self, path: Path) -> None:
        """Make the names of a new file, and of the folders above it that are not known to be durable, so."""
        folder = path.parent
        with self.watch.operation():
            self._shared.files.fsync_folder(folder)
        while folder != self._shared.root and folder not in self._shared.durable_folders:
            with self.watch.operation():
                self._shared.files.fsync_folder(folder.parent)
            self._shared.durable_folders.add(folder)
            folder = folder.parent

    def _rewind(self, file: FileState) -> None:
        # After a failed flush the kernel calls the pages clean; only writing them again makes another try.
        with self._shared.lock:
            file.turn += 1
            file.written_items = file.written_bytes = 0

"""The thread that creates a volume's files and appends to them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from custodes.adapters.spool.files import write_all
from custodes.adapters.spool.state import FileState, Shared, SpoolState, Watch
from custodes.adapters.spool.volume import check_mark
from custodes.base.clock import SECOND_US
from custodes.base.errors import ConflictError, CorruptError, CustodesError, UnavailableError

# Appends of many streams are gathered this long, so that a wake-up serves several.
GATHER_S = 0.05
RETRY_S = 1.0


class Appender:
    """Moves bytes from the inboxes to the kernel. Only the methods that say so are for other threads."""

    def __init__(self, shared: Shared, written: Callable[[FileState], None], retry_s: float) -> None:
        self.watch = Watch(shared.clock)
        self._shared = shared
        self._written = written
        self._announced: deque[FileState] = deque()
        self._tidied: deque[Path] = deque()
        self._rewound: deque[tuple[FileState, OSError]] = deque()
        self._blocked: dict[FileState, None] = {}
        self._retry_us = int(retry_s * SECOND_US)
        self._retry_at_us = 0
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self.is_done = False

    def announce(self, file: FileState) -> None:
        """From the loop: the file has something new."""
        if not file.announced:
            file.announced = True
            self._announced.append(file)
            self._wake.set()

    def tidy(self, folder: Path) -> None:
        """From the loop: remove the folder and those above it as far as they are empty."""
        self._tidied.append(folder)
        self._wake.set()

    def hurry(self) -> None:
        """From any thread: do not gather."""
        self._urgent.set()
        self._wake.set()

    def write_again(self, file: FileState, error: OSError) -> None:
        """From the flusher: what was not flushed must be written again."""
        self._rewound.append((file, error))
        self._wake.set()

    def run(self) -> None:
        """The thread's life: until the volume is closing and all is written, or it is abandoned."""
        while not self._shared.is_abandoned:
            self._wake.wait(self._wait_s())
            self._wake.clear()
            if not self._shared.is_closing:
                self._urgent.wait(GATHER_S)
            self._urgent.clear()
            self._serve_all()
            if self._shared.is_closing and not (self._announced or self._rewound or self._blocked):
                break
        self.is_done = True

    def _wait_s(self) -> float | None:
        if not self._blocked:
            return None
        return max(0, self._retry_at_us - self._shared.clock.boot_us()) / SECOND_US + 0.001

    def _serve_all(self) -> None:
        while self._announced:
            file = self._announced.popleft()
            # First the flag, then the inbox: what arrives in between is announced again.
            file.announced = False
            if file not in self._blocked:
                self._serve(file)
        while self._rewound:
            self._block(*self._rewound.popleft())
        if self._blocked and self._shared.clock.boot_us() >= self._retry_at_us:
            blocked, self._blocked = self._blocked, {}
            for file in blocked:
                self._serve(file)
        if not self._blocked:
            self.watch.fault = None
        while self._tidied:
            self._remove_empty(self._tidied.popleft())

    def _serve(self, file: FileState) -> None:
        if file.error is not None:
            self._shared.fail(file, file.error)
            return
        try:
            with self.watch.operation():
                self._make_ready(file)
                self._write(file)
        except (ConflictError, CorruptError) as error:
            self._shared.fail(file, error)
        except (OSError, UnavailableError) as error:
            self._block(file, error)
        else:
            self._written(file)

    def _write(self, file: FileState) -> None:
        with self._shared.lock:
            while file.inbox:
                file.pending.append(file.inbox.popleft())
            items = list(islice(file.pending, file.written_items, None))
            offset = file.durable_bytes + file.written_bytes
            turn = file.turn
        if not items:
            return
        size = write_all(self._shared.files, file.fd, items, offset) - offset
        with self._shared.lock:
            if turn == file.turn:
                file.written_items += len(items)
                file.written_bytes += size

    def _block(self, file: FileState, error: OSError | CustodesError) -> None:
        self.watch.fault = error
        if not self._blocked:
            self._retry_at_us = self._shared.clock.boot_us() + self._retry_us
        self._blocked[file] = None

    def _make_ready(self, file: FileState) -> None:
        if not file.is_made:
            check_mark(self._shared.root, self._shared.volume_id)
            self._make(file)
        elif file.fd >= 0 and self.watch.state() is SpoolState.AWAY:
            # A descriptor of a disk that was pulled stays dead when the disk comes back.
            check_mark(self._shared.root, self._shared.volume_id)
            self._open_again(file)

    def _make(self, file: FileState) -> None:
        folder = file.path.parent
        if folder not in self._shared.durable_folders:
            for parent in reversed(folder.relative_to(self._shared.root).parents[:-1]):
                self._mkdir(self._shared.root / parent)
            if folder != self._shared.root:
                self._mkdir(folder)
        try:
            file.fd = self._shared.files.open(file.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError as error:
            raise ConflictError(f"spool file {file.path.name} exists") from error
        file.is_made = True

    def _mkdir(self, folder: Path) -> None:
        with suppress(FileExistsError):
            self._shared.files.mkdir(folder)

    def _open_again(self, file: FileState) -> None:
        try:
            fd = self._shared.files.open(file.path, os.O_WRONLY)
        except FileNotFoundError as error:
            raise CorruptError(f"spool file {file.path.name} is gone") from error
        if os.fstat(fd).st_size < file.durable_bytes:
            self._shared.files.close(fd)
            raise CorruptError(f"spool file {file.path.name} lost bytes that were flushed")
        with self._shared.lock:
            old, file.fd = file.fd, fd
            file.turn += 1
            file.written_items = file.written_bytes = 0
        self._shared.files.close(old)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._shared.root:
            self._shared.durable_folders.discard(folder)
            try:
                with self.watch.operation():
                    self._shared.files.rmdir(folder)
            except OSError:
                # Not empty, or not to be had now: an empty folder left behind does no harm.
                return
            folder = folder.parent

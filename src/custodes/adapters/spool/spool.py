"""A recorder's append path onto one volume: the loop queues, one thread appends, one flushes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.objects.paths import check_path
from custodes.adapters.spool.appender import RETRY_S, Appender
from custodes.adapters.spool.files import FileOperations, SystemFiles
from custodes.adapters.spool.flusher import FLUSH_S, Flusher
from custodes.adapters.spool.state import FileState, Shared, SpoolState, Waiter
from custodes.adapters.spool.volume import check_mark
from custodes.base.clock import SECOND_US, Clock, SystemClock
from custodes.base.errors import CustodesError, PushbackError, RefusedError, UnavailableError

QUEUE_LIMIT_BYTES = 8 * 1024 * 1024
STALL_AFTER_S = 5.0
# Finer ages are not told; it bounds what a queue remembers of when its bytes came.
_AGE_STEP_US = SECOND_US // 4


@dataclass(frozen=True, slots=True)
class SpoolHealth:
    """A volume at one moment. `oldest_us`: age of the oldest byte that is not durable, 0 without any."""

    state: SpoolState
    reason: str
    files: int
    queued_bytes: int
    oldest_us: int


class SpoolFile:
    """A file that grows by appends and is then finished. For use on the loop alone."""

    def __init__(self, volume: SpoolVolume, state: FileState, siblings: list[SpoolFile]) -> None:
        self.path = state.path
        self._volume = volume
        self._state = state
        self._siblings = siblings
        self._accepted = 0
        self._marks: deque[tuple[int, int]] = deque()
        siblings.append(self)

    @property
    def error(self) -> CustodesError | None:
        """Why this file was given up, None while it was not."""
        return self._state.error

    @property
    def queued_bytes(self) -> int:
        """Bytes taken that are not durable yet."""
        return 0 if self._state.error else self._accepted - self._state.durable_bytes

    def append(self, data: bytes | bytearray) -> None:
        """Queue bytes behind all before; never blocks. They must not be changed afterwards.

        Durability: within half a second while the volume is well.
        Errors: PushbackError when the stream's queue is over its limit, nothing is taken then; the
        file's own error once it was given up; RefusedError after `finish`.
        """
        self._check_open()
        queued = sum(file.queued_bytes for file in self._siblings)
        if queued + len(data) > self._volume.queue_limit_bytes:
            raise PushbackError(f"{self._volume.root}: {queued} bytes of this stream wait for the disk")
        self._accepted += len(data)
        self._mark()
        self._state.inbox.append(data)
        self._volume.announce(self._state)

    def flush_now(self) -> asyncio.Future[None]:
        """Done when all that was appended so far, and the file's name, are durable.

        Errors: in the future, the file's error, or UnavailableError when the volume is closed first.
        """
        self._check_open()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not future.done():
                future.set_result(None)

        def failed(error: CustodesError) -> None:
            if not future.done():
                future.set_exception(error)

        self._state.is_urgent = True
        self._wait(done, failed)
        self._volume.hurry()
        return future

    def finish(
        self, callback: Callable[[Path], object], failed: Callable[[CustodesError], object] | None = None
    ) -> None:
        """Take no more; call back on the loop, with the path, when all is durable and the file closed.

        `failed` is called instead, with the reason, when that will never be.
        """
        self._check_open()
        self._state.is_finishing = True

        def done() -> None:
            self.leave()
            callback(self.path)

        def gave_up(error: CustodesError) -> None:
            self.leave()
            if failed is not None:
                failed(error)

        self._wait(done, gave_up)

    def oldest_us(self, now_us: int) -> int:
        """Age of the oldest byte that is not durable."""
        durable_bytes = self._state.durable_bytes
        while self._marks and self._marks[0][0] <= durable_bytes:
            self._marks.popleft()
        return now_us - self._marks[0][1] if self._marks and not self._state.error else 0

    def leave(self) -> None:
        """The volume has no more to do with this file."""
        if self in self._siblings:
            self._siblings.remove(self)
        self._volume.forget(self._state)

    def _mark(self) -> None:
        now_us = self._volume.clock.boot_us()
        if self._marks and now_us - self._marks[-1][1] < _AGE_STEP_US:
            # A little old is told as a little older.
            self._marks[-1] = (self._accepted, self._marks[-1][1])
        else:
            self.oldest_us(now_us)
            self._marks.append((self._accepted, now_us))

    def _wait(self, done: Callable[[], object], failed: Callable[[CustodesError], object]) -> None:
        self._state.waiters.append(Waiter(self._accepted, done, failed))
        self._volume.announce(self._state)

    def _check_open(self) -> None:
        if self._state.error is not None:
            self.leave()
            raise self._state.error
        if self._state.is_finishing:
            raise RefusedError(f"spool file {self.path.name} is finished")
        self._volume.check_open()


class SpoolVolume:
    """The spool on one volume: two threads, queues bounded in bytes, nothing overwritten.

    Make it, use it and close it on the loop; nothing here blocks the loop or another volume. A full,
    read-only or missing volume is tried again each second while the queues hold what came meanwhile.
    Errors: UnavailableError when the root is not the volume of that id.
    """

    def __init__(
        self,
        root: Path,
        volume_id: bytes,
        loop: asyncio.AbstractEventLoop,
        *,
        files: FileOperations | None = None,
        clock: Clock | None = None,
        queue_limit_bytes_per_stream: int = QUEUE_LIMIT_BYTES,
        stall_after_s: float = STALL_AFTER_S,
        flush_s: float = FLUSH_S,
        retry_s: float = RETRY_S,
    ) -> None:
        check_mark(root, volume_id)
        self.root = root
        self.clock = clock or SystemClock()
        self.queue_limit_bytes = queue_limit_bytes_per_stream
        self._stall_after_us = int(stall_after_s * SECOND_US)
        self._shared = Shared(
            root, volume_id, files or SystemFiles(), self.clock, post=loop.call_soon_threadsafe
        )
        self._flusher = Flusher(self._shared, flush_s)
        self._appender = Appender(self._shared, self._flusher.written, retry_s)
        self._files: dict[FileState, SpoolFile] = {}
        self._streams: dict[str, list[SpoolFile]] = {}
        self._stopped: asyncio.Future[None] = loop.create_future()
        threading.Thread(target=self._append, name=f"append {root.name}", daemon=True).start()
        threading.Thread(target=self._flush, name=f"flush {root.name}", daemon=True).start()

    def open(self, path: str, stream: str | None = None) -> SpoolFile:
        """A new file of a relative path; files of one stream share one queue limit.

        It is created, with its folders, by the volume's thread; that one of this name exists already
        shows as the file's ConflictError. Its name is durable with its first bytes.
        Errors: InvalidError for a path that no object may have; UnavailableError after `close`.
        """
        self.check_open()
        state = FileState(self.root / check_path(path))
        siblings = [] if stream is None else self._streams.setdefault(stream, [])
        file = self._files[state] = SpoolFile(self, state, siblings)
        self.announce(state)
        return file

    def tidy(self, folder: str) -> None:
        """Remove a folder, and those above it, as far as they are empty, some time soon."""
        self._appender.tidy(self.root / check_path(folder))

    @property
    def state(self) -> SpoolState:
        """How the volume does."""
        if max(self._appender.watch.held_up_us(), self._flusher.watch.held_up_us()) > self._stall_after_us:
            return SpoolState.STALLED
        return self._appender.watch.state()

    def health(self) -> SpoolHealth:
        """The volume now."""
        now_us = self.clock.boot_us()
        fault = self._appender.watch.fault
        reason = "" if fault is None else (isinstance(fault, OSError) and fault.strerror) or str(fault)
        return SpoolHealth(
            state=self.state,
            reason=reason,
            files=len(self._files),
            queued_bytes=sum(file.queued_bytes for file in self._files.values()),
            oldest_us=max((file.oldest_us(now_us) for file in self._files.values()), default=0),
        )

    def room_bytes(self) -> tuple[int, int]:
        """Bytes free and bytes in all on the volume. Blocks; from any thread. Errors: UnavailableError."""
        try:
            state = os.statvfs(self.root)
        except OSError as error:
            raise UnavailableError(f"spool {self.root}: {error.strerror}") from error
        return state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize

    async def close(self, within_s: float = 5.0) -> int:
        """Write and flush what is queued, but not for longer than this; how many bytes could not be.

        Files that were not finished are closed as they are; whoever waits in vain gets UnavailableError.
        """
        self._shared.is_closing = True
        self.hurry()
        self._flusher.hurry()
        await asyncio.wait([self._stopped], timeout=within_s)
        lost = sum(file.queued_bytes for file in self._files.values())
        self._shared.is_abandoned = True
        self.hurry()
        self._flusher.hurry()
        for state in list(self._files):
            self._shared.fail(state, UnavailableError("the spool volume is closed"))
        self._files.clear()
        return lost

    def check_open(self) -> None:
        """Errors: UnavailableError after `close`."""
        if self._shared.is_closing:
            raise UnavailableError("the spool volume is closed")

    def announce(self, state: FileState) -> None:
        """For its files: there is something new."""
        self._appender.announce(state)

    def hurry(self) -> None:
        """For its files: do not gather."""
        self._appender.hurry()

    def forget(self, state: FileState) -> None:
        """For its files: nothing more will come of it."""
        self._files.pop(state, None)

    def _append(self) -> None:
        self._appender.run()
        self._flusher.hurry()

    def _flush(self) -> None:
        self._flusher.run(self._appender)
        self._shared.deliver(self._stop)

    def _stop(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

"""What the loop and the two threads of a spool volume share."""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from custodes.adapters.spool.files import FileOperations
from custodes.base.clock import Clock
from custodes.base.errors import CustodesError


class SpoolState(Enum):
    """How a volume does; all but `OK` are alarms."""

    OK = "ok"
    FULL = "full"
    READ_ONLY = "read-only"
    STALLED = "stalled"
    AWAY = "away or failing"


_STATES = {
    errno.ENOSPC: SpoolState.FULL,
    errno.EDQUOT: SpoolState.FULL,
    errno.EROFS: SpoolState.READ_ONLY,
    errno.EACCES: SpoolState.READ_ONLY,
    errno.EPERM: SpoolState.READ_ONLY,
}


class Watch:
    """What one thread is doing to its disk; written by that thread, read by any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_us = 0
        self.fault: OSError | CustodesError | None = None

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Around what the disk may hold up."""
        self._since_us = self._clock.boot_us()
        try:
            yield
        finally:
            self._since_us = 0

    def held_up_us(self) -> int:
        """How long the operation of now has taken, 0 when there is none."""
        since_us = self._since_us
        return self._clock.boot_us() - since_us if since_us else 0

    def state(self) -> SpoolState:
        """What the last fault means."""
        if self.fault is None:
            return SpoolState.OK
        number = self.fault.errno if isinstance(self.fault, OSError) else None
        return _STATES.get(number or 0, SpoolState.AWAY)


@dataclass(frozen=True, slots=True)
class Waiter:
    """Who is told, on the loop, once a file is durable up to a length, or that it never will be."""

    length: int
    done: Callable[[], object]
    failed: Callable[[CustodesError], object]


@dataclass(slots=True, eq=False)
class FileState:
    """One file. The loop fills `inbox`; the rest belongs to the threads, under the volume's lock.

    `pending` begins at the first byte that is not durable; `written_items` and `written_bytes` say how
    much of it the kernel has. A flush that fails makes both 0: the kernel may have dropped the bytes,
    and they are written again. `turn` changes with that, with the descriptor and with `error`: who began
    in another turn throws its result away.
    """

    path: Path
    inbox: deque[bytes | bytearray] = field(default_factory=deque)
    waiters: deque[Waiter] = field(default_factory=deque)
    announced: bool = False
    is_urgent: bool = False
    is_finishing: bool = False
    error: CustodesError | None = None
    fd: int = -1
    is_made: bool = False
    is_named: bool = False
    pending: deque[bytes | bytearray] = field(default_factory=deque)
    written_items: int = 0
    written_bytes: int = 0
    durable_bytes: int = 0
    turn: int = 0


@dataclass(slots=True)
class Shared:
    """The volume as both threads know it."""

    root: Path
    volume_id: bytes
    files: FileOperations
    clock: Clock
    post: Callable[..., object]
    lock: threading.Lock = field(default_factory=threading.Lock)
    durable_folders: set[Path] = field(default_factory=set)
    is_closing: bool = False
    is_abandoned: bool = False

    def deliver(self, call: Callable[..., object], *arguments: object) -> None:
        """Run a call on the loop."""
        try:
            self.post(call, *arguments)
        except RuntimeError:
            # The loop is closed: there is nobody left to tell.
            self.is_abandoned = True

    def fail(self, file: FileState, error: CustodesError) -> None:
        """Give a file up; what it still held is lost and whoever waits is told."""
        with self.lock:
            file.error = error
            file.turn += 1
            file.inbox.clear()
            file.pending.clear()
            file.written_items = file.written_bytes = 0
            fd, file.fd = file.fd, -1
            waiters, file.waiters = file.waiters, deque()
        if fd >= 0:
            self.files.close(fd)
        for waiter in waiters:
            self.deliver(waiter.failed, error)

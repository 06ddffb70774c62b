"""A thread that makes durable what must be, in order: share sets, state, statements, reels.

Jobs run one after the other; each calls back on the loop. The loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog

from custodes.base.errors import CustodesError, ErrorKind

T = TypeVar("T")
RETRY_S = 1.0
_RETRIED = frozenset((ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED, ErrorKind.PUSHBACK))
_LOG = structlog.get_logger("registrar")

Job = Callable[[], Any]


class Registrar:
    """A queue of blocking jobs in one thread; one that fails for want of a disk is repeated until done."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, name: str = "registrar", retry_s: float = RETRY_S
    ) -> None:
        self._loop = loop
        self._retry_s = retry_s
        self._jobs: SimpleQueue[tuple[Job, Callable[[Any], None], Callable[[str], None]] | None] = (
            SimpleQueue()
        )
        self._closing = threading.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.waiting = 0
        self.trouble = ""
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]) -> None:
        """Run a job in the thread, in order; then `done(result)` or `failed(reason)` on the loop.

        What a retry can cure is no failure: the job is repeated each second, so it must be one that can be.
        """
        self.waiting += 1
        self._idle.clear()
        self._jobs.put((job, done, failed))

    async def drain(self, within_s: float) -> bool:
        """Wait for all jobs and end the thread; whether they were done in time. Others are left undone."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            _LOG.error("jobs left undone", count=self.waiting, reason=self.trouble)
        self._closing.set()
        self._jobs.put(None)
        return not self.waiting

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None and not self._closing.is_set():
            job, done, failed = item
            try:
                result = self._repeat(job)
            except CustodesError as error:
                self._tell(failed, str(error))
            except Exception as error:  # noqa: BLE001 - the worker's loop: the jobs behind must go on
                _LOG.exception("job failed")
                self._tell(failed, f"{type(error).__name__}: {error}")
            else:
                self._tell(done, result)

    def _repeat(self, job: Callable[[], T]) -> T:
        while True:
            try:
                result = job()
            except CustodesError as error:
                if error.kind not in _RETRIED or self._closing.is_set():
                    raise
                if not self.trouble:
                    _LOG.warning("job waits", reason=str(error))
                self.trouble = str(error)
                self._closing.wait(self._retry_s)
            else:
                self.trouble = ""
                return result

    def _tell(self, call: Callable[[Any], None], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, call, argument)
        except RuntimeError:
            # The loop is closed: there is nobody left to tell.
            self._closing.set()

    def _deliver(self, call: Callable[[Any], None], argument: object) -> None:
        try:
            call(argument)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self._idle.set()

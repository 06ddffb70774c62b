"""The one thread that makes durable what must be, in order: share sets, state, statements, reels.

Jobs run one after the other; each calls back on the loop. The loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from custodes.base.errors import CustodesError

T = TypeVar("T")
RETRY_S = 1.0
_LOG = structlog.get_logger("registrar")


class Registrar:
    """A queue of blocking jobs in one thread; one that fails for want of a disk is repeated until done."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registrar")
        self._tasks: set[asyncio.Task[None]] = set()
        self._line: asyncio.Lock = asyncio.Lock()
        self.trouble = ""

    @property
    def waiting(self) -> int:
        """Jobs that are not done."""
        return len(self._tasks)

    def submit(self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]) -> None:
        """Run a job in the thread, in order; then `done(result)` or `failed(reason)` on the loop.

        Errors of a kind that a retry can cure are not failures: the job is repeated each second.
        """
        task = self._loop.create_task(self._run(job, done, failed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, within_s: float) -> bool:
        """Wait for all jobs; whether they were done in time."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within_s)
        self._thread.shutdown(wait=not self._tasks, cancel_futures=True)
        return not self._tasks

    async def _run(
        self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]
    ) -> None:
        async with self._line:
            while True:
                try:
                    result = await self._loop.run_in_executor(self._thread, job)
                except CustodesError as error:
                    if not error.policy.retry:
                        _LOG.error("job failed", reason=str(error))
                        failed(str(error))
                        return
                    if not self.trouble:
                        _LOG.warning("job waits", reason=str(error))
                    self.trouble = str(error)
                    await asyncio.sleep(RETRY_S)
                else:
                    self.trouble = ""
                    done(result)
                    return

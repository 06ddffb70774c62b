"""The one thread that reads and changes the ledger's state; submissions are gathered into batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from custodes.base.errors import CustodesError, UnavailableError
from custodes.base.keys import Signed
from custodes.ledger.checkpoint import SignedCheckpoint
from custodes.ledger.rules.state import LedgerState

T = TypeVar("T")
MAX_BATCH = 256


class BatchSequencer(Protocol):
    """What admits statements and makes them durable and public."""

    @property
    def state(self) -> LedgerState:
        """The ledger so far."""
        ...

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """The newest checkpoint, published."""
        ...

    def submit(self, statements: list[Signed]) -> list[int | CustodesError]:
        """Each one's index, or why not; durable and in a published checkpoint on return."""
        ...


class LedgerThread:
    """Serialises all access to the sequencer and its state."""

    def __init__(self, sequencer: BatchSequencer) -> None:
        self.sequencer = sequencer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._waiting: list[tuple[Signed, asyncio.Future[int]]] = []
        self._pumping: asyncio.Task[None] | None = None
        self.failure = ""

    async def submit(self, statement: Signed) -> int:
        """Enter a statement; its index. Errors: the rule that refuses it; UnavailableError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._waiting.append((statement, future))
        if self._pumping is None:
            self._pumping = loop.create_task(self._pump())
        return await future

    async def ask(self, question: Callable[[LedgerState], T]) -> T:
        """Read the state, in its thread."""
        return await self.run(lambda: question(self.sequencer.state))

    async def run(self, job: Callable[[], T]) -> T:
        """Do something in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def close(self) -> None:
        """End the thread once what runs is done."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _pump(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self._enter(batch)
        finally:
            self._pumping = None

    async def _enter(self, batch: list[tuple[Signed, asyncio.Future[int]]]) -> None:
        statements = [statement for statement, _ in batch]
        try:
            answers = await self.run(lambda: self.sequencer.submit(statements))
        except CustodesError as error:
            self.failure = str(error)
            answers = [UnavailableError(f"the ledger takes no entry now: {error}")] * len(batch)
        else:
            self.failure = ""
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, CustodesError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

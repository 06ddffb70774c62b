"""What waits for the keeper: durable, in order, repeated until it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from custodes.adapters.durable_file import flush_folder, replace_file
from custodes.base.errors import CustodesError
from custodes.services.parcels import Answer

MAX_BATCH = 32
MAX_BATCH_BYTES = 512 << 10
RETRY_S = 1.0
_LOG = structlog.get_logger("outbox")


@dataclass(frozen=True, slots=True)
class Route:
    """How items of one kind are sent: several joined to one question, an answer for each."""

    ask: Callable[[bytes], Awaitable[bytes]]
    join: Callable[[list[bytes]], bytes]
    answers: Callable[[bytes, int], list[Answer]]


class Outbox:
    """A folder of items, each a file `<number>.<kind>`, sent oldest first.

    An item that the keeper refuses is moved to `refused/` and counted: an alarm, never lost.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._refused = folder / "refused"
        self._refused.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._names = sorted(path.name for path in folder.iterdir() if path.name[:1].isdigit())
        self._next = int(self._names[-1].partition(".")[0]) + 1 if self._names else 1
        self._more = asyncio.Event()
        self.refused_count = sum(1 for _ in self._refused.iterdir())

    @property
    def waiting(self) -> int:
        """Items not yet taken by the keeper."""
        return len(self._names)

    def store(self, kind: str, data: bytes) -> str:
        """Write an item; `admit` then puts it in line. Blocks, from one thread alone.

        Durability: flushed when the call returns. Errors: UnavailableError.
        """
        name = f"{self._next:012d}.{kind}"
        replace_file(self._folder / name, data)
        self._next += 1
        return name

    def admit(self, name: str) -> None:
        """Put a stored item in line; on the loop."""
        self._names.append(name)
        self._more.set()

    async def run(self, routes: Mapping[str, Route]) -> None:
        """Send until cancelled; while the keeper is away, wait and go on."""
        while True:
            if not self._names:
                self._more.clear()
                await self._more.wait()
            try:
                await self._send(routes)
            except CustodesError as error:
                if not error.policy.retry:
                    _LOG.error("keeper does not understand", reason=str(error))
                await asyncio.sleep(RETRY_S)

    async def _send(self, routes: Mapping[str, Route]) -> None:
        kind = self._names[0].partition(".")[2]
        route = routes[kind]
        items: dict[str, bytes] = {}
        size = 0
        for name in self._names[:MAX_BATCH]:
            data = await asyncio.to_thread((self._folder / name).read_bytes)
            size += len(data)
            if name.partition(".")[2] != kind or (items and size > MAX_BATCH_BYTES):
                break
            items[name] = data
        answers = route.answers(await route.ask(route.join(list(items.values()))), len(items))
        for name, answer in zip(items, answers, strict=True):
            if isinstance(answer, CustodesError):
                if answer.policy.retry:
                    raise answer
                _LOG.error("statement refused", item=name, reason=str(answer))
                (self._folder / name).replace(self._refused / name)
                self.refused_count += 1
            else:
                (self._folder / name).unlink()
            self._names.remove(name)
        await asyncio.to_thread(flush_folder, self._folder)

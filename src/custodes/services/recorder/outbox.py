"""What waits for the keeper: durable, in order, repeated until it is taken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog

from custodes.adapters.durable_file import flush_folder, replace_file
from custodes.base.errors import CustodesError, UnavailableError
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

    An item that the keeper refuses is moved to `refused/` and counted: an alarm, never lost. `trouble`: why
    the keeper takes nothing now.
    """

    def __init__(self, folder: Path, retry_s: float = RETRY_S) -> None:
        self._folder = folder
        self._refused = folder / "refused"
        self._refused.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir() if path.name[:1].isdigit())
        refused = [path.name for path in self._refused.iterdir()]
        # In order of sending; a dictionary, for those in front leave first.
        self._names = dict.fromkeys(names)
        self._next = 1 + max((_number(name) for name in (*names, *refused)), default=0)
        self._more = asyncio.Event()
        self._writing = threading.Lock()
        self._retry_s = retry_s
        self.refused_count = len(refused)
        self.trouble = ""

    @property
    def waiting(self) -> int:
        """Items not yet taken by the keeper."""
        return len(self._names)

    def store(self, kind: str, data: bytes) -> str:
        """Write an item; `admit` then puts it in line. Blocks; from any thread.

        Durability: flushed when the call returns. Errors: UnavailableError.
        """
        with self._writing:
            name = f"{self._next:012d}.{kind}"
            replace_file(self._folder / name, data)
            self._next += 1
        return name

    def admit(self, name: str) -> None:
        """Put a stored item in line; on the loop."""
        self._names[name] = None
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
                if str(error) != self.trouble:
                    _LOG.warning("statements wait", count=len(self._names), reason=str(error))
                self.trouble = str(error)
                await asyncio.sleep(self._retry_s)
            else:
                self.trouble = ""

    async def _send(self, routes: Mapping[str, Route]) -> None:
        kind, items = await asyncio.to_thread(self._read, list(islice(self._names, MAX_BATCH)))
        route = routes[kind]
        question = await asyncio.to_thread(route.join, list(items.values()))
        answers = route.answers(await route.ask(question), len(items))
        taken: list[str] = []
        refused: list[str] = []
        later: CustodesError | None = None
        for name, answer in zip(items, answers, strict=True):
            if not isinstance(answer, CustodesError):
                taken.append(name)
            elif answer.policy.retry:
                later = answer
                break
            else:
                _LOG.error("statement refused", item=name, reason=str(answer))
                refused.append(name)
        await asyncio.to_thread(self._remove, taken, refused)
        for name in (*taken, *refused):
            del self._names[name]
        self.refused_count += len(refused)
        if later is not None:
            raise later

    def _read(self, names: list[str]) -> tuple[str, dict[str, bytes]]:
        """The first items of one kind, as many as make one question."""
        kind = _kind(names[0])
        items: dict[str, bytes] = {}
        size = 0
        for name in names:
            if _kind(name) != kind:
                break
            try:
                data = (self._folder / name).read_bytes()
            except OSError as error:
                raise UnavailableError(f"item {name} cannot be read: {error.strerror}") from error
            size += len(data)
            if items and size > MAX_BATCH_BYTES:
                break
            items[name] = data
        return kind, items

    def _remove(self, taken: list[str], refused: list[str]) -> None:
        try:
            for name in refused:
                if (self._folder / name).exists():
                    (self._folder / name).replace(self._refused / name)
            for name in taken:
                (self._folder / name).unlink(missing_ok=True)
            flush_folder(self._folder)
            if refused:
                flush_folder(self._refused)
        except OSError as error:
            raise UnavailableError(f"the outbox cannot be written: {error.strerror}") from error


def _number(name: str) -> int:
    return int(name.partition(".")[0])


def _kind(name: str) -> str:
    return name.partition(".")[2]

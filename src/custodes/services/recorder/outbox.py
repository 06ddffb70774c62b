"""Statements and facts waiting for the keeper: durable, in order, repeated until they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from custodes.adapters.durable_file import flush_folder, replace_file
from custodes.base.canon import parse_canon
from custodes.base.errors import CorruptError, CustodesError, InvalidError
from custodes.services.parcels import Parcel, parcels_bytes, parse_answers

MAX_BATCH = 32
RETRY_S = 1.0
_LOG = structlog.get_logger("outbox")

Ask = Callable[[str, bytes], Awaitable[bytes]]


class Outbox:
    """A folder of parcels, each a file named by its number, sent oldest first.

    A parcel that the keeper refuses is moved to `refused/` and counted: an alarm, never lost.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._refused = folder / "refused"
        self._refused.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._names = sorted(path.name for path in folder.glob("*.parcel"))
        self._next = int(self._names[-1].split(".")[0]) + 1 if self._names else 1
        self._more = asyncio.Event()
        self.refused_count = len(list(self._refused.glob("*.parcel")))

    @property
    def waiting(self) -> int:
        """Parcels not yet taken by the keeper."""
        return len(self._names)

    def add(self, parcel: Parcel) -> None:
        """Durability: flushed when the call returns. Blocks; call from a thread where that matters."""
        name = f"{self._next:012d}.parcel"
        replace_file(self._folder / name, parcels_bytes([parcel]))
        self._next += 1
        self._names.append(name)

    def wake(self) -> None:
        """Tell the sender, from the loop's thread, that there is something to send."""
        self._more.set()

    async def run(self, ask: Ask) -> None:
        """Send until cancelled; while the keeper is away, wait and go on."""
        while True:
            if not self._names:
                self._more.clear()
                await self._more.wait()
                continue
            try:
                await self._send(self._names[:MAX_BATCH], ask)
            except CustodesError as error:
                if not error.policy.retry:
                    _LOG.error("keeper cannot take parcels", reason=str(error))
                await asyncio.sleep(RETRY_S)

    async def _send(self, names: list[str], ask: Ask) -> None:
        parcels = await asyncio.to_thread(self._read, names)
        answers = parse_answers(await ask("submit", parcels_bytes(parcels)), len(parcels))
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, CustodesError):
                if answer.policy.retry:
                    raise answer
                _LOG.error("statement refused", reason=str(answer))
                (self._folder / name).replace(self._refused / name)
                self.refused_count += 1
            else:
                (self._folder / name).unlink()
            self._names.remove(name)
        await asyncio.to_thread(flush_folder, self._folder)

    def _read(self, names: list[str]) -> list[Parcel]:
        parcels = []
        for name in names:
            try:
                (value,) = parse_canon((self._folder / name).read_bytes())["parcels"]
                parcels.append(Parcel.from_json(value))
            except (InvalidError, ValueError, KeyError, TypeError) as error:
                raise CorruptError(f"the waiting parcel {name} is damaged") from error
        return parcels

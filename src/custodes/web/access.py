"""Counting who looks: a number by hour and role, handed to the keeper once the hour is over."""

from __future__ import annotations

import asyncio

import structlog

from custodes.adapters.sql.web.access import SqlAccess
from custodes.base.clock import HOUR_US, MINUTE_US, Clock
from custodes.base.errors import CustodesError, RefusedError
from custodes.services.access import HourOfAccess
from custodes.services.office import Office

STATE_S = 60.0
# What began at an hour's end may still be on its way into the database.
SETTLED_US = MINUTE_US
# Who fetches nothing for so long has stopped looking.
PAUSE_US = 10 * MINUTE_US
_LOG = structlog.get_logger("web")


class AccessCounter:
    """Hours in which web ran are stated, those in which nobody looked too: a missing hour is one of silence."""

    def __init__(self, counts: SqlAccess, clock: Clock) -> None:
        self._counts = counts
        self._clock = clock
        self._unstated_us = _hour_of(clock.utc_us())
        self._replayed_us: dict[tuple[str, bytes], int] = {}

    async def began(self, role: str) -> None:
        """Somebody of this role began to watch a camera. Errors: as the database's."""
        await asyncio.to_thread(self._counts.add, _hour_of(self._clock.utc_us()), role)

    async def replayed(self, user: str, role: str, stream: bytes) -> None:
        """The user fetched a recorded object of a stream: one look as long as the next comes within PAUSE_US."""
        now_us = self._clock.boot_us()
        last_us = self._replayed_us.pop((user, stream), None)
        self._replayed_us[user, stream] = now_us
        for key, at_us in list(self._replayed_us.items()):
            # The oldest come first.
            if now_us - at_us <= PAUSE_US:
                break
            del self._replayed_us[key]
        if last_us is None or now_us - last_us > PAUSE_US:
            await self.began(role)

    async def run(self, office: Office) -> None:
        """State what is over, until cancelled; what cannot be stated now is kept."""
        while True:
            try:
                await self.state_hours(office)
            except CustodesError as error:
                _LOG.warning("access cannot be stated now", kind=error.kind.value, reason=str(error))
            await asyncio.sleep(STATE_S)

    async def state_hours(self, office: Office) -> None:
        """Hand over every hour that is over. Errors: as the keeper's."""
        over_us = _hour_of(self._clock.utc_us() - SETTLED_US)
        counted = [hour_us for hour_us in await asyncio.to_thread(self._counts.hours) if hour_us < over_us]
        since = range(self._unstated_us, over_us, HOUR_US)
        for hour_us in sorted({*counted, *since}):
            hour = HourOfAccess(hour_us, await asyncio.to_thread(self._counts.of, hour_us))
            try:
                await office.ask("keeper", "access", hour.encode())
            except RefusedError as error:
                # Nothing that is tried again makes the ledger take it; it stands in the log with its counts.
                _LOG.error("an hour of access is refused", hour_us=hour_us, reason=str(error), **hour.counts)
            await asyncio.to_thread(self._counts.forget, hour_us)
        self._unstated_us = max(self._unstated_us, over_us)


def _hour_of(at_us: int) -> int:
    return at_us - at_us % HOUR_US

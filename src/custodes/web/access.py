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
_LOG = structlog.get_logger("web")


class AccessCounter:
    """Hours in which web ran are stated, those in which nobody looked too: a missing hour is one of silence."""

    def __init__(self, counts: SqlAccess, clock: Clock) -> None:
        self._counts = counts
        self._clock = clock
        self._unstated_us = _hour_of(clock.utc_us())

    async def began(self, role: str) -> None:
        """Somebody of this role began to watch a camera. Errors: as the database's."""
        await asyncio.to_thread(self._counts.add, _hour_of(self._clock.utc_us()), role)

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

"""Where live view comes from, and how recorders learn what is watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from custodes.adapters.bus.subjects import live, watch
from custodes.base.errors import InvalidError
from custodes.base.ports import Bus, Subscription
from custodes.services.live import LiveMessage, Watch, parse_live

Hear = Callable[[LiveMessage], None]
_LOG = structlog.get_logger("web")


class LiveSource(Protocol):
    """De-identified view by stream; there is no way through it to anything else."""

    async def listen(self, stream: bytes, hear: Hear) -> Subscription:
        """Call `hear` for each message of the stream, in order. Errors: UnavailableError."""
        ...

    async def tell_watched(self, recorder: str, watched: Watch) -> None:
        """Tell a recorder which of its streams are watched. Errors: UnavailableError."""
        ...


class BusLiveSource:
    """Over a bus of any make."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def listen(self, stream: bytes, hear: Hear) -> Subscription:
        """Call `hear` for each message; one that cannot be read is logged and passed over."""

        async def listener(subject: str, data: bytes) -> None:
            try:
                message = parse_live(data)
            except InvalidError as error:
                _LOG.warning("live message cannot be read", subject=subject, reason=str(error))
                return
            hear(message)

        return await self._bus.subscribe(live(stream.hex()), listener)

    async def tell_watched(self, recorder: str, watched: Watch) -> None:
        """Tell a recorder which of its streams are watched."""
        await self._bus.publish(watch(recorder), watched.encode())

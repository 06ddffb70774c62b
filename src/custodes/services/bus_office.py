"""Questions to services over the bus. Not from outside: web passes on what comes to it."""

from __future__ import annotations

from custodes.adapters.bus.subjects import (
    ACCESS,
    CASE_OF,
    COSIGN,
    ENTRY_SUBMIT,
    FACT_REEL,
    FETCH,
    HOLD,
    case,
    close_reels,
    learn,
    settings,
)
from custodes.base.errors import NotFoundError
from custodes.base.ports import Bus
from custodes.services.backgrounds import parse_wish

KEEPER_SUBJECTS = {
    "submit": ENTRY_SUBMIT,
    "reel": FACT_REEL,
    "fetch": FETCH,
    "hold": HOLD,
    "case": CASE_OF,
    "cosign": COSIGN,
    "access": ACCESS,
}
DISCLOSER_SUBJECTS = {name: case(name) for name in ("draft", "sign", "view", "status")}
CLOSE_REELS_S = 3.0
LEARN_S = 10.0
LEARN = ("recorder", "learn")
_SUBJECTS = {"keeper": KEEPER_SUBJECTS, "discloser": DISCLOSER_SUBJECTS}
OUTSIDE = {
    "keeper": ("submit", "fetch", "hold", "case", "cosign"),
    "discloser": tuple(DISCLOSER_SUBJECTS),
    "recorder": ("learn",),
}


class BusOffice:
    """Asks services over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """The service's answer. Errors: as refused; UnavailableError; NotFoundError for no such subject."""
        if (service, subject) == LEARN:
            # Who it is to stands in the wish itself; the recorder checks that it is meant.
            _, wish = parse_wish(question)
            return await self._bus.request(learn(wish.recorder.hex()), question, min(timeout_s, LEARN_S))
        known = _SUBJECTS.get(service, {}).get(subject)
        if known is None:
            raise NotFoundError(f"{service} cannot be asked about {subject!r}")
        return await self._bus.request(known, question, timeout_s)

    async def settings(self, recorder: bytes) -> bytes:
        """The newest settings of a recorder, which alone has the right to ask."""
        return await self._bus.request(settings(recorder.hex()), recorder, 30.0)

    async def close_reels(self, recorder: bytes, question: bytes) -> bytes:
        """What a recorder answers to the discloser, which alone has the right to ask."""
        return await self._bus.request(close_reels(recorder.hex()), question, CLOSE_REELS_S)

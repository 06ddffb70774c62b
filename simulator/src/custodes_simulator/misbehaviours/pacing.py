"""Streams that burst or stall."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import PlayMisbehaviour, register
from custodes_simulator.misbehaviours.packets import withhold

if TYPE_CHECKING:
    from custodes_simulator.play.batch import Batch
    from custodes_simulator.play.session import Session


@register("burst")
@dataclass
class Burst(PlayMisbehaviour):
    """A play begins with `media_s` of the past, sent within `within_s`; then it is real time.

    Begun later, the stream is held for `media_s` and then sent at once.
    """

    media_s: float = 5.0
    within_s: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.within_s < self.media_s:
            raise FleetFileError(f"within_s is {self.within_s}; it must be over 0 and under media_s")

    def begin(self, session: Session) -> None:
        for player in session.players.values():
            if session.playing:
                player.held = True
                asyncio.get_running_loop().call_later(self.media_s, player.release)
            else:
                player.lead_s, player.lead_takes_s = self.media_s, self.within_s


@register("stall")
@dataclass
class Stall(PlayMisbehaviour):
    """Nothing is sent while it acts.

    `then`: "late" sends what waited in one burst, "lost" never sends it and leaves no hole in the
    sequence, "shift" goes on where it stopped, as if the time had not passed.
    """

    then: str = "late"
    begun_s: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.then not in ("late", "lost", "shift"):
            raise FleetFileError(f"then is {self.then!r}; it must be late, lost or shift")

    def begin(self, session: Session) -> None:
        self.begun_s = asyncio.get_running_loop().time()
        if self.then != "lost":
            for player in session.players.values():
                player.held = True

    def rework(self, batch: Batch) -> None:
        if self.then == "lost":
            withhold(batch, self.name)

    def end(self, session: Session) -> None:
        stalled_s = asyncio.get_running_loop().time() - self.begun_s
        for player in session.players.values():
            if self.then == "shift":
                player.delay(stalled_s)
            if self.then != "lost":
                player.release()

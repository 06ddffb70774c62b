"""The newest health document of each process, and who has gone silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import InvalidError
from custodes.web.health import DiscloserHealth, Health, KeeperHealth, RecorderHealth, parse_health

STALE_US = 5 * SECOND_US
MAX_PROCESSES = 64
_SUBJECT = "health."

DocumentT_co = TypeVar("DocumentT_co", bound=Health, covariant=True)


@dataclass(frozen=True, slots=True)
class Heard(Generic[DocumentT_co]):
    """A process's last good document and how long ago it came."""

    process: str
    document: DocumentT_co
    age_us: int

    @property
    def stale(self) -> bool:
        """Whether it is too old to be believed."""
        return self.age_us > STALE_US


@dataclass(frozen=True, slots=True)
class View:
    """The board at one moment; `alarms` are the board's own first, then those of the processes."""

    time_us: int
    recorders: tuple[Heard[RecorderHealth], ...]
    keeper: Heard[KeeperHealth] | None
    discloser: Heard[DiscloserHealth] | None
    alarms: tuple[str, ...]


@dataclass(slots=True)
class _Place:
    """What is known of one process; without a document `boot_us` is when it was first expected."""

    boot_us: int
    document: Health | None = None
    refused: str = ""


class HealthBoard:
    """Listens to `health.*`. `expected` processes are missed from the start, others once they were heard.

    `store_fault`: why the store cannot be read, "" while it can; the first of the alarms.
    """

    def __init__(self, clock: Clock, expected: Iterable[str] = ("keeper", "discloser")) -> None:
        self._clock = clock
        self.store_fault = ""
        # Another number, other documents.
        self.revision = 0
        self._places = {name: _Place(clock.boot_us()) for name in sorted(expected)}

    async def hear(self, subject: str, data: bytes) -> None:
        """Take a document. One that cannot be read becomes an alarm until the next good one."""
        name = subject.removeprefix(_SUBJECT)
        role = name.partition("-")[0]
        if name == subject or role == "web":
            return
        if name not in self._places and len(self._places) >= MAX_PROCESSES:
            raise InvalidError(f"more than {MAX_PROCESSES} processes tell their health")
        place = self._places.setdefault(name, _Place(self._clock.boot_us()))
        self.revision += 1
        try:
            place.document = parse_health(role, data)
        except InvalidError as error:
            place.refused = str(error)
            return
        place.boot_us = self._clock.boot_us()
        place.refused = ""

    def view(self) -> View:
        """What is known now."""
        now_us = self._clock.boot_us()
        recorders: list[Heard[RecorderHealth]] = []
        keeper: Heard[KeeperHealth] | None = None
        discloser: Heard[DiscloserHealth] | None = None
        for name, place in sorted(self._places.items()):
            age_us = now_us - place.boot_us
            match place.document:
                case RecorderHealth() as document:
                    recorders.append(Heard(name, document, age_us))
                case KeeperHealth() as document:
                    keeper = Heard(name, document, age_us)
                case DiscloserHealth() as document:
                    discloser = Heard(name, document, age_us)
        return View(self._clock.utc_us(), tuple(recorders), keeper, discloser, self._alarms(now_us))

    def names(self) -> list[str]:
        """Processes that are expected or were heard of."""
        return sorted(self._places)

    def said(self) -> list[tuple[str, str]]:
        """Alarms with the process that says them; what the board says of the others is web's."""
        told = [(name, text) for name, place in self._places.items() for text in _told(place)]
        theirs = {text for _, text in told}
        own = [("web", text) for text in self.view().alarms if text not in theirs]
        return own + sorted(told)

    def _alarms(self, now_us: int) -> tuple[str, ...]:
        own = [self.store_fault] if self.store_fault else []
        told: list[str] = []
        for name, place in sorted(self._places.items()):
            label = self._label(name)
            if now_us - place.boot_us > STALE_US:
                own.append(f"{label} has not been heard of for {(now_us - place.boot_us) // SECOND_US} s")
            if place.refused:
                own.append(f"{label} sends health that cannot be read: {place.refused}")
            told += _told(place)
        return tuple(dict.fromkeys(own + told))

    def _label(self, name: str) -> str:
        role, dash, id_ = name.partition("-")
        alone = sum(other.partition("-")[0] == role for other in self._places) == 1
        return role if alone or not dash else f"{role} {id_[:8]}"


def _told(place: _Place) -> list[str]:
    return list(place.document.alarms) if place.document else []

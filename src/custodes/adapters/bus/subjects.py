"""The plan of the bus: every subject, who sends on it and who receives. The server's rights are made from it.

Subjects are written with two places: `{id}` is the id of the process that owns the subject, `{process}` its
name. The owner's side has its own id or name there, the other side `*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from custodes.adapters.bus.wire import check_token
from custodes.base.errors import InvalidError

LEASE_BUCKET = "leases"


class Role(Enum):
    """What a process is on the bus."""

    RECORDER = "recorder"
    KEEPER = "keeper"
    DISCLOSER = "discloser"
    WEB = "web"


class Side(Enum):
    """Which side of a route names the process that a subject belongs to."""

    SENDER = "sender"
    RECEIVER = "receiver"


@dataclass(frozen=True, slots=True)
class Process:
    """One process on the bus; `id` is empty where a role has one process only."""

    role: Role
    id: str = ""

    def __post_init__(self) -> None:
        if self.id:
            check_token(self.id)

    @property
    def name(self) -> str:
        """Its token in subjects, owner of its inboxes."""
        return f"{self.role.value}-{self.id}" if self.id else self.role.value


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the plan. `answered`: sent as a request, served by the receiver."""

    subject: str
    senders: frozenset[Role]
    receivers: frozenset[Role]
    answered: bool
    owner: Side | None
    carries: str

    def __post_init__(self) -> None:
        if ("{" in self.subject) != (self.owner is not None):
            raise InvalidError(f"{self.subject} has an owner exactly when it has a place for one")
        if self.answered and len(self.receivers) != 1:
            raise InvalidError(f"{self.subject} is answered by one role")

    def seen_by(self, process: Process, side: Side) -> str | None:
        """The subject or pattern that a process may use on a side, None when it has no part in it."""
        if process.role not in (self.senders if side is Side.SENDER else self.receivers):
            return None
        if self.owner is side:
            return self.subject.format(id=process.id or process.name, process=process.name)
        return self.subject.format(id="*", process="*")


_EVERY = frozenset(Role)
_RECORDER = frozenset({Role.RECORDER})
_KEEPER = frozenset({Role.KEEPER})
_DISCLOSER = frozenset({Role.DISCLOSER})
_WEB = frozenset({Role.WEB})

PLAN: tuple[Route, ...] = (
    Route("entry.submit", _EVERY - _KEEPER, _KEEPER, True, None, "a signed entry; answered when admitted"),
    Route("fact.reel", _RECORDER, _KEEPER, True, None, "a finished reel; answered after commit"),
    Route("settings.{id}", _RECORDER, _KEEPER, True, Side.SENDER, "a page of a recorder's settings"),
    Route("settings.changed.{id}", _KEEPER, _RECORDER, False, Side.RECEIVER, "that settings are newer"),
    Route("reels.close.{id}", _DISCLOSER, _RECORDER, True, Side.RECEIVER, "that a case waits for reels"),
    Route("learn.{id}", _WEB, _RECORDER, True, Side.RECEIVER, "staff's wish to learn a background"),
    Route("fetch", _WEB, _KEEPER, True, None, "a custodian's signed Fetch; answered with its message"),
    Route("hold", _WEB, _KEEPER, True, None, "staff's wish for a full hold; answered with the hold"),
    Route("case-of", _WEB, _KEEPER, True, None, "which case a request belongs to"),
    Route("cosign", _WEB, _KEEPER, True, None, "a checkpoint that a witness or custodian cosigned"),
    Route("access", _WEB, _KEEPER, True, None, "how often staff looked in an hour; answered when admitted"),
    Route("case.*", _WEB, _DISCLOSER, True, None, "acts on a case"),
    Route("health.{process}", _EVERY, _KEEPER | _WEB, False, Side.SENDER, "a process's state"),
    Route("live.*", _RECORDER, _WEB, False, None, "masked live video of a stream"),
    Route("watch.{id}", _WEB, _RECORDER, False, Side.RECEIVER, "which of a recorder's streams are watched"),
)

# Roles of which one process at a time is active: its lease has the role's name. A recorder's has its own.
SINGLE = frozenset({Role.KEEPER, Role.DISCLOSER})

ENTRY_SUBMIT = "entry.submit"
FACT_REEL = "fact.reel"
FETCH = "fetch"
HOLD = "hold"
CASE_OF = "case-of"
COSIGN = "cosign"
ACCESS = "access"
EVERY_SETTINGS = "settings.*"
EVERY_CASE = "case.*"
EVERY_HEALTH = "health.*"
EVERY_LIVE = "live.*"


def lease_of(process: Process) -> str | None:
    """The name of the lease that a process may hold, None when its role has none."""
    if process.role in SINGLE:
        return process.role.value
    return process.name if process.role is Role.RECORDER else None


def settings(recorder_id: str) -> str:
    """Where a recorder asks for its settings."""
    return _fill("settings", recorder_id)


def settings_changed(recorder_id: str) -> str:
    """Where a recorder hears that its settings changed."""
    return _fill("settings.changed", recorder_id)


def close_reels(recorder_id: str) -> str:
    """Where a recorder is told that a case waits for its reels."""
    return _fill("reels.close", recorder_id)


def learn(recorder_id: str) -> str:
    """Where a recorder is asked to learn a background."""
    return _fill("learn", recorder_id)


def case(act: str) -> str:
    """Where an act on a case is asked for."""
    return _fill("case", act)


def health(process: Process) -> str:
    """Where a process tells its state."""
    return _fill("health", process.name)


def live(stream_id: str) -> str:
    """Where a stream's masked live video is."""
    return _fill("live", stream_id)


def watch(recorder_id: str) -> str:
    """Where a recorder hears which of its streams are watched."""
    return _fill("watch", recorder_id)


def _fill(prefix: str, token: str) -> str:
    check_token(token)
    return f"{prefix}.{token}"

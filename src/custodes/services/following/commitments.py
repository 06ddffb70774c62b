"""Committed backgrounds, and whose keys count for them, as the ledger has them so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custodes.base.errors import InvalidError
from custodes.base.keys import key_id
from custodes.ledger.entries.bodies import BODIES, entry_type
from custodes.ledger.entries.wrapper import Entry
from custodes.ledger.rules.people import Staff
from custodes.ledger.rules.state import LedgerState
from custodes.services.backgrounds import Committed

KEPT_TYPES = frozenset(map(entry_type, ("background", "recorder", "staff")))
Place = tuple[bytes, str, str]
_NAMES = (
    "background",
    "camera",
    "condition",
    "doubt_permille",
    "revision",
    "stream",
    "view",
    "withheld_permille",
)


@dataclass(frozen=True, slots=True)
class Commitment:
    """The newest word on a place: what it says, which entry it is, since when (UTC)."""

    committed: Committed
    entry: int
    since_us: int


class Commitments:
    """Written by one thread, read by others. `staff`: by key id. `recorders`: signing keys by id."""

    def __init__(self) -> None:
        self.staff: dict[bytes, Staff] = {}
        self.recorders: dict[bytes, bytes] = {}
        self.newest: dict[Place, Commitment] = {}
        self._wait_us = 0

    @classmethod
    def of_state(cls, state: LedgerState) -> Commitments:
        """As a replayed ledger has them."""
        found = cls()
        facts = state.facts
        found.staff = dict(facts.staff)
        found.recorders = {one.id: one.signing for one in facts.recorders.values()}
        for one in facts.backgrounds.values():
            committed = Committed(**{name: getattr(one, name) for name in _NAMES})
            found.newest[committed.place] = Commitment(committed, one.index, one.admitted_us)
        return found

    def begin(self, genesis: Mapping[str, Any]) -> None:
        """Know the staff of genesis. Errors: InvalidError."""
        body = BODIES[entry_type("genesis")][1](genesis)
        self._wait_us = body["periods"]["staff_wait_us"]
        for one in body["staff"]:
            self._add(Staff(one["key"], one["pseudonym"], one["role"], 0))

    def take(self, entry: Entry, index: int) -> None:
        """Know an entry of KEPT_TYPES. Errors: InvalidError."""
        signed = entry.statement.signed
        name, kind = BODIES[signed.type]
        body = kind(signed.body)
        if name == "staff":
            usable_us = entry.admitted_us + self._wait_us
            self._add(Staff(body["key"], body["pseudonym"], body["role"], usable_us))
        elif name == "recorder":
            self.recorders = {**self.recorders, body["recorder"]: body["signing"]}
        elif name == "background":
            one = Committed(**{member: body[member] for member in _NAMES})
            self.newest = {**self.newest, one.place: Commitment(one, index, entry.admitted_us)}
        else:
            raise InvalidError(f"{name} is not kept here")

    def clear(self) -> None:
        """Know nothing."""
        self.staff, self.recorders, self.newest = {}, {}, {}

    def next_revision(self, place: Place) -> int:
        """The revision that the next entry on a place has."""
        known = self.newest.get(place)
        return known.committed.revision + 1 if known else 1

    def of_camera(self, camera: bytes) -> list[Commitment]:
        """What is committed for a camera, withdrawn ones left out."""
        return [
            one for one in self.newest.values() if one.committed.camera == camera and one.committed.background
        ]

    def _add(self, staff: Staff) -> None:
        self.staff = {**self.staff, key_id(staff.key): staff}

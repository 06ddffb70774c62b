"""What a check finds, and what it tells while it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from custodes.custody.frames import EnvelopeError


class FindingKind(StrEnum):
    """What is wrong; a closed list. PENDING is nothing wrong: something is under way."""

    MISSING = "missing"
    FLIPPED = "flipped"
    CUT = "cut"
    SWAPPED = "swapped"
    REPLAYED = "replayed"
    SURPLUS = "surplus"
    MALFORMED = "malformed"
    ORPHAN = "orphan"
    LEDGER = "ledger"
    CATALOGUE = "catalogue"
    KEYS = "keys"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, where it is (an object's path, a file, a part of the network) and what of it."""

    kind: FindingKind
    where: str
    what: str

    @property
    def is_damage(self) -> bool:
        """Whether somebody must see to it."""
        return self.kind is not FindingKind.PENDING


# (what is looked at, how many are done, of how many; 0: not known)
Progress: TypeAlias = Callable[[str, int, int], None]


def of_envelope(error: EnvelopeError, where: str) -> Finding:
    """The finding that a damaged envelope or reel is."""
    return Finding(FindingKind(error.damage.value), where, f"at byte {error.offset}: {error.reason}")

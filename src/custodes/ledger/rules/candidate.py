"""An entry on its way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a rule may look at: the body as its kinds read it, the entry's own time and place, who signed."""

    name: str
    body: dict[str, Any]
    json: Any
    hash: bytes
    admitted_us: int
    index: int
    signers: frozenset[bytes]


# Public keys that must have signed, all of them and no others. Errors: UnverifiedError.
Signers: TypeAlias = "Callable[[Facts, Candidate], list[bytes]]"
# Check, then change the facts; whether the entry is late. Every check stands before the first change.
# Errors: RefusedError, and then nothing is changed.
Admission: TypeAlias = "Callable[[Facts, Candidate], bool]"

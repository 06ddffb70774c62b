"""Which custodians an epoch is sealed to, and with which of their keys.

A custodian's key seals in its own week. Where no newer one is certified the last one seals on for 14 days,
then its custodian is left out as long as k + 1 others remain; else the latest of the ended keys seal on.
Source: docs/formats/entries.md (epoch-keys).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from custodes.base.errors import RefusedError
from custodes.ledger.rules.custodians import OVERRUN_US


class KeyTerm(Protocol):
    """A custodian's certified key that is not destroyed, as far as the choice looks at it."""

    @property
    def index(self) -> int:
        """The custodian's index."""
        ...

    @property
    def number(self) -> int:
        """The key's number, from 1."""
        ...

    @property
    def seals_from_us(self) -> int:
        """Since when it seals."""
        ...

    @property
    def seals_until_us(self) -> int:
        """Until when it seals."""
        ...


Term = TypeVar("Term", bound=KeyTerm)


class KeyHealth(Enum):
    """GREEN: everyone by a key of this week. AMBER: somebody is late or left out. RED: too many are."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True)
class KeyChoice(Generic[Term]):
    """The keys to seal to by custodian's index, ascending; who is late and who is left out."""

    keys: Mapping[int, Term]
    health: KeyHealth
    late: tuple[int, ...]
    left_out: tuple[int, ...]


def choose_keys(terms: Iterable[Term], indices: Iterable[int], quorum: int, when_us: int) -> KeyChoice[Term]:
    """Choose for an epoch that begins at `when_us`, among the custodians of those indices.

    Errors: RefusedError when fewer than k + 1 custodians have any key that has begun: nothing can be sealed.
    """
    latest: dict[int, Term] = {}
    known = sorted(set(indices))
    for term in terms:
        if term.index in known and term.seals_from_us <= when_us:
            known_best = latest.get(term.index, term)
            latest[term.index] = max(
                known_best, term, key=lambda one: (one.seals_until_us >= when_us, one.number)
            )
    overdue = {index: when_us - term.seals_until_us for index, term in latest.items()}
    chosen = [index for index in latest if overdue[index] <= OVERRUN_US]
    late = tuple(sorted(index for index in chosen if overdue[index] > 0))
    health = KeyHealth.AMBER if late or len(chosen) < len(known) else KeyHealth.GREEN
    if len(chosen) < quorum + 1:
        health = KeyHealth.RED
        ended = sorted(latest.keys() - chosen, key=lambda index: (overdue[index], index))
        more = ended[: quorum + 1 - len(chosen)]
        chosen += more
        late = tuple(sorted((*late, *more)))
    if len(chosen) < quorum + 1:
        raise RefusedError(f"an epoch needs {quorum + 1} custodians with a key, {len(chosen)} have one")
    return KeyChoice(
        keys={index: latest[index] for index in sorted(chosen)},
        health=health,
        late=late,
        left_out=tuple(index for index in known if index not in chosen),
    )

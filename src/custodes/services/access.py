"""How often staff began to look at cameras: counted by web, stated by the keeper, an hour at a time.

A count is of cameras that somebody began to watch, live or recorded, by role; of whom and which camera, web's own log
alone speaks. Source: docs/formats/entries.md (access).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custodes.base.canon import canon, parse_canon
from custodes.base.clock import HOUR_US
from custodes.base.errors import InvalidError
from custodes.estate.rights import ROLES

ACCESS_TYPE = "custodes/entry/access/v1"
MAX_COUNT = 1 << 40


@dataclass(frozen=True, slots=True)
class HourOfAccess:
    """The counts of an hour. `hour_us`: its beginning, UTC; `counts` by role, none of them 0. Errors: InvalidError."""

    hour_us: int
    counts: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.hour_us < 0 or self.hour_us % HOUR_US:
            raise InvalidError(f"hour_us: {self.hour_us} is not the beginning of an hour")
        unknown = set(self.counts) - set(ROLES)
        if unknown or not all(1 <= count <= MAX_COUNT for count in self.counts.values()):
            raise InvalidError(f"counts: of 1 to {MAX_COUNT}, by the roles {', '.join(ROLES)}")

    def members(self) -> dict[str, object]:
        """What the entry's body says of it."""
        counts = [{"count": count, "role": role} for role, count in sorted(self.counts.items())]
        return {"counts": counts, "hour_us": self.hour_us}

    def encode(self) -> bytes:
        """The question to the keeper."""
        return canon(self.members())


def parse_access(data: bytes) -> HourOfAccess:
    """Errors: InvalidError."""
    value = parse_canon(data)
    if not isinstance(value, dict) or set(value) != {"counts", "hour_us"}:
        raise InvalidError("an hour of access has exactly counts and hour_us")
    rows, hour_us = value["counts"], value["hour_us"]
    if type(hour_us) is not int or not isinstance(rows, list) or len(rows) > len(ROLES):
        raise InvalidError(f"an hour of access has an instant and at most {len(ROLES)} counts")
    counts: dict[str, int] = {}
    for row in rows:
        if not isinstance(row, dict) or set(row) != {"count", "role"}:
            raise InvalidError("a count has exactly count and role")
        role, count = row["role"], row["count"]
        if type(role) is not str or type(count) is not int or role in counts:
            raise InvalidError("a count is a number, of a role that no other has")
        counts[role] = count
    return HourOfAccess(hour_us, counts)

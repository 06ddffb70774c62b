"""Shred keys in the order in which they are taken: each once, while there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custodes.base.errors import ExhaustedError
from custodes.base.sealing import PublicSealingKey


@dataclass(frozen=True, slots=True)
class TakenKey:
    """A shred key for one epoch. `again`: the pools are used up and this one served before."""

    pool: bytes
    index: int
    key: PublicSealingKey
    again: bool


def take_key(
    pools: Mapping[bytes, tuple[bytes, ...]], taken: Mapping[bytes, int]
) -> tuple[TakenKey, dict[bytes, int]]:
    """The next key, and how many of each pool are taken then.

    With all pools used up it is the last key again: late deletion, never lost footage.
    Errors: ExhaustedError when there is no pool at all.
    """
    for pool, keys in pools.items():
        index = taken.get(pool, 0)
        if index < len(keys):
            return TakenKey(pool, index, PublicSealingKey(keys[index]), False), {**taken, pool: index + 1}
    if not pools:
        raise ExhaustedError("no pool of shred keys has come from the keeper yet")
    pool, keys = list(pools.items())[-1]
    return TakenKey(pool, len(keys) - 1, PublicSealingKey(keys[-1]), True), dict(taken)


def keys_left(pools: Mapping[bytes, tuple[bytes, ...]], taken: Mapping[bytes, int]) -> int:
    """How many keys are not taken yet."""
    return sum(len(keys) - min(len(keys), taken.get(pool, 0)) for pool, keys in pools.items())

"""Which shred keys are due, and which would go for want of space. Pure decisions on the ledger's state.

Source: docs/formats/entries.md (shred); docs/design/0006-forgetting.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from custodes.base.clock import HOUR_US
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.holds import is_taken
from custodes.ledger.rules.pools import SPACE_FLOOR_US
from custodes.ledger.rules.state import LedgerState


@dataclass(frozen=True, slots=True)
class DueKey:
    """A shred key that may be destroyed, the epochs that have it, none for an unused one, and since when it may."""

    pool: bytes
    index: int
    epochs: tuple[bytes, ...]
    since_us: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Keys that are due and not destroyed; `oldest_us`: since when the longest due one is, 0 where none is."""

    keys: int
    oldest_us: int


def held_until(state: LedgerState, now_us: int) -> dict[bytes, int]:
    """The last end of a hold of either kind that is not over, by epoch."""
    until: dict[bytes, int] = {}
    for hold in state.facts.holds.values():
        if now_us <= hold.until_us:
            for epoch in hold.epochs:
                until[epoch] = max(until.get(epoch, 0), hold.until_us)
    return until


# (hold, epoch) of which enough was taken out for the epoch's own key to go; None: as the ledger says.
Safe: TypeAlias = Collection[tuple[bytes, bytes]] | None


def due_keys(state: LedgerState, now_us: int, limit: int, safe: Safe = None) -> list[DueKey]:
    """Keys whose every epoch is past its deadline and held back by no hold, the longest due first.

    A full hold does not hold back an epoch that is safe in it.
    Cost: a look at every live epoch.
    """
    return heapq.nsmallest(limit, _due(state, now_us, safe), key=lambda key: key.since_us)


def backlog(state: LedgerState, now_us: int) -> Backlog:
    """What is due now."""
    keys, oldest_us = 0, 0
    for key in _due(state, now_us, None):
        keys += 1
        oldest_us = min(oldest_us, key.since_us) if oldest_us else key.since_us
    return Backlog(keys, oldest_us)


def keys_for_space(
    state: LedgerState, now_us: int, size_bytes: Callable[[bytes], int], needed_bytes: int, limit: int
) -> list[DueKey]:
    """The oldest keys whose epochs' reels have together the bytes needed, no more than that takes.

    Epochs under a hold are passed over; an epoch that may not go yet keeps all of its stream that is younger.
    """
    held = held_until(state, now_us)
    found: list[DueKey] = []
    stopped: set[bytes] = set()
    live = (epoch for epoch in state.facts.epochs.live.values() if not epoch.shredded)
    for epoch in sorted(live, key=lambda epoch: (epoch.utc0_us, epoch.id)):
        if needed_bytes <= 0 or len(found) == limit:
            break
        if epoch.id in held or epoch.stream in stopped:
            continue
        if not _may_go_for_space(state, epoch, now_us):
            stopped.add(epoch.stream)
            continue
        found.append(DueKey(epoch.pool, epoch.key_index, (epoch.id,), now_us))
        needed_bytes -= size_bytes(epoch.id)
    return found


def _may_go_for_space(state: LedgerState, epoch: Epoch, now_us: int) -> bool:
    # A key that several epochs have is left to their deadlines: the younger ones are not the oldest.
    alone = len(state.facts.pools[epoch.pool].epochs[epoch.key_index]) == 1
    return epoch.closed and alone and now_us > epoch.utc0_us + SPACE_FLOOR_US


def overtaken_keys(state: LedgerState, now_us: int, limit: int) -> list[DueKey]:
    """Keys without an epoch that no epoch can be entered with any more; `epochs` is empty.

    A recorder takes keys in order and hands its Epoch entries in in order. A key that a later one has overtaken in
    the ledger thus was taken before, and its epoch's deadline is past when the longest retention of that recorder's
    cameras is over since. The keys behind the last one used may still be taken; they stay.
    """
    later_us: dict[bytes, int] = {}
    found: list[DueKey] = []
    for pool in reversed(state.facts.pools.values()):
        wait_us = _longest_wait_us(state, pool.recorder)
        overtaken = dict(pool.overtaken)
        if pool.begun_us and pool.recorder in later_us and pool.highest < pool.count - 1:
            # The recorder has gone on to another pool: it has taken all of this one.
            rest = range(pool.highest + 1, pool.count)
            overtaken.update((index, later_us[pool.recorder]) for index in rest if not pool.shredded[index])
        if pool.begun_us:
            later_us[pool.recorder] = min(later_us.get(pool.recorder, pool.begun_us), pool.begun_us)
        found += [
            DueKey(pool.id, index, (), since_us + wait_us)
            for index, since_us in overtaken.items()
            if since_us + wait_us <= now_us
        ]
    return heapq.nsmallest(limit, found, key=lambda key: key.since_us)


def _longest_wait_us(state: LedgerState, recorder: bytes) -> int:
    """From when an epoch was taken in hand to when it can no longer be entered, an hour for clocks that differ."""
    cameras = state.facts.recorders[recorder].cameras
    kept_us = (
        retention_us for camera in cameras for _, retention_us in state.facts.cameras[camera].retentions
    )
    return HOUR_US + state.genesis.periods.epoch_us + max(kept_us, default=0)


def ended_holds(state: LedgerState, now_us: int) -> list[bytes]:
    """Full holds that are over and whose pair is not destroyed."""
    return [
        hold.id
        for hold in state.facts.holds.values()
        if hold.kind == "full" and not hold.ended and hold.until_us < now_us
    ]


def _held_back(state: LedgerState, now_us: int, safe: Safe) -> set[bytes]:
    live = state.facts.epochs.live
    held: set[bytes] = set()
    for hold in state.facts.holds.values():
        if now_us > hold.until_us:
            continue
        for epoch in hold.epochs:
            is_safe = hold.kind == "full" and epoch in live and is_taken(hold, live[epoch])
            if not is_safe or (safe is not None and (hold.id, epoch) not in safe):
                held.add(epoch)
    return held


def _due(state: LedgerState, now_us: int, safe: Safe) -> Iterator[DueKey]:
    held = _held_back(state, now_us, safe)
    ended = _ended_holds(state, now_us)
    seen: set[tuple[bytes, int]] = set()
    for epoch in state.facts.epochs.live.values():
        key = (epoch.pool, epoch.key_index)
        if epoch.shredded or epoch.deadline_us > now_us or key in seen:
            continue
        seen.add(key)
        epochs = state.facts.pools[epoch.pool].epochs[epoch.key_index]
        deadline_us = max(state.facts.epochs.live[one].deadline_us for one in epochs)
        if deadline_us > now_us or any(one in held for one in epochs):
            continue
        since_us = max(deadline_us, *(ended.get(one, 0) for one in epochs))
        yield DueKey(*key, epochs, since_us)


def _ended_holds(state: LedgerState, now_us: int) -> dict[bytes, int]:
    ended: dict[bytes, int] = {}
    for hold in state.facts.holds.values():
        if hold.until_us < now_us:
            for epoch in hold.epochs:
                if epoch in state.facts.epochs.live:
                    ended[epoch] = max(ended.get(epoch, 0), hold.until_us + 1)
    return ended

"""Pool and Shred: keys of deletion, each for one epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custodes.base.clock import DAY_US
from custodes.base.ids import ID_BYTES
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.holds import Hold, end_hold, is_held_back
from custodes.ledger.rules.refusal import refuse

if TYPE_CHECKING:
    from custodes.ledger.rules.epochs import Epoch
    from custodes.ledger.rules.facts import Facts

# What began within so long is not shredded for want of space.
SPACE_FLOOR_US = DAY_US
_NO_EPOCH = bytes(ID_BYTES)


@dataclass(slots=True)
class Pool:
    """A recorder's pool: which epochs have which of its keys, and which keys are shredded."""

    id: bytes
    recorder: bytes
    count: int
    index: int
    shredded: bytearray
    # Key index -> its live epochs; a key's row goes when it is shredded.
    epochs: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    # When its first epoch was admitted, 0: none was; and the highest index that an epoch has had.
    begun_us: int = 0
    highest: int = -1
    # Keys without an epoch below one that has had one -> when that was admitted.
    overtaken: dict[int, int] = field(default_factory=dict)

    def use(self, index: int, epoch: bytes, admitted_us: int) -> None:
        """An epoch has that key."""
        self.epochs[index] = (*self.epochs.get(index, ()), epoch)
        self.begun_us = self.begun_us or admitted_us
        self.overtaken.pop(index, None)
        passed = range(self.highest + 1, index)
        self.overtaken.update((one, admitted_us) for one in passed if not self.shredded[one])
        self.highest = max(self.highest, index)

    @property
    def ahead(self) -> int:
        """How many keys behind the highest that an epoch has had are not shredded."""
        return self.shredded.count(0, self.highest + 1)

    @property
    def unused(self) -> int:
        """How many keys have neither epoch nor been shredded."""
        return self.count - len(self.epochs) - self.shredded.count(1)


def admit_pool(facts: Facts, candidate: Candidate) -> bool:
    """A new pool."""
    body = candidate.body
    if body["recorder"] not in facts.recorders or body["pool"] in facts.pools:
        refuse("pool-new", "the recorder is unknown or the pool known already")
    facts.pools[body["pool"]] = Pool(
        body["pool"], body["recorder"], body["count"], candidate.index, bytearray(body["count"])
    )
    return False


def admit_shred(facts: Facts, candidate: Candidate) -> bool:
    """Keys that are destroyed, and with them the epochs that had them."""
    items = candidate.body["items"]
    if candidate.body["reason"] == "hold":
        return _admit_ended_holds(facts, candidate)
    keys = [(item["pool"], item["index"]) for item in items]
    if len(set(keys)) != len(keys):
        refuse("shred-once", "a key is named twice")
    for item in items:
        _check_item(facts, candidate, item)
    if candidate.body["reason"] == "space":
        _check_space(facts, candidate)
    if candidate.body["reason"] == "erasure":
        # The keeper alone would destroy what is inconvenient. Source: docs/design/0006-forgetting.md.
        refuse("shred-erasure", "no case can ask for early erasure yet")
    for item in items:
        pool = facts.pools[item["pool"]]
        pool.shredded[item["index"]] = 1
        pool.overtaken.pop(item["index"], None)
        for epoch in pool.epochs.pop(item["index"], ()):
            facts.epochs.shred(epoch)
    return False


def _admit_ended_holds(facts: Facts, candidate: Candidate) -> bool:
    """The pairs of full holds that are over."""
    ending: list[Hold] = []
    for item in candidate.body["items"]:
        hold = facts.holds.get(item["pool"])
        if hold is None or hold.kind != "full" or item["index"] or item["epoch"] != _NO_EPOCH:
            refuse("shred-known", "no such full hold")
        if hold.ended or hold in ending:
            refuse("shred-once", f"the pair of hold {hold.id.hex()} is shredded already")
        if candidate.admitted_us <= hold.until_us:
            refuse("shred-hold", f"hold {hold.id.hex()} is not over")
        ending.append(hold)
    for hold in ending:
        end_hold(facts, hold)
    return False


def _check_item(facts: Facts, candidate: Candidate, item: dict[str, Any]) -> None:
    pool = facts.pools.get(item["pool"])
    index, reason = item["index"], candidate.body["reason"]
    if pool is None or index >= pool.count:
        refuse("shred-known", "no such pool or key")
    if pool.shredded[index]:
        refuse("shred-once", f"key {index} of pool {pool.id.hex()} is shredded already")
    epochs = pool.epochs.get(index, ())
    if reason == "unused":
        if epochs or item["epoch"] != _NO_EPOCH:
            refuse("shred-unused", f"key {index} of pool {pool.id.hex()} has an epoch")
        return
    if item["epoch"] not in epochs:
        refuse("shred-known", f"no epoch {item['epoch'].hex()} has that key")
    live = [facts.epochs.live[epoch] for epoch in epochs]
    if reason == "deadline" and any(candidate.admitted_us < epoch.deadline_us for epoch in live):
        refuse("shred-deadline", "an epoch's deadline has not come")
    # Of an entry for space the order is checked with holds of both kinds, below.
    if reason != "space" and any(is_held_back(facts, epoch, candidate, reason) for epoch in live):
        refuse("shred-hold", "an epoch is under a full hold that lacks shares of it")


def _check_space(facts: Facts, candidate: Candidate) -> None:
    now_us = candidate.admitted_us
    held = {epoch for hold in facts.holds.values() if now_us <= hold.until_us for epoch in hold.epochs}
    going: dict[bytes, Epoch] = {}
    for item in candidate.body["items"]:
        for epoch in facts.pools[item["pool"]].epochs[item["index"]]:
            going[epoch] = facts.epochs.live[epoch]
    for found in going.values():
        if not found.closed or now_us <= found.utc0_us + SPACE_FLOOR_US:
            refuse("shred-space", "an epoch is still open or began within 24 hours")
        for utc0_us, epoch in facts.epochs.by_stream[found.stream]:
            if utc0_us >= found.utc0_us:
                break
            if epoch not in going and epoch not in held and not facts.epochs.live[epoch].shredded:
                refuse("shred-space", f"epoch {epoch.hex()} of the stream is older and stays")
    if not held.isdisjoint(going):
        refuse("shred-hold", "an epoch is under a hold")

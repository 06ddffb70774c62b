"""Hold and HoldShare: what delays deletion, for named epochs, for a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custodes.base.clock import DAY_US
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.people import (
    custodian_named,
    roster_in_force,
    sign_keeper,
    sign_supervisor,
)
from custodes.ledger.rules.refusal import refuse

if TYPE_CHECKING:
    from custodes.ledger.rules.epochs import Epoch
    from custodes.ledger.rules.facts import Facts

MAX_HOLD_US = {"provisional": 7 * DAY_US, "full": 90 * DAY_US}
HOLDABLE_KINDS = ("court-order", "incident")


@dataclass(frozen=True, slots=True)
class TakenShare:
    """A custodian's message of an epoch: the index under which it was stated, and its hash."""

    custodian: int
    message: bytes


@dataclass(slots=True)
class Hold:
    """A hold and, by epoch, what was taken out for it by custodian's identity key.

    `ended`: its pair is destroyed; nothing that was taken out for it opens any more.
    """

    id: bytes
    kind: str
    epochs: tuple[bytes, ...]
    until_us: int
    request: bytes
    index: int
    statement: bytes
    commitment: bytes
    admitted_us: int
    shares: dict[bytes, dict[bytes, TakenShare]] = field(default_factory=dict)
    ended: bool = False

    def full_at(self, when_us: int) -> bool:
        """Whether it is full and not over."""
        return self.kind == "full" and when_us <= self.until_us

    def shares_of(self, epoch: bytes) -> Mapping[bytes, TakenShare]:
        """What was taken out of an epoch, by custodian's identity key."""
        return self.shares.get(epoch, {})


def sign_hold(facts: Facts, candidate: Candidate) -> list[bytes]:
    """Provisional: a supervisor; full: the keeper."""
    provisional = candidate.body["kind"] == "provisional"
    return (sign_supervisor if provisional else sign_keeper)(facts, candidate)


def admit_hold(facts: Facts, candidate: Candidate) -> bool:
    """A hold of epochs that can still be opened."""
    body = candidate.body
    kind, epochs = body["kind"], body["epochs"]
    if body["hold"] in facts.holds:
        refuse("hold-new", "the hold is known")
    _check_epochs(facts, candidate)
    if not candidate.admitted_us < body["until_us"] <= candidate.admitted_us + MAX_HOLD_US[kind]:
        refuse("hold-until", f"a {kind} hold ends within {MAX_HOLD_US[kind] // DAY_US} days")
    if kind == "provisional":
        _check_provisional(facts, body)
    else:
        _check_full(facts, candidate)
    hold = Hold(
        body["hold"],
        kind,
        tuple(epochs),
        body["until_us"],
        body["request"],
        candidate.index,
        candidate.hash,
        body["commitment"],
        candidate.admitted_us,
    )
    _add(facts, hold)
    return False


def admit_hold_share(facts: Facts, candidate: Candidate) -> bool:
    """A custodian's shares of an epoch, sealed anew for a hold."""
    body = candidate.body
    identity = custodian_named(facts, candidate)
    hold = facts.holds.get(body["hold"])
    if hold is None or not hold.full_at(candidate.admitted_us):
        refuse("hold-share-known", "no such full hold, or it is over")
    live = facts.epochs.live
    epoch = next(
        (live[one] for one in hold.epochs if one in live and live[one].header_hash == body["header"]), None
    )
    if epoch is None or identity not in epoch.sealed_to or identity in hold.shares_of(epoch.id):
        refuse(
            "hold-share-known",
            "the hold names no such epoch, it is not sealed to the custodian, or its share was stated",
        )
    hold.shares.setdefault(epoch.id, {})[identity] = TakenShare(body["custodian"], body["message"])
    return False


def is_taken(hold: Hold, epoch: Epoch) -> bool:
    """Whether as many custodians as the epoch's quorum have taken their shares out for the hold."""
    return len(hold.shares_of(epoch.id)) >= epoch.quorum


def is_held_back(facts: Facts, epoch: Epoch, candidate: Candidate, reason: str) -> bool:
    """Whether a full hold forbids to shred an epoch's key for that reason.

    At its deadline it may go once every full hold in force has shares of as many as the quorum.
    """
    return any(
        hold.full_at(candidate.admitted_us) and not (reason == "deadline" and is_taken(hold, epoch))
        for hold in facts.full_holds.get(epoch.id, ())
    )


def end_hold(facts: Facts, hold: Hold) -> None:
    """Its pair is destroyed."""
    hold.ended = True
    for epoch in hold.epochs:
        left = [one for one in facts.full_holds.pop(epoch, ()) if one is not hold]
        if left:
            facts.full_holds[epoch] = left
        if epoch in facts.epochs.live:
            facts.epochs.let_go(epoch)


def _add(facts: Facts, hold: Hold) -> None:
    facts.holds[hold.id] = hold
    facts.hold_of_statement[hold.statement] = hold
    if hold.kind == "provisional":
        facts.provisionally_held.update(hold.epochs)
        return
    facts.requests_held.add(hold.request)
    for epoch in hold.epochs:
        facts.full_holds.setdefault(epoch, []).append(hold)
        facts.epochs.hold(epoch)


def _check_epochs(facts: Facts, candidate: Candidate) -> None:
    epochs = candidate.body["epochs"]
    if sorted(set(epochs)) != epochs:
        refuse("hold-epochs", "must be ascending, none twice")
    for id_ in epochs:
        epoch = facts.epochs.live.get(id_)
        if epoch is None or not _opens(facts, epoch, candidate):
            refuse("hold-epochs", f"epoch {id_.hex()} is unknown, or nothing opens it any more")


def _opens(facts: Facts, epoch: Epoch, candidate: Candidate) -> bool:
    if not epoch.shredded:
        return True
    # Only what is taken out can be taken over by another hold, and only by a full one.
    return candidate.body["kind"] == "full" and any(
        hold.full_at(candidate.admitted_us) and is_taken(hold, epoch)
        for hold in facts.full_holds.get(epoch.id, ())
    )


def _check_provisional(facts: Facts, body: dict[str, Any]) -> None:
    if not facts.provisionally_held.isdisjoint(body["epochs"]):
        refuse("hold-once", "an epoch was held provisionally before")
    if body["request"] and body["request"] not in facts.requests:
        refuse("hold-request", "no such request")


def _check_full(facts: Facts, candidate: Candidate) -> None:
    request = facts.requests.get(candidate.body["request"])
    if request is None or request.kind not in HOLDABLE_KINDS or request.withdrawn:
        refuse("hold-quorum", "needs a court order or incident that is not withdrawn")
    if len(request.granting) < roster_in_force(facts).quorum:
        refuse("hold-quorum", f"only {len(request.granting)} custodians have granted")
    if candidate.admitted_us > request.expiry_us or request.hash in facts.requests_held:
        refuse("hold-request", "the request has expired, or has had its hold")

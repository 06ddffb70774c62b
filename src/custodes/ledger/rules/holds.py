"""Hold and HoldShare: what delays deletion, for named epochs, for a time."""

from __future__ import annotations

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
    from custodes.ledger.rules.facts import Facts

MAX_HOLD_US = {"provisional": 7 * DAY_US, "full": 90 * DAY_US}
HOLDABLE_KINDS = ("court-order", "incident")


@dataclass(slots=True)
class Hold:
    """A hold and the shares taken out for it: (custodian's identity key, epoch)."""

    id: bytes
    kind: str
    epochs: tuple[bytes, ...]
    until_us: int
    request: bytes
    index: int
    shares: set[tuple[bytes, bytes]] = field(default_factory=set)

    def full_at(self, when_us: int) -> bool:
        """Whether it is full and not over."""
        return self.kind == "full" and when_us <= self.until_us


def sign_hold(facts: Facts, candidate: Candidate) -> list[bytes]:
    """Provisional: a supervisor; full: the keeper."""
    provisional = candidate.body["kind"] == "provisional"
    return (sign_supervisor if provisional else sign_keeper)(facts, candidate)


def admit_hold(facts: Facts, candidate: Candidate) -> bool:
    """A hold of epochs that still have their keys."""
    body = candidate.body
    kind, epochs = body["kind"], body["epochs"]
    if body["hold"] in facts.holds:
        refuse("hold-new", "the hold is known")
    _check_epochs(facts, epochs)
    if not candidate.admitted_us < body["until_us"] <= candidate.admitted_us + MAX_HOLD_US[kind]:
        refuse("hold-until", f"a {kind} hold ends within {MAX_HOLD_US[kind] // DAY_US} days")
    if kind == "provisional":
        _check_provisional(facts, body)
        facts.provisionally_held.update(epochs)
    else:
        _check_full(facts, body)
        for epoch in epochs:
            facts.held_until_us[epoch] = max(facts.held_until_us.get(epoch, 0), body["until_us"])
    hold = Hold(body["hold"], kind, tuple(epochs), body["until_us"], body["request"], candidate.index)
    facts.holds[hold.id] = hold
    facts.hold_of_statement[candidate.hash] = hold
    return False


def admit_hold_share(facts: Facts, candidate: Candidate) -> bool:
    """A custodian's shares of an epoch, sealed anew for a hold."""
    body = candidate.body
    identity = custodian_named(facts, candidate)
    hold = facts.holds.get(body["hold"])
    if hold is None or not hold.full_at(candidate.admitted_us):
        refuse("hold-share-known", "no such full hold, or it is over")
    epoch = next(
        (
            epoch
            for epoch in hold.epochs
            if epoch in facts.epochs.live and facts.epochs.live[epoch].header_hash == body["header"]
        ),
        None,
    )
    if epoch is None or (identity, epoch) in hold.shares:
        refuse("hold-share-known", "the hold names no such epoch, or the custodian has stated its share")
    hold.shares.add((identity, epoch))
    return False


def _check_epochs(facts: Facts, epochs: list[bytes]) -> None:
    if sorted(set(epochs)) != epochs:
        refuse("hold-epochs", "must be ascending, none twice")
    for epoch in epochs:
        found = facts.epochs.live.get(epoch)
        if found is None or found.shredded:
            refuse("hold-epochs", f"epoch {epoch.hex()} is unknown or shredded")


def _check_provisional(facts: Facts, body: dict[str, Any]) -> None:
    if not facts.provisionally_held.isdisjoint(body["epochs"]):
        refuse("hold-once", "an epoch was held provisionally before")
    if body["request"] and body["request"] not in facts.requests:
        refuse("hold-request", "no such request")


def _check_full(facts: Facts, body: dict[str, Any]) -> None:
    request = facts.requests.get(body["request"])
    if request is None or request.kind not in HOLDABLE_KINDS or request.withdrawn:
        refuse("hold-quorum", "needs a court order or incident that is not withdrawn")
    if len(request.granting) < roster_in_force(facts).quorum:
        refuse("hold-quorum", f"only {len(request.granting)} custodians have granted")

"""Request to Disclosure, and the Unwraps for them. Source: docs/formats/open.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custodes.base.canon import typed_hash
from custodes.base.clock import DAY_US
from custodes.base.keys import key_id
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.people import custodian_named, roster_in_force, staff_who_signed
from custodes.ledger.rules.refusal import refuse, unsigned

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts

MAX_EXPIRY_US = 30 * DAY_US
MAX_UNWRAPS = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """A custodian's answer."""

    identity: bytes
    hash: bytes
    verdict: str
    client: str
    count: int
    index: int

    @property
    def grants(self) -> bool:
        """Whether any slot is granted."""
        return self.verdict != "refuse"


@dataclass(frozen=True, slots=True)
class Release:
    """A custodian's set of shares."""

    identity: bytes
    decisions: bytes
    set: bytes
    count: int
    index: int


@dataclass(slots=True)
class Request:
    """A request and all that followed it; decisions and releases in ledger order, by identity key."""

    hash: bytes
    kind: str
    count: int
    decisions_needed: int
    expiry_us: int
    index: int
    staff: frozenset[bytes]
    decisions: dict[bytes, Decision] = field(default_factory=dict)
    releases: dict[bytes, Release] = field(default_factory=dict)
    withdrawn: bool = False
    disclosed: bool = False

    def open_at(self, when_us: int) -> bool:
        """Whether it may still be decided, released or fetched for."""
        return when_us <= self.expiry_us and not self.withdrawn

    @property
    def granting(self) -> list[Decision]:
        """Granting decisions in ledger order."""
        return [decision for decision in self.decisions.values() if decision.grants]

    def quorums(self, identity: bytes, installed_clients: int) -> list[list[Decision]]:
        """The granting decisions at each size of the ledger at which that custodian may release."""
        granting = self.granting
        prefixes = (granting[:length] for length in range(self.decisions_needed, len(granting) + 1))
        return [
            prefix
            for prefix in prefixes
            if sum(decision.client == "installed" for decision in prefix) >= installed_clients
            and any(decision.identity == identity for decision in prefix)
        ]


def decisions_hash(decisions: list[Decision]) -> bytes:
    """What a release names them by: H("custodes/decisions/v1", their hashes sorted and joined)."""
    return typed_hash("custodes/decisions/v1", *sorted(decision.hash for decision in decisions))


def sign_request(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The discloser and two usable staff of two roles."""
    discloser = roster_in_force(facts).discloser.signing
    pair = staff_who_signed(facts, candidate, candidate.signers - {key_id(discloser)})
    if len(pair) != 2 or pair[0].role == pair[1].role:
        unsigned("needs the discloser and two of staff, of two roles")
    return [discloser, *(staff.key for staff in pair)]


def sign_withdrawn(facts: Facts, candidate: Candidate) -> list[bytes]:
    """One of the staff who signed the request."""
    request = facts.requests.get(candidate.body["request"])
    if request is None or len(candidate.signers) != 1 or not candidate.signers <= request.staff:
        unsigned("needs one of the request's staff")
    return [facts.staff[key].key for key in candidate.signers]


def admit_request(facts: Facts, candidate: Candidate) -> bool:
    """A request, to be decided before it expires."""
    body = candidate.body
    roster = roster_in_force(facts)
    if body["request"] in facts.requests:
        refuse("request-new", "the request is known")
    if not candidate.admitted_us < body["expiry_us"] <= candidate.admitted_us + MAX_EXPIRY_US:
        refuse("request-expiry", "must be ahead, by 30 days at most")
    if not roster.quorum <= body["decisions_needed"] <= len(roster.custodians):
        refuse("request-decisions", f"needs {roster.quorum} to {len(roster.custodians)} decisions")
    facts.requests[body["request"]] = Request(
        hash=body["request"],
        kind=body["kind"],
        count=body["count"],
        decisions_needed=body["decisions_needed"],
        expiry_us=body["expiry_us"],
        index=candidate.index,
        staff=candidate.signers - {key_id(roster.discloser.signing)},
    )
    return False


def admit_withdrawn(facts: Facts, candidate: Candidate) -> bool:
    """The staff's own end of a request."""
    request = facts.requests[candidate.body["request"]]
    if request.disclosed or request.withdrawn:
        refuse("withdrawn-open", "the request is disclosed or withdrawn already")
    request.withdrawn = True
    return False


def admit_decision(facts: Facts, candidate: Candidate) -> bool:
    """A custodian's answer, once."""
    body = candidate.body
    identity = custodian_named(facts, candidate)
    request = facts.requests.get(body["request"])
    if request is None or not request.open_at(candidate.admitted_us):
        refuse("decision-open", "no such request, or expired or withdrawn")
    if identity in request.decisions:
        refuse("decision-once", f"custodian {body['custodian']} has decided")
    if not _count_fits(body["verdict"], body["count"], request.count):
        refuse("decision-count", f"{body['count']} slots do not fit {body['verdict']} of {request.count}")
    _check_checkpoint(facts, candidate, request)
    request.decisions[identity] = Decision(
        identity, candidate.hash, body["verdict"], body["client"], body["count"], candidate.index
    )
    return False


def admit_release(facts: Facts, candidate: Candidate) -> bool:
    """A custodian's shares, after the quorum, once."""
    body = candidate.body
    identity = custodian_named(facts, candidate)
    request = facts.requests.get(body["request"])
    if request is None or not request.open_at(candidate.admitted_us):
        refuse("release-open", "no such request, or expired or withdrawn")
    if identity in request.releases:
        refuse("release-once", f"custodian {body['custodian']} has released")
    if body["count"] > request.count:
        refuse("release-count", f"{body['count']} of {request.count} slots")
    quorums = request.quorums(identity, roster_in_force(facts).installed_clients)
    if not quorums:
        refuse(
            "release-quorum",
            f"{len(request.granting)} of {request.decisions_needed} needed, its own among them",
        )
    if body["decisions"] not in map(decisions_hash, quorums):
        refuse("release-decisions", "are not the granting decisions at any size since the quorum")
    request.releases[identity] = Release(
        identity, body["decisions"], body["set"], body["count"], candidate.index
    )
    return False


def admit_disclosure(facts: Facts, candidate: Candidate) -> bool:
    """The act of opening."""
    body = candidate.body
    request = facts.requests.get(body["request"])
    if request is None:
        refuse("disclosure-known", "no such request")
    if request.disclosed:
        refuse("disclosure-once", "the request is disclosed already")
    if len(request.releases) < roster_in_force(facts).quorum:
        refuse("disclosure-releases", f"only {len(request.releases)} custodians have released")
    if body["count"] > request.count:
        refuse("disclosure-count", f"{body['count']} of {request.count} slots")
    request.disclosed = True
    return False


def admit_failed(facts: Facts, candidate: Candidate) -> bool:
    """An opening that did not succeed."""
    request = facts.requests.get(candidate.body["request"])
    if request is None or request.disclosed:
        refuse("failed-open", "no such request, or disclosed already")
    return False


def admit_unwrap(facts: Facts, candidate: Candidate) -> bool:
    """The keeper's statement that it took a shred wrap off."""
    body = candidate.body
    # By L, so that the custodian is not among the signers; an unknown one is no purpose either.
    identity = roster_in_force(facts).identities.get(body["custodian"])
    if identity is None or not _purpose_stands(facts, candidate, body["purpose"]):
        refuse("unwrap-purpose", "no such request, full hold or custodian, or it is over")
    key = (body["purpose"]["hash"], identity)
    done = facts.unwraps.get(key, 0)
    if done >= MAX_UNWRAPS:
        refuse("unwrap-thrice", f"custodian {body['custodian']} has fetched {done} times")
    facts.unwraps[key] = done + 1
    return False


def _purpose_stands(facts: Facts, candidate: Candidate, purpose: dict[str, Any]) -> bool:
    if purpose["kind"] == "request":
        request = facts.requests.get(purpose["hash"])
        return request is not None and request.open_at(candidate.admitted_us)
    hold = facts.hold_of_statement.get(purpose["hash"])
    return hold is not None and hold.full_at(candidate.admitted_us)


def _count_fits(verdict: str, count: int, asked: int) -> bool:
    if verdict == "refuse":
        return count == 0
    return count == asked if verdict == "grant" else 0 < count < asked


def _check_checkpoint(facts: Facts, candidate: Candidate, request: Request) -> None:
    size = candidate.body["checkpoint"]["size"]
    if not request.index + 1 <= size <= candidate.index:
        refuse("decision-checkpoint", f"size {size} does not hold the request, or is yet to come")
    if facts.tree.root(size) != candidate.body["checkpoint"]["root"]:
        refuse("decision-checkpoint", f"is not this ledger's root at size {size}")

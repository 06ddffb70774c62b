"""Request, withdrawn, decision, release, disclosure, failed, unwrap."""

from __future__ import annotations

from custodes_verify.bytes import digest, key_id
from custodes_verify.documents import DAY_US
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.state import Request, State

_LONGEST_US = 30 * DAY_US
_UNWRAPS = 3


def request(state: State, entry: Entry) -> None:
    """A request, by the discloser and two people of two roles."""
    body, roster = entry.body, state.in_force()
    signers = state.signers(entry)
    people = signers - {key_id(roster.discloser)}
    roles = state.usable_roles(people, entry.admitted_us)
    if len(signers) != 3 or len(roles) != 2 or len(set(roles)) != 2:
        raise RuleError("signature", "not signed by the discloser and two staff of two roles")
    if body["request"] in state.requests:
        raise RuleError("request-new", "the request was entered before")
    if not entry.admitted_us < body["expiry_us"] <= entry.admitted_us + _LONGEST_US:
        raise RuleError("request-expiry", "expired already, or valid for over 30 days")
    if not roster.quorum <= body["decisions_needed"] <= len(roster.custodians):
        raise RuleError("request-decisions", f"{body['decisions_needed']} decisions asked for")
    state.requests[body["request"]] = Request(
        index=state.counts.get("entries", 0),
        count=body["count"],
        kind=body["kind"],
        needed=body["decisions_needed"],
        expiry_us=body["expiry_us"],
        signers=frozenset(people),
    )


def withdrawn(state: State, entry: Entry) -> None:
    """A request taken back by one of those who made it."""
    signers = state.signers(entry)
    found = state.requests.get(entry.body["request"])
    if found is None or len(signers) != 1 or not signers <= found.signers:
        raise RuleError("signature", "not signed by one of the request's staff")
    state.usable_roles(signers, entry.admitted_us)
    if found.disclosed or found.withdrawn:
        raise RuleError("withdrawn-open", "disclosed or withdrawn already")
    found.withdrawn = True


def _open(state: State, entry: Entry, rule: str) -> Request:
    found = state.requests.get(entry.body["request"])
    if found is None or found.withdrawn or entry.admitted_us > found.expiry_us:
        raise RuleError(rule, "the request is unknown, expired or withdrawn")
    return found


def decision(state: State, entry: Entry) -> None:
    """A custodian's answer, made under a checkpoint that includes the request."""
    body = entry.body
    custodian = state.custodian(body["custodian"])
    state.require(entry, custodian.identity)
    found = _open(state, entry, "decision-open")
    if custodian.identity in found.decided:
        raise RuleError("decision-once", f"custodian {custodian.index} had decided")
    verdict, count = body["verdict"], body["count"]
    fits = {"refuse": count == 0, "part": 0 < count < found.count, "grant": count == found.count}
    if not fits[verdict]:
        raise RuleError("decision-count", f"verdict {verdict} for {count} of {found.count} slots")
    size = body["checkpoint"]["size"]
    if not found.index < size <= state.counts.get("entries", 0):
        raise RuleError(
            "decision-checkpoint", "made under a checkpoint without the request, or of the future"
        )
    if state.root_at(size) != body["checkpoint"]["root"]:
        raise RuleError("decision-checkpoint", f"the ledger had another root at size {size}")
    found.decided.add(custodian.identity)
    if verdict != "refuse":
        found.granted_by.add(custodian.identity)
        found.grants.append((entry.statement, body["client"] == "installed"))


def decisions_hash(decisions: list[bytes]) -> bytes:
    """What a release says of the decisions it rests on."""
    return digest("custodes/decisions/v1", *sorted(decisions))


def release(state: State, entry: Entry) -> None:
    """A custodian's shares, given only after the decisions."""
    body, roster = entry.body, state.in_force()
    custodian = state.custodian(body["custodian"])
    state.require(entry, custodian.identity)
    found = _open(state, entry, "release-open")
    if custodian.identity in found.released:
        raise RuleError("release-once", f"custodian {custodian.index} had released")
    if body["count"] > found.count:
        raise RuleError("release-count", "more slots than were asked for")
    quorums = _quorums(found.grants, found.needed, roster.installed_clients)
    if not quorums or custodian.identity not in found.granted_by:
        raise RuleError("release-quorum", f"{len(found.grants)} grants do not suffice, or its own is missing")
    if body["decisions"] not in quorums:
        raise RuleError("release-decisions", "rests on other decisions than the ledger's")
    found.released.add(custodian.identity)
    if len(found.released) == roster.quorum:
        found.opened_us = entry.admitted_us


def _quorums(grants: list[tuple[bytes, bool]], needed: int, installed_needed: int) -> set[bytes]:
    """Hashes over the granting decisions at each size of the ledger at which they sufficed."""
    sufficient = set()
    for count in range(needed, len(grants) + 1):
        if sum(installed for _, installed in grants[:count]) >= installed_needed:
            sufficient.add(decisions_hash([statement for statement, _ in grants[:count]]))
    return sufficient


def disclosure(state: State, entry: Entry) -> None:
    """The act of opening."""
    body, roster = entry.body, state.in_force()
    state.require(entry, roster.discloser)
    found = state.requests.get(body["request"])
    if found is None:
        raise RuleError("disclosure-known", "the request is unknown")
    if found.disclosed:
        raise RuleError("disclosure-once", "disclosed already")
    if len(found.released) < roster.quorum:
        raise RuleError("disclosure-releases", f"{len(found.released)} releases, {roster.quorum} needed")
    if body["count"] > found.count:
        raise RuleError("disclosure-count", "more slots than were asked for")
    found.disclosed = True


def failed(state: State, entry: Entry) -> None:
    """The discloser's statement that an opening failed, and whose fault it was."""
    state.require(entry, state.in_force().discloser)
    found = state.requests.get(entry.body["request"])
    if found is None or found.disclosed:
        raise RuleError("failed-open", "the request is unknown or disclosed")
    found.failed = True


def unwrap(state: State, entry: Entry) -> None:
    """The keeper's statement that it took the shred wrap off a custodian's messages."""
    body = entry.body
    state.require(entry, state.in_force().keeper)
    purpose = body["purpose"]["hash"]
    if body["purpose"]["kind"] == "hold":
        hold = state.holds.get(state.full_holds.get(purpose, b""))
        if hold is None or entry.admitted_us > hold.until_us:
            raise RuleError("unwrap-purpose", "no full hold in force")
    else:
        found = state.requests.get(purpose)
        if found is None or found.withdrawn or entry.admitted_us > found.expiry_us:
            raise RuleError("unwrap-purpose", "the request is unknown, expired or withdrawn")
    known = state.in_force().custodians.get(body["custodian"])
    if known is None:
        raise RuleError("unwrap-purpose", f"there is no custodian {body['custodian']}")
    pair = (purpose, known.identity)
    if state.unwraps.get(pair, 0) >= _UNWRAPS:
        raise RuleError("unwrap-thrice", "more than three for one purpose and custodian")
    state.unwraps[pair] = state.unwraps.get(pair, 0) + 1

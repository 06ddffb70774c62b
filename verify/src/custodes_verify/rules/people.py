"""Genesis, roster, recorder, staff, key-cert, destroyed."""

from __future__ import annotations

from custodes_verify.bytes import key_id
from custodes_verify.documents import Roster, check_limits, check_staff, key_ids, read_roster
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.state import Certificate, Recorder, Staff, State

WEEKLY_KEYS = 5


def genesis(state: State, entry: Entry) -> None:
    """Entry 0: the network's first roster, keys and periods; its hash is the network."""
    body = entry.body
    roster = read_roster(body, entry.statement)
    state.learn(*roster.keys(), *(key for _, key in roster.witnesses), body["log"]["key"])
    state.learn(*(row["key"] for row in body["staff"]))
    state.require(entry, *roster.identities(), roster.operator)
    check_limits(body, "genesis-limits")
    check_staff(body)
    state.network, state.genesis = entry.statement, body
    for row in body["staff"]:
        state.staff[key_id(row["key"])] = Staff(row["key"], row["role"], 0)
        state.pseudonyms.add(row["pseudonym"])
    _appoint(state, roster)


def _appoint(state: State, roster: Roster) -> None:
    state.roster_before, state.roster = state.roster, roster
    state.learn(*roster.keys(), *(key for _, key in roster.witnesses))
    for custodian in roster.custodians.values():
        state.weekly.setdefault(custodian.identity, custodian.weekly)


def roster(state: State, entry: Entry) -> None:
    """A later roster, carried by k of the one before."""
    before, after = state.in_force(), read_roster(entry.body, entry.statement)
    newcomers = after.identities() - before.identities()
    known = dict(state.keys)
    state.learn(*newcomers)
    try:
        signers = state.signers(entry)
    finally:
        # A roster that is refused names nobody.
        state.keys = known
    required = key_ids(newcomers | {before.operator})
    colleagues = key_ids(before.identities())
    if not required <= signers or not signers <= required | colleagues:
        raise RuleError("signature", "signed by somebody else than custodians, newcomers and operator")
    if len(signers & colleagues) < before.quorum:
        raise RuleError("signature", f"fewer than {before.quorum} custodians of the roster before signed")
    if (after.number, entry.body["previous"]) != (before.number + 1, before.hash):
        raise RuleError("roster-chain", f"roster {after.number} does not follow roster {before.number}")
    check_limits(entry.body, "roster-limits")
    named = after.keys() | {key for _, key in after.witnesses}
    taken = {person.key for person in state.staff.values()} | {state.genesis["log"]["key"]}
    if named & (taken | {one.key for one in state.recorders.values()}):
        raise RuleError("roster-limits", "a key of the log, of staff or of a recorder is listed")
    for custodian in after.custodians.values():
        stays = custodian.identity not in newcomers
        if stays and state.weekly[custodian.identity] != custodian.weekly:
            raise RuleError("roster-limits", f"custodian {custodian.index} stays and has other weekly keys")
    _appoint(state, after)


def recorder(state: State, entry: Entry) -> None:
    """A recorder, appointed by the operator."""
    body = entry.body
    state.require(entry, state.in_force().operator)
    if body["recorder"] in state.recorders or key_id(body["signing"]) in state.keys:
        raise RuleError("recorder-new", "recorder or key was named before")
    state.recorders[body["recorder"]] = Recorder(body["signing"], entry.statement)
    state.learn(body["signing"])


def staff(state: State, entry: Entry) -> None:
    """A staff key, by an administrator and a second person of another role."""
    body = entry.body
    signers = state.signers(entry)
    roles = state.usable_roles(signers, entry.admitted_us)
    if len(roles) != 2 or len(set(roles)) != 2 or "administrator" not in roles:
        raise RuleError("signature", "not signed by an administrator and staff of another role")
    if body["pseudonym"] in state.pseudonyms or key_id(body["key"]) in state.keys:
        raise RuleError("staff-new", "pseudonym or key was named before")
    usable_from_us = entry.admitted_us + state.genesis["periods"]["staff_wait_us"]
    state.staff[key_id(body["key"])] = Staff(body["key"], body["role"], usable_from_us)
    state.pseudonyms.add(body["pseudonym"])
    state.learn(body["key"])


def key_cert(state: State, entry: Entry) -> None:
    """A custodian's next encryption key."""
    body = entry.body
    custodian = state.custodian(body["custodian"])
    state.require(entry, custodian.identity)
    number, last = body["number"], state.certified.get(custodian.identity, 0)
    if number != last + 1:
        raise RuleError("key-cert-number", f"certificate {number} follows {last}")
    period_us = state.genesis["periods"]["custodian_key_us"]
    ordered = body["seals_from_us"] < body["seals_until_us"] < body["destroy_after_us"]
    if not ordered or body["seals_until_us"] > entry.admitted_us + WEEKLY_KEYS * period_us:
        raise RuleError("key-cert-dates", "dates out of order or too far ahead")
    key = key_id(body["key"])
    if number <= WEEKLY_KEYS and state.weekly[custodian.identity][number - 1] != key:
        raise RuleError("key-cert-genesis", f"certificate {number} has not the key that was named for it")
    if key in state.certificates:
        raise RuleError("key-cert-new", "the key was certified before")
    state.certificates[key] = Certificate(
        custodian.identity, body["seals_from_us"], body["seals_until_us"], body["destroy_after_us"]
    )
    state.certified[custodian.identity] = number


def destroyed(state: State, entry: Entry) -> None:
    """A custodian's statement that keys of its own are gone."""
    custodian = state.custodian(entry.body["custodian"])
    state.require(entry, custodian.identity)
    keys = entry.body["keys"]
    found = [state.certificates.get(key) for key in keys]
    known = [one for one in found if one and one.custodian == custodian.identity and not one.destroyed]
    if len(known) != len(keys) or len(set(keys)) != len(keys):
        raise RuleError("destroyed-known", "a key is not certified for this custodian, or destroyed already")
    for certificate in known:
        certificate.destroyed = True

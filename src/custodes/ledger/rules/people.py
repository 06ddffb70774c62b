"""Genesis, Roster and Staff: who the custodians, actors and staff are. Source: docs/formats/genesis.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from custodes.base.keys import key_id
from custodes.estate.model import NORMAL_PERIODS as NORMAL_PERIODS
from custodes.estate.model import Network
from custodes.estate.model import Periods as Periods
from custodes.ledger.checkpoint import WitnessPolicy, keeper_name
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.refusal import refuse, unsigned

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts


@dataclass(frozen=True, slots=True)
class Genesis:
    """What is fixed for the network's life."""

    network: bytes
    name: str
    created_us: int
    origin: str
    log_key: bytes
    periods: Periods

    @property
    def described(self) -> Network:
        """The network as the estate knows it."""
        return Network(self.network, self.name, self.origin, self.created_us, self.periods)


@dataclass(frozen=True, slots=True)
class Actor:
    """Operator, keeper or discloser by its public keys."""

    signing: bytes
    sealing: bytes


@dataclass(frozen=True, slots=True)
class Custodian:
    """A custodian as a roster names it."""

    index: int
    identity: bytes
    name: str
    weekly: tuple[bytes, ...]


@dataclass(frozen=True)
class Roster:
    """Who decides and who acts, from its entry, of that index, on."""

    hash: bytes
    number: int
    quorum: int
    custodians: tuple[Custodian, ...]
    installed_clients: int
    operator: Actor
    keeper: Actor
    discloser: Actor
    witnesses: Mapping[str, bytes]
    witnesses_needed: int
    index: int = 0

    @cached_property
    def identities(self) -> dict[int, bytes]:
        """Identity keys by index."""
        return {custodian.index: custodian.identity for custodian in self.custodians}

    def policy(self, genesis: Genesis) -> WitnessPolicy:
        """Whose cosignatures make a checkpoint fresh."""
        keeper = (keeper_name(genesis.origin), self.keeper.signing)
        return WitnessPolicy(self.witnesses, self.witnesses_needed, keeper, genesis.periods.freshness_us)


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff, by pseudonym."""

    key: bytes
    pseudonym: str
    role: str
    usable_from_us: int


def roster_in_force(facts: Facts) -> Roster:
    """The newest roster."""
    return facts.rosters[-1]


def sign_operator(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The operator alone."""
    return [roster_in_force(facts).operator.signing]


def sign_keeper(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The keeper alone."""
    return [roster_in_force(facts).keeper.signing]


def sign_discloser(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The discloser alone."""
    return [roster_in_force(facts).discloser.signing]


def sign_custodian(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The custodian of the roster in force that the body names."""
    return [custodian_named(facts, candidate)]


def custodian_named(facts: Facts, candidate: Candidate) -> bytes:
    """The identity key of the custodian that the body names. Errors: UnverifiedError."""
    index = candidate.body["custodian"]
    identity = roster_in_force(facts).identities.get(index)
    if identity is None:
        unsigned(f"the roster in force has no custodian {index}")
    return identity


def staff_who_signed(facts: Facts, candidate: Candidate, keys: Iterable[bytes]) -> list[Staff]:
    """Staff of those key ids, each usable. Errors: UnverifiedError."""
    found = []
    for key in keys:
        staff = facts.staff.get(key)
        if staff is None or staff.usable_from_us > candidate.admitted_us:
            unsigned(f"key {key.hex()} is of no staff that is usable yet")
        found.append(staff)
    return found


def sign_administrator(facts: Facts, candidate: Candidate) -> list[bytes]:
    """One administrator."""
    return _one_of_role(facts, candidate, "administrator")


def sign_supervisor(facts: Facts, candidate: Candidate) -> list[bytes]:
    """One supervisor."""
    return _one_of_role(facts, candidate, "supervisor")


def sign_staff(facts: Facts, candidate: Candidate) -> list[bytes]:
    """An administrator and staff of another role."""
    pair = staff_who_signed(facts, candidate, candidate.signers)
    if len(pair) != 2 or sum(staff.role == "administrator" for staff in pair) != 1:
        unsigned("needs an administrator and one of another role")
    return [staff.key for staff in pair]


def sign_genesis(facts: Facts, candidate: Candidate) -> list[bytes]:
    """All custodians and the operator, whom the body itself names."""
    body = candidate.body
    return [*(custodian["identity"] for custodian in body["custodians"]), body["operator"]["signing"]]


def sign_roster(facts: Facts, candidate: Candidate) -> list[bytes]:
    """Newcomers, the operator, and those of the predecessor who signed, at least its quorum."""
    before = roster_in_force(facts)
    newcomers = [
        custodian["identity"]
        for custodian in candidate.body["custodians"]
        if custodian["identity"] not in before.identities.values()
    ]
    agreed = [identity for identity in before.identities.values() if key_id(identity) in candidate.signers]
    if len(agreed) < before.quorum:
        unsigned(f"needs {before.quorum} custodians of the roster before, has {len(agreed)}")
    return [*agreed, *newcomers, before.operator.signing]


def admit_genesis(facts: Facts, candidate: Candidate) -> bool:
    """Entry 0; its hash is the network's id."""
    body = candidate.body
    periods = Periods(**body["periods"])
    roster = _read_roster(candidate.hash, 0, body, candidate.index)
    staff = [Staff(one["key"], one["pseudonym"], one["role"], 0) for one in body["staff"]]
    keys = [*_roster_keys(roster), body["log"]["key"], *(one.key for one in staff)]
    _check_limits("genesis-limits", roster, keys)
    _check_periods(periods)
    if len({one.pseudonym for one in staff}) != len(staff):
        refuse("genesis-limits", "pseudonyms of staff must differ")
    roles = {one.role for one in staff}
    if "administrator" not in roles or len(roles) < 2:
        refuse("genesis-limits", "staff needs an administrator and a second role")
    facts.genesis = Genesis(
        candidate.hash, body["name"], body["created_us"], body["log"]["origin"], body["log"]["key"], periods
    )
    facts.named_keys.update(map(key_id, keys))
    facts.staff.update((key_id(one.key), one) for one in staff)
    facts.pseudonyms.update(one.pseudonym for one in staff)
    _install(facts, roster)
    return False


def admit_roster(facts: Facts, candidate: Candidate) -> bool:
    """The next roster, by the one before."""
    before = roster_in_force(facts)
    body = candidate.body
    if body["number"] != before.number + 1 or body["previous"] != before.hash:
        refuse("roster-chain", f"must be number {before.number + 1} and name the roster before")
    roster = _read_roster(candidate.hash, body["number"], body, candidate.index)
    keys = _roster_keys(roster)
    _check_limits("roster-limits", roster, keys)
    earlier = set().union(*(map(key_id, _roster_keys(one)) for one in facts.rosters))
    if any(key in facts.named_keys and key not in earlier for key in map(key_id, keys)):
        refuse("roster-limits", "a key is the log's, a recorder's or of staff")
    for custodian in roster.custodians:
        if facts.weekly.get(custodian.identity, custodian.weekly) != custodian.weekly:
            refuse("roster-limits", f"the first weekly keys of custodian {custodian.index} are named anew")
    facts.named_keys.update(map(key_id, keys))
    _install(facts, roster)
    return False


def admit_staff(facts: Facts, candidate: Candidate) -> bool:
    """New staff, usable after the wait."""
    body = candidate.body
    key = key_id(body["key"])
    if body["pseudonym"] in facts.pseudonyms or key in facts.named_keys:
        refuse("staff-new", "the pseudonym or the key is named already")
    assert facts.genesis is not None
    usable_us = candidate.admitted_us + facts.genesis.periods.staff_wait_us
    facts.staff[key] = Staff(body["key"], body["pseudonym"], body["role"], usable_us)
    facts.pseudonyms.add(body["pseudonym"])
    facts.named_keys.add(key)
    return False


def _one_of_role(facts: Facts, candidate: Candidate, role: str) -> list[bytes]:
    signed = staff_who_signed(facts, candidate, candidate.signers)
    if len(signed) != 1 or signed[0].role != role:
        unsigned(f"needs one {role}")
    return [signed[0].key]


def _install(facts: Facts, roster: Roster) -> None:
    facts.rosters.append(roster)
    for custodian in roster.custodians:
        facts.weekly.setdefault(custodian.identity, custodian.weekly)


def _read_roster(hash_: bytes, number: int, body: dict[str, Any], index: int) -> Roster:
    return Roster(
        hash=hash_,
        number=number,
        quorum=body["quorum"],
        custodians=tuple(
            Custodian(one["index"], one["identity"], one["name"], tuple(one["weekly"]))
            for one in body["custodians"]
        ),
        installed_clients=body["installed_clients"],
        operator=Actor(**body["operator"]),
        keeper=Actor(**body["keeper"]),
        discloser=Actor(**body["discloser"]),
        witnesses={one["name"]: one["key"] for one in body["witnesses"]["keys"]},
        witnesses_needed=body["witnesses"]["needed"],
        index=index,
    )


def _roster_keys(roster: Roster) -> list[bytes]:
    actors = (roster.operator, roster.keeper, roster.discloser)
    return [
        *(custodian.identity for custodian in roster.custodians),
        *(actor.signing for actor in actors),
        *roster.witnesses.values(),
    ]


def _check_limits(rule: str, roster: Roster, keys: list[bytes]) -> None:
    count, quorum = len(roster.custodians), roster.quorum
    if quorum < 2 or count <= quorum or 2 * quorum <= count:
        refuse(rule, f"{quorum} of {count} custodians: needs k ≥ 2, n > k and 2 k > n")
    if [custodian.index for custodian in roster.custodians] != list(range(1, count + 1)):
        refuse(rule, "custodians must be numbered from 1 in order")
    if roster.installed_clients > quorum:
        refuse(rule, "installed_clients is more than the quorum")
    if roster.witnesses_needed > len(roster.witnesses):
        refuse(rule, "more witnesses are needed than named")
    if len(set(keys)) != len(keys):
        refuse(rule, "all Ed25519 keys must differ")


def _check_periods(periods: Periods) -> None:
    for name in Periods.__slots__:
        if getattr(periods, name) > getattr(NORMAL_PERIODS, name):
            refuse("genesis-limits", f"{name} is longer than {getattr(NORMAL_PERIODS, name)}")

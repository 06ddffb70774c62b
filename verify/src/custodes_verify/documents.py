"""Genesis and roster as documents: members, limits, and what they say of keys.

Source: docs/formats/genesis.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from custodes_verify.bytes import key_id
from custodes_verify.errors import RuleError
from custodes_verify.schema import (
    COUNT,
    ED25519,
    HASH,
    ID,
    INSTANT,
    X_WING,
    Body,
    fixed,
    integer,
    listed,
    matching,
    members,
    one_of,
    text,
)

ROLES = ("administrator", "supervisor", "investigator", "data-protection", "operator")
_SECOND_US = 1_000_000
DAY_US = 86_400 * _SECOND_US
NORMAL_PERIODS = {
    "custodian_key_us": 7 * DAY_US,
    "freshness_us": 600 * _SECOND_US,
    "reel_us": 300 * _SECOND_US,
    "slot_us": 60 * _SECOND_US,
    "slots_per_epoch": 60,
    "staff_wait_us": DAY_US,
}
CUSTODIANS_MAX = 16
_NAME = text(100)
_KEY_PAIR = members(sealing=X_WING, signing=ED25519)
_CUSTODIANS = listed(
    members(
        identity=ED25519,
        index=integer(1, CUSTODIANS_MAX),
        name=_NAME,
        weekly=listed(ID, 5, 5),
    ),
    CUSTODIANS_MAX,
    3,
)
_WITNESS = members(key=ED25519, name=matching(r"[^\s+\x00-\x1f\x7f-\x9f]{1,100}"))
_WITNESSES = members(keys=listed(_WITNESS, 32), needed=integer(0, 32))

GENESIS = members(
    format=fixed("custodes/genesis/v1"),
    name=_NAME,
    created_us=INSTANT,
    log=members(key=ED25519, origin=matching(r"[a-z0-9./-]{1,100}")),
    witnesses=_WITNESSES,
    quorum=integer(2, CUSTODIANS_MAX),
    custodians=_CUSTODIANS,
    installed_clients=integer(1, CUSTODIANS_MAX),
    operator=_KEY_PAIR,
    keeper=_KEY_PAIR,
    discloser=_KEY_PAIR,
    staff=listed(members(key=ED25519, pseudonym=_NAME, role=one_of(*ROLES)), 1000, 2),
    periods=members(**{name: integer(1, longest) for name, longest in NORMAL_PERIODS.items()}),
)
ROSTER = members(
    custodians=_CUSTODIANS,
    discloser=_KEY_PAIR,
    format=fixed("custodes/roster/v1"),
    installed_clients=integer(1, CUSTODIANS_MAX),
    keeper=_KEY_PAIR,
    network=HASH,
    number=COUNT,
    operator=_KEY_PAIR,
    previous=HASH,
    quorum=integer(2, CUSTODIANS_MAX),
    witnesses=_WITNESSES,
)


@dataclass(frozen=True)
class Custodian:
    """A custodian as a roster lists it; `weekly` are the ids of its first five encryption keys."""

    index: int
    identity: bytes
    name: str
    weekly: tuple[bytes, ...]


@dataclass(frozen=True)
class Roster:
    """Who decides, signs and witnesses; `hash` is what headers and successors name."""

    hash: bytes
    number: int
    quorum: int
    installed_clients: int
    custodians: dict[int, Custodian]
    operator: bytes
    keeper: bytes
    discloser: bytes
    witnesses: tuple[tuple[str, bytes], ...]
    witnesses_needed: int

    def identities(self) -> set[bytes]:
        """Identity keys of its custodians."""
        return {custodian.identity for custodian in self.custodians.values()}

    def keys(self) -> set[bytes]:
        """Every key that may sign by it."""
        return self.identities() | {self.operator, self.keeper, self.discloser}


def read_roster(body: Body, roster_hash: bytes) -> Roster:
    """The roster in a genesis or roster body, whose members have been read."""
    return Roster(
        hash=roster_hash,
        number=body.get("number", 0),
        quorum=body["quorum"],
        installed_clients=body["installed_clients"],
        custodians={
            row["index"]: Custodian(row["index"], row["identity"], row["name"], tuple(row["weekly"]))
            for row in body["custodians"]
        },
        operator=body["operator"]["signing"],
        keeper=body["keeper"]["signing"],
        discloser=body["discloser"]["signing"],
        witnesses=tuple((row["name"], row["key"]) for row in body["witnesses"]["keys"]),
        witnesses_needed=body["witnesses"]["needed"],
    )


def check_limits(body: Body, rule: str) -> None:
    """Refuse a roster or genesis outside the limits that both share.

    Errors: RuleError.
    """
    count, quorum = len(body["custodians"]), body["quorum"]
    witnesses = body["witnesses"]
    keys = [row["identity"] for row in body["custodians"]]
    keys += [body[who]["signing"] for who in ("operator", "keeper", "discloser")]
    keys += [row["key"] for row in witnesses["keys"]]
    keys += [row["key"] for row in body.get("staff", [])]
    keys += [body["log"]["key"]] if "log" in body else []
    weekly = [key for row in body["custodians"] for key in row["weekly"]]
    names = [row["name"] for row in witnesses["keys"]]
    conditions = {
        "n > k and 2k > n": count > quorum and 2 * quorum > count,
        "custodians numbered from 1 in order": [row["index"] for row in body["custodians"]]
        == list(range(1, count + 1)),
        "as many witnesses as needed": witnesses["needed"] <= len(witnesses["keys"]),
        "witness names unique": len(set(names)) == len(names),
        "all keys different": len(set(keys)) == len(keys) and len(set(weekly)) == len(weekly),
        "installed_clients at most k": body["installed_clients"] <= quorum,
    }
    for condition, holds in conditions.items():
        if not holds:
            raise RuleError(rule, f"limit not kept: {condition}")


def check_staff(body: Body) -> None:
    """Refuse a genesis whose first staff cannot act for one another.

    Errors: RuleError.
    """
    roles = {row["role"] for row in body["staff"]}
    names = [row["pseudonym"] for row in body["staff"]]
    if "administrator" not in roles or len(roles) < 2 or len(set(names)) != len(names):
        raise RuleError("genesis-limits", "limit not kept: an administrator, two roles, pseudonyms unique")


def is_rehearsal(periods: Body) -> bool:
    """Whether any period is shorter than in a normal network."""
    return any(periods[name] < normal for name, normal in NORMAL_PERIODS.items())


def key_ids(keys: set[bytes]) -> set[bytes]:
    """The key ids of public keys."""
    return {key_id(key) for key in keys}

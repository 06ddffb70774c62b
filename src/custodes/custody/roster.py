"""Genesis and rosters: drawing them up, signing them, walking from the pinned id to the one in force.

Their rules are the ledger's; a chain here is a ledger of genesis and rosters alone.
Source: docs/formats/genesis.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, hash_body, typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import Signature, Signed, SigningKey
from custodes.custody.card import Card
from custodes.ledger.entries.people import GENESIS, GENESIS_TYPE, ROSTER_FORMAT, ROSTER_TYPE
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.facts import Facts
from custodes.ledger.rules.people import (
    NORMAL_PERIODS,
    Actor,
    Custodian,
    Genesis,
    Periods,
    Roster,
    admit_genesis,
)
from custodes.ledger.rules.state import GENESIS_ID_TYPE, LedgerState


@dataclass(frozen=True)
class RosterDraft:
    """Who shall decide and act. `installed_clients` 0 stands for the usual k − 1, at least 1."""

    custodians: Sequence[Custodian]
    quorum: int
    operator: Actor
    keeper: Actor
    discloser: Actor
    witnesses: Mapping[str, bytes]
    witnesses_needed: int = 0
    installed_clients: int = 0

    def members(self) -> dict[str, Any]:
        """What genesis and roster bodies have in common."""
        return {
            "custodians": [
                {
                    "identity": b64u(custodian.identity),
                    "index": custodian.index,
                    "name": custodian.name,
                    "weekly": [b64u(key) for key in custodian.weekly],
                }
                for custodian in self.custodians
            ],
            "discloser": _actor_json(self.discloser),
            "installed_clients": self.installed_clients or max(1, self.quorum - 1),
            "keeper": _actor_json(self.keeper),
            "operator": _actor_json(self.operator),
            "quorum": self.quorum,
            "witnesses": {
                "keys": [{"key": b64u(key), "name": name} for name, key in sorted(self.witnesses.items())],
                "needed": self.witnesses_needed,
            },
        }


@dataclass(frozen=True, slots=True)
class FirstStaff:
    """A member of staff that genesis names."""

    key: bytes
    pseudonym: str
    role: str


def genesis_body(
    name: str,
    created_us: int,
    origin: str,
    log_key: bytes,
    draft: RosterDraft,
    staff: Sequence[FirstStaff],
    periods: Periods = NORMAL_PERIODS,
) -> dict[str, Any]:
    """The body of genesis, checked against every limit. Errors: InvalidError, RefusedError."""
    body = {
        **draft.members(),
        "created_us": created_us,
        "format": GENESIS_TYPE,
        "log": {"key": b64u(log_key), "origin": origin},
        "name": name,
        "periods": {name: getattr(periods, name) for name in Periods.__slots__},
        "staff": [{"key": b64u(one.key), "pseudonym": one.pseudonym, "role": one.role} for one in staff],
    }
    check_genesis_body(body)
    return body


def check_genesis_body(body: Any) -> None:
    """Check the limits of a genesis that is not signed yet. Errors: InvalidError, RefusedError."""
    candidate = Candidate("genesis", GENESIS(body), body, network_id(body), 0, 0, frozenset())
    admit_genesis(Facts(), candidate)


def network_id(body: Any) -> bytes:
    """The id of the network whose genesis body this is. Shape: 32 bytes."""
    return hash_body(GENESIS_TYPE, body)


def sign_genesis(body: Any, key: SigningKey) -> Signature:
    """A custodian's or the operator's signature of the network's id."""
    return Signature(key.id, key.sign(typed_message(GENESIS_ID_TYPE, network_id(body))))


def check_card_named(body: Any, card: Card) -> int:
    """The index under which a genesis or roster body names a card, unaltered.

    Errors: UnverifiedError when it does not, or otherwise than the card says.
    """
    for member in body["custodians"]:
        if member["identity"] == b64u(card.identity):
            weekly = [b64u(key.id) for key in card.keys]
            if member["name"] != card.name or member["weekly"] != weekly:
                raise UnverifiedError("the custodian's name or weekly keys are not those of its card")
            return int(member["index"])
    raise UnverifiedError("the custodian's card is not named")


def roster_body(network: bytes, before: Roster, draft: RosterDraft) -> dict[str, Any]:
    """The body of the roster that follows one; its limits are checked when it is signed and admitted."""
    return {
        **draft.members(),
        "format": ROSTER_FORMAT,
        "network": b64u(network),
        "number": before.number + 1,
        "previous": b64u(before.hash),
    }


class RosterChain:
    """From genesis to the roster in force, each signed by who must.

    Errors: InvalidError, RefusedError, UnverifiedError; an entry refused changes nothing.
    """

    def __init__(self, genesis: Signed, network: bytes | None = None) -> None:
        """Begin with genesis, whose id must be the pinned one where one is given."""
        if genesis.type != GENESIS_TYPE:
            raise InvalidError("a chain of rosters begins with genesis")
        if network is not None and genesis.statement_hash() != network:
            raise UnverifiedError("genesis is not that of the pinned network")
        self._ledger = LedgerState()
        self._ledger.admit(genesis, 0, 0)

    @property
    def genesis(self) -> Genesis:
        """What is fixed for the network's life."""
        return self._ledger.genesis

    @property
    def roster(self) -> Roster:
        """The roster in force."""
        return self._ledger.roster

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hash of every roster so far, that of genesis first."""
        return tuple(roster.hash for roster in self._ledger.facts.rosters)

    def of(self, roster_hash: bytes) -> Roster:
        """A roster of any time. Errors: NotFoundError."""
        return self._ledger.roster_of(roster_hash)

    def follow(self, roster: Signed) -> None:
        """Take the next roster."""
        if roster.type != ROSTER_TYPE:
            raise InvalidError("a chain of rosters goes on with a roster")
        self._ledger.admit(roster, 0, self._ledger.size)


def genesis_in_words(body: Any) -> list[str]:
    """The body as lines for a person who is about to sign it."""
    custodians = body["custodians"]
    witnesses = body["witnesses"]
    lines = [
        f"Network {body['name']}, {network_id(body).hex()}",
        f"{body['quorum']} of {len(custodians)} custodians together can open footage:",
        *(f"  {one['index']}. {one['name']}" for one in custodians),
        f"{body['installed_clients']} of these decisions must come from the installed client.",
        f"Outside witnesses: {len(witnesses['keys'])}, needed: {witnesses['needed']}",
        f"Ledger: {body['log']['origin']}",
        *(f"Staff: {one['pseudonym']}, {one['role']}" for one in body["staff"]),
    ]
    if Periods(**body["periods"]).rehearsal:
        lines.insert(0, "REHEARSAL: periods are shorter than those of a real network.")
    return lines


def _actor_json(actor: Actor) -> dict[str, Any]:
    return {"sealing": b64u(actor.sealing), "signing": b64u(actor.signing)}

"""A custodian's decision, and what the decisions together grant. Source: docs/formats/open.md."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from custodes.base.canon import b64u, hash_body
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES
from custodes.cases.bundle import Opening
from custodes.cases.request import RequestFile
from custodes.cases.scope import Scope, slots_in_at_least
from custodes.custody.header import MAX_CUSTODIANS
from custodes.custody.members import Members
from custodes.custody.shamir import Random

DECISION_TYPE = "custodes/entry/decision/v1"


class Verdict(StrEnum):
    """Grant: the whole of scope and run-in. Part: some of it. Refuse: nothing."""

    GRANT = "grant"
    PART = "part"
    REFUSE = "refuse"


class Client(StrEnum):
    """What the custodian decided with."""

    INSTALLED = "installed"
    PAGE = "page"


@dataclass(frozen=True)
class Decision:
    """The body of a Decision entry."""

    network: bytes
    request: bytes
    custodian: int
    verdict: Verdict
    commitment: bytes
    count: int
    client: Client
    checkpoint_size: int
    checkpoint_root: bytes
    decided_us: int

    def __post_init__(self) -> None:
        if not 1 <= self.custodian <= MAX_CUSTODIANS or (self.count > 0) is (self.verdict is Verdict.REFUSE):
            raise InvalidError("a decision is a custodian's and grants slots unless it refuses")
        hashes = (self.network, self.request, self.commitment, self.checkpoint_root)
        if any(len(hash_) != HASH_BYTES for hash_ in hashes) or self.checkpoint_size < 1:
            raise InvalidError("a decision's hashes have 32 bytes and its checkpoint an entry or more")

    @property
    def grants(self) -> bool:
        """Whether it grants any slot."""
        return self.verdict is not Verdict.REFUSE

    def body(self) -> dict[str, Any]:
        """The entry's body."""
        return {
            "checkpoint": {"root": b64u(self.checkpoint_root), "size": self.checkpoint_size},
            "client": self.client.value,
            "commitment": b64u(self.commitment),
            "count": self.count,
            "custodian": self.custodian,
            "decided_us": self.decided_us,
            "network": b64u(self.network),
            "request": b64u(self.request),
            "verdict": self.verdict.value,
        }

    def hash(self) -> bytes:
        """The decision hash. Shape: 32 bytes."""
        return hash_body(DECISION_TYPE, self.body())

    def check_opening(self, file: RequestFile, opening: Opening) -> None:
        """Errors: UnverifiedError when the opening is false or does not fit; it then counts as no grant."""
        if self.request != file.hash or opening.commitment != self.commitment:
            raise UnverifiedError(f"the opening of custodian {self.custodian} is not that of its decision")
        if opening.scope.count != self.count or verdict_of(file, opening.scope) is not self.verdict:
            raise UnverifiedError(
                f"the scope that custodian {self.custodian} granted does not fit its verdict"
            )


def parse_decision(body: Any) -> Decision:
    """Errors: InvalidError."""
    members = Members(body, "decision", _MEMBERS)
    checkpoint = Members(members.object("checkpoint"), "checkpoint of a decision", ("root", "size"))
    return Decision(
        network=members.hash("network"),
        request=members.hash("request"),
        custodian=members.count("custodian"),
        verdict=Verdict(members.choice("verdict", Verdict)),
        commitment=members.hash("commitment"),
        count=members.count("count"),
        client=Client(members.choice("client", Client)),
        checkpoint_size=checkpoint.count("size", 1),
        checkpoint_root=checkpoint.hash("root"),
        decided_us=members.count("decided_us"),
    )


def verdict_of(file: RequestFile, granted: Scope) -> Verdict:
    """What granting those slots is. Errors: UnverifiedError when the request does not ask for all of them."""
    if not set(granted) <= set(file.whole):
        raise UnverifiedError("a slot is granted that was not asked for")
    if not granted.count:
        return Verdict.REFUSE
    return Verdict.GRANT if granted == file.whole else Verdict.PART


def decide(
    file: RequestFile,
    custodian: int,
    granted: Scope,
    reason: str,
    client: Client,
    checkpoint: tuple[int, bytes],
    decided_us: int,
    random: Random = os.urandom,
) -> tuple[Decision, Opening]:
    """A decision to grant those slots, or none, under a checkpoint (size, root); and its opening.

    Errors: UnverifiedError for a slot that was not asked for; InvalidError.
    """
    opening = Opening(reason, random(HASH_BYTES), granted)
    decision = Decision(
        network=file.network,
        request=file.hash,
        custodian=custodian,
        verdict=verdict_of(file, granted),
        commitment=opening.commitment,
        count=granted.count,
        client=client,
        checkpoint_size=checkpoint[0],
        checkpoint_root=checkpoint[1],
        decided_us=decided_us,
    )
    return decision, opening


def granted_together(file: RequestFile, granted: Iterable[Scope]) -> Scope:
    """The slots that as many decisions grant as the request needs: those whose shares are released.

    `granted`: the scopes of granting decisions whose openings check; of the others nothing counts.
    """
    return slots_in_at_least(granted, file.decisions_needed)


_MEMBERS = (
    "checkpoint",
    "client",
    "commitment",
    "count",
    "custodian",
    "decided_us",
    "network",
    "request",
    "verdict",
)

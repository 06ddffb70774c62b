"""A custodian's released shares: those of the slots granted together, each with its path, sealed to D's key.

Source: docs/formats/open.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, typed_hash, typed_message, unb64u
from custodes.base.errors import CustodesError, InvalidError, NotFoundError, RefusedError, UnverifiedError
from custodes.base.ids import HASH_BYTES
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.request import RequestFile
from custodes.cases.scope import Scope
from custodes.custody.header import Header
from custodes.custody.members import Members
from custodes.custody.slots import MAX_SLOTS, SLOT_KEY_BYTES, share_leaf, share_tree
from custodes.ledger import merkle

RELEASE_TYPE = "custodes/entry/release/v1"
RELEASED_FORMAT = "custodes/released/v1"
_LONGEST_PATH = 6


class BlamedError(UnverifiedError):
    """An opening that failed, and by whom: a custodian's index, or 0 for the recorder that split its keys."""

    def __init__(self, custodian: int, reason: str) -> None:
        super().__init__(f"{f'custodian {custodian}' if custodian else 'the recorder'} is to blame: {reason}")
        self.custodian = custodian
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ReleasedShare:
    """One share and its path to the root in the epoch's header."""

    epoch: bytes
    slot: int
    share: bytes
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """The share as JSON."""
        return {
            "epoch": b64u(self.epoch),
            "path": [b64u(step) for step in self.path],
            "share": b64u(self.share),
            "slot": self.slot,
        }


@dataclass(frozen=True, slots=True)
class Release:
    """The body of a Release entry: hashes of the granting decisions acted on and of its sealed set."""

    network: bytes
    request: bytes
    custodian: int
    count: int
    decisions: bytes
    set: bytes

    def body(self) -> dict[str, Any]:
        """The entry's body."""
        return {
            "count": self.count,
            "custodian": self.custodian,
            "decisions": b64u(self.decisions),
            "network": b64u(self.network),
            "request": b64u(self.request),
            "set": b64u(self.set),
        }


def parse_release(body: Any) -> Release:
    """Errors: InvalidError."""
    names = ("count", "custodian", "decisions", "network", "request", "set")
    members = Members(body, "release", names)
    return Release(
        network=members.hash("network"),
        request=members.hash("request"),
        custodian=members.count("custodian", 1),
        count=members.count("count", 1),
        decisions=members.hash("decisions"),
        set=members.hash("set"),
    )


def decisions_hash(decisions: Iterable[bytes]) -> bytes:
    """What a release acts on: the granting decisions' hashes, in any order. Shape: 32 bytes."""
    return typed_hash("custodes/decisions/v1", *sorted(decisions))


def build_set(
    scope: Scope, custodian: int, headers: Mapping[bytes, Header], shares: Mapping[bytes, Sequence[bytes]]
) -> tuple[ReleasedShare, ...]:
    """The shares of a scope with their paths, of the custodian's opened messages by epoch.

    Errors: NotFoundError when an epoch's message is not there.
    """
    released = []
    for item in scope.epochs:
        if item.epoch not in headers or item.epoch not in shares:
            raise NotFoundError(f"no message of epoch {item.epoch.hex()}")
        mine = shares[item.epoch]
        tree = share_tree(item.epoch, custodian, mine)
        released += [
            ReleasedShare(item.epoch, slot, mine[slot], tuple(tree.path(slot))) for slot in item.slots
        ]
    return tuple(released)


def seal_release(
    file: RequestFile, custodian: int, decisions: bytes, released: Sequence[ReleasedShare]
) -> tuple[bytes, Release]:
    """The set sealed to the request's opening key, and the body of its Release entry.

    Errors: RefusedError when there is no share.
    """
    if not released:
        raise RefusedError("no slot is granted by as many decisions as the request needs")
    content = {"format": RELEASED_FORMAT, "shares": [share.to_json() for share in released]}
    info = _info(file.hash, custodian, decisions)
    sealed = PublicSealingKey(file.opening_key).seal(canon(content), info)
    set_hash = hashlib.sha256(sealed).digest()
    return sealed, Release(file.network, file.hash, custodian, len(released), decisions, set_hash)


def open_release(sealed: bytes, release: Release, opening: SealingKey) -> tuple[ReleasedShare, ...]:
    """The shares of a released set, by the request's opening key; whether they are right is another question.

    Errors: UnverifiedError when it is not the set of that entry; BlamedError when it opens to no set.
    """
    if hashlib.sha256(sealed).digest() != release.set:
        raise UnverifiedError(f"not the set that custodian {release.custodian} released")
    try:
        content = parse_canon(
            opening.open(sealed, _info(release.request, release.custodian, release.decisions))
        )
        members = Members(content, "released set", ("format", "shares"))
        members.literal("format", RELEASED_FORMAT)
        return members.array("shares", parse_released_share)
    except CustodesError as error:
        raise BlamedError(release.custodian, str(error)) from error


def check_set(
    released: Sequence[ReleasedShare], scope: Scope, custodian: int, headers: Mapping[bytes, Header]
) -> None:
    """Check that the set is the custodian's shares of exactly that scope, by their paths.

    Errors: BlamedError, of the custodian; NotFoundError when an epoch's header is not there.
    """
    if [(share.epoch, share.slot) for share in released] != [(slot.epoch, slot.slot) for slot in scope]:
        raise BlamedError(custodian, "its set is not of the slots granted")
    for share in released:
        header = headers.get(share.epoch)
        if header is None:
            raise NotFoundError(f"no header of epoch {share.epoch.hex()}")
        leaf = share_leaf(share.epoch, share.slot, custodian, share.share)
        try:
            merkle.check_path(header.of(custodian).root, header.slots, share.slot, leaf, share.path)
        except (UnverifiedError, InvalidError) as error:
            raise BlamedError(
                custodian, f"its share of slot {share.slot} of epoch {share.epoch.hex()}: {error}"
            ) from error


def parse_released_share(value: Any) -> ReleasedShare:
    """Errors: InvalidError."""
    members = Members(value, "released share", ("epoch", "path", "share", "slot"))
    return ReleasedShare(
        epoch=members.id("epoch"),
        slot=members.count("slot", 0, MAX_SLOTS - 1),
        share=members.binary("share", SLOT_KEY_BYTES),
        path=members.array("path", lambda step: unb64u(step, HASH_BYTES), longest=_LONGEST_PATH),
    )


def _info(request: bytes, custodian: int, decisions: bytes) -> bytes:
    return typed_message("custodes/release/v1", request, custodian.to_bytes(2, "big"), decisions)

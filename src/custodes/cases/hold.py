"""A full hold: its scope, the shares that custodians take out for it, and the keeper's wrap around them.

Source: docs/formats/holds.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, typed_hash, typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.release import ReleasedShare, check_set, parse_released_share
from custodes.cases.request import case_folder
from custodes.cases.scope import EpochSlots, Scope
from custodes.custody.header import Header
from custodes.custody.members import Members

HOLD_TYPE = "custodes/entry/hold/v1"
HOLD_SHARE_TYPE = "custodes/entry/hold-share/v1"
HOLD_WISH_TYPE = "custodes/hold-wish/v1"
SCOPE_FORMAT = "custodes/hold-scope/v1"
HELD_FORMAT = "custodes/held/v1"
HOLDS_FOLDER = "holds"
MAX_HELD_BYTES = 1 << 16


@dataclass(frozen=True)
class HoldScope:
    """The slots that a hold keeps, behind the commitment of its entry."""

    salt: bytes
    scope: Scope

    def __post_init__(self) -> None:
        if len(self.salt) != HASH_BYTES or not self.scope.count:
            raise InvalidError("a hold's scope has a salt of 32 bytes and one slot at least")

    @property
    def commitment(self) -> bytes:
        """What the Hold entry carries instead. Shape: 32 bytes."""
        return typed_hash(SCOPE_FORMAT, self.salt, self.scope.encode())

    def entry_members(self) -> dict[str, Any]:
        """What the Hold entry's body says of it."""
        return {
            "commitment": b64u(self.commitment),
            "count": self.scope.count,
            "epochs": [b64u(epoch) for epoch in sorted(self.scope.epoch_ids)],
        }

    def check(self, commitment: bytes, epochs: Sequence[bytes]) -> None:
        """Errors: UnverifiedError when the Hold entry that says so is not of this scope."""
        if self.commitment != commitment or sorted(self.scope.epoch_ids) != list(epochs):
            raise UnverifiedError("the hold's scope is not the one that its entry commits to")

    def seal(self, hold: bytes, key: PublicSealingKey) -> bytes:
        """The scope, for one reader."""
        content = {"format": SCOPE_FORMAT, "salt": b64u(self.salt), "scope": self.scope.to_json()}
        return key.seal(canon(content), typed_message(SCOPE_FORMAT, hold))


def open_hold_scope(sealed: bytes, hold: bytes, key: SealingKey) -> HoldScope:
    """Errors: UnverifiedError when it is not that hold's or sealed to another key; InvalidError."""
    content = parse_canon(key.open(sealed, typed_message(SCOPE_FORMAT, hold)))
    members = Members(content, "scope of a hold", ("format", "salt", "scope"))
    members.literal("format", SCOPE_FORMAT)
    return HoldScope(members.hash("salt"), Scope.from_json(members.object("scope")))


def hold_scope_path(case: bytes, request: bytes, key: bytes) -> str:
    """A hold's scope sealed to the key of that id, beside the request that it rests on."""
    return f"{case_folder(case, request)}/hold.{key.hex()}"


def hold_key_id(hold: bytes) -> bytes:
    """Under which id the key store holds a hold's pair. Shape: 16 bytes."""
    return typed_hash("custodes/hold-key/v1", hold)[:ID_BYTES]


def hold_folder(hold: bytes) -> str:
    """Where the messages taken out for a hold lie."""
    return f"{HOLDS_FOLDER}/{hold.hex()}"


@dataclass(frozen=True, slots=True)
class HeldPlace:
    """Whose message it is, of which epoch, for which hold; `custodian` is an index of the epoch's header."""

    hold: bytes
    custodian: int
    epoch: bytes
    header: bytes

    @property
    def path(self) -> str:
        """Where the keeper keeps it."""
        return f"{hold_folder(self.hold)}/{self.custodian}.{self.epoch.hex()}"

    def info(self) -> bytes:
        """What the message is sealed under."""
        return typed_message(HELD_FORMAT, self.hold, self._index(), self.header)

    def wrap_info(self, message: bytes) -> bytes:
        """What the keeper's wrap is sealed under, given the message's hash."""
        return typed_message("custodes/held-wrap/v1", self.hold, self._index(), self.header, message)

    def _index(self) -> bytes:
        return self.custodian.to_bytes(2, "big")

    def entry_body(self, network: bytes, message: bytes) -> dict[str, Any]:
        """The body of the HoldShare entry of a message."""
        return {
            "custodian": self.custodian,
            "header": b64u(self.header),
            "hold": b64u(self.hold),
            "message": b64u(held_hash(message)),
            "network": b64u(network),
        }


def held_hash(message: bytes) -> bytes:
    """What a HoldShare names a message by. Shape: 32 bytes."""
    return hashlib.sha256(message).digest()


def seal_held(shares: Sequence[ReleasedShare], place: HeldPlace, key: SealingKey) -> bytes:
    """The held message: shares with their paths, sealed to the custodian's own hold key."""
    content = {"format": HELD_FORMAT, "shares": [share.to_json() for share in shares]}
    return PublicSealingKey(key.public).seal(canon(content), place.info())


def open_held(message: bytes, place: HeldPlace, header: Header, key: SealingKey) -> tuple[ReleasedShare, ...]:
    """The shares of a held message, each checked by its path against the header.

    Errors: UnverifiedError when it does not open or its shares are not that custodian's of that epoch; InvalidError.
    """
    content = parse_canon(key.open(message, place.info()))
    members = Members(content, "held message", ("format", "shares"))
    members.literal("format", HELD_FORMAT)
    shares = members.array("shares", parse_released_share)
    slots = tuple(share.slot for share in shares)
    check_set(
        shares,
        Scope((EpochSlots(header.stream, place.epoch, slots),)),
        place.custodian,
        {place.epoch: header},
    )
    return shares


def wrap_held(message: bytes, place: HeldPlace, pair: SealingKey) -> bytes:
    """A held message as the keeper stores it: sealed to the hold's pair, behind the SHA-256 of that."""
    wrap = PublicSealingKey(pair.public).seal(message, place.wrap_info(held_hash(message)))
    return hashlib.sha256(wrap).digest() + wrap


def check_wrapped(wrapped: bytes) -> bytes:
    """What is sealed to the hold's pair. Errors: UnverifiedError when the object is damaged."""
    digest, wrap = wrapped[:HASH_BYTES], wrapped[HASH_BYTES:]
    if hashlib.sha256(wrap).digest() != digest:
        raise UnverifiedError("it is not what it was when it was stored")
    return wrap


def unwrap_held(wrapped: bytes, place: HeldPlace, stated: bytes, pair: SealingKey) -> bytes:
    """The held message of that hash. Errors: UnverifiedError when it is another, or does not open."""
    message = pair.open(check_wrapped(wrapped), place.wrap_info(stated))
    if held_hash(message) != stated:
        raise UnverifiedError(f"{place.path} holds another message than the ledger states")
    return message

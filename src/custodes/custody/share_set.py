"""The share set of an epoch: every custodian's shares, sealed to it, and all of that to the shred key.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custodes.base.canon import b64u, canon, parse_canon, typed_hash, typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES
from custodes.base.sealing import SEAL_OVERHEAD_BYTES, SealingKey
from custodes.custody.header import Header
from custodes.custody.members import Members
from custodes.custody.slots import SLOT_KEY_BYTES, Buffer, share_tree, slot_commitment
from custodes.ledger import merkle

SHARE_SET_FORMAT = "custodes/share-set/v1"
_INDEX_AND_LENGTH_BYTES = 6


@dataclass(frozen=True, slots=True)
class ShareSet:
    """What the object `shares` of an epoch holds; the commitments are those that the header binds."""

    header: Header
    commitments: tuple[bytes, ...]
    sealed: bytes

    def encode(self) -> bytes:
        """The object's bytes."""
        return canon(
            {
                "commitments": b64u(b"".join(self.commitments)),
                "format": SHARE_SET_FORMAT,
                "header": self.header.to_json(),
                "sealed": b64u(self.sealed),
            }
        )

    def check_key(self, slot: int, key: Buffer) -> None:
        """Errors: UnverifiedError when it is not the slot's key; InvalidError when there is no such slot."""
        if not 0 <= slot < self.header.slots:
            raise InvalidError(f"epoch {self.header.epoch.hex()} has no slot {slot}")
        if slot_commitment(self.header.epoch, slot, key) != self.commitments[slot]:
            raise UnverifiedError(f"not the key of slot {slot} of epoch {self.header.epoch.hex()}")


def share_set_hash(data: bytes) -> bytes:
    """What the Epoch entry carries of the object's bytes. Shape: 32 bytes."""
    return typed_hash(SHARE_SET_FORMAT, data)


def parse_share_set(data: bytes) -> ShareSet:
    """Errors: InvalidError; UnverifiedError when the commitments are not those that the header binds."""
    members = Members(parse_canon(data), "share set", ("commitments", "format", "header", "sealed"))
    members.literal("format", SHARE_SET_FORMAT)
    header = Header.from_json(members.object("header"))
    commitments = _cut(members.binary("commitments", HASH_BYTES * header.slots), HASH_BYTES)
    if merkle.root(commitments) != header.slot_root:
        raise UnverifiedError(
            f"slot commitments of epoch {header.epoch.hex()} do not lead to its header's root"
        )
    return ShareSet(header, commitments, members.binary("sealed"))


def share_info(header: Header, index: int) -> bytes:
    """What a custodian's message is sealed under."""
    return typed_message("custodes/share/v1", header.hash, index.to_bytes(2, "big"))


def shred_info(header: Header) -> bytes:
    """What the messages together are sealed under."""
    return typed_message("custodes/shred/v1", header.hash)


def pack_messages(messages: Mapping[int, bytes]) -> bytes:
    """Messages by custodian, ascending, as they go under the shred key."""
    return b"".join(
        index.to_bytes(2, "big") + len(messages[index]).to_bytes(4, "big") + messages[index]
        for index in sorted(messages)
    )


def unwrap(share_set: ShareSet, shred: SealingKey) -> dict[int, bytes]:
    """Take the shred key's wrap off: each custodian's message, still sealed to it.

    Errors: UnverifiedError when it does not open; InvalidError when it holds not one message a custodian.
    """
    packed = shred.open(share_set.sealed, shred_info(share_set.header))
    length = SEAL_OVERHEAD_BYTES + SLOT_KEY_BYTES * share_set.header.slots
    indices = [to.index for to in share_set.header.custodians]
    if len(packed) != len(indices) * (_INDEX_AND_LENGTH_BYTES + length):
        raise InvalidError("a share set has not one message of the right length a custodian")
    messages = dict(
        zip(
            indices,
            (part[_INDEX_AND_LENGTH_BYTES:] for part in _cut(packed, _INDEX_AND_LENGTH_BYTES + length)),
            strict=True,
        )
    )
    if pack_messages(messages) != packed:
        raise InvalidError("a share set's messages are not those of its header's custodians")
    return messages


def open_message(header: Header, index: int, message: bytes, key: SealingKey) -> tuple[bytes, ...]:
    """A custodian's shares, slot 0 first, checked against the root that the header binds.

    Errors: UnverifiedError when the message does not open or its shares are not those.
    """
    to = header.of(index)
    if key.id != to.key:
        raise UnverifiedError(f"epoch {header.epoch.hex()} is sealed to another key of custodian {index}")
    plain = key.open(message, share_info(header, index))
    if len(plain) != SLOT_KEY_BYTES * header.slots:
        raise UnverifiedError(f"custodian {index} was given not one share a slot")
    shares = _cut(plain, SLOT_KEY_BYTES)
    if share_tree(header.epoch, index, shares).root != to.root:
        raise UnverifiedError(f"the shares of custodian {index} do not lead to the root in the header")
    return shares


def _cut(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[start : start + size] for start in range(0, len(data), size))

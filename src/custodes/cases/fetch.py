"""Fetching a custodian's messages: the signed demand and the sealed answer. Source: docs/formats/open.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, typed_message, unb64u
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.base.sealing import SEALING_KEY_BYTES, PublicSealingKey, SealingKey
from custodes.cases.scope import MAX_SCOPE_EPOCHS
from custodes.custody.header import MAX_CUSTODIANS
from custodes.custody.members import Members

FETCH_TYPE = "custodes/fetch/v1"
PURPOSES = ("request", "hold")
_HEAD_BYTES = ID_BYTES + 4


@dataclass(frozen=True)
class Fetch:
    """A demand for the messages of epochs. `purpose`: q, or the Hold entry's statement hash."""

    network: bytes
    custodian: int
    epochs: tuple[bytes, ...]
    made_us: int
    nonce: bytes
    purpose_kind: str
    purpose: bytes
    transport: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.epochs) <= MAX_SCOPE_EPOCHS or len(set(self.epochs)) != len(self.epochs):
            raise InvalidError(f"a fetch names 1 to {MAX_SCOPE_EPOCHS} epochs, each once")
        if any(len(epoch) != ID_BYTES for epoch in self.epochs) or len(self.nonce) != ID_BYTES:
            raise InvalidError("a fetch's epochs and nonce have 16 bytes")
        if len(self.network) != HASH_BYTES or len(self.purpose) != HASH_BYTES:
            raise InvalidError("a fetch's network and purpose have 32 bytes")
        if self.purpose_kind not in PURPOSES or not 1 <= self.custodian <= MAX_CUSTODIANS:
            raise InvalidError("a fetch is for a request or a hold, by a custodian")

    def body(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "custodian": self.custodian,
            "epochs": [b64u(epoch) for epoch in self.epochs],
            "made_us": self.made_us,
            "network": b64u(self.network),
            "nonce": b64u(self.nonce),
            "purpose": {"hash": b64u(self.purpose), "kind": self.purpose_kind},
            "transport": b64u(self.transport),
        }


def sign_fetch(fetch: Fetch, identity: SigningKey) -> Signed:
    """The demand, signed by its custodian."""
    return sign_body(FETCH_TYPE, fetch.body(), identity)


def parse_fetch(signed: Signed) -> Fetch:
    """Errors: InvalidError; the signature is checked by who knows the custodian's key."""
    if signed.type != FETCH_TYPE:
        raise InvalidError("not a fetch")
    names = ("custodian", "epochs", "made_us", "network", "nonce", "purpose", "transport")
    members = Members(signed.body, "fetch", names)
    purpose = Members(members.object("purpose"), "purpose of a fetch", ("hash", "kind"))
    return Fetch(
        network=members.hash("network"),
        custodian=members.count("custodian"),
        epochs=members.array("epochs", lambda epoch: unb64u(epoch, ID_BYTES)),
        made_us=members.count("made_us"),
        nonce=members.id("nonce"),
        purpose_kind=purpose.choice("kind", PURPOSES),
        purpose=purpose.hash("hash"),
        transport=members.binary("transport", SEALING_KEY_BYTES),
    )


def seal_answer(signed: Signed, messages: Mapping[bytes, bytes]) -> bytes:
    """The messages of the epochs demanded, in that order, sealed to the transport key; none: shredded.

    Errors: InvalidError.
    """
    fetch = parse_fetch(signed)
    packed = b"".join(
        epoch + len(message).to_bytes(4, "big") + message
        for epoch in fetch.epochs
        for message in (messages.get(epoch, b""),)
    )
    return PublicSealingKey(fetch.transport).seal(packed, _info(signed))


def open_answer(sealed: bytes, signed: Signed, transport: SealingKey) -> dict[bytes, bytes]:
    """The message by epoch, in the order demanded; an epoch whose key is destroyed has an empty one.

    Errors: UnverifiedError when it is not the answer to this demand.
    """
    packed = transport.open(sealed, _info(signed))
    messages: dict[bytes, bytes] = {}
    at = 0
    for epoch in parse_fetch(signed).epochs:
        head = packed[at : at + _HEAD_BYTES]
        end = at + _HEAD_BYTES + int.from_bytes(head[ID_BYTES:], "big")
        if len(head) != _HEAD_BYTES or head[:ID_BYTES] != epoch or end > len(packed):
            raise UnverifiedError("the answer's epochs are not those demanded")
        messages[epoch] = packed[at + _HEAD_BYTES : end]
        at = end
    if at != len(packed):
        raise UnverifiedError("the answer holds more than was demanded")
    return messages


def _info(signed: Signed) -> bytes:
    return typed_message("custodes/fetched/v1", signed.statement_hash())

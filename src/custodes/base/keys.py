"""Signing keys and signed objects. Source: docs/formats/bytes.md; RFC 8032."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from custodes.base.batch import MAX_BATCH_SIZE, Batch, Membership
from custodes.base.canon import b64u, canon, typed_hash, typed_message, unb64u
from custodes.base.errors import InvalidError, UnverifiedError

SIGNING_KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32
KEY_ID_BYTES = 16


def key_id(public: bytes) -> bytes:
    """The id of a raw public key of either sort. Shape: 16 bytes."""
    return typed_hash("custodes/key/v1", public)[:KEY_ID_BYTES]


class SigningKey:
    """An Ed25519 private key; its seed is shown only when asked for by name."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise InvalidError(f"a signing seed has {SEED_BYTES} bytes, got {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(os.urandom(SEED_BYTES))

    def seed(self) -> bytes:
        """The private seed, to be stored."""
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Shape: 64 bytes."""
        return self._key.sign(message)


def verify_signature(public: bytes, signature: bytes, message: bytes) -> None:
    """Errors: UnverifiedError when the signature is not that key's over that message."""
    if len(public) != SIGNING_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise UnverifiedError("a key or signature has the wrong length")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise UnverifiedError(f"the signature by key {key_id(public).hex()} does not check") from error


# A batch's members come one after the other: its signature is checked once.
_verify_batch = lru_cache(maxsize=1_024)(verify_signature)
_SINGLE = frozenset({"key", "signature"})
_BATCHED = _SINGLE | {"index", "path", "size"}


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, by key id, and the 64 bytes: over the message alone, or over a batch that it is a member of."""

    key: bytes
    signature: bytes
    batch: Membership | None = None

    def check(self, public: bytes, message: bytes) -> None:
        """Errors: UnverifiedError when this is not that key's signature of that message."""
        if self.batch is None:
            verify_signature(public, self.signature, message)
        else:
            _verify_batch(public, self.signature, self.batch.signed(message))

    def to_json(self) -> dict[str, Any]:
        """A signed object's signature as JSON."""
        single = {"key": b64u(self.key), "signature": b64u(self.signature)}
        if self.batch is None:
            return single
        batch = self.batch
        return {**single, "index": batch.index, "path": b64u(batch.path), "size": batch.size}

    @classmethod
    def from_json(cls, value: Any) -> Signature:
        """Errors: InvalidError."""
        if not isinstance(value, dict) or value.keys() not in (_SINGLE, _BATCHED):
            raise InvalidError(
                "a signature has exactly key and signature, and of a batch index, path and size"
            )
        key, signature = unb64u(value["key"], KEY_ID_BYTES), unb64u(value["signature"], SIGNATURE_BYTES)
        if len(value) == len(_SINGLE):
            return cls(key, signature)
        return cls(key, signature, Membership(value["index"], value["size"], unb64u(value["path"])))


@dataclass(frozen=True)
class Signed:
    """A body under a type with its signatures, in ascending order of key id."""

    type: str
    body: Mapping[str, Any]
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        keys = [signature.key for signature in self.signatures]
        if sorted(set(keys)) != keys:
            raise InvalidError("signatures must stand in ascending order of key id, one a key")

    def statement_hash(self) -> bytes:
        """H(type, Canon(body)). Shape: 32 bytes."""
        return typed_hash(self.type, canon(self.body))

    def message(self) -> bytes:
        """What is signed."""
        return typed_message(self.type, canon(self.body))

    def with_signatures(self, more: Iterable[Signature]) -> Signed:
        """The same statement with further signatures; the same key twice is kept once."""
        by_key = {signature.key: signature for signature in (*self.signatures, *more)}
        return Signed(self.type, self.body, tuple(by_key[key] for key in sorted(by_key)))

    def check_signed_by(self, publics: Iterable[bytes]) -> None:
        """Check that exactly these keys signed.

        Errors: UnverifiedError.
        """
        wanted = {key_id(public): public for public in publics}
        if {signature.key for signature in self.signatures} != set(wanted):
            raise UnverifiedError(f"{self.type} is not signed by exactly the keys that it needs")
        message = self.message()
        for signature in self.signatures:
            signature.check(wanted[signature.key], message)

    def to_json(self) -> dict[str, Any]:
        """The signed object as JSON."""
        return {
            "body": self.body,
            "signatures": [signature.to_json() for signature in self.signatures],
            "type": self.type,
        }

    @classmethod
    def from_json(cls, value: Any) -> Signed:
        """Errors: InvalidError when it is not a signed object; signatures are not checked here."""
        if not isinstance(value, dict) or set(value) != {"body", "signatures", "type"}:
            raise InvalidError("a signed object has exactly body, signatures and type")
        if not isinstance(value["body"], dict) or not isinstance(value["type"], str):
            raise InvalidError("a signed object's body is an object and its type a string")
        return cls(value["type"], value["body"], parse_signatures(value["signatures"]))


def parse_signatures(value: Any) -> tuple[Signature, ...]:
    """Errors: InvalidError."""
    if not isinstance(value, list):
        raise InvalidError("signatures must be an array")
    return tuple(Signature.from_json(member) for member in value)


def sign_body(type_: str, body: Mapping[str, Any], *keys: SigningKey) -> Signed:
    """A signed object, by one or more keys."""
    message = typed_message(type_, canon(body))
    return Signed(type_, body, ()).with_signatures(Signature(key.id, key.sign(message)) for key in keys)


def sign_together(statements: Sequence[Signed], key: SigningKey) -> list[Signed]:
    """The statements with that key's signature on each: one signature for up to 1,024 of them."""
    signed: list[Signed] = []
    for start in range(0, len(statements), MAX_BATCH_SIZE):
        some = statements[start : start + MAX_BATCH_SIZE]
        messages = [statement.message() for statement in some]
        if len(some) == 1:
            signed.append(some[0].with_signatures([Signature(key.id, key.sign(messages[0]))]))
            continue
        batch = Batch.of(messages)
        signature = key.sign(batch.signed)
        signed += [
            statement.with_signatures([Signature(key.id, signature, member)])
            for statement, member in zip(some, batch.members, strict=True)
        ]
    return signed

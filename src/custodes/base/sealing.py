"""Sealing to a key (HPKE with X-Wing) and sealing long data in chunks (STREAM).

Source: docs/formats/bytes.md; RFC 9180; draft-connolly-cfrg-xwing-kem (expansion of the seed).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import SEED_BYTES, key_id

SEALING_KEY_BYTES = 1216
SEAL_OVERHEAD_BYTES = 1120 + 16
STREAM_CHUNK_BYTES = 1 << 20
STREAM_TAG_BYTES = 16
MAX_STREAM_CHUNKS = 1 << 32
_MLKEM_PUBLIC_BYTES = 1184
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealingKey:
    """An X-Wing private key, kept as its 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise InvalidError(f"a sealing seed has {SEED_BYTES} bytes, got {len(seed)}")
        self._seed = seed
        expanded = hashlib.shake_256(seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    @classmethod
    def generate(cls) -> SealingKey:
        """A new random key."""
        return cls(os.urandom(SEED_BYTES))

    def seed(self) -> bytes:
        """The private seed, to be stored."""
        return self._seed

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Errors: UnverifiedError when it was not sealed to this key under this info, or was altered."""
        try:
            return _SUITE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError) as error:
            raise UnverifiedError(f"what was sealed to key {self.id.hex()} does not open") from error


class PublicSealingKey:
    """An X-Wing public key, parsed once for many messages."""

    def __init__(self, public: bytes) -> None:
        if len(public) != SEALING_KEY_BYTES:
            raise InvalidError(f"a public sealing key has {SEALING_KEY_BYTES} bytes, got {len(public)}")
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES])
            x25519 = X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:])
        except ValueError as error:
            raise InvalidError("not a public sealing key") from error
        self._key = MLKEM768X25519PublicKey(mlkem, x25519)
        self.public = public
        self.id = key_id(public)

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """enc (1,120 bytes) followed by the ciphertext."""
        return _SUITE.encrypt(plaintext, self._key, info)


def stream_nonce(number: int, last: bool) -> bytes:
    """Shape: 12 bytes."""
    return bytes(7) + number.to_bytes(4, "big") + (b"\1" if last else b"\0")


def seal_stream(key: bytes, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Ciphertext chunks of plaintext chunks; the last is known only when the input ends.

    A chunk is read once more after the next was asked for, and not after the next but one was.
    """
    cipher = AESGCM(key)
    number = 0
    held: bytes | memoryview | None = None
    for chunk in chunks:
        if held is not None:
            yield cipher.encrypt(stream_nonce(number, False), held, None)
            number += 1
        held = chunk
    yield cipher.encrypt(stream_nonce(number, True), held if held is not None else b"", None)


def open_stream(key: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Plaintext chunks of ciphertext chunks.

    Errors: UnverifiedError for an altered, missing, reordered or further chunk, at the chunk concerned.
    """
    cipher = AESGCM(key)
    number = 0
    held: bytes | None = None
    for chunk in chunks:
        if held is not None:
            yield _open_chunk(cipher, number, False, held)
            number += 1
        held = chunk
    if held is None:
        raise UnverifiedError("a sealed stream has no chunk")
    yield _open_chunk(cipher, number, True, held)


def _open_chunk(cipher: AESGCM, number: int, last: bool, ciphertext: bytes) -> bytes:
    try:
        return cipher.decrypt(stream_nonce(number, last), ciphertext, None)
    except InvalidTag as error:
        where = "last chunk" if last else "chunk"
        raise UnverifiedError(f"{where} {number} of a sealed stream does not open") from error

"""NKeys: Ed25519 keys in the spelling that NATS uses for users.

Source: github.com/nats-io/nkeys (prefix byte, key, CRC-16/XMODEM little-endian, base32 without padding).
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custodes.base.errors import InvalidError

SEED_BYTES = 32
_USER_PREFIX = 20 << 3


@dataclass(frozen=True, slots=True)
class NKey:
    """One process's key for the bus. Shapes: seed 32 bytes."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise InvalidError(f"a bus key's seed has {SEED_BYTES} bytes, got {len(self.seed)}")

    @staticmethod
    def generate() -> NKey:
        """A random key."""
        return NKey(os.urandom(SEED_BYTES))

    @property
    def public(self) -> str:
        """The name by which the server knows the key's owner; begins with U."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        body = bytes([_USER_PREFIX]) + key
        check = binascii.crc_hqx(body, 0).to_bytes(2, "little")
        return base64.b32encode(body + check).rstrip(b"=").decode("ascii")

    def sign_nonce(self, nonce: str) -> bytes:
        """The answer to a server's challenge, in base64."""
        return base64.b64encode(Ed25519PrivateKey.from_private_bytes(self.seed).sign(nonce.encode()))

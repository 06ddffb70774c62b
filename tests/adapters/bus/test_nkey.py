"""NKeys are spelt as NATS spells them."""

from __future__ import annotations

import base64
import binascii

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.bus.nkey import NKey
from custodes.base.errors import InvalidError


@given(st.binary(min_size=32, max_size=32), st.text())
def test_the_public_name_holds_the_key_that_signs(seed: bytes, nonce: str) -> None:
    key = NKey(seed)
    assert len(key.public) == 56
    assert key.public[0] == "U"
    raw = base64.b32decode(key.public)
    assert binascii.crc_hqx(raw[:33], 0) == int.from_bytes(raw[33:], "little")
    signature = base64.b64decode(key.sign_nonce(nonce))
    Ed25519PublicKey.from_public_bytes(raw[1:33]).verify(signature, nonce.encode())


def test_the_seed_is_not_shown() -> None:
    assert "7777" not in repr(NKey(b"7" * 32))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(InvalidError):
        NKey(bytes(size))

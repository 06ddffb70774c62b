"""Sealing to a key and STREAM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import Signature, Signed, SigningKey, sign_body
from custodes.base.sealing import (
    SEAL_OVERHEAD_BYTES,
    SEALING_KEY_BYTES,
    PublicSealingKey,
    SealingKey,
    open_stream,
    seal_stream,
)

INFO = typed_message("test/v1", b"x")
KEY = bytes(range(32))


def test_sealed_opens_with_the_key_and_info_alone() -> None:
    key = SealingKey.generate()
    assert len(key.public) == SEALING_KEY_BYTES
    sealed = PublicSealingKey(key.public).seal(b"share", INFO)
    assert len(sealed) == SEAL_OVERHEAD_BYTES + 5
    assert SealingKey(key.seed()).open(sealed, INFO) == b"share"
    with pytest.raises(UnverifiedError):
        key.open(sealed, INFO + b"y")
    with pytest.raises(UnverifiedError):
        SealingKey.generate().open(sealed, INFO)
    with pytest.raises(UnverifiedError):
        key.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), INFO)
    with pytest.raises(UnverifiedError):
        key.open(sealed[:100], INFO)


def test_a_public_key_of_wrong_length_is_refused() -> None:
    with pytest.raises(InvalidError, match="1216"):
        PublicSealingKey(bytes(10))


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_stream_round_trip(chunks: list[bytes]) -> None:
    sealed = list(seal_stream(KEY, chunks))
    assert b"".join(open_stream(KEY, sealed)) == b"".join(chunks)


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=5), st.data())
def test_stream_names_the_chunk_that_was_cut_swapped_or_altered(
    chunks: list[bytes], data: st.DataObject
) -> None:
    sealed = list(seal_stream(KEY, chunks))
    kind = data.draw(st.sampled_from(["cut", "alter", "repeat", "swap"]))
    at = data.draw(st.integers(0, len(sealed) - 1))
    if kind == "cut":
        sealed = sealed[:-1]
    elif kind == "alter":
        sealed[at] = bytes([sealed[at][0] ^ 1]) + sealed[at][1:]
    elif kind == "repeat":
        sealed.insert(at, sealed[at])
    else:
        sealed.append(sealed.pop(at))
        if at == len(sealed) - 1:
            return
    with pytest.raises(UnverifiedError, match="stream"):
        list(open_stream(KEY, sealed))


def test_signed_object_needs_exactly_its_signers() -> None:
    one, two = SigningKey.generate(), SigningKey.generate()
    signed = sign_body("test/v1", {"a": 1}, one, two)
    signed.check_signed_by([two.public, one.public])
    assert Signed.from_json(signed.to_json()) == signed
    with pytest.raises(UnverifiedError):
        signed.check_signed_by([one.public])
    with pytest.raises(UnverifiedError):
        sign_body("test/v1", {"a": 1}, one).check_signed_by([one.public, two.public])
    with pytest.raises(UnverifiedError):
        Signed("test/v2", signed.body, signed.signatures).check_signed_by([one.public, two.public])
    with pytest.raises(UnverifiedError):
        Signed("test/v1", {"a": 2}, signed.signatures).check_signed_by([one.public, two.public])
    first = signed.signatures[0]
    with pytest.raises(InvalidError):
        Signed("test/v1", {"a": 1}, (first, Signature(first.key, first.signature)))

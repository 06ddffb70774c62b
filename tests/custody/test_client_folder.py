"""Wrapped seeds, and a memory that does not say two things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import (
    CorruptError,
    InvalidError,
    RefusedError,
    UnauthenticatedError,
    UnverifiedError,
)
from custodes.custody.card import weekly_keys
from custodes.custody.client_folder import (
    WRAPPED_BYTES,
    Seen,
    encode_made,
    parse_made,
    parse_seen,
    unwrap_seed,
    wrap_seed,
)

hashes = st.binary(min_size=32, max_size=32)
SEED = bytes(range(32))
NETWORK = b"N" * 32


def test_a_seed_is_unwrapped_by_its_passphrase_under_its_name_alone() -> None:
    wrapped = wrap_seed(SEED, "corr\u00e9ct horse", "identity")
    assert len(wrapped) == WRAPPED_BYTES == 83
    assert SEED not in wrapped
    assert unwrap_seed(wrapped, "corre\u0301ct horse", "identity") == SEED
    for passphrase, name in (("correct horse", "identity"), ("corr\u00e9ct horse", "keys/00")):
        with pytest.raises(UnauthenticatedError):
            unwrap_seed(wrapped, passphrase, name)
    with pytest.raises(UnauthenticatedError):
        unwrap_seed(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), "corr\u00e9ct horse", "identity")
    for damaged in (wrapped[:-1], b"", bytes(83), wrapped + b"x"):
        with pytest.raises(CorruptError):
            unwrap_seed(damaged, "corr\u00e9ct horse", "identity")
    with pytest.raises(InvalidError):
        wrap_seed(b"short", "x", "identity")


@given(
    st.builds(
        Seen,
        hashes,
        hashes,
        st.integers(0, 2**53 - 1),
        hashes,
        st.dictionaries(hashes, hashes, max_size=3),
        st.dictionaries(hashes, hashes, max_size=3),
    )
)
def test_what_was_seen_has_one_spelling(seen: Seen) -> None:
    assert parse_seen(seen.encode()) == seen
    value = parse_canon(seen.encode())
    for changes in (
        {"decisions": []},
        {"releases": {"x": "y"}},
        {"checkpoint": {"size": 0}},
        {"format": "x"},
    ):
        with pytest.raises(InvalidError):
            parse_seen(canon({**value, **changes}))


def test_one_statement_a_request() -> None:
    seen = Seen(NETWORK, NETWORK).with_decision(b"q" * 32, b"1" * 32).with_release(b"q" * 32, b"s" * 32)
    assert seen.with_decision(b"q" * 32, b"1" * 32) == seen
    assert seen.with_release(b"q" * 32, b"s" * 32) == seen
    with pytest.raises(RefusedError, match="another decision"):
        seen.with_decision(b"q" * 32, b"2" * 32)
    with pytest.raises(RefusedError, match="another set"):
        seen.with_release(b"q" * 32, b"t" * 32)
    assert len(seen.with_decision(b"r" * 32, b"2" * 32).decisions) == 2


def test_the_largest_checkpoint_is_kept_and_a_second_tree_refused() -> None:
    seen = Seen(NETWORK, NETWORK).with_checkpoint(7, b"7" * 32)
    assert seen.with_checkpoint(7, b"7" * 32) == seen
    assert seen.with_checkpoint(6, b"6" * 32) == seen
    assert seen.with_checkpoint(8, b"8" * 32).checkpoint_size == 8
    with pytest.raises(UnverifiedError, match="two trees"):
        seen.with_checkpoint(7, b"x" * 32)
    with pytest.raises(UnverifiedError, match="two trees"):
        Seen(NETWORK, NETWORK).with_checkpoint(0, b"x" * 32)


def test_rosters_go_forward_only() -> None:
    chain = [NETWORK, b"1" * 32, b"2" * 32]
    seen = Seen(NETWORK, NETWORK).with_roster(b"1" * 32, chain[:2])
    assert seen.with_roster(b"1" * 32, chain) == seen
    assert seen.with_roster(b"2" * 32, chain).roster == b"2" * 32
    for roster, walked in ((NETWORK, chain), (b"2" * 32, [NETWORK, b"2" * 32]), (b"3" * 32, chain)):
        with pytest.raises(UnverifiedError):
            seen.with_roster(roster, walked)


def test_keys_made_have_one_spelling() -> None:
    keys = weekly_keys([bytes([n]) * 1216 for n in range(3)], 4, 1000, 50, 70)
    assert parse_made(encode_made(keys)) == keys
    with pytest.raises(InvalidError, match="ascending"):
        parse_made(encode_made(keys[::-1]))

"""Shares: any quorum gives the secret, fewer say nothing."""

from itertools import combinations

import pyshamir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.custody.shamir import combine, multiply, split


@given(st.binary(min_size=1, max_size=64), st.integers(2, 6), st.integers(0, 4), st.data())
def test_any_quorum_gives_the_secret(secret: bytes, quorum: int, spare: int, data: st.DataObject) -> None:
    indices = data.draw(
        st.lists(st.integers(1, 255), min_size=quorum + spare, max_size=quorum + spare, unique=True)
    )
    shares = split(secret, quorum, indices)
    for chosen in combinations(indices, quorum):
        assert combine({index: shares[index] for index in chosen}) == secret


@given(st.binary(min_size=2, max_size=32), st.integers(2, 5))
def test_an_independent_library_combines_our_shares(secret: bytes, quorum: int) -> None:
    shares = split(secret, quorum, range(1, 6))
    parts = [bytearray(shares[index] + bytes([index])) for index in list(shares)[:quorum]]
    assert bytes(pyshamir.combine(parts)) == secret


@given(st.binary(min_size=2, max_size=32), st.integers(2, 5))
def test_we_combine_an_independent_library_s_shares(secret: bytes, quorum: int) -> None:
    parts = pyshamir.split(secret, 5, quorum)
    assert combine({part[-1]: bytes(part[:-1]) for part in parts[:quorum]}) == secret


def test_every_pair_of_shares_fits_every_secret_of_a_quorum_of_three() -> None:
    # All 65,536 polynomials of one secret byte at once: two shares take every pair of values just once.
    everything = bytes(range(256))
    coefficients = [everything * 256, b"".join(bytes([value]) * 256 for value in range(256))]
    for secret in (0, 1, 0x53, 255):
        source = iter(coefficients)
        shares = split(bytes([secret]) * 65536, 3, (1, 2, 255), lambda _length, source=source: next(source))
        for left, right in combinations((1, 2, 255), 2):
            assert len(set(zip(shares[left], shares[right], strict=True))) == 65536


def test_a_share_of_a_quorum_of_two_is_uniform_for_every_secret() -> None:
    for secret in range(256):
        shares = split(bytes([secret]) * 256, 2, (3, 7), lambda _length: bytes(range(256)))
        assert len(set(shares[3])) == len(set(shares[7])) == 256


def test_a_highest_coefficient_of_zero_is_kept() -> None:
    shares = split(b"\x42", 2, (1, 2), bytes)
    assert shares == {1: b"\x42", 2: b"\x42"}


def test_shares_of_two_secrets_do_not_mix() -> None:
    one, other = split(b"a" * 32, 2, (1, 2)), split(b"b" * 32, 2, (1, 2))
    assert combine({1: one[1], 2: other[2]}) not in (b"a" * 32, b"b" * 32)


@pytest.mark.parametrize(
    ("quorum", "indices"), [(1, (1, 2)), (3, (1, 2)), (2, (0, 1)), (2, (1, 256)), (2, (1, 1)), (2, (-1, 1))]
)
def test_impossible_splits_are_refused(quorum: int, indices: tuple[int, ...]) -> None:
    with pytest.raises(InvalidError):
        split(bytes(32), quorum, indices)


def test_impossible_combinations_are_refused() -> None:
    for shares in ({}, {1: b"a"}, {1: b"a", 2: b"ab"}, {0: b"a", 1: b"b"}):
        with pytest.raises(InvalidError):
            combine(shares)


def test_the_field_is_that_of_the_page() -> None:
    assert multiply(0x53, 0xCA) == 1
    assert multiply(0x57, 0x83) == 0xC1

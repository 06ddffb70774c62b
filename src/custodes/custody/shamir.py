"""Splitting a secret into shares, of which any k give it back and k − 1 say nothing.

Over GF(2⁸), byte by byte, so a secret of any length is split at once: a minute's key, or the 60 keys of an
epoch laid end to end. A multiplication by a constant is one bytes.translate, an addition one exclusive or.
Source: docs/formats/bytes.md; A. Shamir, How to share a secret (1979).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from functools import cache

from custodes.base.errors import InvalidError

Random = Callable[[int], bytes]
"""So many random bytes; os.urandom outside of tests."""

MAX_INDEX = 255
_POLYNOMIAL = 0x11B


def split(
    secret: bytes | bytearray | memoryview, quorum: int, indices: Collection[int], random: Random = os.urandom
) -> dict[int, bytes]:
    """The share of each index; any `quorum` of them give the secret.

    `random` is asked once for each coefficient, that of x first.
    Shapes: each share is as long as the secret.
    Errors: InvalidError when quorum < 2, fewer indices than that, or an index is not one of 1 … 255.
    """
    _check_indices(indices)
    if not 2 <= quorum <= len(indices):
        raise InvalidError(f"cannot split {quorum} of {len(indices)}")
    length = len(secret)
    lowest = int.from_bytes(secret, "big")
    coefficients = [random(length) for _ in range(quorum - 1)]
    if any(len(coefficient) != length for coefficient in coefficients):
        raise InvalidError("the random source gave too few bytes")
    return {index: _value_at(index, lowest, coefficients) for index in indices}


def combine(shares: Mapping[int, bytes]) -> bytes:
    """The secret of exactly a quorum of shares, by index; of any others, some other bytes.

    Errors: InvalidError when there are fewer than two, of several lengths, or at an impossible index.
    """
    _check_indices(shares)
    lengths = {len(share) for share in shares.values()}
    if len(shares) < 2 or len(lengths) != 1:
        raise InvalidError("combining takes two or more shares of one length")
    total = 0
    for index, share in shares.items():
        factor = _weight_at_zero(index, shares)
        total ^= int.from_bytes(share.translate(_times(factor)), "big")
    return total.to_bytes(lengths.pop(), "big")


def multiply(left: int, right: int) -> int:
    """The product in GF(2⁸)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 0x100:
            left ^= _POLYNOMIAL
        right >>= 1
    return product


def _value_at(index: int, lowest: int, coefficients: list[bytes]) -> bytes:
    times_index = _times(index)
    value = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = _add(value.translate(times_index), coefficient)
    length = len(value)
    return (int.from_bytes(value.translate(times_index), "big") ^ lowest).to_bytes(length, "big")


def _add(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def _weight_at_zero(index: int, indices: Collection[int]) -> int:
    """Lagrange's factor of one share for the value at 0; minus is plus here."""
    weight = 1
    for other in indices:
        if other != index:
            weight = multiply(weight, multiply(other, _inverse(other ^ index)))
    return weight


def _inverse(value: int) -> int:
    """value²⁵⁴, since value²⁵⁵ = 1."""
    inverse = 1
    for _ in range(7):
        value = multiply(value, value)
        inverse = multiply(inverse, value)
    return inverse


@cache
def _times(factor: int) -> bytes:
    """The table of multiplication by a constant, for bytes.translate."""
    return bytes(multiply(factor, value) for value in range(256))


def _check_indices(indices: Collection[int]) -> None:
    if len(set(indices)) != len(indices) or any(not 1 <= index <= MAX_INDEX for index in indices):
        raise InvalidError(f"share indices are distinct and from 1 to {MAX_INDEX}")

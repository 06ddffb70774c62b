"""Buffers are lent again once given back, and never to two at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from custodes.services.discloser.buffers import Buffers


def test_a_buffer_given_back_is_lent_again() -> None:
    buffers = Buffers()
    first = buffers.take(100)
    buffers.give(first)
    assert buffers.take(50) is first


def test_a_buffer_too_short_is_replaced() -> None:
    buffers = Buffers()
    buffers.give(buffers.take(10))
    assert len(buffers.take(11)) >= 11


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_nobody_shares_one(sizes: list[int]) -> None:
    buffers = Buffers()
    lent: list[bytearray] = []
    for size in sizes:
        if size % 3 == 0 and lent:
            buffers.give(lent.pop())
        lent.append(buffers.take(size))
        assert len(lent[-1]) >= size
        assert len({id(buffer) for buffer in lent}) == len(lent)

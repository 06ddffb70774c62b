"""The edge of a tree gives the root that the whole tree gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.ledger import merkle
from custodes.ledger.frontier import Frontier, decode_frontier


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70))
def test_it_gives_the_root_wherever_it_is_put_down_and_taken_up(leaves: list[bytes], stop: int) -> None:
    frontier = Frontier()
    for number, leaf in enumerate(leaves):
        assert frontier.root() == merkle.root(leaves[:number])
        if number == stop:
            frontier = decode_frontier(frontier.size, frontier.encode())
        frontier.append(leaf)
    assert frontier.size == len(leaves)
    assert frontier.root() == merkle.root(leaves)


@pytest.mark.parametrize(("size", "nodes"), [(1, b""), (2, bytes(64)), (1, bytes(31)), (0, bytes(32))])
def test_nodes_that_are_no_trees(size: int, nodes: bytes) -> None:
    with pytest.raises(InvalidError):
        decode_frontier(size, nodes)

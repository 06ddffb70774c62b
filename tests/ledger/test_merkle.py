"""Trees against RFC 6962's known answers, an independent library and each other."""

import hashlib
from collections.abc import Sequence

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError, UnverifiedError
from custodes.ledger import merkle

# The eight leaves and roots of the Certificate Transparency reference tests.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

many_leaves = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


def test_the_empty_tree() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_known_path() -> None:
    assert [step.hex() for step in merkle.path(LEAVES[:3], 2)] == [ROOTS[1]]
    assert [step.hex() for step in merkle.path(LEAVES[:8], 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


@given(many_leaves)
def test_root_agrees_with_pymerkle(leaves: list[bytes]) -> None:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        tree.append_entry(leaf)
    assert merkle.root(leaves) == tree.get_root()


@given(many_leaves, st.data())
def test_paths_check_and_altered_ones_do_not(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, path = merkle.root(leaves), merkle.path(leaves, index)
    merkle.check_path(root, len(leaves), index, leaves[index], path)
    with pytest.raises(UnverifiedError):
        merkle.check_path(root, len(leaves), index, leaves[index] + b"x", path)
    with pytest.raises(UnverifiedError):
        merkle.check_path(root, len(leaves), index, leaves[index], [*path, bytes(32)])
    if path:
        with pytest.raises(UnverifiedError):
            merkle.check_path(root, len(leaves), index, leaves[index], path[:-1])
        with pytest.raises(UnverifiedError):
            merkle.check_path(root, len(leaves), index, leaves[index], [*path[:-1], path[-1][:-1]])


def test_a_leaf_outside_the_tree() -> None:
    with pytest.raises(InvalidError):
        merkle.path(LEAVES, 8)
    with pytest.raises(UnverifiedError):
        merkle.check_path(merkle.root(LEAVES), 8, 8, LEAVES[0], merkle.path(LEAVES, 0))


def _subproof(size: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    # RFC 6962, section 2.1.2, word for word, as the check of the check.
    if size == len(leaves):
        return [] if whole else [merkle.root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if size <= split:
        return [*_subproof(size, leaves[:split], whole), merkle.root(leaves[split:])]
    return [*_subproof(size - split, leaves[split:], False), merkle.root(leaves[:split])]


def test_consistency_of_all_small_trees() -> None:
    leaves = [bytes([i]) for i in range(20)]
    roots = [merkle.root(leaves[:size]) for size in range(21)]
    for new in range(1, 21):
        for old in range(1, new + 1):
            proof = _subproof(old, leaves[:new], True)
            merkle.check_consistency(old, roots[old], new, roots[new], proof)
            with pytest.raises(UnverifiedError):
                merkle.check_consistency(old, bytes(32), new, roots[new], proof)
            with pytest.raises(UnverifiedError):
                merkle.check_consistency(old, roots[old], new, bytes(32), proof)
            with pytest.raises(UnverifiedError):
                merkle.check_consistency(old, roots[old], new, roots[new], [*proof, bytes(32)])
            if proof:
                with pytest.raises(UnverifiedError):
                    merkle.check_consistency(old, roots[old], new, roots[new], proof[:-1])


def test_consistency_with_the_empty_tree() -> None:
    root = merkle.root(LEAVES)
    merkle.check_consistency(0, merkle.EMPTY_ROOT, 8, root, [])
    with pytest.raises(UnverifiedError):
        merkle.check_consistency(0, root, 8, root, [])
    with pytest.raises(UnverifiedError):
        merkle.check_consistency(8, root, 7, root, [])

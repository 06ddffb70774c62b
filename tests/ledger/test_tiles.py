"""Tile paths and bundles by C2SP, and proofs read from tiles against trees in memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.errors import CorruptError, InvalidError, UnverifiedError
from custodes.ledger import merkle, tiles
from custodes.ledger.growing import GrowingTree


def _leaf(index: int) -> bytes:
    return index.to_bytes(4, "big")


@pytest.fixture(scope="module")
def tree() -> GrowingTree:
    grown = GrowingTree()
    for index in range(70_000):
        grown.append(_leaf(index))
    return grown


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tiles.tile_path(0, 0), "log/tile/0/000"),
        (tiles.tile_path(0, 1_234_067), "log/tile/0/x001/x234/067"),
        (tiles.tile_path(1, 1_234, 5), "log/tile/1/x001/234.p/5"),
        (tiles.tile_path(2, 1_000_000), "log/tile/2/x001/x000/000"),
        (tiles.bundle_path(67, 255), "log/tile/entries/067.p/255"),
        (tiles.archive_path(1234), "log/checkpoints/000000001234"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize(("index", "width"), [(-1, 256), (0, 0), (0, 257)])
def test_no_such_tile(index: int, width: int) -> None:
    with pytest.raises(InvalidError):
        tiles.tile_path(0, index, width)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_come_back(entries: list[bytes]) -> None:
    data = tiles.encode_bundle(entries)
    assert tiles.decode_bundle(data, len(entries)) == entries
    with pytest.raises(CorruptError):
        tiles.decode_bundle(data[:-1], len(entries))
    with pytest.raises(CorruptError):
        tiles.decode_bundle(data, len(entries) + 1)


def test_an_entry_has_a_limit() -> None:
    assert len(tiles.encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(InvalidError):
        tiles.encode_bundle([bytes(65_536)])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (0, 0, []),
        (0, 1, [(0, 0, 1)]),
        (5, 5, []),
        (5, 256, [(0, 0, 256), (1, 0, 1)]),
        (256, 257, [(0, 1, 1)]),
        (255, 600, [(0, 0, 256), (0, 1, 256), (0, 2, 88), (1, 0, 2)]),
        (65_535, 65_536, [(0, 255, 256), (1, 0, 256), (2, 0, 1)]),
    ],
)
def test_which_tiles_a_step_needs(old: int, new: int, expected: list[tuple[int, int, int]]) -> None:
    assert list(tiles.tiles_between(old, new)) == expected


@given(st.integers(0, 600))
@settings(deadline=None)
def test_roots_from_tiles_are_roots(tree: GrowingTree, size: int) -> None:
    assert tree.root(size) == merkle.root(_leaf(index) for index in range(size))


@given(st.data())
@settings(deadline=None)
def test_proofs_from_tiles_check(tree: GrowingTree, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, tree.size))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    root = tree.root(size)
    merkle.check_path(root, size, index, _leaf(index), tree.inclusion_path(index, size))
    proof = tree.consistency_proof(old, size)
    merkle.check_consistency(old, tree.root(old), size, root, proof)
    if proof:
        with pytest.raises(UnverifiedError):
            merkle.check_consistency(old, tree.root(old), size, root, [bytes(32), *proof[1:]])


def test_small_trees_prove_the_same_way_from_tiles_and_from_memory(tree: GrowingTree) -> None:
    for size in range(1, 40):
        held = merkle.Tree(_leaf(index) for index in range(size))
        assert [tree.inclusion_path(i, size) for i in range(size)] == [held.path(i) for i in range(size)]


def test_proofs_need_only_the_files_of_that_size(tree: GrowingTree) -> None:
    size = 66_000
    published = {tiles.tile_path(*tile): tree.tile(*tile) for tile in tiles.tiles_between(0, size)}

    def read(level: int, index: int, width: int) -> bytes:
        return published[tiles.tile_path(level, index, width)]

    assert tiles.root(read, size) == tree.root(size)
    assert tiles.inclusion_path(read, size, 65_999) == tree.inclusion_path(65_999, size)
    assert tiles.consistency_proof(read, 300, size) == tree.consistency_proof(300, size)


def test_beyond_the_tree(tree: GrowingTree) -> None:
    with pytest.raises(InvalidError):
        tree.root(tree.size + 1)
    with pytest.raises(InvalidError):
        tree.inclusion_path(5, 5)
    with pytest.raises(InvalidError):
        tree.consistency_proof(6, 5)
    with pytest.raises(InvalidError):
        tree.tile(0, tree.size // 256, 256)

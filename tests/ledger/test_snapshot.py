"""A replayed ledger written and read: the same facts, one object where there was one, and no other kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from town.story import Story

from custodes.base.canon import b64u
from custodes.base.errors import InvalidError
from custodes.ledger.growing import GrowingTree
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.snapshot import state_of_json, state_to_json


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    return Story().town.entries


def _replayed(entries: list[bytes]) -> LedgerState:
    state = LedgerState()
    for index, entry in enumerate(entries):
        state.replay(entry, index, signatures=False)
    return state


def _again(state: LedgerState) -> LedgerState:
    return state_of_json(json.loads(json.dumps(state_to_json(state))))


def _compare(one: LedgerState, other: LedgerState) -> None:
    for name, value in vars(one.facts).items():
        if name == "tree":
            assert value.rows() == other.facts.tree.rows()
        else:
            assert getattr(other.facts, name) == value, name
            assert type(getattr(other.facts, name)) is type(value)


def test_from_every_size_the_ledger_goes_on_as_if_replayed(entries: list[bytes]) -> None:
    whole = _replayed(entries)
    state = LedgerState()
    for index, entry in enumerate(entries):
        resumed = _again(state)
        _compare(state, resumed)
        for place, later in enumerate(entries[index:], index):
            resumed.replay(later, place, signatures=False)
        _compare(whole, resumed)
        assert resumed.tree.root() == whole.tree.root()
        state.replay(entry, index, signatures=False)
    _compare(whole, _again(whole))


def test_the_story_fills_every_table_that_a_ledger_has(entries: list[bytes]) -> None:
    state = LedgerState()
    empty = set(vars(state.facts)) - {"tree"}
    for index, entry in enumerate(entries):
        state.replay(entry, index, signatures=False)
        # At some time: holds that are over leave their table.
        empty -= {name for name, value in vars(state.facts).items() if value}
    assert empty == set()


def test_what_two_tables_hold_is_one_object(entries: list[bytes]) -> None:
    facts = _again(_replayed(entries)).facts
    for certs in facts.certs.values():
        assert all(facts.cert_of_key[cert.id] is cert for cert in certs)
    held = set(map(id, facts.holds.values()))
    assert {id(hold) for hold in facts.hold_of_statement.values()} == held


def test_anything_else_is_refused(entries: list[bytes]) -> None:
    good = state_to_json(_replayed(entries))

    def changed(place: int, value: Any) -> Any:
        return [*good[:place], value, *good[place + 1 :]]

    for bad in (
        None,
        7,
        [],
        good[:-1],
        [*good, 1],
        changed(0, []),
        changed(0, ["AAAA"]),
        changed(1, [32, "AAAA"]),
        changed(1, None),
        changed(2, "1"),
        changed(2, True),
        changed(3, [1]),
        changed(4, {"a": 1}),
        changed(6, [[b64u(b"k"), 99]]),
    ):
        with pytest.raises(InvalidError):
            state_of_json(bad)


def test_a_tree_goes_on_from_its_rows() -> None:
    tree, other = GrowingTree(), GrowingTree()
    for number in range(70_000):
        tree.append(number.to_bytes(4, "big"))
    for number in range(66_000):
        other.append(number.to_bytes(4, "big"))
    again = GrowingTree.of_rows(other.rows())
    for number in range(66_000, 70_000):
        again.append(number.to_bytes(4, "big"))
    assert again.rows() == tree.rows()
    assert again.root(65_537) == tree.root(65_537)
    assert GrowingTree.of_rows(GrowingTree().rows()).root() == GrowingTree().root()
    rows = tree.rows()
    for bad in (
        [],
        rows[:-1],
        [*rows, b""],
        [*rows[:-1], b""],
        [rows[0][:-1], *rows[1:]],
        [rows[0][: -6 * 8192], *rows[1:]],
        [rows[0], rows[1] + bytes(32), *rows[2:]],
    ):
        with pytest.raises(InvalidError):
            GrowingTree.of_rows(bad)

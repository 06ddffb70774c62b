"""Statements that one signature is over: each proven by its own path, and nothing else passes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

Check = Callable[..., tuple[int, dict[str, Any]]]
COUNT = 5


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bodies(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"counts": [], "hour_us": 1 + first + number} for number in range(count)]


@pytest.fixture
def batched(network: Any) -> Any:
    """A network whose last five entries the keeper signed together."""
    network.add_together("access", bodies(COUNT), network.keeper)
    return network


def changed(network: Any, at: int, **changes: Any) -> None:
    """Change members of a leaf's signature."""
    leaf = json.loads(network.leaves[at])
    row = leaf["signatures"][0]
    row |= changes
    leaf["signatures"] = [{name: value for name, value in row.items() if value is not None}]
    network.leaves[at] = rfc8785.dumps(leaf)


def found(check: Check, network: Any) -> list[tuple[str, str]]:
    code, report = check(network)
    assert code == (1 if report["findings"] else 0)
    return [(one["rule"], one["where"]) for one in report["findings"]]


def at_entry(network: Any, back: int) -> str:
    return f"entry {len(network.leaves) - back}"


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 8, 9, 255, 300, 1024])
def test_batches_of_all_shapes_are_admitted(network: Any, check: Check, count: int) -> None:
    network.add_together("access", bodies(count), network.keeper)
    assert found(check, network) == []


def test_members_in_another_order_and_apart_are_admitted(batched: Any, check: Check) -> None:
    batched.add("access", {"counts": [], "hour_us": 99}, batched.keeper)
    *members, other = batched.leaves[-COUNT - 1 :]
    batched.leaves[-COUNT - 1 :] = [members[4], members[0], other, members[2]]
    assert found(check, batched) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"path": b64(bytes(96))},
        {"index": 1},
        {"size": 6},
        {"size": 8},
        {"signature": b64(bytes(64))},
        {"index": None, "path": None, "size": None},
        {"key": b64(bytes(16))},
    ],
    ids=[
        "wrong path",
        "wrong index",
        "wrong size",
        "larger size",
        "wrong signature",
        "as a single one",
        "key",
    ],
)
def test_a_false_place_or_signature(batched: Any, check: Check, changes: dict[str, Any]) -> None:
    changed(batched, -COUNT, **changes)
    assert found(check, batched) == [("signature", at_entry(batched, COUNT))]


@pytest.mark.parametrize(
    "changes",
    [
        {"path": b64(bytes(64))},
        {"path": b64(bytes(128))},
        {"path": b64(bytes(95))},
        {"path": ""},
        {"path": None},
        {"index": 5},
        {"index": -1},
        {"index": True},
        {"size": 1},
        {"size": 0},
        {"size": 1025},
        {"size": 9},
        {"size": None},
        {"more": 1},
    ],
)
def test_what_no_batch_has_is_malformed(batched: Any, check: Check, changes: dict[str, Any]) -> None:
    changed(batched, -COUNT, **changes)
    assert found(check, batched) == [("members", at_entry(batched, COUNT))]


def test_a_single_signature_as_a_batch(batched: Any, check: Check) -> None:
    batched.add("access", {"counts": [], "hour_us": 99}, batched.keeper)
    changed(batched, -1, index=0, size=2, path=b64(bytes(32)))
    assert found(check, batched) == [("signature", at_entry(batched, 1))]


def test_one_altered_member_leaves_the_others_admitted(batched: Any, check: Check) -> None:
    leaf = json.loads(batched.leaves[-3])
    leaf["body"]["hour_us"] = 77
    batched.leaves[-3] = rfc8785.dumps(leaf)
    assert found(check, batched) == [("signature", at_entry(batched, 3))]


def test_the_place_of_another_member_and_of_another_tree(batched: Any, check: Check) -> None:
    batched.add_together("access", bodies(COUNT, 50), batched.keeper)
    mine = json.loads(batched.leaves[-1])["signatures"][0]
    changed(batched, -2, **json.loads(batched.leaves[-3])["signatures"][0])
    changed(batched, -1, **json.loads(batched.leaves[-1 - COUNT])["signatures"][0])
    changed(batched, -1 - COUNT, path=mine["path"])
    wrong = [("signature", at_entry(batched, back)) for back in (1 + COUNT, 2, 1)]
    assert found(check, batched) == wrong


def test_what_is_no_member(batched: Any, check: Check) -> None:
    batched.add("access", {"counts": [], "hour_us": 99}, batched.keeper)
    changed(batched, -1, **json.loads(batched.leaves[-2])["signatures"][0])
    assert found(check, batched) == [("signature", at_entry(batched, 1))]


def test_a_key_twice_once_alone_and_once_of_a_batch(batched: Any, check: Check) -> None:
    leaf = json.loads(batched.leaves[-1])
    single = batched.sign(leaf["type"], leaf["body"], [batched.keeper])["signatures"]
    leaf["signatures"] += single
    batched.leaves[-1] = rfc8785.dumps(leaf)
    assert found(check, batched) == [("signature", at_entry(batched, 1))]

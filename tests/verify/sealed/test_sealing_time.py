"""Since when footage is sealed: by the first checkpoint that holds its accounts, and by whose clock."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from custodes.ledger.growing import GrowingTree
from custodes_verify.main import main
from custodes_verify.merkle import Tree, begins_with, leaf_hash, rows_of

Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Write a package and verify it."""

    def run(package: Any) -> tuple[int, dict[str, Any]]:
        arguments = ["--package", str(package.write()), "--network", package.network.id.hex(), "--json"]
        code = main(arguments, now_us=package.network.now_us)
        return code, json.loads(capsys.readouterr().out)

    return run


def sealed_by(report: dict[str, Any]) -> dict[str, str]:
    """By whom, and the time that they give."""
    prefix = "sealed no later than "
    return {
        one["by"]: one["what"].removeprefix(prefix)
        for one in report["claimed"]
        if one["what"].startswith(prefix)
    }


def found(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["rule"], one["what"]) for one in report["findings"]]


def ago(package: Any, minutes: int) -> str:
    moment = datetime.datetime.fromtimestamp(package.network.now_us // 1_000_000 - 60 * minutes, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_first_checkpoint_says_since_when(package: Any, verify: Verify) -> None:
    code, report = verify(package)
    assert (code, report["findings"]) == (0, [])
    assert sealed_by(report) == {
        "the clock of witness witness.example": ago(package, 30),
        "the clock of the log itself": ago(package, 30),
    }


def test_without_one_the_packages_own_says_it_later(package: Any, verify: Verify) -> None:
    package.list["first_checkpoints"] = []
    code, report = verify(package)
    assert code == 0
    assert set(sealed_by(report).values()) == {ago(package, 0)}


def test_a_later_one_passed_as_the_first_gives_a_later_time(package: Any, verify: Verify) -> None:
    size = len(package.network.leaves) - 1
    package.list["first_checkpoints"] = [package.first_checkpoint(size, 10)]
    code, report = verify(package)
    assert code == 0
    assert set(sealed_by(report).values()) == {ago(package, 10)}


def test_of_several_the_earliest_of_each_sort_counts(package: Any, verify: Verify) -> None:
    network, size = package.network, package.last_account + 1
    package.list["first_checkpoints"] = [
        package.first_checkpoint(size, 40, signers=False),
        package.first_checkpoint(size + 1, 20),
    ]
    first = base64.urlsafe_b64decode(package.list["first_checkpoints"][0]["note"] + "===").decode()
    text = first.partition("\n\n")[0] + "\n"
    network.now_us -= 35 * 60_000_000
    first += network.cosignature_line(text, f"{network.origin}/custodian/2", network.custodians[1])
    network.now_us += 35 * 60_000_000
    note = base64.urlsafe_b64encode(first.encode()).rstrip(b"=").decode()
    package.list["first_checkpoints"][0]["note"] = note
    code, report = verify(package)
    assert (code, report["findings"]) == (0, [])
    assert sealed_by(report) == {
        "the clock of witness witness.example": ago(package, 20),
        "the clock of custodian 2": ago(package, 35),
        "the clock of the log itself": ago(package, 20),
    }


def test_where_only_the_log_says_it_that_is_said(package: Any, verify: Verify) -> None:
    def by_the_log_alone(note: bytes) -> bytes:
        return b"".join(line for line in note.splitlines(keepends=True) if b"witness.example" not in line)

    package.note = by_the_log_alone(package.note)
    first = package.list["first_checkpoints"][0]
    raw = base64.urlsafe_b64decode(first["note"] + "===")
    first["note"] = base64.urlsafe_b64encode(by_the_log_alone(raw)).rstrip(b"=").decode()
    _, report = verify(package)
    assert sealed_by(report) == {"the clock of the log itself": ago(package, 30)}
    assert any("nobody but the log cosigned" in one for one in report["not_checked"])


def test_one_that_does_not_hold_the_account_is_refused_by_name(package: Any, verify: Verify) -> None:
    package.list["first_checkpoints"] = [package.first_checkpoint(package.last_account, 50)]
    code, report = verify(package)
    assert code == 1
    assert found(report) == [
        (
            "first-checkpoint",
            f"does not hold entry {package.last_account}, the last account of an envelope",
        )
    ]
    assert set(sealed_by(report).values()) == {ago(package, 0)}


def test_one_of_another_tree_is_a_fork(package: Any, verify: Verify) -> None:
    size = package.last_account + 1
    package.list["first_checkpoints"] = [package.first_checkpoint(size, root=bytes(32))]
    _, report = verify(package)
    assert [rule for rule, _ in found(report)] == ["fork"]
    package.list["first_checkpoints"] = [package.first_checkpoint(size)]
    package.list["first_checkpoints"][0]["consistency"].pop()
    _, report = verify(package)
    assert [rule for rule, _ in found(report)] == ["fork"]
    assert set(sealed_by(report).values()) == {ago(package, 0)}


def test_one_that_is_no_checkpoint_or_anothers_is_found(package: Any, verify: Verify) -> None:
    network, size = package.network, package.last_account + 1
    good = package.first_checkpoint(size)
    log_key, network.log_key = network.log_key, network.keeper
    foreign = package.first_checkpoint(size)
    network.log_key = log_key
    package.list["first_checkpoints"] = [{**good, "note": "AAAA"}, foreign]
    _, report = verify(package)
    assert [rule for rule, _ in found(report)] == ["first-checkpoint"] * 2
    assert "log's signature" in found(report)[1][1]
    package.list["first_checkpoints"] = [good] * 4
    assert verify(package)[0] == 1


def test_a_consistency_proof_is_right_in_one_way_only() -> None:
    leaves = [bytes([n]) for n in range(40)]
    tree = Tree()
    tree.extend(rows_of([leaf_hash(leaf) for leaf in leaves]))
    other = GrowingTree()
    for leaf in leaves:
        other.append(leaf)
    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = other.consistency_proof(old, new)
            trees = (old, tree.root(old)), (new, tree.root(new))
            assert begins_with(*trees, proof)
            assert not begins_with((old, bytes(32)), trees[1], proof)
            assert not begins_with(trees[0], (new, bytes(32)), proof)
            assert not begins_with(*trees, [*proof, bytes(32)])
            if proof:
                assert not begins_with(*trees, proof[:-1])
                assert not begins_with(*trees, [bytes(32), *proof[1:]])
    assert not begins_with((0, tree.root(0)), (4, tree.root(4)), [])
    assert not begins_with((5, tree.root(5)), (4, tree.root(4)), [])

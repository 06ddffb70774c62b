"""Whatever bytes come: a finding or a refusal, never a traceback, and never more time than bytes."""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custodes_verify.bundles import read_bundle
from custodes_verify.bytes import canon, from_base64url, parse, to_base64url
from custodes_verify.envelopes import index_faults, read_reel
from custodes_verify.errors import MalformedError, RuleError, VerifyError
from custodes_verify.main import main
from custodes_verify.merkle import Tree, leaf_hash, root_by_path, root_of, rows_of
from custodes_verify.mp4 import read_track
from custodes_verify.note import read_checkpoint
from custodes_verify.packagelist import PACKAGE_LIST
from custodes_verify.records import read_records
from custodes_verify.rules.replay import replay
from custodes_verify.rules.state import State

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text("abz_", max_size=4), children, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_fast_encoder_writes_rfc_8785(value: Any) -> None:
    assert canon(value) == rfc8785.dumps(value)
    assert parse(canon(value)) == value


@given(st.binary(max_size=64))
@QUICK
def test_what_parses_has_one_spelling(data: bytes) -> None:
    try:
        value = parse(data)
    except MalformedError:
        return
    assert canon(value) == data


@pytest.mark.parametrize("text", ["1.0", "1e3", "-0", "null", "NaN", "[1,2 ]", '{"a":1,"a":1}', '"\\u0041"'])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        PACKAGE_LIST(parse(text.encode()))


@given(st.text("ABCab01-_+/= ", max_size=12))
@QUICK
def test_base64url_has_one_spelling(text: str) -> None:
    try:
        raw = from_base64url(text)
    except MalformedError:
        return
    assert to_base64url(raw) == text


@given(st.binary(max_size=400), st.integers(1, 256))
@QUICK
def test_any_bundle_is_read(data: bytes, width: int) -> None:
    bundle = read_bundle(data, width, {})
    assert len(bundle.entries) <= width


@given(st.lists(st.binary(max_size=8), max_size=700))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_growing_tree_has_every_root(leaves: list[bytes]) -> None:
    tree = Tree()
    for at in range(0, len(leaves), 256):
        tree.extend(rows_of([leaf_hash(leaf) for leaf in leaves[at : at + 256]]))
    for size in {0, 1, len(leaves) // 2, len(leaves)} - {1 + len(leaves)}:
        assert size > len(leaves) or tree.root(size) == root_of(leaves[:size])


@given(st.integers(-1, 9), st.integers(0, 9), st.lists(st.binary(min_size=32, max_size=32), max_size=6))
@QUICK
def test_any_path_is_read(index: int, size: int, path: list[bytes]) -> None:
    root_by_path(b"leaf", index, size, path)


def mutated(data: bytes, seed: int) -> bytes:
    """A few bytes flipped, cut, doubled or taken out."""
    random_bytes = random.Random(seed)
    changed = bytearray(data)
    for _ in range(random_bytes.randint(1, 4)):
        at = random_bytes.randrange(len(changed) or 1)
        act = random_bytes.randrange(4)
        if act == 0 and changed:
            changed[at] ^= 1 << random_bytes.randrange(8)
        elif act == 1:
            del changed[at : at + random_bytes.randint(1, 40)]
        elif act == 2:
            changed[at:at] = changed[at : at + random_bytes.randint(1, 40)]
        else:
            changed[at : at + 4] = random_bytes.randbytes(4)
    return bytes(changed)


@given(st.integers())
@QUICK
def test_a_mutated_note_is_read_or_refused(network: Any, seed: int) -> None:
    with contextlib.suppress(MalformedError):
        read_checkpoint(mutated(network.note(), seed))


@given(st.integers())
@QUICK
def test_a_mutated_entry_is_read_or_refused(network: Any, seed: int) -> None:
    network.open_epoch(network.header())
    leaves = list(network.leaves)
    network.leaves.pop()
    network.shreds = 0
    at = random.Random(seed).randrange(len(leaves))
    leaves[at] = mutated(leaves[at], seed)
    data = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    state = State(lambda _: b"")
    for index, entry in enumerate(read_bundle(data, len(leaves), {}).entries):
        state.counts["entries"] = index
        if hasattr(entry, "body"):
            try:
                replay(state, entry)
            except RuleError:
                continue


LEAF_VALUES = [None, True, -1, 0, 2**70, "", "AA", "x" * 600, [], {}, [[]], {"": 1}, 1.5]


def swapped_members(value: Any, choose: random.Random) -> Any:
    """The value with one member, somewhere, of another kind."""
    if isinstance(value, dict) and value and choose.random() < 0.9:
        name = choose.choice(sorted(value))
        return value | {name: swapped_members(value[name], choose)}
    if isinstance(value, list) and value and choose.random() < 0.9:
        at = choose.randrange(len(value))
        return [*value[:at], swapped_members(value[at], choose), *value[at + 1 :]]
    return choose.choice(LEAF_VALUES)


@given(st.integers())
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_members_of_any_kind_are_read_or_refused(network: Any, seed: int) -> None:
    choose = random.Random(seed)
    leaf = json.loads(choose.choice(network.leaves))
    data = json.dumps(swapped_members(leaf, choose), sort_keys=True, separators=(",", ":")).encode()
    read_bundle(len(data).to_bytes(2, "big") + data, 1, {})


@given(st.integers())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_list_of_a_package_is_read_or_refused(seed: int) -> None:
    choose = random.Random(seed)
    value = {name: choose.choice(LEAF_VALUES) for name in ("camera_names", "entries", "format", "keys")}
    try:
        PACKAGE_LIST(value)
    except MalformedError:
        return


@given(st.binary(max_size=300))
@QUICK
def test_any_reel_is_read(data: bytes) -> None:
    reel = read_reel(data)
    assert reel.faults
    assert list(index_faults(reel)) == []


@given(st.binary(max_size=300), st.booleans())
@QUICK
def test_any_records_are_read_or_refused(data: bytes, whole: bool) -> None:
    with contextlib.suppress(MalformedError):
        read_records(data, whole=whole)


@given(st.binary(max_size=300))
@QUICK
def test_any_mp4_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_track(memoryview(data))


@pytest.mark.parametrize("seed", range(25))
def test_a_damaged_network_folder_never_crashes(
    network: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    network.open_epoch(network.header())
    network.write(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    path = files[seed % len(files)]
    good = path.read_bytes()
    damaged = mutated(good, seed)
    path.write_bytes(damaged)
    code = main([str(tmp_path), "--network", network.id.hex()], now_us=network.now_us)
    assert code == (0 if damaged == good else 1)
    assert "FINDINGS" in capsys.readouterr().out


def test_a_pipe_or_folder_in_a_files_place_is_not_waited_for(
    network: Any, tmp_path: Path, check: Callable[..., Any]
) -> None:
    network.write(tmp_path)
    bundle = next((tmp_path / "log/tile/entries").rglob("*.p")) / str(len(network.leaves))
    bundle.unlink()
    os.mkfifo(bundle)
    assert check(network, folder=tmp_path)[0] == 1
    bundle.unlink()
    bundle.mkdir()
    assert check(network, folder=tmp_path)[0] == 1


def test_every_error_is_of_one_tree() -> None:
    assert issubclass(MalformedError, VerifyError)
    assert issubclass(RuleError, VerifyError)

"""Sealed objects that are damaged, withheld, moved about: each is named by what happened and where."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from typing import Any

import pytest

Deep = Callable[[Any], tuple[int, dict[str, Any]]]


def findings(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["rule"], finding["what"]) for finding in report["findings"]]


def test_sound_reels_are_proven(recorded: Any, deep: Deep) -> None:
    store, _, _ = recorded
    code, report = deep(store)
    assert (code, report["findings"]) == (0, [])
    assert "6 envelopes are sealed as their recorder accounted for them, in order" in report["proven"]
    assert "1 share sets are those of the ledger" in report["proven"]
    assert "2 manifests with 6 envelopes are those of the ledger" in report["proven"]


def test_every_flipped_byte_is_found(recorded: Any, deep: Deep) -> None:
    store, header, sealed = recorded
    path = store.place(header) / "0000.reel"
    good = path.read_bytes()
    for at in [
        0,
        5,
        9,
        50,
        len(sealed[0].bytes) - 1,
        len(sealed[0].bytes) + 3,
        len(good) - 1,
        len(good) - 90,
    ]:
        data = bytearray(good)
        data[at] ^= 0x10
        path.write_bytes(bytes(data))
        code, report = deep(store)
        assert code == 1, at
        assert {rule for rule, _ in findings(report)} & {"flipped", "cut"}, at
    path.write_bytes(good)
    assert deep(store)[0] == 0


def test_a_flipped_chunk_is_named_by_stream_epoch_and_sequence(recorded: Any, deep: Deep) -> None:
    store, header, sealed = recorded
    path = store.place(header) / "0000.reel"
    data = bytearray(path.read_bytes())
    data[len(sealed[0].bytes) + len(sealed[1].bytes) - 1] ^= 1
    path.write_bytes(bytes(data))
    report = deep(store)[1]
    assert findings(report) == [("flipped", "0000.reel, sequence 1: chunk 3 is not what its hash says")]
    assert report["findings"][0]["where"] == (
        f"stream {store.network.stream.hex()}, epoch {store.place(header).name}"
    )


def test_a_cut_reel_is_found(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    path = store.place(header) / "0001.reel"
    good = path.read_bytes()
    for length in (len(good) - 1, len(good) - 12, len(good) - 100, len(good) // 2, 10, 0):
        path.write_bytes(good[:length])
        code, report = deep(store)
        assert code == 1, length
        assert {rule for rule, _ in findings(report)} <= {"cut", "missing"}, length


def test_a_missing_reel_is_found(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    (store.place(header) / "0000.reel").unlink()
    assert findings(deep(store)[1]) == [("missing", "accounted for and not there: sequence 0–2")]


def test_swapped_envelopes_are_found(recorded: Any, deep: Deep) -> None:
    store, header, sealed = recorded
    store.reel(header, 0, [sealed[1], sealed[0], sealed[2]])
    rules = [rule for rule, _ in findings(deep(store)[1])]
    assert "swapped" in rules
    assert set(rules) <= {"swapped", "footer"}


def test_swapped_reels_are_found(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    first, second = store.place(header) / "0000.reel", store.place(header) / "0001.reel"
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert {rule for rule, _ in findings(deep(store)[1])} == {"swapped"}


def test_a_replayed_envelope_is_found(recorded: Any, deep: Deep) -> None:
    store, header, sealed = recorded
    store.reel(header, 2, [sealed[0]])
    assert findings(deep(store)[1]) == [("replayed", "0002.reel, sequence 0: it is there already")]


def test_an_envelope_of_another_epoch_is_replayed(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    other = store.begin_epoch("other")
    moved = store.seal(other, 1)
    store.reel(other, 0, moved)
    store.account(moved, closed=[store.closing(other, moved)])
    assert deep(store)[0] == 0
    shutil.copy(store.place(other) / "0000.reel", store.place(header) / "0002.reel")
    found = findings(deep(store)[1])
    assert [rule for rule, _ in found] == ["replayed", "replayed"]


def test_a_resealed_envelope_is_found(recorded: Any, deep: Deep) -> None:
    store, header, sealed = recorded
    again = store.seal(header, 6, elapsed_us=1)
    store.reel(header, 1, [*sealed[3:5], again[5]])
    assert {rule for rule, _ in findings(deep(store)[1])} == {"swapped"}


def test_an_envelope_added_to_a_closed_epoch_is_found(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    store.reel(header, 2, store.seal(header, 7)[6:])
    assert findings(deep(store)[1])[0][0] == "swapped"


def test_what_no_account_names_yet_is_claimed(store: Any, deep: Deep) -> None:
    header = store.begin_epoch()
    sealed = store.seal(header, 4)
    store.reel(header, 0, sealed[:3])
    store.network.pass_time(60_000_000)
    store.account(sealed[:2])
    code, report = deep(store)
    assert (code, report["findings"]) == (0, [])
    assert {"by": "recorders", "what": "1 envelopes that no account names yet"} in report["claimed"]


def test_the_tail_in_a_running_recorders_spool_is_claimed(store: Any, deep: Deep) -> None:
    header = store.begin_epoch()
    sealed = store.seal(header, 4)
    store.reel(header, 0, sealed[:2])
    store.account(sealed)
    code, report = deep(store)
    assert (code, report["findings"]) == (0, [])
    assert any("not in the store yet" in claim["what"] for claim in report["claimed"])


def test_a_cut_is_valid_only_where_a_statement_says_so(store: Any, deep: Deep) -> None:
    header = store.begin_epoch()
    sealed = store.seal(header, 2, cut_last=True)
    store.reel(header, 0, sealed, recovered=True)
    cut = {
        "chunks": sealed[1].chunks,
        "epoch": header["epoch"],
        "hash": store.closing(header, sealed)["last"],
        "sequence": 1,
        "stream": header["stream"],
    }
    closed = [store.closing(header, sealed)]
    store.account(sealed, run=2, previous_run=1, closed=closed, cuts=[cut])
    code, report = deep(store)
    assert (code, report["findings"]) == (0, [])
    stream, epoch = (base64.urlsafe_b64decode(header[name] + "==").hex() for name in ("stream", "epoch"))
    where = f"stream {stream} epoch {epoch} sequence 1 after chunk {sealed[1].chunks}"
    what = f"1 envelopes end early, as after a crash: {where}"
    assert what in [claim["what"] for claim in report["claimed"]]


def test_a_cut_that_nobody_states_is_found(store: Any, deep: Deep) -> None:
    header = store.begin_epoch()
    sealed = store.seal(header, 2, cut_last=True)
    store.reel(header, 0, sealed)
    store.account(sealed, closed=[store.closing(header, sealed)])
    assert findings(deep(store)[1]) == [
        ("cut", "0000.reel, sequence 1: it ends after chunk 4 and no statement says so")
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_a_false_closing_is_found(store: Any, deep: Deep, count: int) -> None:
    header = store.begin_epoch()
    sealed = store.seal(header, 2)
    store.reel(header, 0, sealed)
    store.account(sealed, closed=[store.closing(header, sealed) | {"count": count}])
    assert findings(deep(store)[1])[0][0] == "closed"


def test_a_false_or_missing_manifest_is_found(recorded: Any, deep: Deep) -> None:
    store, _, _ = recorded
    path = store.folder / "accounts" / store.network.recorder.hex() / f"{1:012d}"
    path.write_bytes(path.read_bytes().replace(b"custodes", b"custodis"))
    assert [rule for rule, _ in findings(deep(store)[1])] == ["manifest"]
    path.unlink()
    assert findings(deep(store)[1]) == [("manifest", "is missing; entry 20 names it")]


def test_a_false_or_missing_share_set_is_found(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    path = store.place(header) / "shares"
    path.write_bytes(path.read_bytes()[:-1])
    assert [rule for rule, _ in findings(deep(store)[1])] == ["share-set"]
    path.unlink()
    assert [rule for rule, _ in findings(deep(store)[1])] == ["missing"]


def test_shredded_epochs_need_not_be_there(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    network = store.network
    network.pass_time(3 * 86_400_000_000)
    item = {"epoch": header["epoch"], "index": header["shred"]["index"], "pool": header["shred"]["pool"]}
    network.add("shred", {"items": [item], "reason": "deadline"}, network.keeper)
    assert deep(store)[0] == 0
    shutil.rmtree(store.place(header))
    assert deep(store)[0] == 0


def test_an_epoch_that_the_ledger_never_had_is_found(recorded: Any, deep: Deep) -> None:
    store, header, _ = recorded
    ghost = store.network.header("ghost", utc0_us=header["utc0_us"] - 2 * 86_400_000_000)
    store.put(store.place(ghost) / "0000.reel", b"")
    assert findings(deep(store)[1])[0][0] == "epoch-unlogged"


def test_without_deep_nothing_is_opened(recorded: Any, check: Callable[..., Any]) -> None:
    store, _, _ = recorded
    store.network.write(store.folder)
    code, report = check(store.network, "--no-deep", folder=store.folder)
    assert code == 0
    assert any("sealed objects" in skipped for skipped in report["not_checked"])

"""The verifier reads every vector as the product wrote it."""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any

import pytest

from custodes_verify.bytes import canon, digest, from_base64url, key_id, parse, sha256, to_base64url, u16
from custodes_verify.entries import HEADER, SCHEMAS, read_leaf
from custodes_verify.envelopes import hash_header, index_faults, read_reel
from custodes_verify.errors import DamagedError, MalformedError, RuleError
from custodes_verify.main import main
from custodes_verify.manifests import Statement, read_manifest
from custodes_verify.merkle import Tree, leaf_hash, root_by_path, root_of, rows_of
from custodes_verify.note import read_checkpoint
from custodes_verify.packagelist import PACKAGE_LIST, REQUEST_FILE, slots_of
from custodes_verify.records import (
    check_cut,
    only_envelope,
    open_envelope,
    read_records,
    read_segment,
)
from custodes_verify.rules.opening import decisions_hash
from custodes_verify.rules.replay import replay
from custodes_verify.rules.state import State
from custodes_verify.store import SHARE_SET

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
CUSTODY: dict[str, Any] = json.loads((VECTORS / "custody.json").read_text())


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case.get("name", str(at))) for at, case in enumerate(cases)]


def test_the_header_and_its_share_set() -> None:
    epoch = CUSTODY["epoch"]
    header = HEADER(epoch["header"])
    assert hash_header(epoch["header"]).hex() == epoch["header_hash"]
    share_set = bytes.fromhex(epoch["share_set"])
    assert digest("custodes/share-set/v1", share_set).hex() == epoch["share_set_hash"]
    body = SHARE_SET(parse(share_set))
    assert [one.hex() for one in body["commitments"]] == epoch["commitments"]
    assert root_of(body["commitments"]) == header["slot_root"]
    for slot, key in enumerate(epoch["slot_keys"]):
        commitment = digest("slot", header["epoch"], u16(slot), bytes.fromhex(key))
        assert commitment == body["commitments"][slot]


@pytest.mark.parametrize(
    "row", HEADER(CUSTODY["epoch"]["header"])["custodians"], ids=lambda row: row["index"]
)
def test_shares_are_under_the_headers_roots(row: dict[str, Any]) -> None:
    epoch, index = CUSTODY["epoch"], row["index"]
    shares = [bytes.fromhex(share) for share in epoch["shares"][str(index)]]
    id_ = HEADER(epoch["header"])["epoch"]
    leaves = [digest("share", id_, u16(slot), u16(index), share) for slot, share in enumerate(shares)]
    assert root_of(leaves) == row["root"]
    for slot, path in enumerate(epoch["paths"][str(index)]):
        nodes = [bytes.fromhex(node) for node in path]
        assert root_by_path(leaves[slot], slot, len(leaves), nodes) == row["root"]


@pytest.mark.parametrize("case", named(CUSTODY["envelopes"]))
def test_an_envelope_is_read_and_opened(case: dict[str, Any]) -> None:
    envelope = only_envelope(bytes.fromhex(case["bytes"]))
    assert envelope.hash().hex() == case["hash"]
    assert envelope.header_hash.hex() == case["header_hash"]
    segment = read_segment(envelope, bytes.fromhex(case["slot_key"]))
    assert segment.codec == case["header"]["codec"]
    sets, *units = case["records"]
    joined = b"".join(struct.pack(">I", len(nal)) + nal for nal in segment.parameter_sets)
    assert sets["payload"][2:] == joined.hex()
    assert [(unit.flags, unit.elapsed_us, unit.media_90k, unit.payload.hex()) for unit in segment.units] == [
        (unit["flags"], unit["elapsed_us"], unit["media_90k"], unit["payload"]) for unit in units
    ]


def outcome(case: dict[str, Any]) -> str:
    try:
        envelope = only_envelope(bytes.fromhex(case["bytes"]))
        if "chunks" in case:
            check_cut(envelope, case["chunks"], bytes.fromhex(case["hash"]) if "hash" in case else None)
        elif not envelope.whole:
            raise DamagedError("cut", "ends early")
        segment = read_records(open_envelope(envelope, bytes.fromhex(case["slot_key"])), whole=envelope.whole)
        assert "records" not in case or len(segment.units) + 1 == case["records"]
    except DamagedError as error:
        return error.kind
    except MalformedError:
        return "malformed"
    return "whole"


@pytest.mark.parametrize("case", named(CUSTODY["damaged"]))
def test_damage_has_the_name_that_the_vectors_give_it(case: dict[str, Any]) -> None:
    assert outcome(case) == case["outcome"]


def test_a_reel_is_read() -> None:
    reel = read_reel(bytes.fromhex(CUSTODY["reel"]["bytes"]))
    assert reel.faults == []
    assert [fault for envelope in reel.envelopes for fault in envelope.faults] == []
    assert list(index_faults(reel)) == []
    assert reel.footer is not None
    assert reel.footer["count"] == CUSTODY["reel"]["footer"]["count"]
    assert reel.footer_header_hash.hex() == CUSTODY["epoch"]["header_hash"]


def test_a_torn_reel_and_its_recovery_are_read() -> None:
    torn = CUSTODY["reel"]["torn"]
    reel = read_reel(bytes.fromhex(torn["bytes"]), footer=False)
    assert [kind for kind, _ in reel.faults] == ["cut"]
    last = reel.envelopes[-1]
    assert (last.end, len(last.chunks), last.sequence) == (
        torn["valid_length"],
        torn["cut"]["chunks"],
        torn["cut"]["sequence"],
    )
    assert last.hash().hex() == torn["cut"]["hash"]
    recovered = read_reel(bytes.fromhex(torn["recovered"]))
    assert recovered.faults == []
    assert list(index_faults(recovered)) == []
    assert recovered.footer is not None
    assert recovered.footer["recovered"] is True


@pytest.mark.parametrize("name", ["account", "restart"])
def test_an_account_and_its_manifest(name: str) -> None:
    case = CUSTODY["accounts"][name]
    body = SCHEMAS[name](case["body"])
    assert digest(case["type"], canon(case["body"])).hex() == case["statement_hash"]
    statement = Statement(
        0,
        body["recorder"],
        body["number"],
        body["manifest"],
        body["root"],
        body["envelopes"],
        frozenset((gap["stream"], gap["reason"]) for gap in body["gaps"]),
    )
    listed = read_manifest(bytes.fromhex(case["manifest"]), statement, body["network"])
    leaves = listed.leaves
    assert [row.name for row in listed.renditions] == case["renditions"]
    for at, path in enumerate(case["paths"]):
        nodes = [bytes.fromhex(node) for node in path]
        assert root_by_path(leaves[at], at, len(leaves), nodes) == body["root"]


def test_a_request_and_its_decisions() -> None:
    opening = CUSTODY["opening"]
    q = digest("custodes/request/v1", canon(opening["request"]))
    assert q.hex() == opening["q"]
    file, entry = REQUEST_FILE(opening["request"]), SCHEMAS["request"](opening["request_entry"])
    scopes = canon(opening["request"]["scope"]), canon(opening["request"]["run_in"])
    assert digest("custodes/scope/v1", file["salt"], *scopes) == entry["commitment"]
    assert len(slots_of(file["scope"]) | slots_of(file["run_in"])) == entry["count"]
    hashes = []
    for case in opening["decisions"].values():
        body = SCHEMAS["decision"](case["body"])
        hashes.append(digest("custodes/entry/decision/v1", canon(case["body"])))
        assert hashes[-1].hex() == case["hash"]
        salt, granted = case["opening"]["salt"], case["opening"]["scope"]
        salt_bytes = REQUEST_FILE(opening["request"] | {"salt": salt})["salt"]
        assert digest("custodes/grant/v1", salt_bytes, canon(granted)) == body["commitment"]
    assert decisions_hash(hashes).hex() == opening["decisions_hash"]
    for case in opening["releases"].values():
        body = SCHEMAS["release"](case["body"])
        assert body["decisions"].hex() == opening["decisions_hash"]
        assert sha256(bytes.fromhex(case["set"])) == body["set"]


def test_a_packages_list_and_files() -> None:
    data = bytes.fromhex(CUSTODY["opening"]["package"]["archive"])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        read = {name: file.read() for name, file in files.items() if file is not None}
    assert list(read) == CUSTODY["opening"]["package"]["names"]
    package = PACKAGE_LIST(parse(read["package.json"]))
    assert [read_checkpoint(one["note"]).size for one in package["first_checkpoints"]] == [14]
    for video in package["videos"]:
        assert sha256(read[video["name"]]) == video["sha256"]
    for row in package["envelopes"]:
        name = f"envelopes/{row['stream'].hex()}/{row['epoch'].hex()}/{row['sequence']:08d}.envelope"
        envelope = only_envelope(read[name])
        key = next(
            slot["key"] for slot in package["keys"][0]["slots"] if slot["slot"] == envelope.header["slot"]
        )
        assert read_segment(envelope, key).units


def test_key_ids() -> None:
    card = CUSTODY["client"]["card"]
    keys = [key["key"] for key in card["body"]["keys"]]
    raw = [bytes.fromhex(spelled) for spelled in CUSTODY["client"]["key_ids"]]
    assert [to_base64url(one) for one in raw] == [to_base64url(key_id(decode(key))) for key in keys]


def decode(text: str) -> bytes:

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


LEDGER: dict[str, Any] = json.loads((VECTORS / "ledger.json").read_text())
LEAVES = [row["entry"].encode() for row in LEDGER["entries"]]


def replayed(leaves: list[bytes]) -> State:
    """The state after these entries, all of them admitted."""
    tree = Tree()
    tree.extend(rows_of([leaf_hash(leaf) for leaf in LEAVES]))
    state = State(tree.root)
    for index, leaf in enumerate(leaves):
        state.counts["entries"] = index
        replay(state, read_leaf(leaf, state.keys))
    state.counts["entries"] = len(leaves)
    return state


def test_every_admitted_entry_is_admitted() -> None:
    state = replayed(LEAVES)
    assert state.network == from_base64url(LEDGER["network"])
    assert state.counts["admitted"] == len(LEAVES)


def refusal(state: State, leaf: bytes) -> str:
    try:
        replay(state, read_leaf(leaf, state.keys))
    except RuleError as error:
        return error.rule
    except MalformedError:
        return "members"
    return "admitted"


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{at}-{case['rule']}") for at, case in enumerate(LEDGER["refused"])]
)
def test_every_refused_entry_is_refused_by_the_same_rule(case: dict[str, Any]) -> None:
    assert refusal(replayed(LEAVES[: case["at"]]), case["entry"].encode()) == case["rule"]


def test_roots_and_paths_of_the_ledger() -> None:
    tree = Tree()
    tree.extend(rows_of([leaf_hash(leaf) for leaf in LEAVES]))
    for size, row in enumerate(LEDGER["entries"], 1):
        assert leaf_hash(row["entry"].encode()).hex() == row["leaf_hash"]
        assert tree.root(size).hex() == row["root"]
    for row in LEDGER["inclusion"]:
        path = [bytes.fromhex(node) for node in row["path"]]
        root = root_by_path(LEAVES[row["index"]], row["index"], row["size"], path)
        assert root == tree.root(row["size"])


def test_the_ledger_as_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    width = len(LEAVES)
    bundle = b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in LEAVES)
    files = {
        "checkpoint": LEDGER["checkpoint"].encode(),
        f"tile/entries/000.p/{width}": bundle,
        f"tile/0/000.p/{width}": b"".join(bytes.fromhex(row["leaf_hash"]) for row in LEDGER["entries"]),
    }
    for name, data in files.items():
        path = tmp_path / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    network = from_base64url(LEDGER["network"]).hex()
    code = main([str(tmp_path), "--network", network, "--json"], now_us=LEDGER["now_us"])
    report = json.loads(capsys.readouterr().out)
    overdue = {"epoch-unaccounted", "shred-overdue", "disclosure-overdue"}
    assert {finding["rule"] for finding in report["findings"]} <= overdue
    assert code == (1 if report["findings"] else 0)
    assert {claim["by"] for claim in report["claimed"]} >= {
        "the log",
        "witness witness-1.example",
        "custodian 1",
    }

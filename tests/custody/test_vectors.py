"""vectors/custody.json, which the verifier reads too: every value is computed or opened anew."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import CustodesError, UnverifiedError
from custodes.base.keys import Signed, SigningKey, key_id
from custodes.base.sealing import SealingKey
from custodes.cases.archive import read_archive
from custodes.cases.bundle import Opening, open_file, open_opening
from custodes.cases.decision import granted_together, parse_decision
from custodes.cases.disclosure import combine_keys
from custodes.cases.fetch import open_answer
from custodes.cases.package import open_package
from custodes.cases.package_list import parse_package_list
from custodes.cases.release import check_set, decisions_hash, open_release, parse_release
from custodes.cases.request import RequestFile
from custodes.custody.accounts import parse_account, parse_manifest
from custodes.custody.card import parse_card
from custodes.custody.client_folder import parse_seen, unwrap_seed
from custodes.custody.envelope_reader import EnvelopeChain, read_envelope
from custodes.custody.frames import Damage, EnvelopeError, reader_of
from custodes.custody.header import Header
from custodes.custody.records import Record
from custodes.custody.reel_reader import ReelReader, scan
from custodes.custody.segment import parse_segment_header, segment_key
from custodes.custody.shamir import combine, split
from custodes.custody.share_set import open_message, parse_share_set, share_set_hash, unwrap
from custodes.custody.slots import share_leaf, share_tree, slot_commitment
from custodes.ledger import merkle

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "custody.json").read_text(encoding="utf-8")
)
EPOCH, OPENING = VECTORS["epoch"], VECTORS["opening"]


def unhex(values: Any) -> Any:
    if isinstance(values, str):
        return bytes.fromhex(values)
    return [unhex(value) for value in values]


def key(hex_seed: str) -> SealingKey:
    return SealingKey(bytes.fromhex(hex_seed))


@pytest.mark.parametrize("vector", VECTORS["shamir"], ids=lambda vector: str(vector["quorum"]))
def test_shares(vector: dict[str, Any]) -> None:
    secret, given = unhex(vector["secret"]), iter(unhex(vector["coefficients"]))
    shares = {int(index): unhex(share) for index, share in vector["shares"].items()}
    assert split(secret, vector["quorum"], list(shares), lambda _length: next(given)) == shares
    assert combine(dict(list(shares.items())[-vector["quorum"] :])) == secret


def test_epoch() -> None:
    header = Header.from_json(EPOCH["header"])
    share_set = parse_share_set(unhex(EPOCH["share_set"]))
    keys, commitments = unhex(EPOCH["slot_keys"]), unhex(EPOCH["commitments"])
    assert share_set.header == header
    assert header.hash.hex() == EPOCH["header_hash"]
    assert share_set_hash(unhex(EPOCH["share_set"])).hex() == EPOCH["share_set_hash"]
    assert [slot_commitment(header.epoch, slot, one) for slot, one in enumerate(keys)] == commitments
    assert merkle.root(commitments) == header.slot_root
    messages = unwrap(share_set, key(EPOCH["shred_seed"]))
    for index, hex_seed in EPOCH["custodian_seeds"].items():
        i, shares = int(index), tuple(unhex(EPOCH["shares"][index]))
        assert messages[i].hex() == EPOCH["messages"][index]
        assert open_message(header, i, messages[i], key(hex_seed)) == shares
        assert share_tree(header.epoch, i, shares).root == header.of(i).root
        for slot, share in enumerate(shares):
            leaf = share_leaf(header.epoch, slot, i, share)
            merkle.check_path(header.of(i).root, header.slots, slot, leaf, unhex(EPOCH["paths"][index][slot]))
    for slot, slot_key in enumerate(keys):
        assert combine({i: unhex(EPOCH["shares"][str(i)][slot]) for i in (1, 4)}) == slot_key


def test_envelopes_one_after_the_other() -> None:
    chain = EnvelopeChain(Header.from_json(EPOCH["header"]))
    for vector in VECTORS["envelopes"]:
        envelope = read_envelope(unhex(vector["bytes"]))
        assert envelope.hash.hex() == vector["hash"]
        assert envelope.header == parse_segment_header(canon(vector["header"]))
        assert envelope.header.hash.hex() == vector["header_hash"]
        slot_key = unhex(vector["slot_key"])
        assert segment_key(envelope.header.hash, slot_key).hex() == vector["segment_key"]
        records = [Record(**{**one, "payload": unhex(one["payload"])}) for one in vector["records"]]
        assert list(envelope.records(slot_key)) == records
        chain.follow(envelope.header, envelope.hash)
    assert chain.next_sequence == 3


def test_the_outcomes_are_a_closed_list() -> None:
    assert VECTORS["outcomes"] == ["whole", *(damage.value for damage in Damage)]
    assert {case["outcome"] for case in VECTORS["damaged"]} == set(VECTORS["outcomes"])


@pytest.mark.parametrize("case", VECTORS["damaged"], ids=lambda case: case["name"])
def test_damaged_envelopes(case: dict[str, Any]) -> None:
    try:
        envelope = read_envelope(unhex(case["bytes"]), case.get("chunks"))
        records = list(envelope.records(unhex(case["slot_key"])))
    except EnvelopeError as error:
        assert error.damage.value == case["outcome"]
        return
    assert case["outcome"] == "whole"
    assert len(records) == case.get("records", len(records))
    assert envelope.hash.hex() == case.get("hash", envelope.hash.hex())


def test_reel() -> None:
    vector = VECTORS["reel"]
    data = unhex(vector["bytes"])
    reader = ReelReader(reader_of(data), len(data))
    assert reader.footer.to_json() == vector["footer"]
    for position, envelope in enumerate(VECTORS["envelopes"]):
        assert reader.envelope(position).hash.hex() == envelope["hash"]
    torn = unhex(vector["torn"]["bytes"])
    found = scan(reader_of(torn), len(torn))
    assert found.valid_length == vector["torn"]["valid_length"]
    assert found.cut is not None
    cut = {"chunks": found.cut.chunks, "hash": found.cut.hash.hex(), "sequence": found.cut.header.sequence}
    assert cut == vector["torn"]["cut"]
    recovered = torn[: found.valid_length] + found.footer(reader.footer.header, 2).encode()
    assert recovered.hex() == vector["torn"]["recovered"]


@pytest.mark.parametrize("name", ["account", "restart"])
def test_accounts(name: str) -> None:
    vector = VECTORS["accounts"][name]
    account, manifest = (
        parse_account(vector["type"], vector["body"]),
        parse_manifest(unhex(vector["manifest"])),
    )
    account.check_manifest(manifest)
    assert [rendition.path for rendition in manifest.renditions] == vector["renditions"]
    assert account.statement_hash().hex() == vector["statement_hash"]
    for place, leaf in enumerate(manifest.leaves):
        path = unhex(vector["paths"][place])
        merkle.check_path(account.root, account.envelopes, place, leaf.encode(), path)


def test_request_and_decisions() -> None:
    file = RequestFile.from_json(OPENING["request"])
    assert file.hash.hex() == OPENING["q"]
    file.check_entry(OPENING["request_entry"])
    scopes, hashes = [], []
    for vector in OPENING["decisions"].values():
        decision, opening = parse_decision(vector["body"]), Opening.from_json(vector["opening"])
        decision.check_opening(file, opening)
        assert decision.hash().hex() == vector["hash"]
        scopes.append(opening.scope)
        hashes.append(decision.hash())
    assert granted_together(file, scopes).to_json() == OPENING["granted_together"]
    assert decisions_hash(hashes).hex() == OPENING["decisions_hash"]


def test_bundle_and_fetch() -> None:
    bundle, reader, q = OPENING["bundle"], key(OPENING["bundle"]["reader_seed"]), unhex(OPENING["q"])
    file, entry = open_file(unhex(bundle["file"]), reader, q)
    assert file.to_json() == OPENING["request"]
    assert entry.to_json()["signatures"] == bundle["signatures"]
    opening = open_opening(unhex(bundle["opening_of_2"]), q, 2, reader)
    assert opening.to_json() == OPENING["decisions"]["2"]["opening"]
    fetch = OPENING["fetch"]
    signed, transport = Signed.from_json(fetch["signed"]), key(fetch["transport_seed"])
    message, shredded = open_answer(unhex(fetch["answer"]), signed, transport).values()
    assert (message.hex(), shredded) == (fetch["message"], b"")


def test_releases_and_keys() -> None:
    share_set = parse_share_set(unhex(EPOCH["share_set"]))
    epoch, opened = share_set.header.epoch, {}
    file = RequestFile.from_json(OPENING["request"])
    scopes = [Opening.from_json(vector["opening"]).scope for vector in OPENING["decisions"].values()]
    for index, vector in OPENING["releases"].items():
        release = parse_release(vector["body"])
        assert release.decisions.hex() == OPENING["decisions_hash"]
        opened[int(index)] = open_release(unhex(vector["set"]), release, key(OPENING["opening_seed"]))
        granted = granted_together(file, scopes)
        check_set(opened[int(index)], granted, int(index), {epoch: share_set.header})
    keys = combine_keys(opened, {epoch: share_set})
    assert {str(slot.slot): one.hex() for slot, one in keys.items()} == OPENING["slot_keys"]


def test_package() -> None:
    vector = OPENING["package"]
    head, chunks = open_package([unhex(vector["sealed"])], key(vector["recipient_seed"]))
    archive = b"".join(chunks)
    assert archive.hex() == vector["archive"]
    files = {member.name: b"".join(member.chunks) for member in read_archive([archive])}
    assert list(files) == vector["names"]
    listing = parse_package_list(files["package.json"])
    head.check_list(listing)
    assert [one.size for one in listing.first_checkpoints] == [14]
    envelope = read_envelope(files[vector["names"][2]])
    assert list(envelope.records(dict(listing.keys[0].slots)[1]))
    assert hashlib.sha256(files[vector["names"][3]]).digest() == listing.videos[0].sha256


def test_client() -> None:
    vector = VECTORS["client"]
    card = parse_card(Signed.from_json(vector["card"]))
    assert card.identity == SigningKey(unhex(vector["identity_seed"])).public
    assert [key_id(one.key).hex() for one in card.keys] == vector["key_ids"]
    seen = vector["seen"].encode()
    assert parse_seen(seen).encode() == seen == canon(parse_canon(seen))
    wrapped = vector["wrapped"]
    found = unwrap_seed(unhex(wrapped["bytes"]), wrapped["passphrase"], wrapped["name"])
    assert found.hex() == wrapped["seed"]
    with pytest.raises(CustodesError):
        unwrap_seed(unhex(wrapped["bytes"]), wrapped["passphrase"], "other")


def test_what_is_sealed_to_one_is_closed_to_others() -> None:
    share_set = parse_share_set(unhex(EPOCH["share_set"]))
    for hex_seed in EPOCH["custodian_seeds"].values():
        with pytest.raises(UnverifiedError):
            unwrap(share_set, key(hex_seed))

"""Writes vectors/custody.json anew; what is sealed by HPKE in it differs each time, all else does not."""

import hashlib
import json
from pathlib import Path
from typing import Any

from custodes.base.keys import SigningKey, key_id, sign_body
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.archive import member_of
from custodes.cases.bundle import Opening, seal_file, seal_opening
from custodes.cases.decision import Client, decide
from custodes.cases.fetch import Fetch, seal_answer, sign_fetch
from custodes.cases.package import archive_of, envelope_name, seal_package
from custodes.cases.package_list import (
    PackagedCheckpoint,
    PackagedEnvelope,
    PackagedKeys,
    PackagedVideo,
    PackageList,
)
from custodes.cases.release import build_set, decisions_hash, seal_release
from custodes.cases.request import RequestFile, Shown
from custodes.cases.scope import EpochSlots, Scope
from custodes.custody.accounts import AccountChain, AccountLeaf, Closed, Cut, Gap, GapReason
from custodes.custody.card import Card, sign_card, weekly_keys
from custodes.custody.client_folder import Seen, wrap_seed
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.envelope_reader import read_envelope
from custodes.custody.epoch import EpochPlan, make_epoch
from custodes.custody.frames import CHUNK_HEAD, read_frame, reader_of
from custodes.custody.records import KEY, LOSS_BEFORE
from custodes.custody.reel import ReelWriter
from custodes.custody.reel_reader import scan
from custodes.custody.renditions import Masked, MaskReason, Rendition
from custodes.custody.segment import SegmentHeader, segment_key
from custodes.custody.shamir import split
from custodes.custody.share_set import open_message, parse_share_set, unwrap
from custodes.custody.slots import new_cells, share_tree
from custodes.ledger.checkpoint import Checkpoint, sign_checkpoint
from custodes.media.packets import Codec, ParameterSets

OUT = Path(__file__).parents[2] / "vectors" / "custody.json"
OUTCOMES = ["whole", "flipped", "cut", "swapped", "replayed", "surplus", "wrong-key", "malformed"]
UTC0_US = 1_800_000_000_000_000
SETS = {
    Codec.H264: ParameterSets(Codec.H264, (), (bytes.fromhex("6742c01e"),), (bytes.fromhex("68ce3c80"),)),
    Codec.H265: ParameterSets(
        Codec.H265, (bytes.fromhex("40010c01"),), (bytes.fromhex("42010101"),), (bytes.fromhex("4401c0f3"),)
    ),
}


class Source:
    """Bytes that look random and are the same in every run."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def __call__(self, length: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._name} {self._count}".encode()).digest(length)


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def sealing(name: str) -> SealingKey:
    return SealingKey(seed(name))


CUSTODIANS = {index: sealing(f"custodian {index}") for index in (1, 2, 4)}
SHRED, OPENING, RECIPIENT, TRANSPORT = map(sealing, ("shred", "opening", "recipient", "transport"))
IDENTITY = SigningKey(seed("identity"))


def shamir() -> list[dict[str, Any]]:
    found = []
    for quorum, indices in ((2, (1, 2, 3)), (3, (1, 2, 3, 4, 255)), (4, (2, 3, 5, 7, 11, 16))):
        secret, source = seed(f"secret {quorum}"), Source(f"coefficients {quorum}")
        coefficients = [source(32) for _ in range(quorum - 1)]
        if quorum == 3:
            coefficients[-1] = bytes(32)
        given = iter(coefficients)
        shares = split(secret, quorum, indices, lambda _length, given=given: next(given))
        found.append(
            {
                "coefficients": [value.hex() for value in coefficients],
                "quorum": quorum,
                "secret": secret.hex(),
                "shares": {str(index): share.hex() for index, share in shares.items()},
            }
        )
    return found


def epoch() -> tuple[dict[str, Any], Any, list[bytes], dict[int, tuple[bytes, ...]]]:
    plan = EpochPlan(
        network=seed("network"),
        assurance="full",
        camera=seed("camera")[:16],
        stream=seed("stream")[:16],
        recorder=seed("recorder")[:16],
        epoch=seed("epoch")[:16],
        run=7,
        utc0_us=UTC0_US,
        slot_us=60_000_000,
        slots=3,
        quorum=2,
        roster=seed("network"),
        deadline_us=UTC0_US + 73 * 3_600_000_000,
        custodians={index: PublicSealingKey(key.public) for index, key in CUSTODIANS.items()},
        shred_pool=seed("pool")[:16],
        shred_index=5,
        shred_key=PublicSealingKey(SHRED.public),
    )
    cells = new_cells(3)
    sealed = make_epoch(plan, cells, Source("epoch"))
    share_set = parse_share_set(sealed.share_set)
    header = share_set.header
    messages = unwrap(share_set, SHRED)
    shares = {i: open_message(header, i, messages[i], CUSTODIANS[i]) for i in CUSTODIANS}
    trees = {i: share_tree(header.epoch, i, shares[i]) for i in shares}
    vector = {
        "commitments": [commitment.hex() for commitment in sealed.commitments],
        "custodian_seeds": {str(i): key.seed().hex() for i, key in CUSTODIANS.items()},
        "header": header.to_json(),
        "header_hash": header.hash.hex(),
        "messages": {str(i): message.hex() for i, message in messages.items()},
        "paths": {
            str(i): [[s.hex() for s in tree.path(slot)] for slot in range(3)] for i, tree in trees.items()
        },
        "share_set": sealed.share_set.hex(),
        "share_set_hash": sealed.share_set_hash.hex(),
        "shares": {str(i): [share.hex() for share in mine] for i, mine in shares.items()},
        "shred_seed": SHRED.seed().hex(),
        "slot_keys": [bytes(cell).hex() for cell in cells],
    }
    return vector, share_set, [bytes(cell) for cell in cells], shares


def envelope(header: Any, keys: list[bytes], sequence: int, codec: Codec, previous: bytes) -> dict[str, Any]:
    segment = SegmentHeader(
        network=header.network,
        stream=header.stream,
        epoch=header.epoch,
        slot=min(sequence, 2),
        sequence=sequence,
        key_sequence=sequence - (sequence == 2),
        previous=previous,
        codec=codec,
        elapsed_us=60_000_000 * min(sequence, 2) + 250_000,
    )
    sealer = EnvelopeSealer(segment, keys[segment.slot], SETS[codec])
    source, out, records = Source(f"video {sequence}"), bytearray(sealer.header_frame), []
    for unit in range(7):
        payload = (40).to_bytes(4, "big") + bytes([0x65 if unit == 0 else 0x41]) + source(39)
        flags = KEY if unit == 0 and sequence != 2 else LOSS_BEFORE if unit == 4 else 0
        elapsed_us, media_90k = segment.elapsed_us + unit * 400_000, unit * 36_000 - 5
        camera_utc_us = UTC0_US + elapsed_us + 17 if unit % 2 else 0
        out += sealer.add_access_unit(payload, elapsed_us, media_90k, camera_utc_us, flags)
    out += sealer.close()
    for record in read_envelope(out).records(keys[segment.slot]):
        records.append(
            {
                "camera_utc_us": record.camera_utc_us,
                "elapsed_us": record.elapsed_us,
                "flags": record.flags,
                "kind": record.kind,
                "media_90k": record.media_90k,
                "payload": record.payload.hex(),
            }
        )
    return {
        "bytes": out.hex(),
        "hash": sealer.hash.hex(),
        "header": json.loads(segment.encoded),
        "header_hash": segment.hash.hex(),
        "records": records,
        "segment_key": segment_key(segment.hash, keys[segment.slot]).hex(),
        "slot_key": keys[segment.slot].hex(),
    }


def frames_of(data: bytes) -> list[bytes]:
    frames, at = [], 0
    while at < len(data):
        frame = read_frame(reader_of(data), at, len(data))
        frames.append(data[at : frame.end])
        at = frame.end
    return frames


def damaged(envelopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first, second = (bytes.fromhex(one["bytes"]) for one in envelopes[:2])
    head, a, b, c = frames_of(first)
    _, other_a, other_b, _ = frames_of(second)
    flip = bytearray(first)
    flip[-1] ^= 1
    flip_head = bytearray(first)
    flip_head[60] ^= 1
    early = bytearray(b)
    early[12] = 1
    key = envelopes[0]["slot_key"]
    cases: list[tuple[str, bytes, str]] = [
        ("nothing is wrong", first, "whole"),
        ("the last byte is flipped", bytes(flip), "flipped"),
        ("a byte of the segment header is flipped", bytes(flip_head), "flipped"),
        ("the last byte is cut off", first[:-1], "cut"),
        ("the last chunk is missing", head + a + b, "cut"),
        ("the first chunk is missing", head + b + c, "cut"),
        ("a chunk in the middle is missing", head + a + c, "cut"),
        ("only the header is there", head, "cut"),
        ("two chunks are exchanged", head + b + a + c, "swapped"),
        ("a chunk is that of another envelope", head + a + other_b + c, "swapped"),
        ("the first chunk is that of another envelope", head + other_a + b + c, "swapped"),
        ("a chunk comes again", head + a + b + b + c, "replayed"),
        ("the last chunk comes again", first + c, "replayed"),
        ("a chunk follows one that says it is the last", head + a + bytes(early) + c, "surplus"),
        ("another envelope follows", first + second, "surplus"),
    ]
    found = [{"bytes": data.hex(), "name": name, "outcome": outcome} for name, data, outcome in cases]
    for case in found:
        case["slot_key"] = key
    found.append(
        {
            "bytes": first.hex(),
            "name": "the key is that of another slot",
            "outcome": "wrong-key",
            "slot_key": envelopes[1]["slot_key"],
        }
    )
    cut = read_envelope(head + a + b, 2)
    whole_records = list(cut.records(bytes.fromhex(key)))
    for name, data, chunks, outcome in (
        ("cut after two chunks, and an account says so", head + a + b, 2, "whole"),
        ("cut after two chunks, and an account says one", head + a + b, 1, "surplus"),
        ("cut after two chunks, and an account says three", head + a + b, 3, "cut"),
        ("not cut, and an account says that it is", first, 3, "malformed"),
    ):
        found.append(
            {"bytes": data.hex(), "chunks": chunks, "name": name, "outcome": outcome, "slot_key": key}
        )
    found[-4]["hash"] = cut.hash.hex()
    found[-4]["records"] = len(whole_records)
    return found


def reels(header: Any, envelopes: list[dict[str, Any]]) -> dict[str, Any]:
    writer, out = ReelWriter(header, 2), bytearray()
    for one in envelopes:
        data = bytes.fromhex(one["bytes"])
        writer.add(read_envelope(data).header, len(data), bytes.fromhex(one["hash"]), 2_400_000)
        out += data
    footer = writer.finish()
    whole = bytes(out) + footer.encode()
    torn = bytes(out[: -(CHUNK_HEAD.size + 20)])
    found = scan(reader_of(torn), len(torn))
    assert found.cut is not None
    return {
        "bytes": whole.hex(),
        "footer": footer.to_json(),
        "torn": {
            "bytes": torn.hex(),
            "cut": {
                "chunks": found.cut.chunks,
                "hash": found.cut.hash.hex(),
                "sequence": found.cut.header.sequence,
            },
            "recovered": (torn[: found.valid_length] + found.footer(header, 2).encode()).hex(),
            "valid_length": found.valid_length,
        },
    }


def account(header: Any, envelopes: list[dict[str, Any]], cut: dict[str, Any]) -> dict[str, Any]:
    chain = AccountChain(header.network, header.recorder, 7, 0, seed("recorder entry"))
    place = (header.stream, header.epoch)
    leaves = [AccountLeaf(*place, n, bytes.fromhex(one["hash"])) for n, one in enumerate(envelopes[:2])]
    first, manifest, chain = chain.next(
        UTC0_US + 60_000_000,
        leaves,
        [Gap(header.stream, UTC0_US, UTC0_US + 250_000, GapReason.LOSS)],
        renditions=[
            Rendition(
                header.stream, UTC0_US + n, UTC0_US + n + 300_000_000, 1_000 + n, "avc1.42C016", seed("view")
            )
            for n in (500_000, 0)
        ],
        masked=[Masked(header.stream, UTC0_US, UTC0_US + 2_000_000, MaskReason.STARTING)],
    )
    hash_ = bytes.fromhex(cut["hash"])
    second, restart_manifest, _ = chain.next(
        UTC0_US + 240_000_000,
        [AccountLeaf(*place, 2, hash_)],
        cuts=[Cut(*place, 2, cut["chunks"], hash_)],
        closed=[Closed(header.epoch, 3, hash_)],
        new_run=8,
    )
    return {
        name: {
            "body": one.body(),
            "manifest": listed.encode().hex(),
            "renditions": [rendition.path for rendition in listed.renditions],
            "paths": [[step.hex() for step in listed.tree.path(n)] for n in range(len(listed.leaves))],
            "statement_hash": one.statement_hash().hex(),
            "type": one.type,
        }
        for name, one, listed in (("account", first, manifest), ("restart", second, restart_manifest))
    }


def opening(
    share_set: Any, keys: list[bytes], shares: Any, envelopes: list[dict[str, Any]]
) -> dict[str, Any]:
    header = share_set.header
    file = RequestFile(
        network=header.network,
        case=seed("case")[:16],
        roster=header.roster,
        kind="incident",
        legal_basis="§ 100h StPO",
        necessity="A bicycle was stolen at the north gate.",
        recipient_name="Investigator 7",
        recipient_key=RECIPIENT.public,
        opening_key=OPENING.public,
        created_us=UTC0_US + 600_000_000,
        expiry_us=UTC0_US + 86_400_000_000,
        decisions_needed=2,
        scope=Scope((EpochSlots(header.stream, header.epoch, (1, 2)),)),
        run_in=Scope((EpochSlots(header.stream, header.epoch, (0,)),)),
        shown=(Shown("North gate", header.stream, UTC0_US + 60_000_000, UTC0_US + 180_000_000),),
        salt=seed("salt"),
    )
    granted = (file.whole, Scope((EpochSlots(header.stream, header.epoch, (1,)),)))
    decisions, openings = {}, {}
    for index, scope in zip((1, 2), granted, strict=True):
        decisions[index], openings[index] = decide(
            file, index, scope, "Fits.", Client.INSTALLED, (9, seed("root")), UTC0_US, Source(f"salt {index}")
        )
    acted_on = decisions_hash(decision.hash() for decision in decisions.values())
    released = {
        index: seal_release(
            file,
            index,
            acted_on,
            build_set(granted[1], index, {header.epoch: header}, {header.epoch: shares[index]}),
        )
        for index in (1, 2)
    }
    fetch = Fetch(
        network=header.network,
        custodian=1,
        epochs=(header.epoch, seed("shredded epoch")[:16]),
        made_us=UTC0_US,
        nonce=seed("nonce")[:16],
        purpose_kind="request",
        purpose=file.hash,
        transport=TRANSPORT.public,
    )
    signed = sign_fetch(fetch, IDENTITY)
    message = unwrap(share_set, SHRED)[1]
    entry = sign_body("custodes/entry/request/v1", file.entry_body(), IDENTITY)
    reader = PublicSealingKey(CUSTODIANS[1].public)
    return {
        "bundle": {
            "file": seal_file(file, entry.signatures, reader).hex(),
            "opening_of_2": seal_opening(openings[2], file.hash, 2, reader).hex(),
            "reader_seed": CUSTODIANS[1].seed().hex(),
            "signatures": entry.to_json()["signatures"],
        },
        "decisions": {
            str(index): {
                "body": decision.body(),
                "hash": decision.hash().hex(),
                "opening": openings[index].to_json(),
            }
            for index, decision in decisions.items()
        },
        "decisions_hash": acted_on.hex(),
        "fetch": {
            "answer": seal_answer(signed, {header.epoch: message}).hex(),
            "message": message.hex(),
            "signed": signed.to_json(),
            "transport_seed": TRANSPORT.seed().hex(),
        },
        "granted_together": granted[1].to_json(),
        "opening_seed": OPENING.seed().hex(),
        "package": package(share_set, file, openings, keys, envelopes),
        "q": file.hash.hex(),
        "releases": {
            str(index): {"body": release.body(), "set": sealed.hex()}
            for index, (sealed, release) in released.items()
        },
        "request": file.to_json(),
        "request_entry": file.entry_body(),
        "slot_keys": {"1": keys[1].hex()},
    }


def package(
    share_set: Any, file: RequestFile, openings: dict[int, Opening], keys: list[bytes], envelopes: Any
) -> dict[str, Any]:
    header = share_set.header
    data = bytes.fromhex(envelopes[1]["bytes"])
    video = b"not a real video"
    first = sign_checkpoint(Checkpoint("town.example/log", 14, seed("tree")), IDENTITY)
    listing = PackageList(
        network=file.network,
        request=file,
        camera_names={header.stream: "North gate"},
        entries=(),
        envelopes=(PackagedEnvelope(header.stream, header.epoch, 1, 12, 1, 2, (seed("path"),)),),
        first_checkpoints=(PackagedCheckpoint(14, first.encode(), (seed("step"), seed("step 2"))),),
        keys=(PackagedKeys(header.epoch, share_set.commitments, ((1, keys[1]),)),),
        openings=openings,
        videos=(
            PackagedVideo(
                "video/North-gate-1-1.mp4",
                header.stream,
                hashlib.sha256(video).digest(),
                ((header.epoch, 1),),
            ),
        ),
    )
    videos = [member_of("video/North-gate-1-1.mp4", video)]
    archive = b"".join(archive_of(listing, b"checkpoint\n", lambda wanted: [data for _ in wanted], videos))
    recipient = PublicSealingKey(RECIPIENT.public)
    sealed = b"".join(seal_package(recipient, file.network, file.hash, [archive], Source("file key")))
    return {
        "archive": archive.hex(),
        "names": [
            "package.json",
            "checkpoint",
            envelope_name(header.stream, header.epoch, 1),
            "video/North-gate-1-1.mp4",
        ],
        "recipient_seed": RECIPIENT.seed().hex(),
        "sealed": sealed.hex(),
    }


def client() -> dict[str, Any]:
    publics = [sealing(f"week {number}").public for number in range(5)]
    card = Card(IDENTITY.public, "Ombudsman", weekly_keys(publics, 1, UTC0_US, 7 * 86_400_000_000))
    seen = Seen(
        seed("network"), seed("network"), 9, seed("root"), {seed("q"): seed("d")}, {seed("q"): seed("s")}
    )
    return {
        "card": sign_card(card, IDENTITY).to_json(),
        "identity_seed": IDENTITY.seed().hex(),
        "key_ids": [key_id(public).hex() for public in publics],
        "seen": seen.encode().decode(),
        "wrapped": {
            "bytes": wrap_seed(seed("wrapped"), "corre\u0301ct horse", "identity", Source("wrap")).hex(),
            "name": "identity",
            "passphrase": "corr\u00e9ct horse",
            "seed": seed("wrapped").hex(),
        },
    }


def main() -> None:
    """Write the file."""
    epoch_vector, share_set, keys, shares = epoch()
    header = share_set.header
    envelopes: list[dict[str, Any]] = []
    previous = header.hash
    for sequence, codec in enumerate((Codec.H264, Codec.H265, Codec.H264)):
        envelopes.append(envelope(header, keys, sequence, codec, previous))
        previous = bytes.fromhex(envelopes[-1]["hash"])
    reel = reels(header, envelopes)
    document = {
        "accounts": account(header, envelopes, reel["torn"]["cut"]),
        "client": client(),
        "damaged": damaged(envelopes),
        "envelopes": envelopes,
        "epoch": epoch_vector,
        "format": "custodes/vectors/custody/v1",
        "opening": opening(share_set, keys, shares, envelopes),
        "outcomes": OUTCOMES,
        "reel": reel,
        "shamir": shamir(),
    }
    OUT.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

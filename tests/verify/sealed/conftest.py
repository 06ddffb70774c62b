"""A tiny writer of sealed objects, beside the writer of networks."""

from __future__ import annotations

import base64
import datetime
import hashlib
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Json = dict[str, Any]
MINUTE_US = 60_000_000
SPS = bytes.fromhex("6742c01edb0140 16e84000 0003004000000c23c60c92".replace(" ", ""))
PPS = bytes.fromhex("68ce3c80")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def typed(kind: str, *fields: bytes) -> bytes:
    return kind.encode() + b"\0" + b"".join(fields)


def typed_hash(kind: str, *fields: bytes) -> bytes:
    return hashlib.sha256(typed(kind, *fields)).digest()


def record(kind: int, payload: bytes, *, flags: int = 0, elapsed_us: int = 0, media: int = 0) -> bytes:
    return struct.pack(">BBIQqQ", kind, flags, len(payload), elapsed_us, media, 0) + payload


def nal(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


class Sealed:
    """An envelope as bytes, with what an account says of it."""

    def __init__(self, header: Json, chunks: list[bytes], key: bytes, *, cut: bool = False) -> None:
        canon = rfc8785.dumps(header)
        self.header, self.header_hash = header, typed_hash("custodes/segment/v1", canon)
        self.sequence: int = header["sequence"]
        info = typed("custodes/segment/v1", self.header_hash)
        cipher = AESGCM(HKDF(SHA256(), 32, None, info).derive(key))
        frames = [b"CSEG" + struct.pack(">I", len(canon)) + hashlib.sha256(canon).digest() + canon]
        running = typed("envelope", self.header_hash)
        for number, chunk in enumerate(chunks):
            last = number == len(chunks) - 1 and not cut
            nonce = bytes(7) + struct.pack(">IB", number, last)
            sealed = cipher.encrypt(nonce, chunk, b"")
            digest = hashlib.sha256(sealed).digest()
            frames.append(b"CCHK" + struct.pack(">IIB3x", len(sealed), number, last) + digest + sealed)
            running += struct.pack(">QQ", number, len(sealed)) + digest
        self.bytes = b"".join(frames)
        self.hash = hashlib.sha256(running).digest()
        self.chunks, self.cut = len(chunks), cut

    def row(self) -> bytes:
        place = unb64(self.header["stream"]) + unb64(self.header["epoch"])
        return place + struct.pack(">Q", self.sequence) + self.hash


class Store:
    """A store on disk, filled through a network's ledger."""

    def __init__(self, network: Any, folder: Path) -> None:
        self.network, self.folder = network, folder
        self.accounts: list[int] = []

    def begin_epoch(self, label: str = "epoch", *, slots: int = 3, **changes: Any) -> Json:
        """Write the share set and enter the epoch; its header."""
        header: Json = self.network.header(label, slots=slots, **changes)
        epoch = unb64(header["epoch"])
        share_set = {
            "commitments": b64(b"".join(self.network.commitments(epoch, self.keys(header)))),
            "format": "custodes/share-set/v1",
            "header": header,
            "sealed": b64(b"\7" * 1200),
        }
        data = rfc8785.dumps(share_set)
        self.put(self.place(header) / "shares", data)
        self.network.open_epoch(header, typed_hash("custodes/share-set/v1", data))
        return header

    def keys(self, header: Json) -> list[bytes]:
        keys: list[bytes] = self.network.slot_keys(unb64(header["epoch"]), header["slots"])
        return keys

    def place(self, header: Json) -> Path:
        day = datetime.datetime.fromtimestamp(header["utc0_us"] / 1e6, datetime.UTC).date().isoformat()
        stream, epoch = unb64(header["stream"]).hex(), unb64(header["epoch"]).hex()
        return self.folder / "streams" / stream / day / epoch

    def put(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def seal(self, header: Json, count: int, *, cut_last: bool = False, **changes: Any) -> list[Sealed]:
        """`count` envelopes of 4 s in a chain, 15 a slot at most, two a slot here."""
        previous = self.network.header_hash(header)
        sealed: list[Sealed] = []
        for sequence in range(count):
            slot = min(sequence // 2, header["slots"] - 1)
            elapsed_us = slot * MINUTE_US + sequence % 2 * 4_000_000
            segment = {
                "codec": "h264",
                "elapsed_us": elapsed_us,
                "epoch": header["epoch"],
                "format": "custodes/segment/v1",
                "key_sequence": sequence,
                "network": header["network"],
                "previous": b64(previous),
                "sequence": sequence,
                "slot": slot,
                "stream": header["stream"],
            } | changes
            cut = cut_last and sequence == count - 1
            sealed.append(
                Sealed(segment, self.records(sequence, elapsed_us), self.keys(header)[slot], cut=cut)
            )
            previous = sealed[-1].hash
        return sealed

    def units(self, sequence: int) -> list[bytes]:
        """The access units of a segment."""
        first = nal(SPS) + nal(PPS) + nal(b"\x65" + bytes([sequence]) * 40)
        return [first, *(nal(b"\x41" + bytes([sequence, number]) * 9) for number in range(3))]

    def records(self, sequence: int, elapsed_us: int) -> list[bytes]:
        """The chunks of a segment: its records, a second in each."""
        chunks = []
        for number, unit in enumerate(self.units(sequence)):
            at_us = elapsed_us + number * 1_000_000
            chunk = record(2, unit, flags=number == 0, elapsed_us=at_us, media=at_us * 9 // 100)
            chunks.append(chunk)
        chunks[0] = record(1, b"\1" + nal(SPS) + nal(PPS)) + chunks[0]
        return chunks

    def reel(self, header: Json, number: int, sealed: list[Sealed], **changes: Any) -> Path:
        rows, at = b"", 0
        for one in sealed:
            flags = one.cut | (one.header["key_sequence"] != one.sequence) << 1
            elapsed_ms = one.header["elapsed_us"] // 1000
            rows += struct.pack(">IIHHII", at, len(one.bytes), one.header["slot"], flags, elapsed_ms, 0)
            at += len(one.bytes)
        footer = {
            "count": len(sealed),
            "first": sealed[0].sequence,
            "format": "custodes/reel/v1",
            "header": header,
            "index": b64(rows),
            "last": b64(sealed[-1].hash),
            "number": number,
            "recovered": False,
        } | changes
        canon = rfc8785.dumps(footer)
        frame = b"CFTR" + struct.pack(">I", len(canon)) + hashlib.sha256(canon).digest() + canon
        data = b"".join(one.bytes for one in sealed) + frame + struct.pack(">I", len(frame)) + b"CREEL/1\n"
        path = self.place(header) / f"{number:04d}.reel"
        self.put(path, data)
        return path

    def account(self, sealed: list[Sealed], **changes: Any) -> int:
        """Account for envelopes, manifest included."""
        rows = sorted(one.row() for one in sealed)
        name = "restart" if "previous_run" in changes else "account"
        index: int = self.network.account(rows, name=name, **changes)
        number = self.network.heads[self.network.recorder][0]
        self.put(
            self.folder / "accounts" / self.network.recorder.hex() / f"{number:012d}", self.network.manifest
        )
        self.accounts.append(index)
        return index

    def closing(self, header: Json, sealed: list[Sealed]) -> Json:
        last = sealed[-1].hash if sealed else self.network.header_hash(header)
        return {"count": len(sealed), "epoch": header["epoch"], "last": b64(last)}


@pytest.fixture
def store(network: Any, tmp_path: Path) -> Store:
    """An empty store of a network that has begun."""
    return Store(network, tmp_path / "network")


@pytest.fixture
def recorded(store: Store) -> tuple[Store, Json, list[Sealed]]:
    """Six envelopes in two reels, in two accounts, of a closed epoch."""
    header = store.begin_epoch()
    sealed = store.seal(header, 6)
    store.reel(header, 0, sealed[:3])
    store.reel(header, 1, sealed[3:])
    store.network.pass_time(MINUTE_US)
    store.account(sealed[:3])
    store.network.pass_time(MINUTE_US)
    store.account(sealed[3:], closed=[store.closing(header, sealed)])
    return store, header, sealed


@pytest.fixture
def deep(check: Callable[..., Any]) -> Callable[[Store], tuple[int, Json]]:
    """Publish a store's ledger beside its objects and verify both."""

    def run(store: Store) -> tuple[int, Json]:
        store.network.write(store.folder)
        code, report = check(store.network, "--deep", folder=store.folder)
        return code, report

    return run


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def mp4(units: list[bytes], times_90k: list[int], sps: bytes = SPS, pps: bytes = PPS) -> bytes:
    """A file as mp4.md has it, without reordering: just what the verifier reads of it."""
    avc = b"\1" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    avc += b"\1" + struct.pack(">H", len(pps)) + pps
    entry = box(b"avc3", bytes(78), box(b"avcC", avc))
    distances = [later - time for time, later in pairwise(times_90k)]
    distances.append(sorted(distances)[(len(distances) - 1) // 2] if distances else 3_600)
    ftyp = box(b"ftyp", b"iso6", bytes(4), b"iso6isommp41")
    chunks = [units[at : at + 64] for at in range(0, len(units), 64)]

    def moov(first: int) -> bytes:
        offsets, at = [], first
        for chunk in chunks:
            offsets.append(at)
            at += sum(map(len, chunk))
        table = box(
            b"stbl",
            box(b"stsd", bytes(4), struct.pack(">I", 1), entry),
            box(
                b"stts",
                bytes(4),
                struct.pack(">I", len(units)),
                *(struct.pack(">II", 1, d) for d in distances),
            ),
            box(b"stsc", bytes(4), stsc(chunks)),
            box(
                b"stsz", bytes(8), struct.pack(">I", len(units)), *(struct.pack(">I", len(u)) for u in units)
            ),
            box(b"stco", bytes(4), struct.pack(">I", len(chunks)), *(struct.pack(">I", o) for o in offsets)),
        )
        return box(b"moov", box(b"trak", box(b"mdia", box(b"minf", table))))

    start = len(ftyp) + len(moov(0)) + 8
    return ftyp + moov(start) + box(b"mdat", *units)


def stsc(chunks: list[list[bytes]]) -> bytes:
    rows = [(1, len(chunks[0]), 1)]
    if len(chunks[-1]) != len(chunks[0]):
        rows.append((len(chunks), len(chunks[-1]), 1))
    return struct.pack(">I", len(rows)) + b"".join(struct.pack(">III", *row) for row in rows)


class Package:
    """An unpacked package in the making: change `list`, `files` or `note`, then `write`."""

    def __init__(self, store: Store, header: Json, sealed: list[Sealed], folder: Path) -> None:
        self.store, self.header, self.sealed, self.folder = store, header, sealed, folder
        self.network = store.network
        self.slots = [0, 1]
        self.file = self.request_file([0], [1])
        self.indexes = [0, 16, 19, *store.accounts]
        self.files: dict[str, bytes] = {}

    def scope(self, slots: list[int]) -> list[Json]:
        row = {"epoch": self.header["epoch"], "slots": slots, "stream": self.header["stream"]}
        return [row] if slots else []

    def request_file(self, slots: list[int], run_in: list[int], **changes: Any) -> Json:
        key = b64(bytes(1216))
        return {
            "case": b64(bytes(16)),
            "created_us": self.network.now_us,
            "decisions_needed": 2,
            "expiry_us": self.network.now_us + 7 * 86_400_000_000,
            "format": "custodes/request/v1",
            "kind": "incident",
            "legal_basis": "Police Act § 9",
            "necessity": "A collision.",
            "network": b64(self.network.id),
            "opening_key": key,
            "recipient": {"key": key, "name": "Public prosecutor"},
            "roster": b64(self.network.id),
            "run_in": self.scope(run_in),
            "salt": b64(b"\5" * 32),
            "scope": self.scope(slots),
            "shown": [],
        } | changes

    def salt(self, index: int) -> bytes:
        return bytes([index]) * 32

    def enter(self, granted: dict[int, list[int]], **changes: Any) -> None:
        """Request, decisions, releases and disclosure in the ledger."""
        network, file = self.network, self.file
        q = typed_hash("custodes/request/v1", rfc8785.dumps(file))
        count = sum(len(row["slots"]) for row in file["scope"] + file["run_in"])
        scopes = rfc8785.dumps(file["scope"]) + rfc8785.dumps(file["run_in"])
        commitment = typed_hash("custodes/scope/v1", unb64(file["salt"]), scopes)
        body = {
            "commitment": b64(commitment),
            "count": count,
            "expiry_us": file["expiry_us"],
            "request": b64(q),
        }
        self.indexes.append(network.request(**(body | changes)))
        decisions = []
        for index, slots in granted.items():
            commitment = typed_hash("custodes/grant/v1", self.salt(index), rfc8785.dumps(self.scope(slots)))
            verdict = "grant" if len(slots) == count else "part" if slots else "refuse"
            fields = {"commitment": b64(commitment), "count": len(slots), "verdict": verdict}
            decision = network.decide(index, request=b64(q), **fields)
            self.indexes.append(len(network.leaves) - 1)
            decisions += [decision] if slots else []
        for index in [one for one, slots in granted.items() if slots][:2]:
            self.indexes.append(network.release(index, decisions, request=b64(q), count=count))
        self.granted = granted
        self.disclosed = network.disclose(request=b64(q), count=count)

    def build(self) -> Package:
        """Everything as it should be."""
        network = self.network
        self.note: bytes = network.note()
        included = [one for one in self.sealed if one.header["slot"] in self.slots]
        for one in included:
            self.files[self.envelope_name(one)] = one.bytes
        self.list: Json = {
            "camera_names": {self.header["stream"]: "Bridge north"},
            "entries": [self.entry(index) for index in sorted(self.indexes)],
            "envelopes": [self.envelope_row(one) for one in included],
            "first_checkpoints": [self.first_checkpoint(self.last_account + 1)],
            "format": "custodes/package-list/v1",
            "keys": [self.key_row()],
            "network": b64(network.id),
            "openings": [
                {"custodian": index, "reason": "", "salt": b64(self.salt(index)), "scope": self.scope(slots)}
                for index, slots in self.granted.items()
            ],
            "request": self.file,
            "videos": [],
        }
        self.add_video("video/bridge-00000000-1.mp4", included)
        return self

    @property
    def last_account(self) -> int:
        """The entry that accounts for the last envelope of the sound package."""
        return max(
            self.store.accounts[0 if one.sequence < 3 else 1]
            for one in self.sealed
            if one.header["slot"] in self.slots
        )

    def first_checkpoint(self, size: int, minutes_ago: int = 30, **options: Any) -> Json:
        """An earlier checkpoint, cosigned so long before the package's, and its proof."""
        network = self.network
        now_us, network.now_us = network.now_us, network.now_us - minutes_ago * MINUTE_US
        note = network.note(size, **options)
        network.now_us = now_us
        proof = _tree_proof(size, network.leaves) if 0 < size < len(network.leaves) else []
        return {"consistency": [b64(node) for node in proof], "note": b64(note)}

    def envelope_name(self, one: Sealed) -> str:
        stream, epoch = unb64(one.header["stream"]).hex(), unb64(one.header["epoch"]).hex()
        return f"envelopes/{stream}/{epoch}/{one.sequence:08d}.envelope"

    def entry(self, index: int) -> Json:
        leaves = self.network.leaves
        path = self.tree_path(index, leaves)
        return {"entry": b64(leaves[index]), "index": index, "path": [b64(node) for node in path]}

    def tree_path(self, index: int, leaves: list[bytes]) -> list[bytes]:
        return _tree_path(index, leaves)

    def envelope_row(self, one: Sealed) -> Json:
        first = one.sequence < 3
        rows = sorted(other.row() for other in (self.sealed[:3] if first else self.sealed[3:]))
        leaf = rows.index(one.row())
        return {
            "account": self.store.accounts[0 if first else 1],
            "epoch": one.header["epoch"],
            "path": [b64(node) for node in _tree_path(leaf, rows)],
            "leaf": leaf,
            "leaves": len(rows),
            "sequence": one.sequence,
            "stream": one.header["stream"],
        }

    def key_row(self) -> Json:
        keys, epoch = self.store.keys(self.header), unb64(self.header["epoch"])
        return {
            "commitments": b64(b"".join(self.network.commitments(epoch, keys))),
            "epoch": self.header["epoch"],
            "slots": [{"key": b64(keys[slot]), "slot": slot} for slot in self.slots],
        }

    def add_video(self, name: str, included: list[Sealed]) -> None:
        units, times = [], []
        for one in included:
            units += self.store.units(one.sequence)
            times += [(one.header["elapsed_us"] + at * 1_000_000) * 9 // 100 for at in range(4)]
        data = mp4(units, times)
        self.files[name] = data
        self.list["videos"].append(
            {
                "name": name,
                "sequences": [[one.header["epoch"], one.sequence] for one in included],
                "sha256": b64(hashlib.sha256(data).digest()),
                "stream": self.header["stream"],
            }
        )

    def write(self) -> Path:
        files = {"package.json": rfc8785.dumps(self.list), "checkpoint": self.note} | self.files
        for name, data in files.items():
            self.store.put(self.folder / name, data)
        return self.folder


def _tree_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _tree_root(leaves[:half]) + _tree_root(leaves[half:])).digest()


def _tree_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) <= 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*_tree_path(index, leaves[:half]), _tree_root(leaves[half:])]
    return [*_tree_path(index - half, leaves[half:]), _tree_root(leaves[:half])]


def _tree_proof(size: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962's SUBPROOF, as its section 2.1.2 is written."""
    if size == len(leaves):
        return [] if whole else [_tree_root(leaves)]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if size <= half:
        return [*_tree_proof(size, leaves[:half], whole), _tree_root(leaves[half:])]
    return [*_tree_proof(size - half, leaves[half:], False), _tree_root(leaves[:half])]


@pytest.fixture
def package(recorded: tuple[Store, Json, list[Sealed]], tmp_path: Path) -> Package:
    """A sound package of slots 0 (asked for) and 1 (run-in) of three, granted by custodians 1 and 2."""
    made = Package(*recorded, tmp_path / "package")
    made.enter({1: [0, 1], 2: [0, 1], 3: []})
    return made.build()


@pytest.fixture
def make_package(recorded: tuple[Store, Json, list[Sealed]], tmp_path: Path) -> Callable[[], Package]:
    """A package whose case is not in the ledger yet."""
    return lambda: Package(*recorded, tmp_path / "package")

"""A tiny writer of sealed objects, beside the writer of networks."""

from __future__ import annotations

import base64
import datetime
import hashlib
import struct
from collections.abc import Callable
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

    def begin_epoch(self, label: str = "epoch", *, slots: int = 3, **changes: Any) -> Json:
        """Write the share set and enter the epoch; its header."""
        header: Json = self.network.header(label, slots=slots, **changes)
        epoch = unb64(header["epoch"])
        share_set = {
            "commitments": [b64(one) for one in self.network.commitments(epoch, self.keys(header))],
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

"""A tiny writer of networks, from the format pages alone: what the verifier is tried on."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custodes_verify.main import main

Json = dict[str, Any]
MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
START_US = 1_790_000_000_000_000


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def typed(kind: str, *fields: bytes) -> bytes:
    return kind.encode() + b"\0" + b"".join(fields)


def typed_hash(kind: str, *fields: bytes) -> bytes:
    return hashlib.sha256(typed(kind, *fields)).digest()


def some(label: str, length: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(length)


def tree_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 as its section 2.1 is written, recursively: slow, and unlike the code under test."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_root(leaves[:half]) + tree_root(leaves[half:])).digest()


def tree_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) <= 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*tree_path(index, leaves[:half]), tree_root(leaves[half:])]
    return [*tree_path(index - half, leaves[half:]), tree_root(leaves[:half])]


class Key:
    """A deterministic Ed25519 key."""

    def __init__(self, label: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(some(f"ed25519 {label}", 32))
        self.public = self.private.public_key().public_bytes_raw()
        self.id = typed_hash("custodes/key/v1", self.public)[:16]


class Network:
    """A network whose ledger grows by `add`; `write` publishes it."""

    QUORUM, CUSTODIANS = 2, 3

    def __init__(self, **changes: Any) -> None:
        self.now_us = START_US
        self.leaves: list[bytes] = []
        self.log_key, self.origin = Key("log"), "example.org/town"
        self.custodians = [Key(f"custodian {index}") for index in range(1, self.CUSTODIANS + 1)]
        self.operator, self.keeper, self.discloser = Key("operator"), Key("keeper"), Key("discloser")
        self.administrator, self.supervisor = Key("administrator"), Key("supervisor")
        self.investigator = Key("investigator")
        self.witness = Key("witness")
        self.recorder_key = Key("recorder")
        self.recorder, self.camera, self.stream, self.pool = (
            some(label, 16) for label in ("recorder", "camera", "stream", "pool")
        )
        self.genesis: Json = self._genesis() | changes
        self.id = typed_hash("custodes/genesis/v1", rfc8785.dumps(self.genesis))
        self.heads: dict[bytes, tuple[int, bytes]] = {}
        self.shreds = 0

    def weekly(self, index: int, number: int) -> bytes:
        return some(f"x-wing {index} {number}", 1216)

    def _pair(self, key: Key, label: str) -> Json:
        return {"sealing": b64(some(label, 1216)), "signing": b64(key.public)}

    def key_id(self, public: bytes) -> bytes:
        return typed_hash("custodes/key/v1", public)[:16]

    def listed(self) -> list[Json]:
        return [
            {
                "identity": b64(key.public),
                "index": index,
                "name": f"Custodian {index}",
                "weekly": [b64(self.key_id(self.weekly(index, number))) for number in range(1, 6)],
            }
            for index, key in enumerate(self.custodians, 1)
        ]

    def _genesis(self) -> Json:
        return {
            "format": "custodes/genesis/v1",
            "name": "Town",
            "created_us": START_US,
            "log": {"key": b64(self.log_key.public), "origin": self.origin},
            "witnesses": {
                "keys": [{"key": b64(self.witness.public), "name": "witness.example"}],
                "needed": 1,
            },
            "quorum": self.QUORUM,
            "custodians": self.listed(),
            "installed_clients": 1,
            "operator": self._pair(self.operator, "operator"),
            "keeper": self._pair(self.keeper, "keeper"),
            "discloser": self._pair(self.discloser, "discloser"),
            "staff": [
                {"key": b64(self.administrator.public), "pseudonym": "A1", "role": "administrator"},
                {"key": b64(self.supervisor.public), "pseudonym": "S1", "role": "supervisor"},
                {"key": b64(self.investigator.public), "pseudonym": "I1", "role": "investigator"},
            ],
            "periods": {
                "custodian_key_us": 7 * DAY_US,
                "freshness_us": 10 * MINUTE_US,
                "reel_us": 5 * MINUTE_US,
                "slot_us": MINUTE_US,
                "slots_per_epoch": 60,
                "staff_wait_us": DAY_US,
            },
        }

    # ------------------------------------------------------------------ entries

    def sign(self, kind: str, body: Json, keys: list[Key]) -> Json:
        signed = typed(kind, rfc8785.dumps(body))
        if kind == "custodes/genesis/v1":
            signed = typed("custodes/genesis-id/v1", self.id)
        signatures = [
            {"key": b64(key.id), "signature": b64(key.private.sign(signed))}
            for key in sorted(keys, key=lambda key: key.id)
        ]
        return {"body": body, "signatures": signatures, "type": kind}

    def statement(self, name: str, body: Json) -> bytes:
        return typed_hash(f"custodes/entry/{name}/v1", rfc8785.dumps({"network": b64(self.id)} | body))

    def add(self, name: str, body: Json, *keys: Key, late: bool = False, **wrapper: Any) -> int:
        """Admit an entry now; returns its index."""
        kind = "custodes/genesis/v1" if name == "genesis" else f"custodes/entry/{name}/v1"
        body = body if name == "genesis" else {"network": b64(self.id)} | body
        entry = {"admitted_us": self.now_us} | self.sign(kind, body, list(keys))
        entry |= {"late": True} if late else {}
        self.leaves.append(rfc8785.dumps(entry | wrapper))
        return len(self.leaves) - 1

    def add_together(self, name: str, bodies: list[Json], key: Key) -> None:
        """Admit entries now that one signature of the key is over."""
        kind = f"custodes/entry/{name}/v1"
        bodies = [{"network": b64(self.id)} | body for body in bodies]
        hashes = [typed_hash(kind, rfc8785.dumps(body)) for body in bodies]
        size = len(hashes)
        over = typed("custodes/batch/v1", tree_root(hashes), size.to_bytes(8, "big"))
        signature = b64(key.private.sign(over))
        for index, body in enumerate(bodies):
            path = b64(b"".join(tree_path(index, hashes)))
            row = {"index": index, "key": b64(key.id), "path": path, "signature": signature, "size": size}
            entry = {"admitted_us": self.now_us, "body": body, "signatures": [row], "type": kind}
            self.leaves.append(rfc8785.dumps(entry))

    def pass_time(self, us: int) -> None:
        self.now_us += us

    def begin(self) -> None:
        """Genesis, certificates, a recorder, a camera and a pool."""
        self.add("genesis", self.genesis, *self.custodians, self.operator)
        for index in range(1, self.CUSTODIANS + 1):
            for number in range(1, 6):
                self.certify(index, number)
        self.add(
            "recorder",
            {
                "recorder": b64(self.recorder),
                "sealing": b64(some("recorder", 1216)),
                "signing": b64(self.recorder_key.public),
            },
            self.operator,
        )
        self.appointment = self.statement("recorder", json.loads(self.leaves[-1])["body"])
        self.heads[self.recorder] = (0, self.appointment)
        self.register_camera()
        self.add_pool()

    def certificate(self, index: int, number: int) -> Json:
        from_us = START_US + (number - 1) * 7 * DAY_US
        return {
            "custodian": index,
            "destroy_after_us": from_us + 52 * DAY_US,
            "key": b64(self.weekly(index, number)),
            "number": number,
            "seals_from_us": from_us,
            "seals_until_us": from_us + 7 * DAY_US,
        }

    def certify(self, index: int, number: int, **changes: Any) -> int:
        return self.add("key-cert", self.certificate(index, number) | changes, self.custodians[index - 1])

    def register_camera(self, *keys: Key, **changes: Any) -> int:
        today = datetime.datetime.fromtimestamp(self.now_us / 1e6, datetime.UTC).date()
        body = {
            "camera": b64(self.camera),
            "justification": "",
            "legal_basis": "Police Act § 1",
            "mounts": [],
            "name": "Bridge north",
            "purpose": "Traffic safety",
            "responsible_body": "Town of Example",
            "retention_us": 2 * DAY_US,
            "review_date": (today + datetime.timedelta(days=365)).isoformat(),
            "revision": 1,
            "site": "Bridge",
            "streams": [{"assurance": "full", "kind": "main", "stream": b64(self.stream)}],
            "views": [],
            "zones": [],
        }
        return self.add("camera", body | changes, *(keys or (self.administrator,)))

    def add_pool(self, **changes: Any) -> int:
        body = {
            "count": 4,
            "pool": b64(self.pool),
            "recorder": b64(self.recorder),
            "root": b64(some("root", 32)),
        }
        return self.add("pool", body | changes, self.keeper)

    # ------------------------------------------------------------------ sealing

    def header(self, label: str = "epoch", *, slots: int = 60, **changes: Any) -> Json:
        epoch = some(label, 16)
        index, self.shreds = self.shreds, self.shreds + 1
        keys = self.slot_keys(epoch, slots)
        return {
            "assurance": "full",
            "format": "custodes/header/v1",
            "network": b64(self.id),
            "camera": b64(self.camera),
            "stream": b64(self.stream),
            "recorder": b64(self.recorder),
            "epoch": b64(epoch),
            "run": 1,
            "utc0_us": self.now_us,
            "slot_us": MINUTE_US,
            "slots": slots,
            "quorum": self.QUORUM,
            "roster": b64(self.id),
            "custodians": [
                {
                    "index": index,
                    "key": b64(self.key_id(self.weekly(index, 1))),
                    "root": b64(some(f"shares {index}", 32)),
                }
                for index in range(1, self.CUSTODIANS + 1)
            ],
            "shred": {"index": index, "key": b64(some(f"shred {index}", 16)), "pool": b64(self.pool)},
            "deadline_us": self.now_us + 60 * MINUTE_US + 2 * DAY_US,
            "slot_root": b64(tree_root(self.commitments(epoch, keys))),
        } | changes

    def slot_keys(self, epoch: bytes, slots: int) -> list[bytes]:
        return [some(f"slot key {epoch.hex()} {slot}", 32) for slot in range(slots)]

    def commitments(self, epoch: bytes, keys: list[bytes]) -> list[bytes]:
        return [typed_hash("slot", epoch, struct.pack(">H", slot), key) for slot, key in enumerate(keys)]

    def header_hash(self, header: Json) -> bytes:
        return typed_hash("custodes/header/v1", rfc8785.dumps(header))

    def open_epoch(self, header: Json, share_set: bytes = b"\1" * 32, *, late: bool = False) -> int:
        return self.add("epoch", {"header": header, "set": b64(share_set)}, self.recorder_key, late=late)

    def account_body(self, rows: list[bytes], **changes: Any) -> Json:
        number, head = self.heads[self.recorder]
        manifest = {
            "format": "custodes/manifest/v1",
            "masked": [],
            "renditions": [],
            "gaps": [],
            "leaves": b64(b"".join(rows)),
            "network": b64(self.id),
            "number": number + 1,
            "recorder": b64(self.recorder),
        }
        self.manifest = rfc8785.dumps(manifest)
        return {
            "closed": [],
            "cuts": [],
            "envelopes": len(rows),
            "gaps": [],
            "manifest": b64(typed_hash("custodes/manifest/v1", self.manifest)),
            "minute_us": self.now_us,
            "number": number + 1,
            "previous": b64(head),
            "recorder": b64(self.recorder),
            "root": b64(tree_root(rows)),
            "run": 1,
        } | changes

    def account(
        self, rows: list[bytes] | None = None, *, name: str = "account", late: bool = False, **changes: Any
    ) -> int:
        body = self.account_body(rows or [], **changes)
        index = self.add(name, body, self.recorder_key, late=late)
        self.heads[self.recorder] = (body["number"], self.statement(name, body))
        return index

    # ------------------------------------------------------------------ opening

    def request(self, label: str = "request", *keys: Key, **changes: Any) -> int:
        body = {
            "commitment": b64(some(f"commitment {label}", 32)),
            "count": 2,
            "decisions_needed": self.QUORUM,
            "epochs": 1,
            "expiry_us": self.now_us + 7 * DAY_US,
            "kind": "incident",
            "request": b64(some(label, 32)),
        }
        signers = keys or (self.discloser, self.supervisor, self.investigator)
        return self.add("request", body | changes, *signers)

    def decision_body(self, index: int, label: str = "request", **changes: Any) -> Json:
        return {
            "checkpoint": {"root": b64(tree_root(self.leaves)), "size": len(self.leaves)},
            "client": "installed",
            "commitment": b64(some(f"grant {index}", 32)),
            "count": 2,
            "custodian": index,
            "decided_us": self.now_us,
            "request": b64(some(label, 32)),
            "verdict": "grant",
        } | changes

    def decide(self, index: int, label: str = "request", **changes: Any) -> bytes:
        """Add a decision; returns its hash."""
        body = self.decision_body(index, label, **changes)
        self.add("decision", body, self.custodians[index - 1])
        return self.statement("decision", body)

    def release(self, index: int, decisions: list[bytes], label: str = "request", **changes: Any) -> int:
        body = {
            "count": 2,
            "custodian": index,
            "decisions": b64(typed_hash("custodes/decisions/v1", *sorted(decisions))),
            "request": b64(some(label, 32)),
            "set": b64(some(f"set {index}", 32)),
        }
        return self.add("release", body | changes, self.custodians[index - 1])

    def disclose(self, label: str = "request", **changes: Any) -> int:
        body = {
            "count": 2,
            "envelopes": 3,
            "package": b64(some("package", 32)),
            "request": b64(some(label, 32)),
        }
        return self.add("disclosure", body | changes, self.discloser)

    # ------------------------------------------------------------------ publishing

    def note(self, size: int | None = None, *, root: bytes | None = None, signers: bool = True) -> bytes:
        size = len(self.leaves) if size is None else size
        root = tree_root(self.leaves[:size]) if root is None else root
        text = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        lines = [self.signature_line(text, self.origin, self.log_key)]
        if signers:
            lines.append(self.cosignature_line(text, f"{self.origin}/keeper", self.keeper))
            lines.append(self.cosignature_line(text, "witness.example", self.witness))
        return (text + "\n" + "".join(lines)).encode()

    def signature_line(self, text: str, name: str, key: Key) -> str:
        hint = hashlib.sha256(name.encode() + b"\n\x01" + key.public).digest()[:4]
        return f"— {name} {base64.b64encode(hint + key.private.sign(text.encode())).decode()}\n"

    def cosignature_line(self, text: str, name: str, key: Key) -> str:
        hint = hashlib.sha256(name.encode() + b"\n\x04" + key.public).digest()[:4]
        seconds = self.now_us // 1_000_000
        signature = key.private.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        blob = hint + struct.pack(">Q", seconds) + signature
        return f"— {name} {base64.b64encode(blob).decode()}\n"

    def write(self, folder: Path, note: bytes | None = None) -> Path:
        """Publish bundles, tiles and checkpoint under `folder`/log."""
        log = folder / "log"
        put(log / "checkpoint", self.note() if note is None else note)
        level, row = 0, [hashlib.sha256(b"\0" + leaf).digest() for leaf in self.leaves]
        for number in range(0, len(self.leaves), 256):
            group = self.leaves[number : number + 256]
            data = b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in group)
            put(log / tile_name("entries", number // 256, len(group)), data)
        while row:
            for number in range(0, len(row), 256):
                group = row[number : number + 256]
                put(log / tile_name(str(level), number // 256, len(group)), b"".join(group))
            row = [subtree_root(row[at : at + 256]) for at in range(0, len(row) - len(row) % 256, 256)]
            level += 1
        return folder


def subtree_root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [
            hashlib.sha256(b"\1" + hashes[at] + hashes[at + 1]).digest() for at in range(0, len(hashes), 2)
        ]
    return hashes[0]


def tile_name(level: str, number: int, width: int) -> str:
    digits = f"{number:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{path}" + ("" if width == 256 else f".p/{width}")


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def make_network() -> Callable[..., Network]:
    """A writer of networks, empty as yet."""
    return Network


@pytest.fixture
def network() -> Network:
    """A network that has begun: genesis, certificates, recorder, camera, pool."""
    begun = Network()
    begun.begin()
    return begun


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Json]]:
    """Publish a network and verify it: the exit code and the report."""

    def run(
        network: Network, *arguments: str, folder: Path | None = None, pin: bool = True
    ) -> tuple[int, Json]:
        where = folder or network.write(tmp_path / "network")
        pinned = ["--network", network.id.hex()] if pin else []
        code = main([str(where), *pinned, "--json", *arguments], now_us=network.now_us)
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def make_key() -> Callable[[str], Key]:
    """Deterministic keys by label."""
    return Key

"""package.json: what a package holds, and what proves each part. Source: docs/formats/package.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.cases.bundle import OPENING_FORMAT, Opening
from custodes.cases.request import RequestFile
from custodes.custody.header import MAX_CUSTODIANS
from custodes.custody.members import Members, check_ascending, check_text
from custodes.custody.slots import MAX_SLOTS, SLOT_KEY_BYTES
from custodes.ledger.checkpoint import parse_checkpoint

LIST_FORMAT = "custodes/package-list/v1"
MAX_FIRST_CHECKPOINTS = 3
_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class PackagedEntry:
    """An entry of the ledger, as its leaf's bytes, and its path under the package's checkpoint."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PackagedCheckpoint:
    """An earlier checkpoint of `size`, as its note's bytes, and what leads from it to the package's."""

    size: int
    note: bytes
    consistency: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PackagedEnvelope:
    """An envelope, the account (by its entry's index) that states it, and its place in that manifest."""

    stream: bytes
    epoch: bytes
    sequence: int
    account: int
    leaf: int
    leaves: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PackagedKeys:
    """The disclosed slot keys of an epoch, and all its commitments."""

    epoch: bytes
    commitments: tuple[bytes, ...]
    slots: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class PackagedVideo:
    """A video by its name in the archive, and the (epoch, sequence) of the segments in it."""

    name: str
    stream: bytes
    sha256: bytes
    sequences: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True)
class PackageList:
    """What a package holds; all lists ascend but the videos', which stand as in the archive.

    `first_checkpoints`: the first after the last account of an envelope that each sort of cosigner has cosigned.
    """

    network: bytes
    request: RequestFile
    camera_names: Mapping[bytes, str]
    entries: tuple[PackagedEntry, ...]
    envelopes: tuple[PackagedEnvelope, ...]
    first_checkpoints: tuple[PackagedCheckpoint, ...]
    keys: tuple[PackagedKeys, ...]
    openings: Mapping[int, Opening]
    videos: tuple[PackagedVideo, ...]

    def __post_init__(self) -> None:
        check_ascending((entry.index for entry in self.entries), "entries of a package")
        check_ascending(
            (one.stream + one.epoch + one.sequence.to_bytes(8, "big") for one in self.envelopes), "envelopes"
        )
        check_ascending((one.size for one in self.first_checkpoints), "first checkpoints of a package")
        if len(self.first_checkpoints) > MAX_FIRST_CHECKPOINTS:
            raise InvalidError(f"a package has at most {MAX_FIRST_CHECKPOINTS} first checkpoints")
        check_ascending((keys.epoch for keys in self.keys), "keys of a package")
        for keys in self.keys:
            check_ascending((slot for slot, _ in keys.slots), "slots of a package")
        for name in self.camera_names.values():
            check_text(name, "a camera's name")
        if self.network != self.request.network:
            raise InvalidError("a package is of its request's network")
        if len({video.name for video in self.videos}) != len(self.videos):
            raise InvalidError("a package names a video twice")

    def encode(self) -> bytes:
        """The file's bytes."""
        return canon(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The list as JSON."""
        return {
            "camera_names": {b64u(stream): name for stream, name in self.camera_names.items()},
            "entries": [
                {"entry": b64u(one.entry), "index": one.index, "path": _path_json(one.path)}
                for one in self.entries
            ],
            "envelopes": [_envelope_json(one) for one in self.envelopes],
            "first_checkpoints": [_checkpoint_json(one) for one in self.first_checkpoints],
            "format": LIST_FORMAT,
            "keys": [_keys_json(one) for one in self.keys],
            "network": b64u(self.network),
            "openings": [_opening_json(index, self.openings[index]) for index in sorted(self.openings)],
            "request": self.request.to_json(),
            "videos": [_video_json(one) for one in self.videos],
        }


def parse_package_list(data: bytes) -> PackageList:
    """Errors: InvalidError, for any other spelling too."""
    members = Members(parse_canon(data), "package list", _MEMBERS)
    members.literal("format", LIST_FORMAT)
    names = members.object("camera_names")
    if not isinstance(names, dict):
        raise InvalidError("package list: camera_names must be an object")
    openings = members.array("openings", _opening, longest=MAX_CUSTODIANS)
    check_ascending((index for index, _ in openings), "openings of a package")
    return PackageList(
        network=members.hash("network"),
        request=RequestFile.from_json(members.object("request")),
        camera_names={unb64u(stream, ID_BYTES): name for stream, name in names.items()},
        entries=members.array("entries", _entry, longest=_MANY),
        envelopes=members.array("envelopes", _envelope, longest=_MANY),
        first_checkpoints=members.array("first_checkpoints", _checkpoint, longest=MAX_FIRST_CHECKPOINTS),
        keys=members.array("keys", _keys),
        openings=dict(openings),
        videos=members.array("videos", _video),
    )


def _path_json(path: tuple[bytes, ...]) -> list[str]:
    return [b64u(step) for step in path]


def _checkpoint_json(one: PackagedCheckpoint) -> dict[str, Any]:
    return {"consistency": _path_json(one.consistency), "note": b64u(one.note)}


def _envelope_json(one: PackagedEnvelope) -> dict[str, Any]:
    return {
        "account": one.account,
        "epoch": b64u(one.epoch),
        "leaf": one.leaf,
        "leaves": one.leaves,
        "path": _path_json(one.path),
        "sequence": one.sequence,
        "stream": b64u(one.stream),
    }


def _keys_json(one: PackagedKeys) -> dict[str, Any]:
    return {
        "commitments": b64u(b"".join(one.commitments)),
        "epoch": b64u(one.epoch),
        "slots": [{"key": b64u(key), "slot": slot} for slot, key in one.slots],
    }


def _opening_json(custodian: int, opening: Opening) -> dict[str, Any]:
    value = {**opening.to_json(), "custodian": custodian}
    del value["format"]
    return value


def _video_json(one: PackagedVideo) -> dict[str, Any]:
    return {
        "name": one.name,
        "sequences": [[b64u(epoch), sequence] for epoch, sequence in one.sequences],
        "sha256": b64u(one.sha256),
        "stream": b64u(one.stream),
    }


def _path(members: Members, name: str = "path") -> tuple[bytes, ...]:
    return members.array(name, lambda step: unb64u(step, HASH_BYTES), longest=64)


def _checkpoint(value: Any) -> PackagedCheckpoint:
    members = Members(value, "first checkpoint of a package", ("consistency", "note"))
    note = members.binary("note")
    return PackagedCheckpoint(parse_checkpoint(note).checkpoint.size, note, _path(members, "consistency"))


def _entry(value: Any) -> PackagedEntry:
    members = Members(value, "entry of a package", ("entry", "index", "path"))
    return PackagedEntry(members.count("index"), members.binary("entry"), _path(members))


def _envelope(value: Any) -> PackagedEnvelope:
    names = ("account", "epoch", "leaf", "leaves", "path", "sequence", "stream")
    members = Members(value, "envelope of a package", names)
    return PackagedEnvelope(
        stream=members.id("stream"),
        epoch=members.id("epoch"),
        sequence=members.count("sequence"),
        account=members.count("account"),
        leaf=members.count("leaf"),
        leaves=members.count("leaves", 1),
        path=_path(members),
    )


def _keys(value: Any) -> PackagedKeys:
    members = Members(value, "keys of a package", ("commitments", "epoch", "slots"))
    joined = members.binary("commitments")
    if not joined or len(joined) % HASH_BYTES or len(joined) > MAX_SLOTS * HASH_BYTES:
        raise InvalidError("keys of a package: commitments have 32 bytes a slot")
    commitments = tuple(joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))
    return PackagedKeys(members.id("epoch"), commitments, members.array("slots", _slot_key, 1, MAX_SLOTS))


def _slot_key(value: Any) -> tuple[int, bytes]:
    members = Members(value, "slot key", ("key", "slot"))
    return members.count("slot", 0, MAX_SLOTS - 1), members.binary("key", SLOT_KEY_BYTES)


def _opening(value: Any) -> tuple[int, Opening]:
    members = Members(value, "opening of a package", ("custodian", "reason", "salt", "scope"))
    index = members.count("custodian", 1, MAX_CUSTODIANS)
    content = {name: members.object(name) for name in ("reason", "salt", "scope")}
    return index, Opening.from_json({**content, "format": OPENING_FORMAT})


def _video(value: Any) -> PackagedVideo:
    members = Members(value, "video of a package", ("name", "sequences", "sha256", "stream"))
    return PackagedVideo(
        name=members.text("name", 100),
        stream=members.id("stream"),
        sha256=members.hash("sha256"),
        sequences=members.array("sequences", _sequence, longest=_MANY),
    )


def _sequence(value: Any) -> tuple[bytes, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidError("a segment of a video is an epoch and a sequence")
    members = Members({"epoch": value[0], "sequence": value[1]}, "segment of a video", ("epoch", "sequence"))
    return members.id("epoch"), members.count("sequence")


_MEMBERS = (
    "camera_names",
    "entries",
    "envelopes",
    "first_checkpoints",
    "format",
    "keys",
    "network",
    "openings",
    "request",
    "videos",
)

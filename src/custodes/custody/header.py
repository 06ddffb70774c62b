"""The header of an epoch: whose minutes they are, to whom their keys are sealed, until when.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from custodes.base.canon import b64u, canon, typed_hash
from custodes.base.clock import MINUTE_US
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.keys import KEY_ID_BYTES
from custodes.custody.members import Members, check_ascending
from custodes.custody.slots import MAX_SLOTS
from custodes.estate.model import Assurance
from custodes.ledger.entries.sealed import ASSURANCES

HEADER_FORMAT = "custodes/header/v1"
MAX_CUSTODIANS = 16
MAX_POOL_KEYS = 256


@dataclass(frozen=True, slots=True)
class SealedTo:
    """One custodian of an epoch: its index, the id of its week's key, the root over its share leaves."""

    index: int
    key: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class ShredKey:
    """Which key of which pool ends the epoch when it is destroyed."""

    index: int
    key: bytes
    pool: bytes


@dataclass(frozen=True)
class Header:
    """An epoch's header; its limits hold for every one that exists.

    Errors: InvalidError from the constructor.
    """

    network: bytes
    assurance: Assurance
    camera: bytes
    stream: bytes
    recorder: bytes
    epoch: bytes
    run: int
    utc0_us: int
    slot_us: int
    slots: int
    quorum: int
    roster: bytes
    custodians: tuple[SealedTo, ...]
    shred: ShredKey
    deadline_us: int
    slot_root: bytes

    def __post_init__(self) -> None:
        lengths = (
            *(
                (id_, ID_BYTES)
                for id_ in (self.camera, self.stream, self.recorder, self.epoch, self.shred.pool)
            ),
            *((hash_, HASH_BYTES) for hash_ in (self.network, self.roster, self.slot_root)),
            *((key, KEY_ID_BYTES) for key in (self.shred.key, *(to.key for to in self.custodians))),
            *((to.root, HASH_BYTES) for to in self.custodians),
        )
        if any(len(value) != length for value, length in lengths):
            raise InvalidError("an epoch header holds an id or hash of the wrong length")
        if not (self.run >= 0 and self.utc0_us >= 0 and self.deadline_us > self.utc0_us):
            raise InvalidError("an epoch's run and times are not negative, its deadline after its start")
        if not (1 <= self.slot_us <= MINUTE_US and 1 <= self.slots <= MAX_SLOTS):
            raise InvalidError(f"an epoch has 1 to {MAX_SLOTS} slots of at most a minute")
        if self.assurance not in ASSURANCES:
            raise InvalidError(f"an epoch's assurance is full or lower, not {self.assurance!r}")
        self._check_custodians()

    def _check_custodians(self) -> None:
        check_ascending((to.index for to in self.custodians), "an epoch's custodians")
        if not all(1 <= to.index <= MAX_CUSTODIANS for to in self.custodians):
            raise InvalidError(f"a custodian's index is 1 to {MAX_CUSTODIANS}")
        if not 2 <= self.quorum < len(self.custodians):
            raise InvalidError(
                "an epoch is sealed to at least one custodian more than its quorum, which is 2 or more"
            )
        if not 0 <= self.shred.index < MAX_POOL_KEYS:
            raise InvalidError(f"a pool has at most {MAX_POOL_KEYS} keys")

    @cached_property
    def hash(self) -> bytes:
        """H(header). Shape: 32 bytes."""
        return typed_hash(HEADER_FORMAT, canon(self.to_json()))

    def of(self, index: int) -> SealedTo:
        """The custodian of that index. Errors: InvalidError when the epoch is not sealed to it."""
        for to in self.custodians:
            if to.index == index:
                return to
        raise InvalidError(f"epoch {self.epoch.hex()} is not sealed to custodian {index}")

    def to_json(self) -> dict[str, Any]:
        """The header as JSON."""
        return {
            "assurance": self.assurance,
            "camera": b64u(self.camera),
            "custodians": [
                {"index": to.index, "key": b64u(to.key), "root": b64u(to.root)} for to in self.custodians
            ],
            "deadline_us": self.deadline_us,
            "epoch": b64u(self.epoch),
            "format": HEADER_FORMAT,
            "network": b64u(self.network),
            "quorum": self.quorum,
            "recorder": b64u(self.recorder),
            "roster": b64u(self.roster),
            "run": self.run,
            "shred": {
                "index": self.shred.index,
                "key": b64u(self.shred.key),
                "pool": b64u(self.shred.pool),
            },
            "slot_root": b64u(self.slot_root),
            "slot_us": self.slot_us,
            "slots": self.slots,
            "stream": b64u(self.stream),
            "utc0_us": self.utc0_us,
        }

    @classmethod
    def from_json(cls, value: Any) -> Header:
        """Errors: InvalidError."""
        members = Members(value, "epoch header", _MEMBERS)
        members.literal("format", HEADER_FORMAT)
        return cls(
            network=members.hash("network"),
            assurance="lower" if members.choice("assurance", ASSURANCES) == "lower" else "full",
            camera=members.id("camera"),
            stream=members.id("stream"),
            recorder=members.id("recorder"),
            epoch=members.id("epoch"),
            run=members.count("run"),
            utc0_us=members.count("utc0_us"),
            slot_us=members.count("slot_us"),
            slots=members.count("slots"),
            quorum=members.count("quorum"),
            roster=members.hash("roster"),
            custodians=members.array("custodians", _sealed_to, longest=MAX_CUSTODIANS),
            shred=_shred_key(members.object("shred")),
            deadline_us=members.count("deadline_us"),
            slot_root=members.hash("slot_root"),
        )


def deadline_us(utc0_us: int, slot_us: int, slots_per_epoch: int, retention_us: int) -> int:
    """When an epoch's keys are destroyed: as if it had all its slots, whatever it has."""
    return utc0_us + slot_us * slots_per_epoch + retention_us


def _sealed_to(value: Any) -> SealedTo:
    members = Members(value, "custodian of an epoch", ("index", "key", "root"))
    return SealedTo(members.count("index"), members.id("key"), members.hash("root"))


def _shred_key(value: Any) -> ShredKey:
    members = Members(value, "shred key of an epoch", ("index", "key", "pool"))
    return ShredKey(members.count("index"), members.id("key"), members.id("pool"))


_MEMBERS = (
    "assurance",
    "camera",
    "custodians",
    "deadline_us",
    "epoch",
    "format",
    "network",
    "quorum",
    "recorder",
    "roster",
    "run",
    "shred",
    "slot_root",
    "slot_us",
    "slots",
    "stream",
    "utc0_us",
)

"""What a recorder states each minute: the envelopes closed, the gaps and why, one chain without holes.

Source: docs/formats/accounts.md.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from custodes.base.canon import b64u, canon, hash_body, parse_canon, typed_hash
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.custody.members import Members, check_ascending
from custodes.custody.renditions import Masked, Rendition, check_rows, parse_masked, parse_rendition
from custodes.ledger import merkle

ACCOUNT_TYPE = "custodes/entry/account/v1"
RESTART_TYPE = "custodes/entry/restart/v1"
MANIFEST_FORMAT = "custodes/manifest/v1"
_ROW = struct.Struct(">16s16sQ32s")


class GapReason(StrEnum):
    """Why time of a stream is in no envelope; a closed list."""

    CAMERA_UNREACHABLE = "camera-unreachable"
    CAMERA_SILENT = "camera-silent"
    CAMERA_REFUSED = "camera-refused"
    CAMERA_MISBEHAVED = "camera-misbehaved"
    LOSS = "loss"
    WAITING_FOR_KEY_FRAME = "waiting-for-key-frame"
    OVERLOAD = "overload"
    STORAGE = "storage"
    RESTART = "restart"
    CLOCK = "clock"
    NOT_ASSIGNED = "not-assigned"
    CANNOT_SEAL = "cannot-seal"


class AccountLeaf(NamedTuple):
    """One closed envelope; leaves sort as their bytes do."""

    stream: bytes
    epoch: bytes
    sequence: int
    hash: bytes

    def encode(self) -> bytes:
        """The leaf data. Shape: 72 bytes. Errors: InvalidError for an id or hash of another length."""
        if (len(self.stream), len(self.epoch), len(self.hash)) != (ID_BYTES, ID_BYTES, HASH_BYTES):
            raise InvalidError("a leaf has two ids and a hash")
        return _ROW.pack(*self)


class Gap(NamedTuple):
    """Time of a stream that is in no envelope, and why."""

    stream: bytes
    from_us: int
    to_us: int
    reason: GapReason


class Cut(NamedTuple):
    """A segment that was not ended: it is valid as its first chunks, with that envelope hash."""

    stream: bytes
    epoch: bytes
    sequence: int
    chunks: int
    hash: bytes


class Closed(NamedTuple):
    """An epoch that gets no further envelope: how many it has, the last one's hash (else the header's)."""

    epoch: bytes
    envelopes: int
    last: bytes


@dataclass(frozen=True)
class Manifest:
    """The envelopes, gaps and recorded renditions that an account speaks of, ascending."""

    network: bytes
    recorder: bytes
    number: int
    leaves: tuple[AccountLeaf, ...]
    gaps: tuple[Gap, ...]
    renditions: tuple[Rendition, ...] = ()
    masked: tuple[Masked, ...] = ()

    def __post_init__(self) -> None:
        check_rows(self.renditions, self.masked)
        check_ascending((leaf[:3] for leaf in self.leaves), "a manifest's leaves")
        check_ascending(self.gaps, "a manifest's gaps")
        for gap in self.gaps:
            if len(gap.stream) != ID_BYTES or gap.to_us < gap.from_us:
                raise InvalidError("a gap has a stream, and an end not before its start")

    @cached_property
    def tree(self) -> merkle.Tree:
        """The tree over the leaves."""
        return merkle.Tree(leaf.encode() for leaf in self.leaves)

    def encode(self) -> bytes:
        """The object's bytes."""
        return canon(
            {
                "format": MANIFEST_FORMAT,
                "gaps": [
                    {
                        "from_us": gap.from_us,
                        "reason": gap.reason.value,
                        "stream": b64u(gap.stream),
                        "to_us": gap.to_us,
                    }
                    for gap in self.gaps
                ],
                "leaves": b64u(b"".join(leaf.encode() for leaf in self.leaves)),
                "masked": [time.to_json() for time in self.masked],
                "network": b64u(self.network),
                "number": self.number,
                "recorder": b64u(self.recorder),
                "renditions": [rendition.to_json() for rendition in self.renditions],
            }
        )


@dataclass(frozen=True)
class Account:
    """The body of an Account entry, or of a Restart where it has a `previous_run`."""

    network: bytes
    recorder: bytes
    run: int
    number: int
    previous: bytes
    minute_us: int
    envelopes: int
    root: bytes
    manifest: bytes
    closed: tuple[Closed, ...] = ()
    cuts: tuple[Cut, ...] = ()
    gaps: tuple[tuple[bytes, GapReason], ...] = ()
    previous_run: int | None = None

    def __post_init__(self) -> None:
        check_ascending((closed.epoch for closed in self.closed), "closed epochs")
        check_ascending((cut[:3] for cut in self.cuts), "cuts")
        check_ascending(self.gaps, "an account's gaps")
        if self.number < 1 or self.run < 0 or self.envelopes < 0:
            raise InvalidError("an account's number is from 1, its run and count of envelopes from 0")

    @property
    def type(self) -> str:
        """The entry's type."""
        return ACCOUNT_TYPE if self.previous_run is None else RESTART_TYPE

    def body(self) -> dict[str, Any]:
        """The entry's body."""
        body: dict[str, Any] = {
            "closed": [
                {"count": closed.envelopes, "epoch": b64u(closed.epoch), "last": b64u(closed.last)}
                for closed in self.closed
            ],
            "cuts": [_cut_json(cut) for cut in self.cuts],
            "envelopes": self.envelopes,
            "gaps": [{"reason": reason.value, "stream": b64u(stream)} for stream, reason in self.gaps],
            "manifest": b64u(self.manifest),
            "minute_us": self.minute_us,
            "network": b64u(self.network),
            "number": self.number,
            "previous": b64u(self.previous),
            "recorder": b64u(self.recorder),
            "root": b64u(self.root),
            "run": self.run,
        }
        return body if self.previous_run is None else {**body, "previous_run": self.previous_run}

    def statement_hash(self) -> bytes:
        """What the next account names as its previous. Shape: 32 bytes."""
        return hash_body(self.type, self.body())

    def check_manifest(self, manifest: Manifest) -> None:
        """Errors: UnverifiedError when it is not the manifest that this account speaks of."""
        matches = (
            typed_hash(MANIFEST_FORMAT, manifest.encode()) == self.manifest
            and (manifest.network, manifest.recorder, manifest.number)
            == (self.network, self.recorder, self.number)
            and (manifest.tree.root, len(manifest.leaves)) == (self.root, self.envelopes)
            and _reasons(manifest.gaps) == self.gaps
            and {AccountLeaf(*cut[:3], cut.hash) for cut in self.cuts} <= set(manifest.leaves)
        )
        if not matches:
            raise UnverifiedError(f"not the manifest of account {self.number} of {self.recorder.hex()}")


@dataclass(frozen=True)
class AccountChain:
    """Where a recorder's chain stands: the number of its last account and that statement's hash.

    Before the first account the number is 0 and `previous` the hash of the Recorder entry.
    """

    network: bytes
    recorder: bytes
    run: int
    number: int
    previous: bytes

    def next(
        self,
        minute_us: int,
        leaves: Iterable[AccountLeaf],
        gaps: Iterable[Gap] = (),
        cuts: Iterable[Cut] = (),
        closed: Iterable[Closed] = (),
        new_run: int | None = None,
        renditions: Iterable[Rendition] = (),
        masked: Iterable[Masked] = (),
    ) -> tuple[Account, Manifest, AccountChain]:
        """The next account, in any order of its parts, its manifest, and the chain behind it.

        `new_run` makes it a Restart.
        Errors: InvalidError for a run that is not greater, or parts named twice.
        """
        manifest = Manifest(
            self.network,
            self.recorder,
            self.number + 1,
            tuple(sorted(leaves)),
            tuple(sorted(gaps)),
            tuple(sorted(renditions)),
            tuple(sorted(masked)),
        )
        if new_run is not None and new_run <= self.run:
            raise InvalidError(f"run {new_run} does not come after run {self.run}")
        account = Account(
            network=self.network,
            recorder=self.recorder,
            run=self.run if new_run is None else new_run,
            number=self.number + 1,
            previous=self.previous,
            minute_us=minute_us,
            envelopes=len(manifest.leaves),
            root=manifest.tree.root,
            manifest=typed_hash(MANIFEST_FORMAT, manifest.encode()),
            closed=tuple(sorted(closed)),
            cuts=tuple(sorted(cuts)),
            gaps=_reasons(manifest.gaps),
            previous_run=None if new_run is None else self.run,
        )
        after = replace(self, run=account.run, number=account.number, previous=account.statement_hash())
        return account, manifest, after

    def follow(self, account: Account) -> AccountChain:
        """The chain behind an account of somebody else's making.

        Errors: UnverifiedError when it does not follow; a first account may be of any run.
        """
        known_run = account.run if account.previous_run is None else account.previous_run
        follows = (
            (account.network, account.recorder) == (self.network, self.recorder)
            and (account.number, account.previous) == (self.number + 1, self.previous)
            and (known_run == self.run or self.number == 0)
            and (account.previous_run is None or account.run > account.previous_run)
        )
        if not follows:
            raise UnverifiedError(f"account {account.number} of {account.recorder.hex()} breaks its chain")
        return replace(self, run=account.run, number=account.number, previous=account.statement_hash())


def parse_manifest(data: bytes) -> Manifest:
    """Errors: InvalidError."""
    names = ("format", "gaps", "leaves", "masked", "network", "number", "recorder", "renditions")
    members = Members(parse_canon(data), "manifest", names)
    members.literal("format", MANIFEST_FORMAT)
    leaves = members.binary("leaves")
    if len(leaves) % _ROW.size:
        raise InvalidError(f"a manifest has {_ROW.size} bytes a leaf")
    return Manifest(
        network=members.hash("network"),
        recorder=members.id("recorder"),
        number=members.count("number", 1),
        leaves=tuple(AccountLeaf(*fields) for fields in _ROW.iter_unpack(leaves)),
        gaps=members.array("gaps", _parse_gap),
        renditions=members.array("renditions", parse_rendition),
        masked=members.array("masked", parse_masked),
    )


def parse_account(type_: str, body: Any) -> Account:
    """The account of an entry's type and body. Errors: InvalidError."""
    if type_ not in (ACCOUNT_TYPE, RESTART_TYPE):
        raise InvalidError(f"{type_[:80]} is no account")
    is_restart = type_ == RESTART_TYPE
    members = Members(body, "account", (*_MEMBERS, "previous_run") if is_restart else _MEMBERS)
    return Account(
        network=members.hash("network"),
        recorder=members.id("recorder"),
        run=members.count("run"),
        number=members.count("number", 1),
        previous=members.hash("previous"),
        minute_us=members.count("minute_us"),
        envelopes=members.count("envelopes"),
        root=members.hash("root"),
        manifest=members.hash("manifest"),
        closed=members.array("closed", _parse_closed),
        cuts=members.array("cuts", _parse_cut),
        gaps=members.array("gaps", _parse_reason),
        previous_run=members.count("previous_run") if is_restart else None,
    )


def _reasons(gaps: Collection[Gap]) -> tuple[tuple[bytes, GapReason], ...]:
    return tuple(sorted({(gap.stream, gap.reason) for gap in gaps}))


def _cut_json(cut: Cut) -> dict[str, Any]:
    return {
        "chunks": cut.chunks,
        "epoch": b64u(cut.epoch),
        "hash": b64u(cut.hash),
        "sequence": cut.sequence,
        "stream": b64u(cut.stream),
    }


def _parse_gap(value: Any) -> Gap:
    members = Members(value, "gap", ("from_us", "reason", "stream", "to_us"))
    return Gap(
        members.id("stream"),
        members.count("from_us"),
        members.count("to_us"),
        GapReason(members.choice("reason", GapReason)),
    )


def _parse_reason(value: Any) -> tuple[bytes, GapReason]:
    members = Members(value, "gap", ("reason", "stream"))
    return members.id("stream"), GapReason(members.choice("reason", GapReason))


def _parse_cut(value: Any) -> Cut:
    members = Members(value, "cut", ("chunks", "epoch", "hash", "sequence", "stream"))
    return Cut(
        members.id("stream"),
        members.id("epoch"),
        members.count("sequence"),
        members.count("chunks", 1),
        members.hash("hash"),
    )


def _parse_closed(value: Any) -> Closed:
    members = Members(value, "closed epoch", ("count", "epoch", "last"))
    return Closed(members.id("epoch"), members.count("count"), members.hash("last"))


_MEMBERS = (
    "closed",
    "cuts",
    "envelopes",
    "gaps",
    "manifest",
    "minute_us",
    "network",
    "number",
    "previous",
    "recorder",
    "root",
    "run",
)

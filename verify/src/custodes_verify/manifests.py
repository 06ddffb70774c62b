"""Manifests: which envelopes a recorder's statements are about.

Source: docs/formats/accounts.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from custodes_verify.bytes import digest, parse
from custodes_verify.entries import GAP_REASONS, Entry
from custodes_verify.errors import MalformedError
from custodes_verify.merkle import root_of
from custodes_verify.renditions import LIMIT, Rendition, row_of
from custodes_verify.report import Report
from custodes_verify.schema import (
    COUNT,
    HASH,
    ID,
    INSTANT,
    Body,
    ascending,
    fixed,
    integer,
    is_ascending,
    matching,
    members,
    one_of,
    rows,
)
from custodes_verify.source import Source

LEAF = 72
_LIMIT = 64 * 1024 * 1024
_GAP = members(from_us=INSTANT, reason=one_of(*GAP_REASONS), stream=ID, to_us=INSTANT)
MASK_REASONS = (
    "damaged",
    "detector",
    "settling",
    "gap",
    "other-size",
    "unlike",
    "faint",
    "condition-changed",
    "fault",
    "late",
    "light-switched",
    "no-background",
    "no-fence",
    "no-nursery",
    "no-pictures",
    "shaking",
    "starting",
    "storage",
    "too-dark",
    "veiler-ended",
)
_MASKED = members(from_us=INSTANT, reason=one_of(*MASK_REASONS), stream=ID, to_us=INSTANT)
_RENDITION = members(
    bytes=integer(1, LIMIT),
    codec=matching(r"avc1\.[0-9A-F]{6}"),
    end_us=INSTANT,
    hash=HASH,
    start_us=INSTANT,
    stream=ID,
)
_MANIFEST = members(
    format=fixed("custodes/manifest/v1"),
    gaps=ascending(_GAP, 1_000_000, "stream", "from_us", "to_us", "reason"),
    leaves=rows(LEAF, _LIMIT // LEAF),
    masked=ascending(_MASKED, 1_000_000, "stream", "from_us", "to_us", "reason"),
    network=HASH,
    number=COUNT,
    recorder=ID,
    renditions=ascending(_RENDITION, 1_000_000, "stream", "start_us"),
)


@dataclass(frozen=True)
class Listed:
    """What a manifest names."""

    leaves: list[bytes]
    renditions: list[Rendition]


@dataclass(frozen=True)
class Statement:
    """An account or restart of the ledger, as far as its manifest is concerned."""

    index: int
    recorder: bytes
    number: int
    manifest: bytes
    root: bytes
    envelopes: int
    gaps: frozenset[tuple[bytes, str]]


@dataclass
class Statements:
    """Every statement of a ledger, and the cuts they name by (epoch, sequence): (chunks, hash)."""

    rows: list[Statement] = field(default_factory=list)
    cuts: dict[tuple[bytes, int], tuple[int, bytes]] = field(default_factory=dict)

    def observe(self, index: int, entry: Entry) -> None:
        """Take note of an admitted entry."""
        if entry.name not in ("account", "restart"):
            return
        body = entry.body
        for cut in body["cuts"]:
            self.cuts[cut["epoch"], cut["sequence"]] = (cut["chunks"], cut["hash"])
        gaps = frozenset((gap["stream"], gap["reason"]) for gap in body["gaps"])
        self.rows.append(
            Statement(
                index,
                body["recorder"],
                body["number"],
                body["manifest"],
                body["root"],
                body["envelopes"],
                gaps,
            )
        )


class Accounted:
    """Envelope hashes by epoch and sequence, and recorded renditions, as the manifests state them.

    Cost: 40 bytes an envelope, some 300 a rendition.
    """

    def __init__(self) -> None:
        self._epochs: dict[bytes, bytearray] = {}
        self.count = 0
        self.renditions: list[Rendition] = []
        self.incomplete: set[bytes] = set()
        """Recorders of whom a manifest is missing or false."""

    def add(self, leaf: bytes) -> None:
        """Take a manifest's row."""
        self._epochs.setdefault(leaf[16:32], bytearray()).extend(leaf[32:])
        self.count += 1

    def epochs(self) -> set[bytes]:
        """Epochs that any manifest names."""
        return set(self._epochs)

    def of(self, epoch: bytes) -> tuple[dict[int, bytes], list[int]]:
        """An epoch's hashes by sequence, and the sequences stated twice."""
        joined = self._epochs.get(epoch, b"")
        hashes: dict[int, bytes] = {}
        twice = []
        for at in range(0, len(joined), 40):
            sequence = int.from_bytes(joined[at : at + 8], "big")
            if sequence in hashes:
                twice.append(sequence)
            hashes[sequence] = bytes(joined[at + 8 : at + 40])
        return hashes, twice


def manifest_name(recorder: bytes, number: int) -> str:
    """Where a manifest lies in the store."""
    return f"accounts/{recorder.hex()}/{number:012d}"


def read_manifest(data: bytes, statement: Statement, network: bytes) -> Listed:
    """What a manifest names that is what the ledger says.

    Errors: MalformedError.
    """
    if digest("custodes/manifest/v1", data) != statement.manifest:
        raise MalformedError("is not the manifest whose hash the ledger has")
    body: Body = _MANIFEST(parse(data))
    leaves: list[bytes] = body["leaves"]
    named = (body["network"], body["recorder"], body["number"])
    if named != (network, statement.recorder, statement.number):
        raise MalformedError("is of another network, recorder or number")
    if not is_ascending(leaf[:40] for leaf in leaves):
        raise MalformedError("its rows do not ascend")
    if len(leaves) != statement.envelopes or root_of(leaves) != statement.root:
        raise MalformedError("count or root of its rows is not the ledger's")
    if frozenset((gap["stream"], gap["reason"]) for gap in body["gaps"]) != statement.gaps:
        raise MalformedError("its gaps are not those of the ledger")
    if any(time["to_us"] < time["from_us"] for time in body["masked"]):
        raise MalformedError("a masked time ends before it begins")
    return Listed(leaves, [row_of(row) for row in body["renditions"]])


def read_manifests(source: Source, statements: Statements, network: bytes, report: Report) -> Accounted:
    """Read the manifest of every statement; each that is missing or false is a finding."""
    accounted = Accounted()
    good = 0
    names = (manifest_name(row.recorder, row.number) for row in statements.rows)
    for statement, name in zip(statements.rows, names, strict=True):
        try:
            data = source.read(name, _LIMIT)
            if data is None:
                raise MalformedError(f"is missing; entry {statement.index} names it")
            listed = read_manifest(data, statement, network)
        except MalformedError as error:
            report.find("manifest", name, str(error))
            accounted.incomplete.add(statement.recorder)
            continue
        for leaf in listed.leaves:
            accounted.add(leaf)
        accounted.renditions += listed.renditions
        good += 1
    if good:
        report.prove(f"{good} manifests with {accounted.count} envelopes are those of the ledger")
    return accounted

"""Sealed objects against the ledger: what is flipped, cut, swapped, replayed or missing.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from custodes_verify.bytes import digest, parse
from custodes_verify.entries import HEADER
from custodes_verify.envelopes import REEL_LIMIT, Envelope, Reel, hash_header, index_faults, read_reel
from custodes_verify.errors import MalformedError
from custodes_verify.ledger import Ledger
from custodes_verify.manifests import Accounted, Statements, read_manifests
from custodes_verify.merkle import root_of
from custodes_verify.renditions import check_renditions
from custodes_verify.report import Report, instant
from custodes_verify.rules.state import Epoch
from custodes_verify.schema import ANY_BYTES, Body, fixed, members, rows
from custodes_verify.source import Source

_SET_LIMIT = 16 * 1024 * 1024
SHARE_SET = members(
    commitments=rows(32, 65_535),
    format=fixed("custodes/share-set/v1"),
    header=HEADER,
    sealed=ANY_BYTES,
)
_REEL_NAME = re.compile(r"[0-9]{4}\.reel")
_DAY_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ID_NAME = re.compile(r"[0-9a-f]{32}")
_DAY_US = 86_400_000_000
_NAMED_MAX = 20


@dataclass
class Tally:
    """What the deep check has seen."""

    proven: int = 0
    claimed: int = 0
    pending: int = 0
    sets: int = 0
    kept_after_shred: int = 0


def folder_of(stream: bytes, utc0_us: int, epoch: bytes) -> str:
    """Where an epoch's objects lie."""
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=utc0_us // _DAY_US)
    return f"streams/{stream.hex()}/{day.isoformat()}/{epoch.hex()}"


def check_store(source: Source, ledger: Ledger, statements: Statements, report: Report) -> None:
    """Check every manifest, share set and reel that should be there, and what else is."""
    state, tally = ledger.state, Tally()
    accounted = read_manifests(source, statements, state.network, report)
    for epoch_id in accounted.epochs() - state.epochs.keys():
        report.find(
            "manifest", f"epoch {epoch_id.hex()}", "manifests name it and the ledger has no such epoch"
        )
    for epoch_id, epoch in state.epochs.items():
        _EpochCheck(source, ledger, statements, accounted, report, tally, epoch_id, epoch).run()
    _find_strangers(source, ledger, report)
    check_renditions(source, ledger, accounted.renditions, not accounted.incomplete, report)
    if tally.proven:
        report.prove(f"{tally.proven} envelopes are sealed as their recorder accounted for them, in order")
    if tally.sets:
        report.prove(f"{tally.sets} share sets are those of the ledger")
    if tally.claimed:
        report.claim("recorders", f"{tally.claimed} envelopes that no account names yet")
    if tally.pending:
        report.claim("recorders", f"{tally.pending} envelopes accounted for and not in the store yet")
    if tally.kept_after_shred:
        report.skip(f"sealed bytes of {tally.kept_after_shred} epochs whose keys are said to be destroyed")


class _EpochCheck:
    """One epoch's objects."""

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        statements: Statements,
        accounted: Accounted,
        report: Report,
        tally: Tally,
        epoch_id: bytes,
        epoch: Epoch,
    ) -> None:
        self._source, self._ledger, self._report, self._tally = source, ledger, report, tally
        self._id, self._epoch, self._cuts = epoch_id, epoch, statements.cuts
        self._folder = folder_of(epoch.stream, epoch.utc0_us, epoch_id)
        self._where = f"stream {epoch.stream.hex()}, epoch {epoch_id.hex()}"
        self._hashes, self._twice = accounted.of(epoch_id)
        self._complete = epoch.recorder not in accounted.incomplete
        self._found: set[int] = set()
        self._next = 0
        self._before: bytes | None = epoch.header_hash

    def run(self) -> None:
        """Report on the epoch."""
        names = self._source.listing(self._folder) or []
        if self._epoch.shredded:
            self._tally.kept_after_shred += bool(names)
            return
        self._check_closing()
        reels = [name for name in names if _REEL_NAME.fullmatch(name)]
        due = self._ledger.as_of_us <= self._epoch.deadline_us
        if "shares" in names:
            self._check_share_set()
        elif due:
            self._find("missing", "the share set is not there: nobody can open the epoch")
        for name in reels:
            self._check_reel(name)
        lost = sorted(self._hashes.keys() - self._found)
        if self._epoch.closed is None:
            # The last reel of a running epoch is still in the recorder's spool.
            newest = max(self._found, default=-1)
            self._tally.pending += sum(sequence > newest for sequence in lost)
            lost = [sequence for sequence in lost if sequence < newest]
        if lost and due:
            self._find("missing", f"accounted for and not there: sequence {_ranges(lost)}")

    def _find(self, kind: str, what: str) -> None:
        self._report.find(kind, self._where, what)

    def _check_closing(self) -> None:
        if self._twice:
            self._find("replayed", f"stated in two manifests: sequence {_ranges(self._twice)}")
        closed = self._epoch.closed
        if closed is None or not self._complete:
            return
        count, last = closed
        expected = self._hashes.get(count - 1) if count else self._epoch.header_hash
        if len(self._hashes) != count or last != expected:
            what = f"closed with {count} envelopes; manifests have {len(self._hashes)} or another last one"
            self._find("closed", what)

    def _check_share_set(self) -> None:
        name = f"{self._folder}/shares"
        try:
            data = self._source.read(name, _SET_LIMIT)
            if data is None:
                raise MalformedError("is gone while being read")
            if digest("custodes/share-set/v1", data) != self._epoch.set_hash:
                raise MalformedError("is not the one whose hash the ledger has")
            parsed = parse(data)
            body = SHARE_SET(parsed)
            if hash_header(parsed["header"]) != self._epoch.header_hash:
                raise MalformedError("has another header than the ledger")
            if len(body["commitments"]) != self._epoch.slots:
                raise MalformedError("has not one commitment a slot")
            if root_of(body["commitments"]) != body["header"]["slot_root"]:
                raise MalformedError("its commitments are not under the header's root")
        except MalformedError as error:
            self._find("share-set", f"the share set {error}")
            return
        self._tally.sets += 1

    def _check_reel(self, name: str) -> None:
        try:
            data = self._source.read(f"{self._folder}/{name}", REEL_LIMIT)
        except MalformedError as error:
            self._find("flipped", str(error))
            return
        if data is None:
            return
        reel = read_reel(data)
        for kind, what in reel.faults:
            self._find(kind, f"{name}: {what}")
        for envelope in reel.envelopes:
            self._check_envelope(name, envelope)
        self._check_footer(name, reel)

    def _check_footer(self, name: str, reel: Reel) -> None:
        footer = reel.footer
        if footer is None:
            return
        if reel.footer_header_hash != self._epoch.header_hash:
            self._find("replayed", f"{name}: its footer is of another epoch")
        elif footer["number"] != int(name[:4]):
            self._find("swapped", f"{name}: its footer is of reel {footer['number']}")
        if not reel.faults and not any(envelope.faults for envelope in reel.envelopes):
            for what in index_faults(reel):
                self._find("footer", f"{name}: {what}")

    def _check_envelope(self, name: str, envelope: Envelope) -> None:
        header, sequence = envelope.header, envelope.sequence
        where = f"{name}, sequence {sequence}"
        home = (header["network"], header["stream"], header["epoch"])
        if home != (self._ledger.state.network, self._epoch.stream, self._id):
            self._find("replayed", f"{where}: it is sealed for epoch {header['epoch'].hex()}")
            return
        if sequence in self._found:
            self._find("replayed", f"{where}: it is there already")
            return
        if sequence < self._next:
            self._find("swapped", f"{where}: it comes after sequence {self._next - 1}")
        self._found.add(sequence)
        for kind, what in envelope.faults:
            self._find(kind, f"{where}: {what}")
        sound = not envelope.faults and self._check_links(where, envelope)
        sound = self._check_end(where, envelope) and sound
        self._next, self._before = sequence + 1, envelope.hash()
        self._judge(where, envelope, sound)

    def _check_links(self, where: str, envelope: Envelope) -> bool:
        header, sequence = envelope.header, envelope.sequence
        before = self._before if sequence == self._next else self._hashes.get(sequence - 1)
        if before is not None and header["previous"] != before:
            self._find("swapped", f"{where}: it does not follow the envelope before it")
            return False
        if header["slot"] >= self._epoch.slots or header["key_sequence"] > sequence:
            self._find("swapped", f"{where}: its slot or key frame cannot be")
            return False
        return True

    def _check_end(self, where: str, envelope: Envelope) -> bool:
        cut = self._cuts.get((self._id, envelope.sequence))
        if cut is None and envelope.whole:
            return True
        if cut is not None and cut == (len(envelope.chunks), envelope.hash()):
            return True
        if cut is None and envelope.sequence not in self._hashes:
            # Not in any account yet: a later Restart may name the cut.
            return True
        self._find("cut", f"{where}: it ends after chunk {len(envelope.chunks)} and no statement says so")
        return False

    def _judge(self, where: str, envelope: Envelope, sound: bool) -> None:
        stated = self._hashes.get(envelope.sequence)
        if stated is None:
            if self._epoch.closed is not None and self._complete:
                self._find("swapped", f"{where}: the epoch is closed and no account names it")
            else:
                self._tally.claimed += 1
        elif stated == envelope.hash():
            self._tally.proven += sound
        elif sound:
            self._find("swapped", f"{where}: it is not the envelope that was accounted for")


def _ranges(numbers: list[int]) -> str:
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in spans[:_NAMED_MAX]]
    return ", ".join(shown) + (" and more" if len(spans) > _NAMED_MAX else "")


def _folders(source: Source) -> Iterator[tuple[str, str, str]]:
    for stream in source.listing("streams") or []:
        if not _ID_NAME.fullmatch(stream):
            continue
        for day in filter(_DAY_NAME.fullmatch, source.listing(f"streams/{stream}") or []):
            for epoch in source.listing(f"streams/{stream}/{day}") or []:
                if _ID_NAME.fullmatch(epoch):
                    yield stream, day, epoch


def _find_strangers(source: Source, ledger: Ledger, report: Report) -> None:
    recent = 0
    for stream, day, name in _folders(source):
        folder = f"streams/{stream}/{day}/{name}"
        epoch = ledger.state.epochs.get(bytes.fromhex(name))
        if epoch is not None:
            if folder != folder_of(epoch.stream, epoch.utc0_us, bytes.fromhex(name)):
                report.find("replayed", folder, "the epoch's place is another")
            continue
        utc0_us = _stated_utc0(source, folder)
        if utc0_us is not None and utc0_us > ledger.as_of_us - _DAY_US:
            recent += 1
        else:
            begun = "of an unknown time" if utc0_us is None else f"of {instant(utc0_us)}"
            report.find("epoch-unlogged", folder, f"an epoch {begun} that the ledger does not have")
    if recent:
        report.claim("recorders", f"{recent} epochs of the last day that the ledger does not have yet")


def _stated_utc0(source: Source, folder: str) -> int | None:
    try:
        data = source.read(f"{folder}/shares", _SET_LIMIT)
        if data is None:
            return None
        body: Body = SHARE_SET(parse(data))
    except MalformedError:
        return None
    utc0_us: int = body["header"]["utc0_us"]
    return utc0_us

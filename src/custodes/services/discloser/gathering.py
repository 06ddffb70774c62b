"""Finding the sealed segments of a scope: where they lie, and which account speaks of each.

Blocking. Reads footers and headers; the video itself is read when it is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from custodes.base.canon import unb64u
from custodes.base.errors import UnavailableError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.cases.scope import EpochSlots, Scope
from custodes.custody.accounts import ACCOUNT_TYPE, RESTART_TYPE, Manifest, parse_account, parse_manifest
from custodes.custody.envelope_reader import Envelope, read_envelope
from custodes.custody.header import Header
from custodes.custody.paths import epoch_folder, manifest_path, share_set_path
from custodes.custody.reel_reader import ReelReader
from custodes.custody.share_set import ShareSet, parse_share_set, share_set_hash
from custodes.ledger.entries.wrapper import parse_entry
from custodes.services.ledger_view import LedgerView


@dataclass(frozen=True, slots=True)
class Accounted:
    """What the ledger says of an envelope: the account's entry, its place in the manifest, its hash.

    `chunks`: how many a cut one has, None for a whole one.
    """

    entry: int
    leaf: int
    hash: bytes
    manifest: Manifest
    chunks: int | None


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """An envelope of the scope and where its bytes are."""

    stream: bytes
    epoch: bytes
    sequence: int
    slot: int
    path: str
    offset: int
    length: int
    is_continuation: bool
    accounted: Accounted


class Gatherer:
    """Finds envelopes of epochs; manifests are read once each."""

    def __init__(self, view: LedgerView, store: ObjectStore) -> None:
        self._view = view
        self._store = store

    def share_set(self, epoch: bytes) -> ShareSet:
        """The share set that the Epoch entry names. Errors: UnverifiedError, NotFoundError."""
        found = self._view.state.epoch(epoch)
        data = self._store.get(share_set_path(found.stream, found.utc0_us, epoch))
        body = parse_entry(self._view.entries[found.index]).statement.signed.body
        if share_set_hash(data) != unb64u(body["set"]):
            raise UnverifiedError(f"the share set of epoch {epoch.hex()} is not that of its entry")
        return parse_share_set(data)

    def segments(self, scope: Scope) -> list[SealedSegment]:
        """Every envelope of the scope, by stream, epoch and sequence.

        Errors: UnavailableError while the recorder has not stored or accounted for all of it;
        UnverifiedError where what is stored is not what was accounted for.
        """
        return [segment for item in scope.epochs for segment in self._of_epoch(item)]

    def fetch(self, segment: SealedSegment) -> bytes:
        """The envelope's bytes as they lie in the store."""
        return self._store.get_range(segment.path, segment.offset, segment.length)

    def read(self, segment: SealedSegment) -> tuple[bytes, Envelope]:
        """The envelope's bytes, checked against its account."""
        data = self.fetch(segment)
        envelope = read_envelope(data, segment.accounted.chunks)
        envelope.check_hash(segment.accounted.hash)
        return data, envelope

    def _of_epoch(self, item: EpochSlots) -> Iterator[SealedSegment]:
        epoch = self._view.state.epoch(item.epoch)
        accounted = self._accounted(epoch.recorder, item.epoch, epoch.index)
        folder = epoch_folder(epoch.stream, epoch.utc0_us, item.epoch)
        last_slot = -1
        for path in sorted(path for path in self._store.list(folder) if path.endswith(".reel")):
            size = self._store.size(path)
            footer = ReelReader(partial(self._store.get_range, path), size).footer
            for position, row in enumerate(footer.rows):
                last_slot = row.slot
                sequence = footer.first + position
                if row.slot not in item.slots:
                    continue
                if sequence not in accounted:
                    raise UnavailableError(
                        f"envelope {sequence} of epoch {item.epoch.hex()} is in no account yet"
                    )
                yield SealedSegment(
                    item.stream,
                    item.epoch,
                    sequence,
                    row.slot,
                    path,
                    row.offset,
                    row.length,
                    row.is_continuation,
                    accounted[sequence],
                )
        if not epoch.closed and last_slot <= item.slots[-1]:
            raise UnavailableError(
                f"epoch {item.epoch.hex()} is still being recorded; its reel is not closed yet"
            )

    def _accounted(self, recorder: bytes, epoch: bytes, since: int) -> dict[int, Accounted]:
        """What accounts after the Epoch entry say of its envelopes, by sequence."""
        found: dict[int, Accounted] = {}
        for index in range(since, len(self._view.entries)):
            signed = parse_entry(self._view.entries[index]).statement.signed
            if signed.type not in (ACCOUNT_TYPE, RESTART_TYPE):
                continue
            if unb64u(signed.body["recorder"]) != recorder:
                continue
            account = parse_account(signed.type, signed.body)
            manifest = parse_manifest(self._store.get(manifest_path(recorder, account.number)))
            account.check_manifest(manifest)
            cuts = {(cut.epoch, cut.sequence): cut.chunks for cut in account.cuts}
            for place, leaf in enumerate(manifest.leaves):
                if leaf.epoch == epoch:
                    chunks = cuts.get((leaf.epoch, leaf.sequence))
                    found[leaf.sequence] = Accounted(index, place, leaf.hash, manifest, chunks)
            if any(closed.epoch == epoch for closed in account.closed):
                break
        return found


def check_chain(headers: Mapping[bytes, Header], segments: list[tuple[SealedSegment, Envelope]]) -> None:
    """Check that consecutive envelopes of an epoch follow one another.

    Errors: UnverifiedError.
    """
    last: dict[bytes, tuple[int, bytes]] = {}
    for segment, envelope in segments:
        header = envelope.header
        if header.epoch != segment.epoch or header.sequence != segment.sequence:
            raise UnverifiedError(
                f"another envelope lies where {segment.sequence} of {segment.epoch.hex()} belongs"
            )
        before = last.get(segment.epoch)
        expected = before[1] if before and before[0] + 1 == segment.sequence else None
        if segment.sequence == 0:
            expected = headers[segment.epoch].hash
        if expected is not None and header.previous != expected:
            raise UnverifiedError(f"envelope {segment.sequence} of {segment.epoch.hex()} breaks its chain")
        last[segment.epoch] = (segment.sequence, envelope.hash)

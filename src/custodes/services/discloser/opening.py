"""From releases to a package: every check again, then keys, envelopes, video, proofs.

Blocking. Keys and clear pictures exist in this process's memory alone; the package is sealed as it is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from custodes.base.errors import NotFoundError, RefusedError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.archive import ArchiveMember
from custodes.cases.bundle import Opening, open_opening, opening_path, release_path
from custodes.cases.decision import Decision, granted_together, parse_decision
from custodes.cases.disclosure import combine_keys
from custodes.cases.package import archive_of, seal_package, video_name
from custodes.cases.package_list import (
    PackagedCheckpoint,
    PackagedEntry,
    PackagedEnvelope,
    PackagedKeys,
    PackagedVideo,
    PackageList,
)
from custodes.cases.release import ReleasedShare, check_set, open_release, parse_release
from custodes.cases.request import RequestFile
from custodes.cases.scope import Scope, Slot, scope_of
from custodes.custody.envelope_reader import Envelope
from custodes.custody.share_set import ShareSet
from custodes.ledger.checkpoint import SignedCheckpoint
from custodes.ledger.entries.wrapper import parse_entry
from custodes.services.discloser.ahead import ahead
from custodes.services.discloser.buffers import Buffers
from custodes.services.discloser.gathering import Gatherer, SealedSegment
from custodes.services.discloser.sealing_time import first_checkpoints
from custodes.services.discloser.video import Source, Video, videos
from custodes.services.ledger_view import LedgerView


@dataclass(frozen=True)
class Granted:
    """What enough custodians granted and released: slots, their keys, and the decisions' openings."""

    scope: Scope
    keys: Mapping[Slot, bytes]
    openings: Mapping[int, Opening]
    share_sets: Mapping[bytes, ShareSet]


class CaseOpening:
    """The opening of one request, under one state of the ledger.

    Errors of its methods: RefusedError, UnverifiedError, BlamedError, as their checks say;
    UnavailableError while footage or accounts are still on their way.
    """

    def __init__(
        self,
        view: LedgerView,
        store: ObjectStore,
        file: RequestFile,
        reader: SealingKey,
        opening: SealingKey,
    ) -> None:
        self._view = view
        self._store = store
        self._file = file
        self._reader = reader
        self._opening = opening
        self._gatherer = Gatherer(view, store)
        self._buffers = Buffers()
        self._request = view.state.request(file.hash)

    @cached_property
    def granted(self) -> Granted:
        """The slots that enough decisions grant, with their keys from the released shares."""
        view, file = self._view, self._file
        entry = parse_entry(view.entries[self._request.index]).statement.signed
        file.check_entry(entry.body)
        file.check_roster(view.state.roster_of(file.roster))
        decisions = [_decision(view, decision.index) for decision in self._request.granting]
        openings = {d.custodian: o for d in decisions if (o := self._read_opening(d)) is not None}
        granted = granted_together(file, (opening.scope for opening in openings.values()))
        if not granted.count:
            raise RefusedError("no slot was granted by as many custodians as the request needs")
        share_sets = {epoch: self._gatherer.share_set(epoch) for epoch in granted.epoch_ids}
        released = _with_quorum(self._released(share_sets), granted, share_sets)
        keys = combine_keys(released, share_sets)
        if not keys:
            raise RefusedError("no slot has the shares that its quorum needs yet")
        scope = scope_of(keys)
        return Granted(scope, keys, openings, {epoch: share_sets[epoch] for epoch in scope.epoch_ids})

    @cached_property
    def segments(self) -> list[SealedSegment]:
        """Every envelope of the slots granted, each in an account."""
        return self._gatherer.segments(self.granted.scope)

    @cached_property
    def videos(self) -> list[tuple[str, Video]]:
        """The export files by name."""
        named = []
        utc0_us = {epoch: found.header.utc0_us for epoch, found in self.granted.share_sets.items()}
        names = self._camera_names()
        headers = [found.header for found in self.granted.share_sets.values()]
        source = Source(self._read, self._gatherer.fetch)
        assurances = {header.stream: header.assurance for header in headers}
        for stream in sorted({segment.stream for segment in self.segments}):
            mine = [segment for segment in self.segments if segment.stream == stream]
            for part, video in enumerate(videos(mine, utc0_us, source, self._buffers), 1):
                named.append((video_name(names[stream], stream, part, assurances[stream]), video))
        return named

    def package(self, recipient: PublicSealingKey) -> Iterator[bytes]:
        """The sealed package's bytes."""
        checkpoint = self._checkpoint()
        listing = self._listing(checkpoint)
        segments = {(s.epoch, s.sequence): s for s in self.segments}

        def read(envelopes: Iterable[PackagedEnvelope]) -> Iterator[bytes]:
            wanted = (segments[one.epoch, one.sequence] for one in envelopes)
            return ahead(wanted, lambda segment: self._gatherer.read(segment)[0])

        members = (ArchiveMember(name, video.size, video.write()) for name, video in self.videos)
        archive = archive_of(listing, checkpoint.encode(), read, members)
        return seal_package(recipient, self._file.network, self._file.hash, archive)

    # --- shares ----------------------------------------------------------------------------------------

    def _read_opening(self, decision: Decision) -> Opening | None:
        """None where it is missing or false: it then counts as no grant."""
        path = opening_path(self._file.case, self._file.hash, decision.custodian, self._reader.id)
        try:
            opening = open_opening(self._store.get(path), self._file.hash, decision.custodian, self._reader)
            decision.check_opening(self._file, opening)
        except (NotFoundError, UnverifiedError):
            return None
        return opening

    def _released(self, share_sets: Mapping[bytes, ShareSet]) -> dict[int, Sequence[ReleasedShare]]:
        """Each custodian's shares, checked by their paths. Who released before a later decision gave fewer."""
        headers = {epoch: share_set.header for epoch, share_set in share_sets.items()}
        released: dict[int, Sequence[ReleasedShare]] = {}
        for release in self._request.releases.values():
            entry = parse_release(parse_entry(self._view.entries[release.index]).statement.signed.body)
            sealed = self._store.get(release_path(self._file.case, self._file.hash, entry.custodian))
            shares = [
                share for share in open_release(sealed, entry, self._opening) if share.epoch in share_sets
            ]
            check_set(
                shares, scope_of(_slot(share, share_sets) for share in shares), entry.custodian, headers
            )
            released[entry.custodian] = shares
        return released

    # --- what is sealed --------------------------------------------------------------------------------

    def _read(self, segment: SealedSegment) -> tuple[Envelope, bytes]:
        _, envelope = self._gatherer.read(segment)
        return envelope, self.granted.keys[Slot(segment.stream, segment.epoch, segment.slot)]

    def _camera_names(self) -> dict[bytes, str]:
        return {shown.stream: shown.camera for shown in self._file.shown}

    # --- proofs ----------------------------------------------------------------------------------------

    def _checkpoint(self) -> SignedCheckpoint:
        if self._view.note is None:
            raise UnverifiedError("no checkpoint was read")
        return self._view.note

    def _listing(self, checkpoint: SignedCheckpoint) -> PackageList:
        size = checkpoint.checkpoint.size
        tree = self._view.state.tree
        return PackageList(
            network=self._file.network,
            request=self._file,
            camera_names=self._camera_names(),
            entries=tuple(
                PackagedEntry(index, self._view.entries[index], tuple(tree.inclusion_path(index, size)))
                for index in self._entries_concerned()
            ),
            envelopes=tuple(
                PackagedEnvelope(
                    stream=segment.stream,
                    epoch=segment.epoch,
                    sequence=segment.sequence,
                    account=segment.accounted.entry,
                    leaf=segment.accounted.leaf,
                    leaves=len(segment.accounted.manifest.leaves),
                    path=tuple(segment.accounted.manifest.tree.path(segment.accounted.leaf)),
                )
                for segment in self.segments
            ),
            first_checkpoints=tuple(
                PackagedCheckpoint(
                    note.checkpoint.size,
                    note.encode(),
                    tuple(tree.consistency_proof(note.checkpoint.size, size)),
                )
                for note in first_checkpoints(self._view, self._store, self._accounted_size)
            ),
            keys=tuple(self._packaged_keys()),
            openings=self.granted.openings,
            videos=tuple(
                PackagedVideo(
                    name=name,
                    stream=video.stream,
                    sha256=video.sha256,
                    sequences=tuple((segment.epoch, segment.sequence) for segment in video.segments),
                )
                for name, video in self.videos
            ),
        )

    @property
    def _accounted_size(self) -> int:
        """Entries up to the last account of an envelope granted."""
        return max((segment.accounted.entry + 1 for segment in self.segments), default=1)

    def _packaged_keys(self) -> Iterator[PackagedKeys]:
        keys = self.granted.keys
        for epoch in sorted(self.granted.share_sets):
            slots = tuple((slot.slot, key) for slot, key in keys.items() if slot.epoch == epoch)
            yield PackagedKeys(epoch, self.granted.share_sets[epoch].commitments, tuple(sorted(slots)))

    def _entries_concerned(self) -> list[int]:
        """Genesis, rosters, recorders, epochs, accounts, and all that was entered for the request."""
        view, request = self._view, self._request
        wanted = {0, request.index}
        wanted |= {one.index for one in request.decisions.values()}
        wanted |= {one.index for one in request.releases.values()}
        wanted |= {segment.accounted.entry for segment in self.segments}
        for epoch in self.granted.share_sets:
            found = view.state.epoch(epoch)
            wanted |= {found.index, view.state.recorder(found.recorder).index}
        wanted |= {roster.index for roster in view.state.facts.rosters}
        return sorted(wanted)


def _decision(view: LedgerView, index: int) -> Decision:
    return parse_decision(parse_entry(view.entries[index]).statement.signed.body)


def _slot(share: ReleasedShare, share_sets: Mapping[bytes, ShareSet]) -> Slot:
    return Slot(share_sets[share.epoch].header.stream, share.epoch, share.slot)


def _with_quorum(
    released: Mapping[int, Sequence[ReleasedShare]], granted: Scope, share_sets: Mapping[bytes, ShareSet]
) -> dict[int, Sequence[ReleasedShare]]:
    """The shares of slots that are granted and of which there are as many as their quorum."""
    counted = Counter(_slot(share, share_sets) for shares in released.values() for share in shares)
    open_slots = {slot for slot in granted if counted[slot] >= share_sets[slot.epoch].header.quorum}
    return {
        custodian: [share for share in shares if _slot(share, share_sets) in open_slots]
        for custodian, shares in released.items()
    }

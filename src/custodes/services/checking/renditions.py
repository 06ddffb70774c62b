"""Recorded renditions against the manifests that name them and against the catalogue.

Cost, memory: some 400 bytes an object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from custodes.adapters.sql.renditions import SqlRenditions
from custodes.base.clock import DAY_US
from custodes.base.errors import InvalidError, NotFoundError
from custodes.base.ports import ObjectStore
from custodes.custody.renditions import Rendition, parse_rendition_path, rendition_path
from custodes.ledger.rules.state import LedgerState
from custodes.services.checking.findings import Finding, FindingKind
from custodes.services.checking.known import Known
from custodes.services.keeper.catalogue import REBUILD
from custodes.services.keeper.views import catalogue_rendition, kept_of_camera

_PIECE_BYTES = 1 << 20


class RenditionCheck:
    """Takes each object's path in turn; `end` tells what did not come.

    `is_going(epoch)`: whether retention has it in hand. Where the check is quick no manifest was read.
    """

    def __init__(
        self,
        store: ObjectStore,
        known: Known,
        state: LedgerState,
        catalogue: SqlRenditions | None,
        is_going: Callable[[bytes], bool],
        quick: bool,
    ) -> None:
        self._store = store
        self._known = known
        self._state = state
        self._catalogue = catalogue
        self._is_going = is_going
        self._quick = quick
        self._met: set[tuple[bytes, int]] = set()

    def take(self, path: str) -> Iterator[Finding]:
        """What is wrong with one object."""
        try:
            place = parse_rendition_path(path)
        except InvalidError:
            yield Finding(FindingKind.ORPHAN, path, "no rendition lies in such a place")
            return
        self._met.add(place)
        stated = self._known.renditions.get(place)
        if place[0] not in self._state.facts.camera_of_stream:
            yield Finding(FindingKind.ORPHAN, path, "the ledger has no such stream")
        elif stated is not None:
            yield from self._check_bytes(path, stated)
            yield from self._check_row(path, stated)
        elif not self._quick:
            yield self._unnamed(path, place[1])

    def end(self) -> Iterator[Finding]:
        """Objects that manifests or catalogue name, whose original can be opened, and that are not there."""
        missing = {
            place for place in self._known.renditions if place not in self._met and self._is_due(place)
        }
        for row in self._catalogue.everything() if self._catalogue is not None else ():
            place = (row.stream, row.start_us)
            if place not in self._met and self._is_original_there(row.camera, row.start_us, row.end_us):
                missing.add(place)
        for place in sorted(missing):
            yield Finding(FindingKind.MISSING, rendition_path(*place), "a rendition that was recorded")

    def _is_due(self, place: tuple[bytes, int]) -> bool:
        one = self._known.renditions[place]
        camera = self._state.facts.camera_of_stream.get(one.stream)
        return camera is not None and self._is_original_there(camera, one.start_us, one.end_us)

    def _is_original_there(self, camera: bytes, start_us: int, end_us: int) -> bool:
        live, now_us = self._state.facts.epochs.live, self._state.facts.admitted_us
        return any(
            not live[one.epoch].shredded
            and now_us < live[one.epoch].deadline_us
            and start_us < one.to_us
            and end_us > one.from_us
            and not self._is_going(one.epoch)
            for one in kept_of_camera(self._state, camera, start_us, end_us)
        )

    def _unnamed(self, path: str, start_us: int) -> Finding:
        if start_us > self._state.facts.admitted_us - DAY_US:
            return Finding(FindingKind.PENDING, path, "no account in the ledger names it yet")
        return Finding(FindingKind.ORPHAN, path, "no account names it")

    def _check_bytes(self, path: str, stated: Rendition) -> Iterator[Finding]:
        try:
            digest = hashlib.sha256()
            size = self._store.size(path)
            for at in range(0, size, _PIECE_BYTES):
                digest.update(self._store.get_range(path, at, min(_PIECE_BYTES, size - at)))
        except NotFoundError:
            return  # retention took it meanwhile
        if (size, digest.digest()) != (stated.size_bytes, stated.hash):
            yield Finding(FindingKind.FLIPPED, path, "it is not the one whose hash its account has")

    def _check_row(self, path: str, stated: Rendition) -> Iterator[Finding]:
        if self._catalogue is None:
            return
        row = self._catalogue.find(stated.stream, stated.start_us)
        camera = self._state.facts.camera_of_stream[stated.stream]
        if row is None:
            yield Finding(FindingKind.PENDING, path, "it is not in the catalogue yet")
        elif row != catalogue_rendition(stated, camera):
            yield Finding(FindingKind.CATALOGUE, path, f"the catalogue has other facts of it; {REBUILD}")

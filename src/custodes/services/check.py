"""Comparing all that a network keeps: ledger, manifests, share sets, reels, catalogue, shred keys. Changes nothing.

It may run beside the network: what came after the checkpoint that it read is told as under way, not as damage.
Blocking; findings come as they are found, so that breaking it off loses none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.base.clock import DAY_US
from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.custody.paths import epoch_folder
from custodes.custody.renditions import FOLDER
from custodes.custody.share_set import parse_share_set
from custodes.ledger.rules.epochs import Epoch
from custodes.services.checking.catalogue import CatalogueCheck
from custodes.services.checking.epochs import EpochCheck
from custodes.services.checking.findings import Finding, FindingKind, Progress
from custodes.services.checking.keys import check_keys
from custodes.services.checking.log import LogCheck, SpareEntries
from custodes.services.checking.others import OthersCheck
from custodes.services.checking.renditions import RenditionCheck

_EPOCH_FOLDER = re.compile(r"streams/[0-9a-f]{32}/[0-9]{4}-[0-9]{2}-[0-9]{2}/(?P<epoch>[0-9a-f]{32})")


def _nothing(_start: int, _stop: int) -> list[bytes]:
    return []


@dataclass(frozen=True)
class CheckSources:
    """What is compared.

    `catalogue` None: it cannot be read, which is for the caller to tell. `spare`: entries from the database.
    """

    network: bytes
    store: ObjectStore
    catalogue: SqlCatalogue | None
    key_copies: Sequence[Path]
    spare: SpareEntries = _nothing


class Check:
    """One check. `quick`: sizes and footers alone, signatures and manifests left out."""

    def __init__(self, sources: CheckSources, quick: bool, progress: Progress) -> None:
        self._sources = sources
        self._store = sources.store
        self._quick = quick
        self._progress = progress
        self._log = LogCheck(self._store, sources.network, sources.spare, quick, progress)
        self._catalogue: CatalogueCheck | None = None
        self._met: set[bytes] = set()
        self.reels = 0

    @property
    def entries(self) -> int:
        """How many entries were read."""
        return self._log.state.size

    @property
    def epochs(self) -> int:
        """How many epochs were compared with what lies in the store."""
        return len(self._met)

    def run(self) -> Iterator[Finding]:
        """Everything that is found, in the order ledger, catalogue, keys, store. Errors: UnavailableError."""
        yield from self._log.run()
        if self._log.is_whole:
            yield from self._check_the_rest()

    def _check_the_rest(self) -> Iterator[Finding]:
        state = self._log.state
        if self._sources.catalogue is not None:
            self._catalogue = CatalogueCheck(self._sources.catalogue, state)
            yield from self._catalogue.check_epochs()
        yield from check_keys(self._sources.key_copies, state)
        others = OthersCheck(self._store, self._log.known, state, self._quick)
        rows = self._sources.catalogue.renditions if self._sources.catalogue is not None else None
        views = RenditionCheck(self._store, self._log.known, state, rows, self._is_going, self._quick)
        for folder, group in groupby(self._store.list(""), _folder_of):
            if folder == "log":
                continue
            if folder == FOLDER:
                for path in group:
                    yield from views.take(path)
                continue
            if not folder:
                for path in group:
                    yield from others.take(path)
                continue
            yield from self._check_folder(folder, list(group))
        yield from others.end()
        yield from views.end()
        for epoch in list(state.facts.epochs.live.values()):
            if not epoch.gone and epoch.id not in self._met:
                folder = epoch_folder(epoch.stream, epoch.utc0_us, epoch.id)
                yield from self._check_epoch(epoch, folder, [])

    def _check_folder(self, folder: str, paths: list[str]) -> Iterator[Finding]:
        match = _EPOCH_FOLDER.fullmatch(folder)
        if match is None:
            for path in paths:
                yield Finding(FindingKind.ORPHAN, path, "no epoch lies in such a place")
            return
        id_ = bytes.fromhex(match["epoch"])
        epochs = self._log.state.facts.epochs
        epoch = epochs.live.get(id_)
        if id_ in epochs.gone or (epoch is not None and epoch.gone):
            yield self._leftover(folder, id_)
        elif epoch is None:
            yield self._stranger(folder, paths)
        elif folder != epoch_folder(epoch.stream, epoch.utc0_us, id_):
            yield Finding(FindingKind.ORPHAN, folder, "the epoch's place is another")
        else:
            yield from self._check_epoch(epoch, folder, paths)

    def _check_epoch(self, epoch: Epoch, folder: str, paths: Sequence[str]) -> Iterator[Finding]:
        state = self._log.state
        self._met.add(epoch.id)
        self._progress("epochs", len(self._met), len(state.facts.epochs.live))
        now_us = state.facts.admitted_us
        is_held = any(hold.full_at(now_us) for hold in state.holds_of(epoch.id))
        is_due = (now_us >= epoch.deadline_us and not is_held) or self._is_going(epoch.id)
        check = EpochCheck(self._store, self._log.known, epoch, paths, is_due, self._quick)
        yield from check.run(folder)
        self.reels += len(check.footers)
        if self._catalogue is not None:
            yield from self._catalogue.check_reels(epoch.id, check.footers, paths, is_due)

    def _is_going(self, epoch: bytes) -> bool:
        return self._catalogue is not None and self._catalogue.is_going(epoch)

    def _leftover(self, folder: str, epoch: bytes) -> Finding:
        if self._is_going(epoch):
            return Finding(FindingKind.PENDING, folder, "its key is destroyed, its objects are being deleted")
        return Finding(FindingKind.ORPHAN, folder, "objects are left of an epoch whose key is destroyed")

    def _stranger(self, folder: str, paths: Sequence[str]) -> Finding:
        begun_us = self._begun_us(f"{folder}/shares", paths)
        if begun_us is not None and begun_us > self._log.state.facts.admitted_us - DAY_US:
            return Finding(
                FindingKind.PENDING, folder, "an epoch of the last day that is not in the ledger yet"
            )
        return Finding(FindingKind.ORPHAN, folder, "an epoch that the ledger does not have")

    def _begun_us(self, shares: str, paths: Sequence[str]) -> int | None:
        if shares not in paths:
            return None
        try:
            return parse_share_set(self._store.get(shares)).header.utc0_us
        except (InvalidError, UnverifiedError, NotFoundError):
            return None


def _folder_of(path: str) -> str:
    """The folder of an epoch's object, "log" for the ledger's, "renditions" for a view's, "" for any other."""
    if path.startswith("streams/"):
        return path.rpartition("/")[0]
    first = path.partition("/")[0]
    return first if first in ("log", FOLDER) else ""

"""The catalogue against the ledger and what lies in the store. It may be ahead of the ledger that was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.rows import EpochStatus
from custodes.base.errors import NotFoundError
from custodes.custody.reel import Footer
from custodes.ledger.rules.state import LedgerState
from custodes.services.checking.findings import Finding, FindingKind
from custodes.services.keeper.catalogue import REBUILD
from custodes.services.keeper.catalogue_rows import reel_row, status_of

WHERE = "catalogue"
_FURTHER: dict[EpochStatus, int] = {"open": 0, "closed": 1, "kept": 2, "shredded": 3}


class CatalogueCheck:
    """Reads every epoch's status once; rows of reels an epoch at a time."""

    def __init__(self, catalogue: SqlCatalogue, state: LedgerState) -> None:
        self._catalogue = catalogue
        self._state = state
        self._statuses = dict(catalogue.statuses())

    def is_going(self, epoch: bytes) -> bool:
        """Whether retention has it in hand."""
        return self._statuses.get(epoch) == "shredded"

    def check_epochs(self) -> Iterator[Finding]:
        """Epochs that it lacks, is behind with, or has from nowhere; counted, for there may be thousands."""
        missing, behind = 0, 0
        for epoch in self._state.facts.epochs.live.values():
            status = self._statuses.get(epoch.id)
            if status is None:
                missing += not epoch.gone
            else:
                behind += _FURTHER[status] < _FURTHER[status_of(epoch)]
        strange = sum(self._is_strange(epoch, status) for epoch, status in self._statuses.items())
        for count, what in (
            (missing, "epochs of the ledger are not in it"),
            (behind, "epochs are further in the ledger"),
            (strange, "epochs are in it and not in the ledger"),
        ):
            if count:
                yield Finding(FindingKind.CATALOGUE, WHERE, f"{count} {what}; {REBUILD}")

    def check_reels(
        self, epoch: bytes, footers: Mapping[str, tuple[Footer, int]], paths: Sequence[str], is_due: bool
    ) -> Iterator[Finding]:
        """Rows and reels of an epoch, each against the other."""
        rows = {row.path: row for row in self._catalogue.reels_of_epoch(epoch)}
        for path, (footer, size) in footers.items():
            row = rows.get(path)
            if row is None:
                yield Finding(FindingKind.PENDING, path, "it is not in the catalogue yet")
            elif row != reel_row(path, footer, size):
                yield Finding(FindingKind.CATALOGUE, path, f"the catalogue has other facts of it; {REBUILD}")
        if is_due:
            return
        for path in rows.keys() - set(paths):
            yield Finding(FindingKind.MISSING, path, "a reel that the catalogue knows")

    def _is_strange(self, epoch: bytes, status: EpochStatus) -> bool:
        epochs = self._state.facts.epochs
        if epoch in epochs.live:
            return False
        if epoch in epochs.gone:
            return status != "shredded"
        try:
            return self._catalogue.epoch(epoch).entry < self._state.size
        except NotFoundError:
            return False

"""Removing what is left of shredded epochs: reels, then the share set, then the catalogue's row.

Each step can be repeated; after a crash the rows that are still marked shredded name what is left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.rows import CatalogueEpoch
from custodes.base.errors import NotFoundError
from custodes.base.ports import ObjectStore
from custodes.custody.paths import epoch_folder

_LOG = structlog.get_logger("deletion")


@dataclass(frozen=True, slots=True)
class Deleted:
    """What went."""

    epochs: int = 0
    reels: int = 0
    size_bytes: int = 0
    renditions: int = 0

    def __add__(self, other: Deleted) -> Deleted:
        return Deleted(
            self.epochs + other.epochs,
            self.reels + other.reels,
            self.size_bytes + other.size_bytes,
            self.renditions + other.renditions,
        )


def delete_epochs(
    store: ObjectStore, catalogue: SqlCatalogue, database: Database, epochs: Sequence[CatalogueEpoch]
) -> Deleted:
    """Remove the objects of shredded epochs, then their rows in one transaction. Blocks.

    What else lies in an epoch's folder stays.
    Errors: UnavailableError and others of the store; what went is gone, the rows stand.
    """
    deleted = Deleted()
    for epoch in epochs:
        deleted += _delete_objects(store, epoch)
    with database.writing() as connection:
        for epoch in epochs:
            catalogue.forget_epoch(connection, epoch.epoch)
    return deleted


def _delete_objects(store: ObjectStore, epoch: CatalogueEpoch) -> Deleted:
    folder = epoch_folder(epoch.stream, epoch.utc0_us, epoch.epoch)
    paths = list(store.list(folder))
    reels = [path for path in paths if path.endswith(".reel")]
    size_bytes = 0
    for path in reels:
        size_bytes += _size(store, path)
        store.delete(path)
    store.delete(f"{folder}/shares")
    strangers = len(paths) - len(reels) - (f"{folder}/shares" in paths)
    if strangers:
        _LOG.warning("objects of nobody in a shredded epoch's folder", folder=folder, objects=strangers)
    return Deleted(1, len(reels), size_bytes)


def _size(store: ObjectStore, path: str) -> int:
    try:
        return store.size(path)
    except NotFoundError:
        return 0

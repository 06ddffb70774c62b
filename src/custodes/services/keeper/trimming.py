"""Removing what lies outside the held slots of kept epochs: whole reels, and both ends of a reel that holds some.

A reel is replaced by a shorter one of the same place, which begins and ends in a held slot; what lies between two
held slots of one reel stays in it. Each step can be repeated; a reel that was trimmed is not looked at again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import structlog

from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.rows import CatalogueReel
from custodes.base.errors import NotFoundError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.custody.frames import reader_of
from custodes.custody.reel import Footer, IndexRow, parse_rows
from custodes.custody.reel_reader import ReelReader
from custodes.services.keeper.catalogue_rows import read_reel, reel_row
from custodes.services.keeper.deletion import Deleted

_LOG = structlog.get_logger("trimming")


def trim_epoch(
    store: ObjectStore, catalogue: SqlCatalogue, database: Database, epoch: bytes, slots: Collection[int]
) -> Deleted:
    """Remove what of an epoch's reels lies outside the slots. Blocks.

    A reel that cannot be read stays whole; `custodes check` names it.
    Errors: UnavailableError and others of the store; what went is gone.
    """
    deleted = Deleted()
    for reel in catalogue.reels_of_epoch(epoch):
        span = _span(parse_rows(reel.rows), slots)
        if span is None:
            store.delete(reel.path)
            with database.writing() as connection:
                catalogue.remove_reel(connection, epoch, reel.number)
            deleted += Deleted(0, 1, reel.size_bytes)
        elif span != (0, reel.count - 1):
            deleted += _shorten(store, catalogue, database, reel, slots)
    return deleted


def _span(rows: tuple[IndexRow, ...], slots: Collection[int]) -> tuple[int, int] | None:
    held = [position for position, row in enumerate(rows) if row.slot in slots]
    return (held[0], held[-1]) if held else None


def _shorten(
    store: ObjectStore,
    catalogue: SqlCatalogue,
    database: Database,
    reel: CatalogueReel,
    slots: Collection[int],
) -> Deleted:
    try:
        before = store.get(reel.path)
        after = shortened(before, slots)
    except (NotFoundError, UnverifiedError) as error:
        _LOG.warning("a reel cannot be trimmed", path=reel.path, reason=str(error))
        return Deleted()
    if after != before:
        store.swap(reel.path, after, before)
    footer, size = read_reel(store, reel.path)
    with database.writing() as connection:
        catalogue.remove_reel(connection, reel.epoch, reel.number)
        catalogue.add_reel(connection, reel_row(reel.path, footer, size))
    return Deleted(0, 0, len(before) - len(after))


def shortened(data: bytes, slots: Collection[int]) -> bytes:
    """A reel from its first to its last envelope of those slots; the same bytes where that is all of it.

    Errors: UnverifiedError when the reel is damaged, or holds none.
    """
    reader = ReelReader(reader_of(data), len(data))
    footer = reader.footer
    span = _span(footer.rows, slots)
    if span is None:
        raise UnverifiedError("the reel holds no such slot")
    first, last = span
    if span == (0, len(footer.rows) - 1):
        return data
    start = footer.rows[first].offset
    rows = footer.rows[first : last + 1]
    end = rows[-1].offset + rows[-1].length
    # Only the reel's last envelope may be cut; where it stays, its hash is in the footer.
    is_end = last == len(footer.rows) - 1
    shorter = Footer(
        header=footer.header,
        number=footer.number,
        first=footer.first + first,
        last=footer.last if is_end else reader.envelope(last).hash,
        rows=tuple(replace(row, offset=row.offset - start) for row in rows),
        is_recovered=footer.is_recovered and is_end,
    )
    return data[start:end] + shorter.encode()

"""Which epochs and reels there are, by stream and time, and which are due to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.renditions import SqlRenditions
from custodes.adapters.sql.rows import CatalogueEpoch, CatalogueReel, EpochStatus
from custodes.adapters.sql.schema import EPOCHS, REELS
from custodes.base.clock import HOUR_US
from custodes.base.errors import ConflictError, NotFoundError

_BEFORE: dict[EpochStatus, tuple[EpochStatus, ...]] = {
    "open": (),
    "closed": ("open",),
    "kept": ("open", "closed"),
    "shredded": ("open", "closed", "kept"),
}
# A reel lies within one epoch, which lasts an hour at most; a little more for its last envelope's tail.
_MAX_REEL_SPAN_US = 2 * HOUR_US


class SqlCatalogue:
    """Reads stand alone; writes take the transaction that they belong to, and may be repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.renditions = SqlRenditions(database)

    def add_epoch(self, connection: Connection, epoch: CatalogueEpoch) -> None:
        """Note an epoch; again, with whatever status it has by now, is no error.

        Errors: ConflictError when the id is known with other facts.
        """
        _add_once(connection, EPOCHS, {"epoch": epoch.epoch}, asdict(epoch), ("status",))

    def advance_epoch(self, connection: Connection, epoch: bytes, status: EpochStatus) -> None:
        """Close or shred an epoch; one that is as far already stays as it is.

        Errors: NotFoundError.
        """
        before = _BEFORE[status]
        changed = connection.execute(
            update(EPOCHS).where(EPOCHS.c.epoch == epoch, EPOCHS.c.status.in_(before)).values(status=status)
        )
        known = select(EPOCHS.c.epoch).where(EPOCHS.c.epoch == epoch)
        if changed.rowcount == 0 and connection.execute(known).first() is None:
            raise NotFoundError(f"no epoch {epoch.hex()} in the catalogue")

    def forget_epoch(self, connection: Connection, epoch: bytes) -> None:
        """Remove an epoch and its reels, the last step of deletion; again is no error."""
        connection.execute(delete(REELS).where(REELS.c.epoch == epoch))
        connection.execute(delete(EPOCHS).where(EPOCHS.c.epoch == epoch))

    def add_reel(self, connection: Connection, reel: CatalogueReel) -> None:
        """Note a reel; again is no error.

        Errors: ConflictError when its place or path is another's.
        """
        _add_once(connection, REELS, {"epoch": reel.epoch, "number": reel.number}, asdict(reel), ())

    def remove_reel(self, connection: Connection, epoch: bytes, number: int) -> None:
        """Remove a reel that is no longer in the store; again is no error."""
        connection.execute(delete(REELS).where(REELS.c.epoch == epoch, REELS.c.number == number))

    def epoch(self, epoch: bytes) -> CatalogueEpoch:
        """Errors: NotFoundError."""
        with self._database.reading() as connection:
            row = connection.execute(select(EPOCHS).where(EPOCHS.c.epoch == epoch)).first()
        if row is None:
            raise NotFoundError(f"no epoch {epoch.hex()} in the catalogue")
        return _epoch(row)

    def statuses(self) -> list[tuple[bytes, EpochStatus]]:
        """Every epoch's id and status. Cost: some 100 bytes an epoch."""
        with self._database.reading() as connection:
            rows = connection.execute(select(EPOCHS.c.epoch, EPOCHS.c.status))
            return [(row.epoch, row.status) for row in rows]

    def epochs_due(self, now_us: int, limit: int = 500) -> list[CatalogueEpoch]:
        """Epochs whose deadline is past and whose key is not shredded, the longest due first."""
        query = (
            select(EPOCHS)
            .where(EPOCHS.c.status.in_(("open", "closed")), EPOCHS.c.deadline_us <= now_us)
            .order_by(EPOCHS.c.deadline_us)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_epoch(row) for row in connection.execute(query)]

    def epochs_with_status(self, status: EpochStatus, limit: int = 500) -> list[CatalogueEpoch]:
        """Epochs of a status, by deadline: shredded ones are those whose files are still to go."""
        query = select(EPOCHS).where(EPOCHS.c.status == status).order_by(EPOCHS.c.deadline_us).limit(limit)
        with self._database.reading() as connection:
            return [_epoch(row) for row in connection.execute(query)]

    def reels_of_epoch(self, epoch: bytes) -> list[CatalogueReel]:
        """All reels of an epoch, by number."""
        query = select(REELS).where(REELS.c.epoch == epoch).order_by(REELS.c.number)
        with self._database.reading() as connection:
            return [_reel(row) for row in connection.execute(query)]

    def reels_between(self, stream: bytes, from_us: int, to_us: int) -> list[CatalogueReel]:
        """Reels of a stream that overlap [from_us, to_us), by beginning. Cost: an index range."""
        query = (
            select(REELS)
            .where(
                REELS.c.stream == stream,
                REELS.c.begins_us >= from_us - _MAX_REEL_SPAN_US,
                REELS.c.begins_us < to_us,
                REELS.c.ends_us > from_us,
            )
            .order_by(REELS.c.begins_us, REELS.c.epoch, REELS.c.number)
        )
        with self._database.reading() as connection:
            return [_reel(row) for row in connection.execute(query)]

    def stored_bytes(self) -> dict[bytes, int]:
        """Bytes of all reels by stream."""
        query = select(REELS.c.stream, func.sum(REELS.c.size_bytes)).group_by(REELS.c.stream)
        with self._database.reading() as connection:
            return {stream: int(total) for stream, total in connection.execute(query)}


def _add_once(
    connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any], but: Sequence[str]
) -> None:
    query = select(table).where(*(table.c[name] == value for name, value in key.items()))
    row = connection.execute(query).mappings().first()
    if row is None:
        connection.execute(insert(table), values)
        return
    for name, value in values.items():
        if name not in but and row[name] != value:
            raise ConflictError(f"the catalogue knows a row of {table.name} with another {name}")


def _epoch(row: Row[Any]) -> CatalogueEpoch:
    return CatalogueEpoch(**row._mapping)


def _reel(row: Row[Any]) -> CatalogueReel:
    return CatalogueReel(**row._mapping)

"""Which objects of recorded rendition there are, by camera and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.rows import CatalogueRendition
from custodes.adapters.sql.schema import RENDITIONS
from custodes.base.clock import MINUTE_US
from custodes.base.errors import ConflictError

# An object lasts five minutes at most.
_MAX_SPAN_US = 6 * MINUTE_US


class SqlRenditions:
    """Reads stand alone; writes take the transaction that they belong to, and may be repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, connection: Connection, rendition: CatalogueRendition) -> None:
        """Note an object; again is no error. Errors: ConflictError when its place is another's."""
        table = RENDITIONS.c
        where = (table.stream == rendition.stream, table.start_us == rendition.start_us)
        row = connection.execute(select(RENDITIONS).where(*where)).first()
        if row is None:
            connection.execute(insert(RENDITIONS), asdict(rendition))
        elif _rendition(row) != rendition:
            raise ConflictError(f"the catalogue knows another rendition of {rendition.start_us}")

    def remove(self, connection: Connection, renditions: Sequence[CatalogueRendition]) -> None:
        """Remove objects that are no longer in the store; again is no error."""
        table = RENDITIONS.c
        for one in renditions:
            connection.execute(
                delete(RENDITIONS).where(table.stream == one.stream, table.start_us == one.start_us)
            )

    def find(self, stream: bytes, start_us: int) -> CatalogueRendition | None:
        """The object of that place, None where there is none."""
        query = select(RENDITIONS).where(RENDITIONS.c.stream == stream, RENDITIONS.c.start_us == start_us)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _rendition(row)

    def between(
        self, camera: bytes, from_us: int, to_us: int, limit: int = 500, after: tuple[int, bytes] = (-1, b"")
    ) -> list[CatalogueRendition]:
        """Of a camera, those that reach into [from_us, to_us) and come after (start, stream), ascending.

        Cost: an index range.
        """
        table = RENDITIONS.c
        query = (
            select(RENDITIONS)
            .where(
                table.camera == camera,
                table.start_us >= max(from_us - _MAX_SPAN_US, after[0]),
                table.start_us < to_us,
                table.end_us > from_us,
                (table.start_us > after[0]) | (table.stream > after[1]),
            )
            .order_by(table.start_us, table.stream)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_rendition(row) for row in connection.execute(query)]

    def cameras(self) -> list[bytes]:
        """Cameras that have any."""
        with self._database.reading() as connection:
            return [row.camera for row in connection.execute(select(RENDITIONS.c.camera).distinct())]

    def everything(self) -> Iterator[CatalogueRendition]:
        """All, by camera and time."""
        for camera in self.cameras():
            after: tuple[int, bytes] = (-1, b"")
            while page := self.between(camera, 0, 1 << 62, after=after):
                yield from page
                after = (page[-1].start_us, page[-1].stream)

    def stored_bytes(self) -> int:
        """Bytes of all."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.sum(RENDITIONS.c.size_bytes))).scalar() or 0)


def _rendition(row: Row[Any]) -> CatalogueRendition:
    return CatalogueRendition(**row._mapping)

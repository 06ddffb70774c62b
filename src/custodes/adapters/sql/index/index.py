"""Reading and writing the index: one transaction takes in a stretch of the ledger with its new position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.index.schema import (
    CAMERAS,
    GAPS,
    KEPT,
    MASKED,
    METADATA,
    POSITION,
    RECORDERS,
    RENDITIONS,
    SPANS,
    STREAMS,
)
from custodes.custody.renditions import Rendition

# Spans begin within this before the time that they reach into: an epoch's length, and much to spare.
MAX_SPAN_US = 26 * 3_600_000_000
# A rendition lasts five minutes at most.
MAX_RENDITION_US = 360_000_000


@dataclass(frozen=True, slots=True)
class Position:
    """How far the ledger is in the index. `genesis`: Canon of its body, empty before entry 0."""

    network: bytes
    size: int = 0
    frontier: bytes = b""
    genesis: bytes = b""
    missing: int = 0


@dataclass(frozen=True, slots=True)
class SpanRow:
    """An epoch's recorded time so far. Units: UTC microseconds."""

    stream: bytes
    begins_us: int
    epoch: bytes
    ends_us: int
    most_us: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class GapRow:
    """A time that was not recorded. Units: UTC microseconds."""

    stream: bytes
    from_us: int
    to_us: int
    reason: str


class IndexWriter:
    """Changes within one transaction; each may be repeated."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_camera(self, camera: bytes, body: bytes) -> None:
        """A camera's newest entry."""
        self._connection.execute(delete(CAMERAS).where(CAMERAS.c.camera == camera))
        self._connection.execute(insert(CAMERAS), {"camera": camera, "body": body})

    def keep(self, entry: int, leaf: bytes) -> None:
        """An entry that is needed whole."""
        self._connection.execute(upsert(KEPT).on_conflict_do_nothing(), {"entry": entry, "leaf": leaf})

    def open_span(self, span: SpanRow, recorder: bytes) -> None:
        """An epoch begins; nothing of it is accounted for yet."""
        row = {name: getattr(span, name) for name in SpanRow.__slots__}
        self._connection.execute(upsert(SPANS).on_conflict_do_nothing(), row)
        self._connection.execute(delete(STREAMS).where(STREAMS.c.stream == span.stream))
        self._connection.execute(insert(STREAMS), {"stream": span.stream, "recorder": recorder})

    def extend(self, epochs: Iterable[bytes], until_us: int) -> None:
        """Envelopes of these epochs are accounted for up to then."""
        for epoch in epochs:
            self._set_end(epoch, until_us, closed=False)

    def close(self, epoch: bytes, until_us: int, envelopes: int) -> None:
        """An epoch gets no further envelope; one without any was never recorded."""
        if envelopes:
            self._set_end(epoch, until_us, closed=True)
        else:
            self.forget([epoch])

    def forget(self, epochs: Iterable[bytes]) -> None:
        """The epochs can be opened no more."""
        for epoch in epochs:
            self._connection.execute(delete(SPANS).where(SPANS.c.epoch == epoch))

    def add_gap(self, gap: GapRow) -> None:
        """A gap, joined to one of its reason that ends where it begins."""
        self._add_joined(GAPS, gap)

    def add_masked(self, masked: GapRow) -> None:
        """A masked time, joined as gaps are."""
        self._add_joined(MASKED, masked)

    def add_rendition(self, rendition: Rendition) -> None:
        """An object of recorded rendition."""
        self._connection.execute(upsert(RENDITIONS).on_conflict_do_nothing(), rendition._asdict())

    def _add_joined(self, table: Table, gap: GapRow) -> None:
        begins_us, columns = gap.from_us, table.c
        before = select(columns.from_us).where(
            columns.stream == gap.stream, columns.to_us == gap.from_us, columns.reason == gap.reason
        )
        row = self._connection.execute(before.order_by(columns.from_us).limit(1)).first()
        if row is not None and gap.to_us > gap.from_us:
            begins_us = row.from_us
            self._connection.execute(
                delete(table).where(
                    columns.stream == gap.stream,
                    columns.to_us == gap.from_us,
                    columns.from_us == begins_us,
                    columns.reason == gap.reason,
                )
            )
        values = {"stream": gap.stream, "from_us": begins_us, "to_us": gap.to_us, "reason": gap.reason}
        self._connection.execute(upsert(table).on_conflict_do_nothing(), values)

    def account(self, recorder: bytes, minute_us: int) -> None:
        """A recorder has told of all up to then."""
        self._connection.execute(delete(RECORDERS).where(RECORDERS.c.recorder == recorder))
        self._connection.execute(insert(RECORDERS), {"recorder": recorder, "known_until_us": minute_us})

    def prune_gaps(self, before_us: int) -> None:
        """Forget gaps, masked times and renditions that ended before an instant. Cost: a pass over all."""
        self._connection.execute(delete(GAPS).where(GAPS.c.to_us < before_us))
        self._connection.execute(delete(MASKED).where(MASKED.c.to_us < before_us))
        self._connection.execute(delete(RENDITIONS).where(RENDITIONS.c.end_us < before_us))

    def stand_at(self, position: Position) -> None:
        """How far the ledger has been taken in."""
        self._connection.execute(delete(POSITION))
        values = {name: getattr(position, name) for name in Position.__slots__}
        self._connection.execute(insert(POSITION), {"place": 0, **values})

    def _set_end(self, epoch: bytes, until_us: int, closed: bool) -> None:
        row = self._connection.execute(select(SPANS).where(SPANS.c.epoch == epoch)).first()
        if row is None:
            return
        values = {"ends_us": min(max(until_us, row.begins_us), row.most_us), "closed": closed or row.closed}
        # By the row's own key: the update then needs no second look into the other index.
        where = (SPANS.c.stream == row.stream, SPANS.c.begins_us == row.begins_us, SPANS.c.epoch == epoch)
        self._connection.execute(update(SPANS).where(*where).values(values))


class SqlIndex:
    """The index. Reads are an index range each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def writing(self) -> Iterator[IndexWriter]:
        """One transaction: all of it, or nothing."""
        with self._database.writing() as connection:
            yield IndexWriter(connection)

    def clear(self) -> None:
        """Forget everything: the ledger is read from its beginning."""
        with self._database.writing() as connection:
            for table in METADATA.tables.values():
                connection.execute(delete(table))

    def position(self) -> Position | None:
        """Where it stands; None when nothing was taken in yet."""
        with self._database.reading() as connection:
            row = connection.execute(select(POSITION)).mappings().first()
        return None if row is None else Position(**{name: row[name] for name in Position.__slots__})

    def cameras(self) -> list[bytes]:
        """Bodies of all cameras' newest entries."""
        with self._database.reading() as connection:
            return [row.body for row in connection.execute(select(CAMERAS.c.body))]

    def kept(self) -> list[tuple[int, bytes]]:
        """Entries that are needed whole, by index, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(select(KEPT).order_by(KEPT.c.entry)).all()
        return [(row.entry, row.leaf) for row in rows]

    def span_of(self, epoch: bytes) -> SpanRow | None:
        """An epoch that can still be opened; None for any other."""
        with self._database.reading() as connection:
            row = connection.execute(select(SPANS).where(SPANS.c.epoch == epoch)).first()
        return None if row is None else SpanRow(**row._mapping)

    def epochs(self, stream: bytes, from_us: int, to_us: int) -> list[SpanRow]:
        """Of a stream, those whose slots reach into [from_us, to_us), accounted for or not, by beginning."""
        query = (
            select(SPANS)
            .where(
                SPANS.c.stream == stream,
                SPANS.c.begins_us > from_us - MAX_SPAN_US,
                SPANS.c.begins_us < to_us,
                SPANS.c.most_us > from_us,
            )
            .order_by(SPANS.c.begins_us)
        )
        with self._database.reading() as connection:
            return [SpanRow(**row._mapping) for row in connection.execute(query)]

    def spans(self, stream: bytes, from_us: int, to_us: int) -> list[SpanRow]:
        """Of a stream, those that reach into [from_us, to_us), by beginning."""
        query = (
            select(SPANS)
            .where(
                SPANS.c.stream == stream,
                SPANS.c.begins_us > from_us - MAX_SPAN_US,
                SPANS.c.begins_us < to_us,
                SPANS.c.ends_us > from_us,
            )
            .order_by(SPANS.c.begins_us)
        )
        with self._database.reading() as connection:
            return [SpanRow(**row._mapping) for row in connection.execute(query)]

    def gaps(self, stream: bytes, from_us: int, to_us: int) -> list[GapRow]:
        """Of a stream, those that reach into [from_us, to_us), by beginning."""
        return self._reaching(GAPS, stream, from_us, to_us)

    def masked(self, stream: bytes, from_us: int, to_us: int) -> list[GapRow]:
        """Of a stream, masked times that reach into [from_us, to_us), by beginning."""
        return self._reaching(MASKED, stream, from_us, to_us)

    def has_view(self, stream: bytes) -> bool:
        """Whether any recorder has told of the stream's view."""
        with self._database.reading() as connection:
            return any(
                connection.execute(select(table.c.stream).where(table.c.stream == stream).limit(1)).first()
                for table in (MASKED, RENDITIONS)
            )

    def renditions(self, stream: bytes, from_us: int, to_us: int) -> list[Rendition]:
        """Of a stream, those that reach into [from_us, to_us), by beginning."""
        columns = RENDITIONS.c
        query = (
            select(RENDITIONS)
            .where(
                columns.stream == stream,
                columns.start_us > from_us - MAX_RENDITION_US,
                columns.start_us < to_us,
                columns.end_us > from_us,
            )
            .order_by(columns.start_us)
        )
        with self._database.reading() as connection:
            return [Rendition(**row._mapping) for row in connection.execute(query)]

    def rendition(self, stream: bytes, start_us: int) -> Rendition | None:
        """The one that begins then, None where no account named one."""
        columns = RENDITIONS.c
        query = select(RENDITIONS).where(columns.stream == stream, columns.start_us == start_us)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else Rendition(**row._mapping)

    def _reaching(self, table: Table, stream: bytes, from_us: int, to_us: int) -> list[GapRow]:
        columns = table.c
        query = (
            select(table)
            .where(columns.stream == stream, columns.to_us > from_us, columns.from_us < to_us)
            .order_by(columns.from_us, columns.to_us)
        )
        with self._database.reading() as connection:
            return [GapRow(**row._mapping) for row in connection.execute(query)]

    def known_until_us(self, stream: bytes) -> int | None:
        """Until when the stream's recorder has told of it; None when no recorder ever had it."""
        query = (
            select(RECORDERS.c.known_until_us)
            .join(STREAMS, STREAMS.c.recorder == RECORDERS.c.recorder)
            .where(STREAMS.c.stream == stream)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else int(row.known_until_us)

    def recorder_of(self, stream: bytes) -> bytes | None:
        """Who opened the stream's newest epoch."""
        query = select(STREAMS.c.recorder).where(STREAMS.c.stream == stream)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else bytes(row.recorder)

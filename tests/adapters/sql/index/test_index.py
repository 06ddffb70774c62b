"""The index: its schema, and that a stretch is taken in as a whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.index.index import GapRow, Position, SpanRow, SqlIndex
from custodes.adapters.sql.index.schema import METADATA
from custodes.base.clock import HOUR_US

STREAM, RECORDER, EPOCH = b"s" * 16, b"r" * 16, b"e" * 16
SPAN = SpanRow(STREAM, 10 * HOUR_US, EPOCH, 10 * HOUR_US, 11 * HOUR_US)


@pytest.fixture
def index_database(tmp_path: Path) -> Iterator[Database]:
    database = open_index_database(tmp_path / "index.sqlite")
    yield database
    database.close()


def test_migrations_make_the_schema(index_database: Database) -> None:
    with index_database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_every_column_says_what_it_holds() -> None:
    for table in METADATA.tables.values():
        assert all(column.comment for column in table.columns), table.name


def test_a_stretch_is_whole_or_not_there(index_database: Database) -> None:
    index = SqlIndex(index_database)
    with pytest.raises(ZeroDivisionError), index.writing() as writer:
        writer.open_span(SPAN, RECORDER)
        writer.stand_at(Position(b"n" * 32, 1))
        _ = 1 // 0
    assert index.position() is None and index.spans(STREAM, 0, 20 * HOUR_US) == []


def test_the_same_again_changes_nothing(index_database: Database) -> None:
    index = SqlIndex(index_database)
    for _ in range(2):
        with index.writing() as writer:
            writer.open_span(SPAN, RECORDER)
            writer.extend([EPOCH, b"unknown" + bytes(9)], 10 * HOUR_US + 5)
            writer.add_gap(GapRow(STREAM, 5, 9, "loss"))
            writer.account(RECORDER, 7)
            writer.put_camera(b"c" * 16, b"{}")
            writer.stand_at(Position(b"n" * 32, 1, bytes(32)))
    assert index.position() == Position(b"n" * 32, 1, bytes(32))
    (span,) = index.spans(STREAM, 0, 20 * HOUR_US)
    assert span.ends_us == 10 * HOUR_US + 5 and not span.closed
    assert index.gaps(STREAM, 0, 20) == [GapRow(STREAM, 5, 9, "loss")]
    assert index.cameras() == [b"{}"]
    assert index.known_until_us(STREAM) == 7 and index.recorder_of(STREAM) == RECORDER
    index.clear()
    assert index.position() is None and index.cameras() == [] and index.recorder_of(STREAM) is None


def test_an_end_lies_within_the_epoch(index_database: Database) -> None:
    index = SqlIndex(index_database)
    for until_us, ends_us in ((0, 10 * HOUR_US), (99 * HOUR_US, 11 * HOUR_US)):
        with index.writing() as writer:
            writer.open_span(SPAN, RECORDER)
            writer.close(EPOCH, until_us, 3)
        found = index.spans(STREAM, 0, 99 * HOUR_US)
        assert [span.ends_us for span in found] == ([ends_us] if ends_us > 10 * HOUR_US else [10 * HOUR_US])


def test_ranges_are_half_open(index_database: Database) -> None:
    index = SqlIndex(index_database)
    with index.writing() as writer:
        writer.open_span(SPAN, RECORDER)
        writer.close(EPOCH, 11 * HOUR_US, 1)
        writer.add_gap(GapRow(STREAM, 100, 200, "loss"))
    assert index.spans(STREAM, 11 * HOUR_US, 12 * HOUR_US) == []
    assert index.spans(STREAM, 0, 10 * HOUR_US) == []
    assert len(index.spans(STREAM, 11 * HOUR_US - 1, 12 * HOUR_US)) == 1
    assert index.gaps(STREAM, 200, 300) == [] and index.gaps(STREAM, 0, 100) == []
    assert len(index.gaps(STREAM, 199, 300)) == len(index.gaps(STREAM, 0, 101)) == 1
    with index.writing() as writer:
        writer.prune_gaps(201)
    assert index.gaps(STREAM, 0, 300) == []

"""Opening, migrating, transactions and their failures."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.schema import METADATA, OUTBOX
from custodes.base.errors import (
    BugError,
    ConflictError,
    CorruptError,
    ExhaustedError,
    InvalidError,
    UnavailableError,
)

ROW = {"sequence": 0, "statement": bytes(32), "admitted_us": 1, "entry": b"{}"}


def test_migrations_make_the_schema(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        changes = [change for change in compare_metadata(context, METADATA) if isinstance(change, tuple)]
        assert changes == []
        # Comments are for who reads the schema here; the migrations leave them out.
        assert {change[0] for group in _groups(context) for change in group} <= {"modify_comment"}


def _groups(context: MigrationContext) -> list[Any]:
    return [change for change in compare_metadata(context, METADATA) if isinstance(change, list)]


def test_every_column_says_what_it_holds() -> None:
    for table in METADATA.tables.values():
        assert all(column.comment for column in table.columns), table.name


def test_it_opens_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "custodes.sqlite"
    first = Database.open_file(path)
    with first.writing() as connection:
        connection.execute(insert(OUTBOX), ROW)
    first.close()
    again = Database.open_file(path)
    with again.reading() as connection:
        assert dict(connection.execute(select(OUTBOX)).mappings().one()) == ROW
    again.close()


def test_sqlite_flushes_every_commit(tmp_path: Path) -> None:
    database = Database.open_file(tmp_path / "custodes.sqlite")
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_what_raises_writes_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(insert(OUTBOX), ROW)
        _ = 1 // 0
    with database.reading() as connection:
        assert connection.execute(select(OUTBOX)).first() is None


def test_the_same_row_twice(database: Database) -> None:
    with pytest.raises(ConflictError), database.writing() as connection:
        connection.execute(insert(OUTBOX), ROW)
        connection.execute(insert(OUTBOX), ROW)


def test_two_writers_wait_for_each_other(database: Database) -> None:
    results: list[int] = []

    def second() -> None:
        with database.writing() as connection:
            results.append(len(connection.execute(select(OUTBOX)).all()))

    thread = threading.Thread(target=second)
    with database.writing() as connection:
        thread.start()
        thread.join(0.5)
        assert not results
        connection.execute(insert(OUTBOX), ROW)
    thread.join(30)
    assert results == [1]


def test_a_full_disk(tmp_path: Path) -> None:
    database = Database.open_file(tmp_path / "custodes.sqlite")
    with pytest.raises(ExhaustedError), database.writing() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        connection.execute(insert(OUTBOX), {**ROW, "entry": bytes(1 << 20)})


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "custodes.sqlite"
    path.write_bytes(b"not a database, and long enough to be read as one" * 100)
    with pytest.raises(CorruptError):
        Database.open_file(path)


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        Database.open_file(tmp_path / "missing" / "custodes.sqlite")
    with pytest.raises(InvalidError):
        Database.open("custodes")


def test_a_wrong_question(database: Database) -> None:
    with pytest.raises(BugError), database.reading() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_a_locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custodes.adapters.sql.database._BUSY_MS", 1)
    path = tmp_path / "custodes.sqlite"
    database = Database.open_file(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError), database.writing():
        pass
    other.close()
    database.close()


def test_a_reader_keeps_one_view(database: Database) -> None:
    with database.reading() as reader:
        assert reader.execute(select(OUTBOX)).all() == []
        with database.writing() as writer:
            writer.execute(insert(OUTBOX), ROW)
        assert reader.execute(select(OUTBOX)).all() == []
    with database.reading() as reader:
        assert len(reader.execute(select(OUTBOX)).all()) == 1

"""One database: opened, brought to the newest schema, and used in transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from custodes.adapters.sql.faults import translate
from custodes.base.errors import InvalidError, UnavailableError

# The keeper's schema; web's own databases name theirs.
MIGRATIONS = "custodes.adapters.sql:migrations"
_WRITING = "custodes_writing"
_BUSY_MS = 30_000
# PostgreSQL's advisory lock that writers take, as SQLite's take the file.
_WRITERS_LOCK = 0x637573746F646573


class Database:
    """Transactions on SQLite (WAL, synchronous FULL) or PostgreSQL; may be used from several threads.

    Durability: what a transaction wrote is flushed when its block ends.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, migrations: str = MIGRATIONS) -> Database:
        """Open a database by SQLAlchemy URL and bring its schema up to date by the steps of a package's folder.

        Errors: InvalidError (no such URL), UnavailableError, CorruptError.
        """
        try:
            engine = create_engine(make_url(url), pool_pre_ping=not url.startswith("sqlite"))
        except ArgumentError as error:
            raise InvalidError("the database's address is not one") from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            event.listen(engine, "begin", _begin_postgresql)
        database = cls(engine)
        with database.writing() as connection:
            _upgrade(connection, migrations)
        return database

    @classmethod
    def open_file(cls, path: Path, migrations: str = MIGRATIONS) -> Database:
        """A SQLite database in a file. Errors: as `open`."""
        return cls.open(f"sqlite+pysqlite:///{path}", migrations)

    @classmethod
    def open_to_read(cls, path: Path) -> Database:
        """A SQLite database in a file, beside whoever writes to it; its schema stays as it is.

        Errors: UnavailableError when there is none; of a write, the same.
        """
        if not path.is_file():
            raise UnavailableError(f"there is no database {path.name}")
        return cls(create_engine(f"sqlite+pysqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction; committed when the block ends, rolled back when it raises.

        Errors: ConflictError (unique), UnavailableError, ExhaustedError (disk full), CorruptError.
        """
        with self._transaction(True) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view. Errors: UnavailableError, CorruptError."""
        with self._transaction(False) as connection:
            yield connection

    def close(self) -> None:
        """Give all connections up."""
        self._engine.dispose()

    def _options(self, writing: bool) -> dict[str, Any]:
        if self._engine.dialect.name == "sqlite":
            return {_WRITING: writing}
        # A reader keeps one view; a writer's view must begin after its turn has come, so at each statement.
        return {_WRITING: writing, "isolation_level": "READ COMMITTED" if writing else "REPEATABLE READ"}

    @contextmanager
    def _transaction(self, writing: bool) -> Iterator[Connection]:
        try:
            with (
                self._engine.connect().execution_options(**self._options(writing)) as connection,
                connection.begin(),
            ):
                yield connection
        except SQLAlchemyError as error:
            raise translate(error) from error


def _prepare_sqlite(connection: object, _record: object) -> None:
    # The driver's own BEGIN comes too late and too weakly; ours is emitted by _begin_sqlite.
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and then writes must not find that another wrote in between.
    writing = connection.get_execution_options().get(_WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_WRITING):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")


def _upgrade(connection: Connection, migrations: str) -> None:
    config = Config()
    config.set_main_option("script_location", migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

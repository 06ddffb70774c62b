"""Order and bytes of all entries, fixed here before anything of them is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, func, insert, select

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.schema import OUTBOX
from custodes.base.errors import ConflictError

# What else is to be written with an entry, all or nothing.
Change: TypeAlias = Callable[[Connection], None]
_PAGE = 1000
# Older SQLite takes no more than 999 variables.
_MAX_VARIABLES = 500


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An admitted entry in its place."""

    sequence: int
    statement: bytes
    admitted_us: int
    entry: bytes


class SqlOutbox:
    """Append only; rows 0 … size - 1 without a hole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self) -> int:
        """The number of entries."""
        with self._database.reading() as connection:
            return _size(connection)

    def places(self, statements: Iterable[bytes]) -> dict[bytes, int]:
        """Where statements stand, by hash; those that stand nowhere are left out."""
        wanted = list(statements)
        found: dict[bytes, int] = {}
        with self._database.reading() as connection:
            for start in range(0, len(wanted), _MAX_VARIABLES):
                query = select(OUTBOX.c.statement, OUTBOX.c.sequence).where(
                    OUTBOX.c.statement.in_(wanted[start : start + _MAX_VARIABLES])
                )
                found.update((row.statement, row.sequence) for row in connection.execute(query))
        return found

    def append(self, rows: Sequence[OutboxRow], changes: Sequence[Change] = ()) -> None:
        """Add rows behind the last one, and make the changes, in one transaction.

        Errors: ConflictError when another wrote there first; UnavailableError, ExhaustedError. Then nothing
        is written. Whatever a change raises.
        """
        with self._database.writing() as connection:
            size = _size(connection)
            if rows and rows[0].sequence != size:
                raise ConflictError(f"the outbox's next row is {size}, not {rows[0].sequence}")
            if rows:
                connection.execute(insert(OUTBOX), [_values(row) for row in rows])
            for change in changes:
                change(connection)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Entries in order, read in pages."""
        last = self.size() if stop is None else stop
        for first in range(start, last, _PAGE):
            query = (
                select(OUTBOX.c.entry)
                .where(OUTBOX.c.sequence >= first, OUTBOX.c.sequence < min(first + _PAGE, last))
                .order_by(OUTBOX.c.sequence)
            )
            with self._database.reading() as connection:
                page = list(connection.execute(query).scalars())
            yield from page


def _size(connection: Connection) -> int:
    last = connection.execute(select(func.max(OUTBOX.c.sequence))).scalar()
    return 0 if last is None else last + 1


def _values(row: OutboxRow) -> dict[str, int | bytes]:
    return {
        "sequence": row.sequence,
        "statement": row.statement,
        "admitted_us": row.admitted_us,
        "entry": row.entry,
    }

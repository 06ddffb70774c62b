"""How often each role began to look, by hour, until the ledger states it."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web.schema import ACCESS


class SqlAccess:
    """Counts by hour and role. Units: hours by their beginning in UTC microseconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, hour_us: int, role: str) -> None:
        """One more. Durable on return."""
        mine = (ACCESS.c.hour_us == hour_us, ACCESS.c.role == role)
        with self._database.writing() as connection:
            more = update(ACCESS).where(*mine).values(times=ACCESS.c.times + 1)
            if not connection.execute(more).rowcount:
                connection.execute(insert(ACCESS), {"hour_us": hour_us, "role": role, "times": 1})

    def of(self, hour_us: int) -> dict[str, int]:
        """The counts of an hour by role."""
        query = select(ACCESS.c.role, ACCESS.c.times).where(ACCESS.c.hour_us == hour_us)
        with self._database.reading() as connection:
            return {row.role: row.times for row in connection.execute(query)}

    def hours(self) -> list[int]:
        """Those that have counts, ascending."""
        query = select(ACCESS.c.hour_us).distinct().order_by(ACCESS.c.hour_us)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def forget(self, hour_us: int) -> None:
        """The ledger has it."""
        with self._database.writing() as connection:
            connection.execute(delete(ACCESS).where(ACCESS.c.hour_us == hour_us))

"""A user's walls, by name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web.schema import LAYOUTS
from custodes.base.errors import ExhaustedError, NotFoundError


@dataclass(frozen=True, slots=True)
class StoredLayout:
    """A layout; what its document holds is the console's to read."""

    name: str
    document: bytes
    changed_us: int


class SqlLayouts:
    """Layouts of users; each user sees the own alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, user: str, layout: StoredLayout, most: int) -> None:
        """Store a layout in place of the one of its name. Errors: ExhaustedError beyond `most`."""
        own = LAYOUTS.c.user == user
        with self._database.writing() as connection:
            connection.execute(delete(LAYOUTS).where(own, LAYOUTS.c.name == layout.name))
            count = connection.execute(select(func.count()).select_from(LAYOUTS).where(own)).scalar_one()
            if count >= most:
                raise ExhaustedError(f"a user has at most {most} layouts")
            values = {
                "user": user,
                "name": layout.name,
                "document": layout.document,
                "changed_us": layout.changed_us,
            }
            connection.execute(insert(LAYOUTS), values)

    def get(self, user: str, name: str) -> StoredLayout:
        """Errors: NotFoundError."""
        query = select(LAYOUTS).where(LAYOUTS.c.user == user, LAYOUTS.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"there is no layout {name}")
        return StoredLayout(row.name, row.document, row.changed_us)

    def all(self, user: str) -> list[StoredLayout]:
        """By name."""
        query = select(LAYOUTS).where(LAYOUTS.c.user == user).order_by(LAYOUTS.c.name)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [StoredLayout(row.name, row.document, row.changed_us) for row in rows]

    def remove(self, user: str, name: str) -> None:
        """Errors: NotFoundError."""
        query = delete(LAYOUTS).where(LAYOUTS.c.user == user, LAYOUTS.c.name == name)
        with self._database.writing() as connection:
            if not connection.execute(query).rowcount:
                raise NotFoundError(f"there is no layout {name}")

"""Which recorder records which stream, and how it reaches it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.schema import ASSIGNMENTS
from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.estate.model import Assignment


class SqlAssignments:
    """Reads stand alone; writes take the transaction that they belong to, and may be repeated."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def assign(self, connection: Connection, assignment: Assignment) -> None:
        """Take the place of the stream's earlier assignment."""
        self.release(connection, assignment.stream)
        connection.execute(insert(ASSIGNMENTS), _values(assignment))

    def release(self, connection: Connection, stream: bytes) -> None:
        """The stream is recorded no more; again is no error."""
        connection.execute(delete(ASSIGNMENTS).where(ASSIGNMENTS.c.stream == stream))

    def all(self) -> list[Assignment]:
        """Every assignment, by camera and stream."""
        query = select(ASSIGNMENTS).order_by(ASSIGNMENTS.c.camera, ASSIGNMENTS.c.stream)
        with self._database.reading() as connection:
            return [_assignment(row) for row in connection.execute(query)]

    def of_recorder(self, recorder: bytes) -> list[Assignment]:
        """A recorder's assignments, by camera and stream."""
        return [assignment for assignment in self.all() if assignment.recorder == recorder]


def _values(assignment: Assignment) -> dict[str, Any]:
    sealed = {b64u(key): b64u(password) for key, password in assignment.password.items()}
    return {
        "stream": assignment.stream,
        "camera": assignment.camera,
        "recorder": assignment.recorder,
        "url": assignment.url,
        "transport": assignment.transport,
        "username": assignment.username,
        "password": canon(sealed),
        "priority": assignment.priority,
    }


def _assignment(row: Row[Any]) -> Assignment:
    values = dict(row._mapping)
    sealed = parse_canon(values.pop("password"))
    password = {unb64u(key): unb64u(sealed_password) for key, sealed_password in sealed.items()}
    return Assignment(password=password, **values)

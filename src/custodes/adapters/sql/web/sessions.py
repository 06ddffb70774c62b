"""Sessions by their token's hash, and false passwords by whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web.schema import ATTEMPTS, SESSIONS, USERS
from custodes.adapters.sql.web.users import user_of_row
from custodes.estate.users import User


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session and its user as the user is now. Units: UTC microseconds."""

    user: User
    created_us: int
    used_us: int


class SqlSessions:
    """Sessions; whose user is gone is none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: bytes, user: str, now_us: int, dead_before_us: int) -> None:
        """Begin a session; those begun before `dead_before_us` go for good."""
        with self._database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.created_us < dead_before_us))
            values = {"token": token, "user": user, "created_us": now_us, "used_us": now_us}
            connection.execute(insert(SESSIONS), values)

    def find(self, token: bytes) -> StoredSession | None:
        """The session of a token's hash."""
        query = (
            select(SESSIONS.c.created_us.label("began_us"), SESSIONS.c.used_us, USERS)
            .join(USERS, USERS.c.name == SESSIONS.c.user)
            .where(SESSIONS.c.token == token)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else StoredSession(user_of_row(row), row.began_us, row.used_us)

    def touch(self, token: bytes, now_us: int) -> None:
        """Note that it was used."""
        with self._database.writing() as connection:
            connection.execute(update(SESSIONS).where(SESSIONS.c.token == token).values(used_us=now_us))

    def end(self, token: bytes) -> None:
        """End it; again is no error."""
        with self._database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token == token))

    def count(self, begun_after_us: int) -> int:
        """How many began after an instant and have not ended."""
        query = select(func.count()).select_from(SESSIONS).where(SESSIONS.c.created_us > begun_after_us)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())


class SqlAttempts:
    """False passwords of a while."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self, subjects: Sequence[bytes], now_us: int, since_us: int, most: int
    ) -> tuple[int, ...] | None:
        """Count an attempt for each subject before it is made; None when one of them had `most` since then.

        What was before `since_us` is forgotten.
        """
        with self._database.writing() as connection:
            connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.at_us < since_us))
            for subject in subjects:
                query = select(func.count()).select_from(ATTEMPTS).where(ATTEMPTS.c.subject == subject)
                if connection.execute(query).scalar_one() >= most:
                    return None
            rows = []
            for subject in subjects:
                made = insert(ATTEMPTS).values(subject=subject, at_us=now_us).returning(ATTEMPTS.c.attempt)
                rows.append(int(connection.execute(made).scalar_one()))
            return tuple(rows)

    def give_back(self, attempts: Sequence[int]) -> None:
        """They were no false passwords."""
        with self._database.writing() as connection:
            connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.attempt.in_(attempts)))

"""Users with their passwords' hashes, and what goes with a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web.schema import LAYOUTS, SESSIONS, USERS
from custodes.base.canon import canon, parse_canon
from custodes.base.errors import ConflictError, NotFoundError, RefusedError
from custodes.estate.rights import Action, Reach, may
from custodes.estate.users import User


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user, the hash of the password, and since when."""

    user: User
    password: str = field(repr=False)
    created_us: int


class SqlUsers:
    """Users by name. At least one who manages users stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: User, password: str, now_us: int) -> None:
        """Errors: ConflictError when the name is taken."""
        with self._database.writing() as connection:
            if connection.execute(select(USERS.c.name).where(USERS.c.name == user.name)).first():
                raise ConflictError(f"there is a user {user.name} already")
            connection.execute(insert(USERS), {**_values(user), "password": password, "created_us": now_us})

    def change(self, user: User, password: str | None = None) -> None:
        """Give a user another role, reach or password; a new password ends the user's sessions.

        Errors: NotFoundError; RefusedError when nobody would be left to manage users.
        """
        values = _values(user)
        if password is not None:
            values["password"] = password
        with self._database.writing() as connection:
            before = _find(connection, user.name).user
            connection.execute(update(USERS).where(USERS.c.name == user.name).values(values))
            if password is not None:
                connection.execute(delete(SESSIONS).where(SESSIONS.c.user == user.name))
            _check_managed(connection, before)

    def set_password(self, name: str, password: str) -> None:
        """Store the same password's hash anew; sessions stay."""
        with self._database.writing() as connection:
            connection.execute(update(USERS).where(USERS.c.name == name).values(password=password))

    def remove(self, name: str) -> None:
        """Remove a user with sessions and layouts. Errors: NotFoundError, RefusedError as `change`."""
        with self._database.writing() as connection:
            before = _find(connection, name).user
            connection.execute(delete(USERS).where(USERS.c.name == name))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == name))
            connection.execute(delete(LAYOUTS).where(LAYOUTS.c.user == name))
            _check_managed(connection, before)

    def get(self, name: str) -> StoredUser:
        """Errors: NotFoundError."""
        with self._database.reading() as connection:
            return _find(connection, name)

    def all(self) -> list[StoredUser]:
        """By name."""
        with self._database.reading() as connection:
            return [_stored(row) for row in connection.execute(select(USERS).order_by(USERS.c.name))]

    def count(self) -> int:
        """How many there are."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(USERS)).scalar_one())


def user_of_row(row: Row[Any]) -> User:
    """The user of a row that holds the columns of USERS."""
    names = parse_canon(row.reach)
    reach = Reach(
        everything=row.everything,
        sites=frozenset(names["sites"]),
        cameras=frozenset(bytes.fromhex(camera) for camera in names["cameras"]),
    )
    return User(row.name, row.role, reach)


def _stored(row: Row[Any]) -> StoredUser:
    return StoredUser(user_of_row(row), row.password, row.created_us)


def _values(user: User) -> dict[str, Any]:
    names = {
        "cameras": sorted(camera.hex() for camera in user.reach.cameras),
        "sites": sorted(user.reach.sites),
    }
    return {
        "name": user.name,
        "role": user.role,
        "everything": user.reach.everything,
        "reach": canon(names),
    }


def _find(connection: Connection, name: str) -> StoredUser:
    row = connection.execute(select(USERS).where(USERS.c.name == name)).first()
    if row is None:
        raise NotFoundError(f"there is no user {name}")
    return _stored(row)


def _check_managed(connection: Connection, before: User) -> None:
    # Who was no manager is not missed as one, also where nobody is.
    if not may(before, Action.MANAGE_USERS):
        return
    users = [_stored(row).user for row in connection.execute(select(USERS))]
    if not any(may(user, Action.MANAGE_USERS) for user in users):
        raise RefusedError(f"{before.name} is the last who manages users; add another first")

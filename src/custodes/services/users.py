"""Users of the console, and their sessions: who signs in, who is signed in, and until when.

Blocking; faces call it from threads. `custodes user` and the web go through here alike.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web.sessions import SqlAttempts, SqlSessions
from custodes.adapters.sql.web.users import SqlUsers
from custodes.base.canon import b64u, typed_hash
from custodes.base.clock import HOUR_US, MINUTE_US, Clock
from custodes.base.errors import InvalidError, NotFoundError, PushbackError, UnauthenticatedError
from custodes.estate.users import User, check_new_password, check_user_name

TOKEN_BYTES = 32
IDLE_US = 12 * HOUR_US
ABSOLUTE_US = 24 * HOUR_US
TOUCH_US = MINUTE_US
ATTEMPTS = 5
ATTEMPTS_WITHIN_US = 15 * MINUTE_US
_WRONG = "name or password is not right"
_CLOSED = "too many false passwords; try again in a quarter of an hour"


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. `csrf` is the token that changing requests bring; units: UTC microseconds."""

    user: User
    ends_us: int
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """Follows from the token, so that only who holds the cookie knows it and nothing more is stored."""
        return b64u(typed_hash("custodes/csrf/v1", self.token.encode("ascii")))


class Users:
    """The administrator's side."""

    def __init__(self, users: SqlUsers, passwords: Passwords, clock: Clock) -> None:
        self._users = users
        self._passwords = passwords
        self._clock = clock

    def add(self, user: User, password: str) -> None:
        """Errors: InvalidError for a password that is none; ConflictError when the name is taken."""
        check_new_password(user.name, password)
        self._users.add(user, self._passwords.hash(password), self._clock.utc_us())

    def change(self, user: User, password: str | None = None) -> None:
        """Role and reach hold from the next question on; a new password ends the user's sessions.

        Errors: InvalidError, NotFoundError, RefusedError.
        """
        if password is not None:
            check_new_password(user.name, password)
        self._users.change(user, None if password is None else self._passwords.hash(password))

    def remove(self, name: str) -> None:
        """With sessions and layouts. Errors: NotFoundError, RefusedError."""
        self._users.remove(name)

    def get(self, name: str) -> User:
        """Errors: NotFoundError."""
        return self._users.get(name).user

    def all(self) -> list[User]:
        """By name."""
        return [stored.user for stored in self._users.all()]


class Sessions:
    """The user's side: signing in and out, and who is signed in."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._users = SqlUsers(database)
        self._sessions = SqlSessions(database)
        self._attempts = SqlAttempts(database)
        self._passwords = passwords
        self._clock = clock

    def sign_in(self, name: str, password: str, address: str) -> Session:
        """Begin a session. Name and password together are right or not; nothing says which of them is not.

        Errors: UnauthenticatedError; PushbackError after five false passwords of the name or the address.
        """
        now_us = self._clock.utc_us()
        subjects = (
            typed_hash("custodes/sign-in/name/v1", name.encode("utf-8", "surrogatepass")),
            typed_hash("custodes/sign-in/address/v1", address.encode("utf-8", "surrogatepass")),
        )
        # Counted before it is checked: many at once are not more than many after each other.
        reserved = self._attempts.reserve(subjects, now_us, now_us - ATTEMPTS_WITHIN_US, ATTEMPTS)
        if reserved is None:
            raise PushbackError(_CLOSED)
        try:
            check_user_name(name)
            stored = self._users.get(name)
        except (InvalidError, NotFoundError):
            stored = None
        if not self._passwords.is_right(stored.password if stored else None, password) or stored is None:
            raise UnauthenticatedError(_WRONG)
        self._attempts.give_back(reserved)
        if self._passwords.is_old(stored.password):
            self._users.set_password(name, self._passwords.hash(password))
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions.add(_stored_token(token), name, now_us, now_us - ABSOLUTE_US)
        return Session(stored.user, now_us + ABSOLUTE_US, token)

    def find(self, token: str) -> Session:
        """The session of a token, with its user as of now; being asked keeps it from idling.

        Errors: UnauthenticatedError when there is none, or it has ended.
        """
        return self._find(token, touch=True)

    def is_open(self, token: str) -> Session:
        """`find` without keeping it from idling: for what runs on by itself."""
        return self._find(token, touch=False)

    def sign_out(self, token: str) -> None:
        """End a session; again is no error."""
        self._sessions.end(_stored_token(token))

    def count(self) -> int:
        """Sessions that may still be open."""
        return self._sessions.count(self._clock.utc_us() - ABSOLUTE_US)

    def _find(self, token: str, touch: bool) -> Session:
        stored_token = _stored_token(token)
        stored = self._sessions.find(stored_token)
        now_us = self._clock.utc_us()
        if stored is None:
            raise UnauthenticatedError("nobody is signed in")
        ends_us = stored.created_us + ABSOLUTE_US
        if now_us >= ends_us or now_us >= stored.used_us + IDLE_US:
            self._sessions.end(stored_token)
            raise UnauthenticatedError("the session has ended; sign in again")
        if touch and now_us - stored.used_us >= TOUCH_US:
            self._sessions.touch(stored_token, now_us)
        return Session(stored.user, ends_us, token)


def _stored_token(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

"""Who asks: the session of a request's cookie, where a request comes from, and what a route lets pass.

A route names its action by `guarded`; that is the only way to a visitor, and tests walk all routes by it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from custodes.base.errors import InvalidError, NotFoundError, RefusedError, UnauthenticatedError
from custodes.base.ids import parse_hex
from custodes.estate.model import Camera
from custodes.estate.rights import RIGHTS, Action, may
from custodes.estate.users import User
from custodes.services.following.register import Register
from custodes.services.users import ABSOLUTE_US, Session, Sessions

COOKIE = "custodes_session"
# A browser takes a cookie of this prefix only over HTTPS, from this host alone, for all paths.
SECURE_COOKIE = f"__Host-{COOKIE}"
CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, looking at the register."""

    session: Session
    register: Register

    @property
    def user(self) -> User:
        """The user."""
        return self.session.user

    def may(self, action: Action, camera: Camera) -> bool:
        """Whether the user may do this to the camera."""
        return may(self.user, action, camera)

    def camera(self, camera: str, action: Action = Action.SEE) -> Camera:
        """The camera of a hex id. Errors: NotFoundError where it is not there or may not be seen, alike."""
        try:
            found = self.register.camera(parse_hex(camera))
        except (InvalidError, NotFoundError):
            found = None
        if found is None or not self.may(action, found):
            raise NotFoundError("there is no such camera")
        return found

    def cameras(self, action: Action = Action.SEE) -> list[Camera]:
        """All that the action may be done to, by name."""
        return [camera for camera in self.register.cameras() if self.may(action, camera)]


class Door:
    """Finds out who asks."""

    def __init__(self, sessions: Sessions, register: Register) -> None:
        self.sessions = sessions
        self.register = register

    def guarded(self, action: Action) -> Guard:
        """The guard of a route that does this."""
        return Guard(self, action)

    def enter(self, connection: HTTPConnection) -> Visitor:
        """Blocking. Errors: UnauthenticatedError."""
        return Visitor(self.sessions.find(token_of(connection)), self.register)


class Guard:
    """A route's dependency: who is signed in and may do the route's action, else the route does not exist.

    Errors: UnauthenticatedError; NotFoundError; RefusedError for a changing request from elsewhere.
    """

    def __init__(self, door: Door, action: Action) -> None:
        self._door = door
        self.action = action

    def __call__(self, request: Request) -> Visitor:
        """Blocking: FastAPI calls it from a thread."""
        if request.method not in _SAFE:
            check_origin(request)
        visitor = self._door.enter(request)
        if request.method not in _SAFE:
            check_token(request, visitor.session)
        if not may(visitor.user, self.action):
            raise NotFoundError("there is nothing at this address")
        return visitor


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the browser came by HTTPS, by what the proxy on this machine says."""
    stated = connection.headers.get("x-forwarded-proto", "")
    return (stated or connection.url.scheme) in ("https", "wss")


def address_of(connection: HTTPConnection) -> str:
    """Whence the request came: we listen on loopback alone, so what the nearest proxy adds is what we know."""
    forwarded = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded[:100] or (connection.client.host if connection.client else "unknown")


def token_of(connection: HTTPConnection) -> str:
    """The session's token. Errors: UnauthenticatedError."""
    token = connection.cookies.get(SECURE_COOKIE if is_secure(connection) else COOKIE)
    if not token:
        raise UnauthenticatedError("nobody is signed in")
    return token


def check_origin(connection: HTTPConnection) -> None:
    """Refuse what a page of another origin sends, or who does not say. Errors: RefusedError."""
    scheme = "https" if is_secure(connection) else "http"
    if connection.headers.get("origin") != f"{scheme}://{connection.headers.get('host', '')}":
        raise RefusedError("this request does not come from a page of this network")


def check_token(connection: HTTPConnection, session: Session) -> None:
    """Refuse a changing request without the session's token. Errors: RefusedError."""
    given = connection.headers.get(CSRF_HEADER, "").encode("utf-8", "surrogatepass")
    if not secrets.compare_digest(given, session.csrf.encode("ascii")):
        raise RefusedError(f"this request does not bring the session's token as {CSRF_HEADER}")


def set_cookie(connection: HTTPConnection, response: Response, session: Session) -> None:
    """Give the browser the session's token."""
    secure = is_secure(connection)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        session.token,
        max_age=ABSOLUTE_US // 1_000_000,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def clear_cookie(connection: HTTPConnection, response: Response) -> None:
    """Take it away."""
    secure = is_secure(connection)
    name = SECURE_COOKIE if secure else COOKIE
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def rights_of(user: User) -> list[str]:
    """The user's rights as words."""
    return sorted(action.value for action in RIGHTS[user.role])

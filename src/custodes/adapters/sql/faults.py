"""Errors of databases, translated once."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from custodes.base.errors import (
    BugError,
    ConflictError,
    CorruptError,
    CustodesError,
    ExhaustedError,
    UnavailableError,
)

# SQLite's primary result codes; extended ones hold them in their low byte.
_SQLITE: dict[int, type[CustodesError]] = {
    sqlite3.SQLITE_BUSY: UnavailableError,
    sqlite3.SQLITE_LOCKED: UnavailableError,
    sqlite3.SQLITE_READONLY: UnavailableError,
    sqlite3.SQLITE_IOERR: UnavailableError,
    sqlite3.SQLITE_CANTOPEN: UnavailableError,
    sqlite3.SQLITE_FULL: ExhaustedError,
    sqlite3.SQLITE_NOMEM: ExhaustedError,
    sqlite3.SQLITE_CORRUPT: CorruptError,
    sqlite3.SQLITE_NOTADB: CorruptError,
    sqlite3.SQLITE_CONSTRAINT: ConflictError,
}
# Classes of SQLSTATE that say more than that the server does not answer as it should.
_SQLSTATE: dict[str, type[CustodesError]] = {
    "08": UnavailableError,
    "23": ConflictError,
    "40": UnavailableError,
    "53": ExhaustedError,
    "57": UnavailableError,
    "58": UnavailableError,
    "XX": CorruptError,
}


def translate(error: SQLAlchemyError) -> CustodesError:
    """The error of ours that a database's error is. Messages hold no values of rows."""
    if isinstance(error, IntegrityError):
        return ConflictError(f"the database holds another row in that place: {type(error.orig).__name__}")
    if not isinstance(error, DBAPIError):
        return BugError(f"the database was asked wrongly: {type(error).__name__}")
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = getattr(error.orig, "sqlstate", None) or ""
    kind = _SQLITE.get(code & 0xFF) if isinstance(code, int) else _SQLSTATE.get(state[:2])
    if kind is None:
        kind = UnavailableError if error.connection_invalidated else BugError
    return kind(f"the database failed: {error.orig}")

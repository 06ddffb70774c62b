"""The tables of web's own database, with unit and invariant of each column."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

_HASH = LargeBinary(32)

METADATA = MetaData()

USERS = Table(
    "users",
    METADATA,
    Column("name", String(64), comment="a-z, 0-9, dot, dash, underscore; never changed"),
    Column("role", String(32), nullable=False, comment="one of the ledger's roles"),
    Column("everything", Boolean, nullable=False, comment="whether the reach is all cameras"),
    Column(
        "reach", LargeBinary, nullable=False, comment="Canon of {cameras: [hex], sites: [text]}, ascending"
    ),
    Column("password", String(200), nullable=False, comment="argon2id in its own encoding"),
    Column("created_us", BigInteger, nullable=False, comment="UTC"),
    PrimaryKeyConstraint("name", name="users_pk"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token", _HASH, comment="SHA-256 of the cookie's token; the token itself is nowhere"),
    Column("user", String(64), nullable=False, comment="name; goes with the user"),
    Column("created_us", BigInteger, nullable=False, comment="UTC"),
    Column("used_us", BigInteger, nullable=False, comment="UTC, to a minute; ≥ created_us"),
    PrimaryKeyConstraint("token", name="sessions_pk"),
    Index("sessions_of_user", "user"),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("attempt", Integer, comment="number of the row"),
    Column("subject", _HASH, nullable=False, comment="hash of a name as typed, or of an address"),
    Column("at_us", BigInteger, nullable=False, comment="UTC; false passwords, and those being checked"),
    PrimaryKeyConstraint("attempt", name="attempts_pk"),
    Index("attempts_of_subject", "subject", "at_us"),
)

LAYOUTS = Table(
    "layouts",
    METADATA,
    Column("user", String(64), comment="name; goes with the user"),
    Column("name", String(64), comment="the layout's; `last` is the wall as it was left"),
    Column("document", LargeBinary, nullable=False, comment="JSON, at most 64 KiB; the console's to read"),
    Column("changed_us", BigInteger, nullable=False, comment="UTC"),
    PrimaryKeyConstraint("user", "name", name="layouts_pk"),
)

ACCESS = Table(
    "access",
    METADATA,
    Column("hour_us", BigInteger, comment="UTC, beginning of the hour; gone once the ledger states it"),
    Column("role", String(32), comment="one of the ledger's roles"),
    Column(
        "times", BigInteger, nullable=False, comment="cameras that somebody of the role began to watch; ≥ 1"
    ),
    PrimaryKeyConstraint("hour_us", "role", name="access_pk"),
)

PROPOSALS = Table(
    "proposals",
    METADATA,
    Column("background", _HASH, comment="SHA-256 of the file that it is about"),
    Column(
        "statement", LargeBinary, nullable=False, comment="Canon of the entry's signed object, one signature"
    ),
    Column("at_us", BigInteger, nullable=False, comment="UTC"),
    PrimaryKeyConstraint("background", name="proposals_pk"),
)

REFUSALS = Table(
    "refusals",
    METADATA,
    Column("background", _HASH, comment="SHA-256 of the file that is not to be committed"),
    Column("user", String(64), nullable=False, comment="who refused it"),
    Column("at_us", BigInteger, nullable=False, comment="UTC"),
    PrimaryKeyConstraint("background", name="refusals_pk"),
)

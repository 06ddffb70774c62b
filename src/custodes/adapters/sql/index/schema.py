"""The tables of web's index, with unit and invariant of each column."""

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

_ID = LargeBinary(16)

METADATA = MetaData()

POSITION = Table(
    "position",
    METADATA,
    Column("place", Integer, comment="always 0: there is one row"),
    Column("network", LargeBinary(32), nullable=False, comment="whose ledger it is"),
    Column("size", BigInteger, nullable=False, comment="entries that are in the index; 0 … the checkpoint's"),
    Column(
        "frontier", LargeBinary, nullable=False, comment="full subtrees of a tree of that size, 32 bytes each"
    ),
    Column("genesis", LargeBinary, nullable=False, comment="Canon of the genesis body, empty before entry 0"),
    Column(
        "missing", BigInteger, nullable=False, comment="manifests that were needed and not there or not right"
    ),
    PrimaryKeyConstraint("place", name="position_pk"),
)

CAMERAS = Table(
    "cameras",
    METADATA,
    Column("camera", _ID, comment="camera id"),
    Column("body", LargeBinary, nullable=False, comment="Canon of its newest Camera entry's body"),
    PrimaryKeyConstraint("camera", name="cameras_pk"),
)

RECORDERS = Table(
    "recorders",
    METADATA,
    Column("recorder", _ID, comment="recorder id"),
    Column("known_until_us", BigInteger, nullable=False, comment="UTC; minute_us of its last account"),
    PrimaryKeyConstraint("recorder", name="recorders_pk"),
)

STREAMS = Table(
    "streams",
    METADATA,
    Column("stream", _ID, comment="stream id"),
    Column("recorder", _ID, nullable=False, comment="who opened its newest epoch"),
    PrimaryKeyConstraint("stream", name="streams_pk"),
)

SPANS = Table(
    "spans",
    METADATA,
    Column("stream", _ID, comment="stream id"),
    Column("begins_us", BigInteger, comment="UTC; utc0_us of the epoch"),
    Column("epoch", _ID, comment="epoch id; goes when its shred key does"),
    Column(
        "ends_us", BigInteger, nullable=False, comment="UTC; until when accounts tell of envelopes, ≥ begins"
    ),
    Column("most_us", BigInteger, nullable=False, comment="UTC; when its last slot ends"),
    Column("closed", Boolean, nullable=False, comment="whether it gets no further envelope"),
    PrimaryKeyConstraint("stream", "begins_us", "epoch", name="spans_pk"),
    Index("spans_of_epoch", "epoch", unique=True),
    sqlite_with_rowid=False,
)

RENDITIONS = Table(
    "renditions",
    METADATA,
    Column("stream", _ID, comment="stream that the view is made of"),
    Column("start_us", BigInteger, comment="UTC of its first picture"),
    Column("end_us", BigInteger, nullable=False, comment="UTC; > start_us, by five minutes at most"),
    Column("size_bytes", BigInteger, nullable=False, comment="length of the object"),
    Column("codec", String(16), nullable=False, comment="avc1.PPCCLL"),
    Column("hash", LargeBinary(32), nullable=False, comment="SHA-256 of its bytes"),
    PrimaryKeyConstraint("stream", "start_us", name="renditions_pk"),
    sqlite_with_rowid=False,
)

MASKED = Table(
    "masked",
    METADATA,
    Column("stream", _ID, comment="stream id"),
    Column("to_us", BigInteger, comment="UTC; ≥ from_us"),
    Column("from_us", BigInteger, comment="UTC; times of one reason that meet are one row"),
    Column("reason", String(32), comment="a word of the list of masked times"),
    PrimaryKeyConstraint("stream", "to_us", "from_us", "reason", name="masked_pk"),
    sqlite_with_rowid=False,
)

GAPS = Table(
    "gaps",
    METADATA,
    Column("stream", _ID, comment="stream id"),
    Column("to_us", BigInteger, comment="UTC; ≥ from_us"),
    Column("from_us", BigInteger, comment="UTC; gaps of one reason that meet are one row"),
    Column("reason", String(32), comment="a word of the accounts' closed list"),
    PrimaryKeyConstraint("stream", "to_us", "from_us", "reason", name="gaps_pk"),
    sqlite_with_rowid=False,
)

KEPT = Table(
    "kept",
    METADATA,
    Column("entry", BigInteger, comment="index in the ledger"),
    Column(
        "leaf",
        LargeBinary,
        nullable=False,
        comment="the entry's bytes; of recorders, staff, backgrounds: few, and needed whole",
    ),
    PrimaryKeyConstraint("entry", name="kept_pk"),
)

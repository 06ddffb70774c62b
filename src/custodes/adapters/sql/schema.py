"""The tables, with unit and invariant of each column. Migrations make them; a test compares the two."""

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
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

# SQLite makes only INTEGER the row's own key.
_LEDGER_INDEX = BigInteger().with_variant(Integer, "sqlite")
_ID = LargeBinary(16)
_HASH = LargeBinary(32)

METADATA = MetaData()

OUTBOX = Table(
    "outbox",
    METADATA,
    Column(
        "sequence",
        _LEDGER_INDEX,
        autoincrement=False,
        comment="place in the ledger; 0 … n - 1 without a hole",
    ),
    Column("statement", _HASH, nullable=False, comment="statement hash; an entry of one hash stands once"),
    Column("admitted_us", BigInteger, nullable=False, comment="UTC; never less than the row's before"),
    Column("entry", LargeBinary, nullable=False, comment="the leaf's bytes, at most 65,535; never changed"),
    PrimaryKeyConstraint("sequence", name="outbox_pk"),
    UniqueConstraint("statement", name="outbox_statement"),
)

EPOCHS = Table(
    "epochs",
    METADATA,
    Column("epoch", _ID, comment="epoch id"),
    Column("stream", _ID, nullable=False, comment="stream id"),
    Column("camera", _ID, nullable=False, comment="camera id"),
    Column("recorder", _ID, nullable=False, comment="recorder id"),
    Column("run", BigInteger, nullable=False, comment="the recorder's tenure"),
    Column("utc0_us", BigInteger, nullable=False, comment="the recorder's UTC when the epoch opened"),
    Column("slots", SmallInteger, nullable=False, comment="number of slots, 1 … 60"),
    Column(
        "deadline_us", BigInteger, nullable=False, comment="UTC; the shred key dies within the hour after"
    ),
    Column("pool", _ID, nullable=False, comment="pool of the shred key"),
    Column("key_index", SmallInteger, nullable=False, comment="place of the shred key in its pool, 0 … 255"),
    Column("entry", BigInteger, nullable=False, comment="the Epoch entry's place in the ledger"),
    Column("status", String(8), nullable=False, comment="open, closed, kept or shredded; only forward"),
    PrimaryKeyConstraint("epoch", name="epochs_pk"),
    Index("epochs_due", "status", "deadline_us"),
    Index("epochs_of_stream", "stream", "utc0_us"),
)

REELS = Table(
    "reels",
    METADATA,
    Column("epoch", _ID, comment="epoch id; its row may come later than the reel's"),
    Column("number", Integer, comment="place of the reel in its epoch, from 0"),
    Column("stream", _ID, nullable=False, comment="stream id"),
    Column("path", String(200), nullable=False, comment="the object; one row a path"),
    Column("size_bytes", BigInteger, nullable=False, comment="length of the object"),
    Column(
        "first_sequence", BigInteger, nullable=False, comment="sequence of its first envelope in the epoch"
    ),
    Column("count", Integer, nullable=False, comment="number of envelopes"),
    Column("begins_us", BigInteger, nullable=False, comment="UTC: utc0 + elapsed of its first access unit"),
    Column(
        "ends_us",
        BigInteger,
        nullable=False,
        comment="UTC: utc0 + elapsed at its last envelope's end; ≥ begins_us",
    ),
    Column(
        "rows", LargeBinary, nullable=False, comment="the footer's index, 20 bytes an envelope, as in seal.md"
    ),
    Column("recovered", Boolean, nullable=False, comment="whether the footer was written after a restart"),
    PrimaryKeyConstraint("epoch", "number", name="reels_pk"),
    UniqueConstraint("path", name="reels_path"),
    Index("reels_of_stream", "stream", "begins_us"),
)

RENDITIONS = Table(
    "renditions",
    METADATA,
    Column("stream", _ID, comment="stream that the view is made of"),
    Column("start_us", BigInteger, comment="UTC of the arrival of its first picture"),
    Column("end_us", BigInteger, nullable=False, comment="UTC; > start_us, by five minutes at most"),
    Column("camera", _ID, nullable=False, comment="the stream's camera in the ledger"),
    Column("size_bytes", BigInteger, nullable=False, comment="length of the object"),
    Column("hash", _HASH, nullable=False, comment="SHA-256 of its bytes, as its recorder announced it"),
    PrimaryKeyConstraint("stream", "start_us", name="renditions_pk"),
    Index("renditions_of_camera", "camera", "start_us"),
)

ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    Column("stream", _ID, comment="stream id; one recorder a stream"),
    Column("camera", _ID, nullable=False, comment="camera id; its entry is in the ledger"),
    Column("recorder", _ID, nullable=False, comment="recorder id"),
    Column(
        "url",
        String(500),
        nullable=False,
        comment="without user name and password",
    ),
    Column("transport", String(3), nullable=False, comment="tcp or udp"),
    Column("username", String(500), nullable=False, comment="for the camera, may be empty"),
    Column("password", LargeBinary, nullable=False, comment="Canon of {key id: password sealed to that key}"),
    Column("priority", SmallInteger, nullable=False, comment="0 low … 9"),
    PrimaryKeyConstraint("stream", name="assignments_pk"),
    Index("assignments_of_camera", "camera"),
)

"""Outbox, epochs, reels, assignments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.LargeBinary(16)


def upgrade() -> None:
    """Make the first tables."""
    _make_outbox()
    _make_epochs()
    _make_reels()
    _make_assignments()


def downgrade() -> None:
    """Take them away."""
    for table in ("assignments", "reels", "epochs", "outbox"):
        op.drop_table(table)


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=False),
        sa.Column("statement", sa.LargeBinary(32), nullable=False),
        sa.Column("admitted_us", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="outbox_pk"),
        sa.UniqueConstraint("statement", name="outbox_statement"),
    )


def _make_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("epoch", _ID),
        sa.Column("stream", _ID, nullable=False),
        sa.Column("camera", _ID, nullable=False),
        sa.Column("recorder", _ID, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("utc0_us", sa.BigInteger, nullable=False),
        sa.Column("slots", sa.SmallInteger, nullable=False),
        sa.Column("deadline_us", sa.BigInteger, nullable=False),
        sa.Column("pool", _ID, nullable=False),
        sa.Column("key_index", sa.SmallInteger, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name="epochs_pk"),
    )
    op.create_index("epochs_due", "epochs", ["status", "deadline_us"])
    op.create_index("epochs_of_stream", "epochs", ["stream", "utc0_us"])


def _make_reels() -> None:
    op.create_table(
        "reels",
        sa.Column("epoch", _ID),
        sa.Column("number", sa.Integer),
        sa.Column("stream", _ID, nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("first_sequence", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("begins_us", sa.BigInteger, nullable=False),
        sa.Column("ends_us", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.Column("recovered", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("epoch", "number", name="reels_pk"),
        sa.UniqueConstraint("path", name="reels_path"),
    )
    op.create_index("reels_of_stream", "reels", ["stream", "begins_us"])


def _make_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("stream", _ID),
        sa.Column("camera", _ID, nullable=False),
        sa.Column("recorder", _ID, nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("transport", sa.String(3), nullable=False),
        sa.Column("username", sa.String(500), nullable=False),
        sa.Column("password", sa.LargeBinary, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", name="assignments_pk"),
    )
    op.create_index("assignments_of_camera", "assignments", ["camera"])

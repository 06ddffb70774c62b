"""Position, cameras, recorders, streams, spans, gaps."""

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
    op.create_table(
        "position",
        sa.Column("place", sa.Integer),
        sa.Column("network", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("genesis", sa.LargeBinary, nullable=False),
        sa.Column("missing", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("place", name="position_pk"),
    )
    op.create_table(
        "cameras",
        sa.Column("camera", _ID),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("camera", name="cameras_pk"),
    )
    op.create_table(
        "recorders",
        sa.Column("recorder", _ID),
        sa.Column("known_until_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("recorder", name="recorders_pk"),
    )
    op.create_table(
        "streams",
        sa.Column("stream", _ID),
        sa.Column("recorder", _ID, nullable=False),
        sa.PrimaryKeyConstraint("stream", name="streams_pk"),
    )
    _make_spans()


def _make_spans() -> None:
    op.create_table(
        "spans",
        sa.Column("stream", _ID),
        sa.Column("begins_us", sa.BigInteger),
        sa.Column("epoch", _ID),
        sa.Column("ends_us", sa.BigInteger, nullable=False),
        sa.Column("most_us", sa.BigInteger, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("stream", "begins_us", "epoch", name="spans_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("spans_of_epoch", "spans", ["epoch"], unique=True)
    op.create_table(
        "gaps",
        sa.Column("stream", _ID),
        sa.Column("to_us", sa.BigInteger),
        sa.Column("from_us", sa.BigInteger),
        sa.Column("reason", sa.String(32)),
        sa.PrimaryKeyConstraint("stream", "to_us", "from_us", "reason", name="gaps_pk"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("gaps", "spans", "streams", "recorders", "cameras", "position"):
        op.drop_table(table)

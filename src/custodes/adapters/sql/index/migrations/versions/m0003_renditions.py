"""Recorded renditions and masked times; all is read anew, since they are in every manifest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.LargeBinary(16)


def upgrade() -> None:
    """Make the tables."""
    for table in ("gaps", "spans", "streams", "recorders", "cameras", "position"):
        op.execute(f"DELETE FROM {table}")
    op.create_table(
        "renditions",
        sa.Column("stream", _ID),
        sa.Column("start_us", sa.BigInteger),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("codec", sa.String(16), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("stream", "start_us", name="renditions_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "masked",
        sa.Column("stream", _ID),
        sa.Column("to_us", sa.BigInteger),
        sa.Column("from_us", sa.BigInteger),
        sa.Column("reason", sa.String(32)),
        sa.PrimaryKeyConstraint("stream", "to_us", "from_us", "reason", name="masked_pk"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("masked")
    op.drop_table("renditions")

"""Proposals and refusals of backgrounds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "proposals",
        sa.Column("background", sa.LargeBinary(32)),
        sa.Column("statement", sa.LargeBinary, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("background", name="proposals_pk"),
    )
    op.create_table(
        "refusals",
        sa.Column("background", sa.LargeBinary(32)),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("background", name="refusals_pk"),
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("refusals", "proposals"):
        op.drop_table(table)

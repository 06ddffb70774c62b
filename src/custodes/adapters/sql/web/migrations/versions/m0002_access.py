"""Counts of access by hour and role."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "access",
        sa.Column("hour_us", sa.BigInteger),
        sa.Column("role", sa.String(32)),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hour_us", "role", name="access_pk"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("access")

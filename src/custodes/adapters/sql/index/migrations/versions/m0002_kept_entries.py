"""Entries kept whole. An index made before is made anew, since it has read past some."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_MADE_ANEW = ("position", "cameras", "recorders", "streams", "spans", "gaps")


def upgrade() -> None:
    """Make the table, and forget what was read."""
    op.create_table(
        "kept",
        sa.Column("entry", sa.BigInteger),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("entry", name="kept_pk"),
    )
    for table in _MADE_ANEW:
        op.execute(sa.text(f"DELETE FROM {table}"))


def downgrade() -> None:
    """Take it away."""
    op.drop_table("kept")

"""Staff: the ledger is read from its beginning once more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table; what was taken in before is taken in again, which changes nothing else."""
    op.create_table(
        "staff",
        sa.Column("key", sa.LargeBinary(32)),
        sa.Column("pseudonym", sa.String(500), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("usable_from_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="staff_pk"),
    )
    op.execute("DELETE FROM position")


def downgrade() -> None:
    """Take it away."""
    op.drop_table("staff")

"""Objects of recorded rendition."""

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
        "renditions",
        sa.Column("stream", sa.LargeBinary(16)),
        sa.Column("start_us", sa.BigInteger),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("camera", sa.LargeBinary(16), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("stream", "start_us", name="renditions_pk"),
    )
    op.create_index("renditions_of_camera", "renditions", ["camera", "start_us"])


def downgrade() -> None:
    """Take it away."""
    op.drop_table("renditions")

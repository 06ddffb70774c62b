"""Users, sessions, attempts, layouts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "users",
        sa.Column("name", sa.String(64)),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("everything", sa.Boolean, nullable=False),
        sa.Column("reach", sa.LargeBinary, nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="users_pk"),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.LargeBinary(32)),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token", name="sessions_pk"),
    )
    op.create_index("sessions_of_user", "sessions", ["user"])
    op.create_table(
        "attempts",
        sa.Column("attempt", sa.Integer),
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("attempt", name="attempts_pk"),
    )
    op.create_index("attempts_of_subject", "attempts", ["subject", "at_us"])
    op.create_table(
        "layouts",
        sa.Column("user", sa.String(64)),
        sa.Column("name", sa.String(64)),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user", "name", name="layouts_pk"),
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("layouts", "attempts", "sessions", "users"):
        op.drop_table(table)

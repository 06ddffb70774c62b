"""What Alembic runs: every step within the transaction that opened the database."""

from __future__ import annotations

from alembic import context

from custodes.adapters.sql.web.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()

"""Web's own database: users, sessions, false passwords, layouts. Nobody else writes it but `custodes user`."""

from __future__ import annotations

from pathlib import Path

from custodes.adapters.sql.database import Database

MIGRATIONS = "custodes.adapters.sql.web:migrations"


def open_web_database(file: Path) -> Database:
    """Open it, or make it. Errors: as `Database.open`."""
    return Database.open_file(file, MIGRATIONS)

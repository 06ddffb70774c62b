"""Web's index of the ledger: the register, and when each stream was recorded. It can be made anew at any time."""

from __future__ import annotations

from pathlib import Path

from custodes.adapters.sql.database import Database

MIGRATIONS = "custodes.adapters.sql.index:migrations"


def open_index_database(file: Path) -> Database:
    """Open it, or make it. Errors: as `Database.open`."""
    return Database.open_file(file, MIGRATIONS)

"""A SQLite database made anew beside the old one, and put in its place in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from custodes.adapters.durable_file import flush_folder
from custodes.adapters.sql.database import Database
from custodes.base.errors import BugError, ConflictError, CorruptError, InvalidError, UnavailableError

_SIDE_FILES = ("-wal", "-shm")


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """Where the new database is made; whatever happens, nothing is left there."""
    new = file.with_name(f"{file.name}.new")
    remove(new)
    try:
        yield new
    finally:
        remove(new)


def remove(file: Path) -> None:
    """Remove a database, if it is there, with what belongs to it."""
    for suffix in ("", *_SIDE_FILES):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def put_in_place(new: Path, file: Path) -> None:
    """Replace the old database, which stays as `<name>.before`; both must be closed.

    Durability: flushed when the call returns; after a cut at any moment it is the old or the new.
    Errors: ConflictError when the new one is open.
    """
    if any(new.with_name(new.name + suffix).exists() for suffix in _SIDE_FILES):
        raise ConflictError("the new database is still open")
    before = file.with_name(f"{file.name}.before")
    remove(before)
    if file.exists():
        # Opened and closed once more, the old one is whole without its log, if it is whole at all.
        with suppress(CorruptError, UnavailableError, BugError, InvalidError):
            Database.open_file(file).close()
        os.link(file, before)
    for suffix in _SIDE_FILES:
        # SQLite would take a log that the old one left behind for the new one's.
        side = file.with_name(file.name + suffix)
        if side.exists():
            side.rename(before.with_name(before.name + suffix))
    descriptor = os.open(new, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(file)
    flush_folder(file.parent)

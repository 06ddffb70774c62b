"""The mark of a volume: an empty mount point, or another disk, is never taken for the one that was there.

A volume's root holds `.volume`: its random id in hex and a line feed, written once. Whoever opens the
volume remembers the id; it is kept apart from the volume.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from custodes.adapters.spool.faults import translated
from custodes.adapters.spool.files import FileOperations, write_all
from custodes.base.errors import ConflictError, UnavailableError
from custodes.base.ids import new_id

MARK_NAME = ".volume"
_DRAFT_NAME = ".volume.new"


def create_mark(root: Path, files: FileOperations) -> bytes:
    """Mark a folder that holds nothing yet as a new volume and return its id; durable when it returns.

    Makes the folder where only its last part is missing.
    Errors: ConflictError when it holds anything; UnavailableError, ExhaustedError.
    """
    volume_id = new_id()
    with translated(f"volume {root}"):
        with suppress(FileExistsError):
            files.mkdir(root)
        files.fsync_folder(root.parent)
        if any(child.name != _DRAFT_NAME for child in root.iterdir()):
            raise ConflictError(f"volume {root}: the folder is not empty")
        with suppress(FileNotFoundError):
            files.unlink(root / _DRAFT_NAME)
        fd = files.open(root / _DRAFT_NAME, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        try:
            write_all(files, fd, [_mark(volume_id)], 0)
            files.fdatasync(fd)
        finally:
            files.close(fd)
        # A volume without hard links is found here, not at the first object.
        files.link(root / _DRAFT_NAME, root / MARK_NAME)
        files.fsync_folder(root)
        files.unlink(root / _DRAFT_NAME)
    return volume_id


def check_mark(root: Path, volume_id: bytes) -> None:
    """Make sure that the folder is the volume of this id.

    Errors: UnavailableError when it is missing, unreadable, empty or another.
    """
    try:
        fd = os.open(root / MARK_NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.read(fd, 64)
        finally:
            os.close(fd)
    except OSError as error:
        raise UnavailableError(f"volume {root} is away: {error.strerror}") from error
    if found != _mark(volume_id):
        raise UnavailableError(f"volume {root} is not the volume that it was")


def _mark(volume_id: bytes) -> bytes:
    return volume_id.hex().encode("ascii") + b"\n"

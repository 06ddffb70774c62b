"""Small files that are replaced whole and survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from custodes.base.errors import UnavailableError


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file's content at once: afterwards, and after a cut at any moment, it is the old or the new.

    Durability: flushed, with its name, when the call returns. Errors: UnavailableError.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise UnavailableError(f"{path.name} cannot be written: {error.strerror}") from error


def flush_folder(folder: Path) -> None:
    """Make a folder's names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

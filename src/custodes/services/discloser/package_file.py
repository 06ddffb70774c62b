"""The package as a file: hashed as it is written, or as it is found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from custodes.base.ports import ObjectStore
from custodes.services.discloser.ahead import ahead

_READ_BYTES = 1 << 20


def write_hashed(file: Path, pieces: Iterable[bytes]) -> bytes:
    """Write the pieces; SHA-256 of them all. Whatever was in the file is gone.

    Durability: the bytes are flushed when the call returns. Errors: OSError; what `pieces` raises.
    """
    digest = hashlib.sha256()

    def hashed(piece: bytes) -> bytes:
        digest.update(piece)
        return piece

    with file.open("wb") as out:
        for piece in ahead(pieces, hashed, workers=1):
            out.write(piece)
        out.flush()
        os.fdatasync(out.fileno())
    return digest.digest()


def hash_object(store: ObjectStore, path: str) -> bytes:
    """SHA-256 of an object. Errors: NotFoundError."""
    digest = hashlib.sha256()
    size = store.size(path)
    for at in range(0, size, _READ_BYTES):
        digest.update(store.get_range(path, at, min(_READ_BYTES, size - at)))
    return digest.digest()

"""Private seeds in files that only their process may read (mode 0600)."""

from __future__ import annotations

import os
from pathlib import Path

from custodes.base.errors import ConflictError, CorruptError, NotFoundError
from custodes.base.keys import SEED_BYTES, SigningKey
from custodes.base.sealing import SealingKey


def write_seed(path: Path, seed: bytes) -> None:
    """Write a new seed. Durability: flushed before return. Errors: ConflictError when the file is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConflictError(f"there is a key already: {path.name}") from error
    try:
        os.write(descriptor, seed.hex().encode("ascii") + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_seed(path: Path) -> bytes:
    """Errors: NotFoundError, CorruptError."""
    try:
        text = path.read_text("ascii").strip()
        seed = bytes.fromhex(text)
    except FileNotFoundError as error:
        raise NotFoundError(f"no key file {path.name}") from error
    except ValueError as error:
        raise CorruptError(f"the key file {path.name} is damaged") from error
    if len(seed) != SEED_BYTES:
        raise CorruptError(f"the key file {path.name} is damaged")
    return seed


def new_signing_key(path: Path) -> SigningKey:
    """Make and write an Ed25519 key."""
    key = SigningKey.generate()
    write_seed(path, key.seed())
    return key


def new_sealing_key(path: Path) -> SealingKey:
    """Make and write an X-Wing key."""
    key = SealingKey.generate()
    write_seed(path, key.seed())
    return key


def read_signing_key(path: Path) -> SigningKey:
    """Errors: NotFoundError, CorruptError."""
    return SigningKey(read_seed(path))


def read_sealing_key(path: Path) -> SealingKey:
    """Errors: NotFoundError, CorruptError."""
    return SealingKey(read_seed(path))

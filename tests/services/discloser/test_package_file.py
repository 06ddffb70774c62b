"""A package's hash is that of its bytes, written now or found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from custodes.adapters.objects.local import LocalObjectStore
from custodes.base.errors import UnverifiedError
from custodes.services.discloser.package_file import hash_object, write_hashed


def test_the_hash_is_that_of_what_is_written_and_found(tmp_path: Path) -> None:
    pieces = [os.urandom(size) for size in (1, 70_000, 0, 3 << 20, 5)]
    file = tmp_path / "package.part"
    file.write_bytes(b"what a crash left" * 999_999)
    digest = write_hashed(file, pieces)
    assert file.read_bytes() == b"".join(pieces)
    assert digest == hashlib.sha256(b"".join(pieces)).digest()
    (tmp_path / "store").mkdir()
    store = LocalObjectStore.create(tmp_path / "store")
    store.adopt(file, "cases/package")
    assert hash_object(store, "cases/package") == digest


def test_what_ends_the_pieces_ends_the_writing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise UnverifiedError("broken")

    with pytest.raises(UnverifiedError, match="broken"):
        write_hashed(tmp_path / "package.part", pieces())

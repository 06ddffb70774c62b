"""An S3 store: its mark, and what is not an answer of the server."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import obstore
import pytest

from custodes.adapters.objects.s3 import S3ObjectStore, S3Place
from custodes.base.errors import ConflictError, UnavailableError

pytestmark = pytest.mark.integration


def test_a_store_is_opened_by_its_id(s3_place: S3Place) -> None:
    store = S3ObjectStore.create(s3_place)
    store.put("a/b", b"x")
    assert S3ObjectStore.open(s3_place, store.volume_id).get("a/b") == b"x"
    with pytest.raises(UnavailableError, match="not the store"):
        S3ObjectStore.open(s3_place, b"\0" * 16)
    with pytest.raises(UnavailableError):
        S3ObjectStore.open(replace(s3_place, prefix="elsewhere"), store.volume_id)
    with pytest.raises(ConflictError):
        S3ObjectStore.create(s3_place)


def test_a_store_that_lost_its_mark_finds_nothing_missing(s3_place: S3Place) -> None:
    store = S3ObjectStore.create(s3_place)
    store.put("a/b", b"x")
    obstore.delete(store._store, ".volume")
    for call in (lambda: store.get("a/c"), lambda: store.size("a/c"), lambda: list(store.list(""))):
        with pytest.raises(UnavailableError):
            call()
    assert store.get("a/b") == b"x"


def test_wrong_credentials_are_unavailable(s3_place: S3Place) -> None:
    store = S3ObjectStore.create(s3_place)
    stranger = replace(s3_place, secret_key="wrong")
    with pytest.raises(UnavailableError):
        S3ObjectStore.open(stranger, store.volume_id)
    assert "wrong" not in repr(stranger)


def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    place = S3Place("custodes", f"http://127.0.0.1:{port}", "us-east-1", "key", "secret")
    store = S3ObjectStore(place)
    (tmp_path / "reel").write_bytes(b"reel")
    for call in (
        lambda: store.put("a", b"x"),
        lambda: store.get("a"),
        lambda: store.get_range("a", 0, 1),
        lambda: store.delete("a"),
        lambda: store.adopt(tmp_path / "reel", "a"),
        lambda: S3ObjectStore.open(place, b"\0" * 16),
    ):
        with pytest.raises(UnavailableError):
            call()
    assert (tmp_path / "reel").exists()

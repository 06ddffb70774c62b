"""A store that is only read."""

import shutil
from pathlib import Path

import pytest

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.base.errors import InvalidError, NotFoundError, RefusedError, UnavailableError


def test_reads_what_the_store_wrote_and_writes_nothing(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "s")
    store.put("a/b", b"hello")
    store.put("a/c", b"world")
    before = sorted(tmp_path.rglob("*"))
    objects = ReadOnlyObjects(tmp_path / "s", store.volume_id)
    assert (
        objects.get("a/b") == b"hello"
        and objects.get_range("a/b", 1, 3) == b"ell"
        and objects.size("a/c") == 5
    )
    assert list(objects.list("")) == list(store.list("")) == ["a/b", "a/c"]
    with pytest.raises(NotFoundError):
        objects.get("a/x")
    with pytest.raises(NotFoundError):
        objects.get("a")
    with pytest.raises(InvalidError):
        objects.get_range("a/b", 3, 9)
    for path in ("../x", "/a/b", "a/../b", ".volume"):
        with pytest.raises(InvalidError):
            objects.get(path)
    for write in (
        lambda: objects.put("a/d", b""),
        lambda: objects.swap("a/b", b"", None),
        lambda: objects.adopt(tmp_path / "f", "a/d"),
        lambda: objects.delete("a/b"),
    ):
        with pytest.raises(RefusedError):
            write()
    assert sorted(tmp_path.rglob("*")) == before


def test_another_volume_is_not_taken_for_it(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "s")
    store.close()
    objects = ReadOnlyObjects(tmp_path / "s", store.volume_id)
    shutil.rmtree(tmp_path / "s")
    (tmp_path / "s").mkdir()
    with pytest.raises(UnavailableError):
        objects.get("a/b")
    with pytest.raises(UnavailableError):
        ReadOnlyObjects(tmp_path / "s", store.volume_id).check()

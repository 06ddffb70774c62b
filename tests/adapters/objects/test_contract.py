"""What every object store promises, checked on each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.adapters.objects.s3 import S3ObjectStore
from custodes.base.errors import ConflictError, InvalidError, NotFoundError
from custodes.base.ports import ObjectStore


@pytest.fixture(params=["memory", "local", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryObjectStore()
    elif request.param == "local":
        local = LocalObjectStore.create(tmp_path / "store")
        yield local
        local.close()
    else:
        yield S3ObjectStore.create(request.getfixturevalue("s3_place"))


def test_what_was_put_is_read(store: ObjectStore) -> None:
    store.put("streams/a/0001.reel", b"frames")
    assert store.get("streams/a/0001.reel") == b"frames"
    assert store.size("streams/a/0001.reel") == 6
    assert store.get_range("streams/a/0001.reel", 1, 3) == b"ram"
    assert store.get_range("streams/a/0001.reel", 0, 6) == b"frames"
    assert store.get_range("streams/a/0001.reel", 6, 0) == b""


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert store.size("empty") == 0
    assert store.get_range("empty", 0, 0) == b""
    assert list(store.list("")) == ["empty"]


def test_put_again_accepts_the_same_bytes_only(store: ObjectStore) -> None:
    store.put("a/b", b"first")
    store.put("a/b", b"first")
    for other in (b"other", b"firs", b"first!", b""):
        with pytest.raises(ConflictError):
            store.put("a/b", other)
    assert store.get("a/b") == b"first"


def test_what_is_absent_is_not_found(store: ObjectStore) -> None:
    store.put("a/b/c", b"x")
    for path in ("z", "a/z", "a/b", "a", "a/b/c/d", "x/y/z"):
        with pytest.raises(NotFoundError):
            store.get(path)
        with pytest.raises(NotFoundError):
            store.size(path)
        with pytest.raises(NotFoundError):
            store.get_range(path, 0, 1)


@pytest.mark.parametrize(("start", "length"), [(0, 7), (6, 1), (7, 0), (100, 1), (-1, 2), (0, -1)])
def test_a_range_beyond_the_object_is_invalid(store: ObjectStore, start: int, length: int) -> None:
    store.put("object", b"frames")
    with pytest.raises(InvalidError):
        store.get_range("object", start, length)


def test_swap_compares(store: ObjectStore) -> None:
    store.swap("log/checkpoint", b"one", None)
    with pytest.raises(ConflictError):
        store.swap("log/checkpoint", b"two", None)
    with pytest.raises(ConflictError):
        store.swap("log/checkpoint", b"two", b"zero")
    assert store.get("log/checkpoint") == b"one"
    store.swap("log/checkpoint", b"two", b"one")
    store.swap("log/checkpoint", b"", b"two")
    store.swap("log/checkpoint", b"three", b"")
    assert store.get("log/checkpoint") == b"three"
    with pytest.raises(ConflictError):
        store.swap("other", b"x", b"three")
    assert list(store.list("")) == ["log/checkpoint"]


def test_of_many_swaps_one_wins(store: ObjectStore) -> None:
    store.swap("counter", b"0", None)
    barrier = threading.Barrier(4)

    def count(_: int) -> int:
        barrier.wait(30)
        lost = 0
        for _ in range(8):
            while True:
                now = store.get("counter")
                try:
                    store.swap("counter", str(int(now) + 1).encode(), now)
                    break
                except ConflictError:
                    lost += 1
        return lost

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert store.get("counter") == b"32"


def test_of_many_first_puts_one_wins(store: ObjectStore) -> None:
    barrier = threading.Barrier(6)

    def put(number: int) -> bool:
        barrier.wait(30)
        try:
            store.put("race/deep/er/object", str(number).encode())
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(put, range(6)))
    assert won.count(True) == 1
    assert store.get("race/deep/er/object") == str(won.index(True)).encode()


def test_put_survives_deletes_that_empty_its_folder(store: ObjectStore) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            path = f"shared/folder/{number}-{turn}"
            store.put(path, b"x")
            assert store.get(path) == b"x"
            store.delete(path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert list(store.list("")) == []


def test_delete_is_repeatable(store: ObjectStore) -> None:
    store.put("a/b/c", b"x")
    store.put("a/d", b"y")
    store.delete("a/b/c")
    store.delete("a/b/c")
    store.delete("never/was")
    store.delete("a")
    with pytest.raises(NotFoundError):
        store.get("a/b/c")
    assert list(store.list("")) == ["a/d"]
    store.put("a/b/c", b"again")
    assert store.get("a/b/c") == b"again"


def test_adopt_takes_the_file(store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "0001.reel"
    file.write_bytes(b"reel" * 1000)
    store.adopt(file, "streams/s/0001.reel")
    assert not file.exists()
    assert store.get("streams/s/0001.reel") == b"reel" * 1000
    file.write_bytes(b"reel" * 1000)
    store.adopt(file, "streams/s/0001.reel")
    assert not file.exists()


def test_adopt_keeps_a_file_that_conflicts(store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "reel"
    file.write_bytes(b"other")
    store.put("reel", b"bytes")
    with pytest.raises(ConflictError):
        store.adopt(file, "reel")
    assert file.read_bytes() == b"other"
    with pytest.raises(NotFoundError):
        store.adopt(tmp_path / "absent", "reel")


BAD_PATHS = [
    "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", ".hidden", "a/.tmp", "A", "ä", "a b", "a\\b", "a\n",
    "a\0", "x" * 256, "/".join("a" * 17), "/".join(["x" * 250] * 5),
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS, ids=[ascii(path)[:20] for path in BAD_PATHS])
def test_other_paths_are_invalid(store: ObjectStore, path: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    for call in (
        lambda: store.put(path, b"x"),
        lambda: store.swap(path, b"x", None),
        lambda: store.adopt(file, path),
        lambda: store.get(path),
        lambda: store.get_range(path, 0, 1),
        lambda: store.size(path),
        lambda: store.delete(path),
    ):
        with pytest.raises(InvalidError):
            call()
    assert file.exists()
    assert list(store.list("")) == []


def test_a_bad_prefix_is_invalid(store: ObjectStore) -> None:
    for prefix in ("/", "..", "a//", "A", ".tmp"):
        with pytest.raises(InvalidError):
            list(store.list(prefix))


def test_list_is_of_a_folder_and_ascending(store: ObjectStore) -> None:
    paths = ["a", "b/c", "b/c.d", "b/c-d/e", "b/c0", "b/d/e/f", "b.x", "b-x", "b0", "bb/c"]
    for path in paths:
        # A path is never an object and a folder both, so none of these is.
        store.put(path, b"x")
    assert list(store.list("")) == sorted(paths)
    assert list(store.list("b")) == sorted(path for path in paths if path.startswith("b/"))
    assert list(store.list("b/")) == list(store.list("b"))
    assert list(store.list("b/c-d")) == ["b/c-d/e"]
    assert list(store.list("b/c")) == []
    assert list(store.list("a")) == []
    assert list(store.list("none/such")) == []


def test_list_goes_on_while_objects_come_and_go(store: ObjectStore) -> None:
    for number in range(20):
        store.put(f"f/{number:02}/x", b"x")
    listing = store.list("f")
    first = next(listing)
    for number in range(10, 20):
        store.delete(f"f/{number:02}/x")
    assert first == "f/00/x"
    left = list(listing)
    assert left == sorted(left)
    assert set(left) >= {f"f/{number:02}/x" for number in range(1, 10)}


def test_free_bytes_are_known_or_not(store: ObjectStore) -> None:
    free = store.free_bytes()
    assert free is None or free > 0


NAMES = st.sampled_from(["a", "b", "a.b", "0-", "x_y"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
DATA = st.sampled_from([b"", b"one", b"two", b"x" * 5000])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PATHS, DATA),
        st.tuples(st.just("swap"), PATHS, DATA, st.none() | DATA),
        st.tuples(st.just("delete"), PATHS),
        st.tuples(st.just("get"), PATHS),
        st.tuples(st.just("list"), PATHS | st.just("")),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_every_store_does_what_the_one_in_memory_does(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[object, ...]]
) -> None:
    memory = MemoryObjectStore()
    local = LocalObjectStore.create(tmp_path_factory.mktemp("same") / "store")
    for name, *arguments in acts:
        assert _outcome(local, str(name), arguments) == _outcome(memory, str(name), arguments)
    assert list(local.list("")) == list(memory.list(""))
    local.close()


def _outcome(store: ObjectStore, name: str, arguments: list[object]) -> object:
    try:
        result = getattr(store, name)(*arguments)
        return list(result) if name == "list" else result
    except (ConflictError, NotFoundError) as error:
        return type(error)

"""The key store: two copies that agree, and nothing left of a destroyed key."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from custodes.adapters.keystore.copy import BLOCK_RECORDS, FILE_NAME
from custodes.adapters.keystore.health import KeyStoreLevel
from custodes.adapters.keystore.medium import file_system
from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.spool.breakable import BreakableFiles
from custodes.base.errors import (
    ConflictError,
    CustodesError,
    ExhaustedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)


def key(number: int) -> tuple[bytes, bytes]:
    source = random.Random(number)
    return source.randbytes(16), source.randbytes(32)


def keys(first: int, last: int) -> list[tuple[bytes, bytes]]:
    return [key(number) for number in range(first, last)]


def never(key_id: bytes) -> bool:
    return False


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "one", tmp_path / "two"
    for path in paths:
        path.mkdir()
    return paths


def holds(path: Path, secret: bytes) -> bool:
    return secret in (path / FILE_NAME).read_bytes()


def test_keys_are_kept_in_both_copies(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 5))
    for key_id, seed in keys(0, 5):
        assert store.get(key_id) == seed
        assert all(holds(path, seed) for path in paths)
    assert store.ids() == {key_id for key_id, _ in keys(0, 5)}
    with pytest.raises(NotFoundError):
        store.get(key(9)[0])
    store.close()
    again = KeyStore.open(paths, never)
    assert [again.get(key_id) for key_id, _ in keys(0, 5)] == [seed for _, seed in keys(0, 5)]
    again.close()
    with pytest.raises(UnavailableError):
        again.put_many([key(6)])


def test_nothing_is_left_of_a_destroyed_key(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 100))
    store.destroy([key(number)[0] for number in range(0, 100, 2)])
    store.destroy([key(0)[0], key(1000)[0]])
    for number in range(100):
        key_id, seed = key(number)
        left = number % 2 == 1
        for path in paths:
            data = (path / FILE_NAME).read_bytes()
            assert (seed in data) is left
            # Not a quarter of the seed either.
            assert any(seed[at : at + 8] in data for at in range(0, 32, 8)) is left
        if left:
            assert store.get(key_id) == seed
        else:
            with pytest.raises(NotFoundError):
                store.get(key_id)
    store.close()


def test_the_file_grows_in_blocks_and_is_used_again(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    size = BLOCK_RECORDS * 64
    assert all((path / FILE_NAME).stat().st_size == size for path in paths)
    assert all((path / FILE_NAME).stat().st_blocks * 512 >= size for path in paths)
    for turn in range(5):
        some = keys(turn * 1000, turn * 1000 + 1000)
        store.put_many(some)
        store.destroy([key_id for key_id, _ in some])
    assert all((path / FILE_NAME).stat().st_size == size for path in paths)
    store.put_many(keys(10_000, 10_000 + BLOCK_RECORDS))
    assert all((path / FILE_NAME).stat().st_size == 2 * size for path in paths)
    assert all(list(path.iterdir()) == [path / FILE_NAME] for path in paths)
    store.close()


def test_put_again_accepts_the_same_only(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 3))
    store.put_many(keys(1, 4))
    with pytest.raises(ConflictError):
        store.put_many([(key(0)[0], key(1)[1])])
    with pytest.raises(InvalidError):
        store.put_many([key(7), (key(7)[0], key(8)[1])])
    with pytest.raises(InvalidError):
        store.put_many([(b"short", bytes(32))])
    store.destroy([key(0)[0]])
    with pytest.raises(ConflictError, match="destroyed"):
        store.put_many([key(0)])
    assert store.ids() == {key(number)[0] for number in (1, 2, 3)}
    store.close()


def test_one_opener_at_a_time(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    with pytest.raises(ConflictError, match="open elsewhere"):
        KeyStore.open(paths, never)
    store.close()
    KeyStore.open(paths, never).close()


def test_create_replaces_nothing(paths: tuple[Path, Path]) -> None:
    KeyStore.create(paths, 10).close()
    (paths[0] / FILE_NAME).rename(paths[0] / "kept")
    with pytest.raises(ConflictError):
        KeyStore.create(paths, 10)
    assert not (paths[0] / FILE_NAME).exists()
    with pytest.raises(InvalidError):
        KeyStore.create((paths[0], paths[0]), 10)
    (paths[1] / FILE_NAME).unlink()
    with pytest.raises(UnavailableError):
        KeyStore.open(paths, never)


def test_copies_of_two_stores_or_in_the_wrong_place_are_refused(
    paths: tuple[Path, Path], tmp_path: Path
) -> None:
    KeyStore.create(paths, 10).close()
    with pytest.raises(ConflictError, match="is the other copy"):
        KeyStore.open(paths[::-1], never)
    others = tmp_path / "three", tmp_path / "four"
    for path in others:
        path.mkdir()
    KeyStore.create(others, 10).close()
    with pytest.raises(ConflictError, match="another store"):
        KeyStore.open((paths[0], others[1]), never)


def test_with_a_copy_away_keys_are_read_and_nothing_is_promised(paths: tuple[Path, Path]) -> None:
    KeyStore.create(paths, 10).close()
    store = KeyStore.open(paths, never)
    store.put_many(keys(0, 3))
    store.close()
    (paths[1] / FILE_NAME).rename(paths[1] / "away")
    store = KeyStore.open(paths, never)
    assert store.health().level is KeyStoreLevel.RED
    assert store.get(key(0)[0]) == key(0)[1]
    with pytest.raises(UnavailableError):
        store.put_many([key(5)])
    with pytest.raises(UnavailableError):
        store.destroy([key(1)[0]])
    assert not holds(paths[0], key(1)[1])
    assert not store.rejoin(never)
    (paths[1] / "away").rename(paths[1] / FILE_NAME)
    assert holds(paths[1], key(1)[1])
    # What was destroyed here while it was away goes from it, though no Shred entry tells of it yet.
    assert store.rejoin(never)
    assert not holds(paths[1], key(1)[1])
    store.destroy([key(1)[0]])
    assert store.ids() == {key(0)[0], key(2)[0]}
    store.close()


def test_what_was_destroyed_beside_a_copy_that_was_away_survives_a_restart(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 3))
    store.close()
    (paths[1] / FILE_NAME).rename(paths[1] / "away")
    store = KeyStore.open(paths, never)
    with pytest.raises(UnavailableError):
        store.destroy([key(1)[0]])
    store.close()
    (paths[1] / "away").rename(paths[1] / FILE_NAME)
    store = KeyStore.open(paths, never)
    assert store.ids() == {key(0)[0], key(2)[0]}
    assert not any(holds(path, key(1)[1]) for path in paths)
    store.close()


@pytest.mark.parametrize("restored", [0, 1])
def test_a_copy_restored_from_yesterday_is_purged_and_filled(paths: tuple[Path, Path], restored: int) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 10))
    yesterday = (paths[restored] / FILE_NAME).read_bytes()
    shredded = {key(number)[0] for number in range(5)}
    store.destroy(shredded)
    store.put_many(keys(10, 20))
    store.close()
    (paths[restored] / FILE_NAME).write_bytes(yesterday)
    # Alone, it answers for nothing that was shredded.
    other = paths[1 - restored] / FILE_NAME
    other.rename(other.with_name("away"))
    store = KeyStore.open(paths, shredded.__contains__)
    with pytest.raises(NotFoundError):
        store.get(key(0)[0])
    assert not any(holds(paths[restored], key(number)[1]) for number in range(5))
    store.close()
    other.with_name("away").rename(other)
    store = KeyStore.open(paths, shredded.__contains__)
    assert store.ids() == {key(number)[0] for number in range(5, 20)}
    assert all(holds(path, key(number)[1]) for path in paths for number in range(5, 20))
    assert not any(holds(path, key(number)[1]) for path in paths for number in range(5))
    store.close()


def test_a_lost_copy_is_made_anew(paths: tuple[Path, Path], tmp_path: Path) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 10))
    store.destroy([key(0)[0]])
    with pytest.raises(ConflictError):
        KeyStore.rebuild(paths, 1, never)
    store.close()
    shutil.rmtree(paths[0])
    (tmp_path / "three").mkdir()
    store = KeyStore.rebuild((tmp_path / "three", paths[1]), 0, never)
    assert store.ids() == {key(number)[0] for number in range(1, 10)}
    assert all(holds(tmp_path / "three", key(number)[1]) for number in range(1, 10))
    store.put_many([key(11)])
    store.close()
    KeyStore.open((tmp_path / "three", paths[1]), never).close()


@pytest.mark.parametrize("cut", [1, 20, 40, 63])
@pytest.mark.parametrize("torn", [0, 1])
def test_a_torn_put_is_named_and_wiped(paths: tuple[Path, Path], torn: int, cut: int) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 3))
    before = (paths[torn] / FILE_NAME).read_bytes()
    store.put_many([key(3)])
    store.close()
    after = (paths[torn] / FILE_NAME).read_bytes()
    at = 4 * 64
    assert after[at : at + 16] == key(3)[0]
    (paths[torn] / FILE_NAME).write_bytes(after[: at + cut] + before[at + cut :])
    store = KeyStore.open(paths, never)
    assert f"{paths[torn]}: record 4 was torn" in " ".join(store.health().reasons)
    # The other copy has it whole.
    assert store.get(key(3)[0]) == key(3)[1]
    store.destroy([key(3)[0]])
    assert not any(holds(path, key(3)[1]) for path in paths)
    store.close()


@pytest.mark.parametrize("cut", [1, 8, 20, 40, 63])
@pytest.mark.parametrize("torn", [0, 1])
def test_a_torn_destruction_leaves_nothing(paths: tuple[Path, Path], torn: int, cut: int) -> None:
    store = KeyStore.create(paths, 10)
    store.put_many(keys(0, 3))
    before = [(path / FILE_NAME).read_bytes() for path in paths]
    store.destroy([key(1)[0]])
    store.close()
    after = (paths[torn] / FILE_NAME).read_bytes()
    at = 2 * 64
    mixed = after[: at + cut] + before[torn][at + cut :]
    (paths[torn] / FILE_NAME).write_bytes(mixed)
    if torn == 0:
        # The first copy is overwritten first: the second had not been.
        (paths[1] / FILE_NAME).write_bytes(before[1])
    store = KeyStore.open(paths, never)
    store.destroy([key(1)[0]])
    assert store.ids() == {key(0)[0], key(2)[0]}
    for path in paths:
        data = (path / FILE_NAME).read_bytes()
        assert not any(key(1)[1][at : at + 4] in data for at in range(0, 32, 4))
    store.close()


@pytest.mark.parametrize("operation", ["pwritev", "fdatasync"])
def test_a_failed_put_is_repeated(paths: tuple[Path, Path], operation: str) -> None:
    files = BreakableFiles()
    store = KeyStore.create(paths, 10, files)
    files.fail(operation, errno.EIO)
    with pytest.raises(UnavailableError):
        store.put_many(keys(0, 3))
    assert store.ids() == set()
    assert store.health().level is KeyStoreLevel.RED
    files.mend()
    store.put_many(keys(0, 3))
    assert store.ids() == {key_id for key_id, _ in keys(0, 3)}
    assert store.health().level is not KeyStoreLevel.RED
    store.close()
    store = KeyStore.open(paths, never, files)
    store.destroy([key_id for key_id, _ in keys(0, 3)])
    assert not any(holds(path, seed) for path in paths for _, seed in keys(0, 3))
    store.close()


def test_a_failed_destruction_is_repeated(paths: tuple[Path, Path]) -> None:
    files = BreakableFiles()
    store = KeyStore.create(paths, 10, files)
    store.put_many(keys(0, 3))
    files.fail("fdatasync", errno.EIO)
    with pytest.raises(UnavailableError):
        store.destroy([key(0)[0]])
    files.mend()
    store.destroy([key(0)[0]])
    assert store.ids() == {key(1)[0], key(2)[0]}
    assert not any(holds(path, key(0)[1]) for path in paths)
    store.close()


def test_a_full_disk_stops_new_keys_alone(paths: tuple[Path, Path]) -> None:
    files = BreakableFiles()
    store = KeyStore.create(paths, BLOCK_RECORDS - 1, files)
    store.put_many(keys(0, BLOCK_RECORDS - 1))
    files.fail("allocate", errno.ENOSPC)
    with pytest.raises(ExhaustedError):
        store.put_many([key(5000)])
    store.destroy([key(0)[0]])
    store.put_many([key(5000)])
    assert store.get(key(5000)[0]) == key(5000)[1]
    store.close()


def test_copies_on_one_device_are_amber(paths: tuple[Path, Path]) -> None:
    store = KeyStore.create(paths, 10)
    health = store.health()
    assert health.level is KeyStoreLevel.AMBER
    assert any("one device" in reason for reason in health.reasons)
    store.close()


def test_copies_on_two_devices_are_not(tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not os.access(shm, os.W_OK) or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second device")
    with tempfile.TemporaryDirectory(dir=shm) as second:
        store = KeyStore.create((tmp_path, Path(second)), 10)
        assert not any("one device" in reason for reason in store.health().reasons)
        assert file_system(Path(second)) == "tmpfs"
        store.close()


class KeyStoreMachine(RuleBasedStateMachine):
    """Any order of acts, restarts, copies away, restored and lost leaves what a set would hold."""

    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.paths = Path(self.folder.name) / "one", Path(self.folder.name) / "two"
        for path in self.paths:
            path.mkdir()
        self.files = BreakableFiles()
        self.live: set[int] = set()
        self.shredded: set[int] = set()
        self.next = 0
        self.backups: list[tuple[int, bytes]] = []

    @initialize()
    def create(self) -> None:
        self.store = KeyStore.create(self.paths, 3, self.files)

    @rule(target=numbers, count=st.integers(1, 4))
    def put(self, count: int) -> int:
        return self.put_next(count)

    def put_next(self, count: int) -> int:
        first = self.next
        self.next += count
        self.store.put_many(keys(first, self.next))
        self.live.update(range(first, self.next))
        return first

    @rule(target=numbers, operation=st.sampled_from(["pwritev", "fdatasync"]))
    def put_after_a_failure(self, operation: str) -> int:
        self.files.fail(operation, errno.EIO)
        with pytest.raises(CustodesError):
            self.store.put_many([key(self.next)])
        self.files.mend()
        return self.put_next(1)

    @rule(number=consumes(numbers), fails=st.booleans())
    def destroy(self, number: int, fails: bool) -> None:
        if fails and number in self.live:
            self.files.fail("fdatasync", errno.EIO)
            with pytest.raises(CustodesError):
                self.store.destroy([key(number)[0]])
            self.files.mend()
        self.store.destroy([key(number)[0]])
        self.live.discard(number)
        self.shredded.add(number)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()

    @rule(copy=st.integers(0, 1))
    def back_up(self, copy: int) -> None:
        self.backups.append((copy, (self.paths[copy] / FILE_NAME).read_bytes()))

    @rule()
    def restore(self) -> None:
        if self.backups:
            copy, data = self.backups.pop()
            self.store.close()
            (self.paths[copy] / FILE_NAME).write_bytes(data)
            self.open()

    @rule(copy=st.integers(0, 1))
    def lose(self, copy: int) -> None:
        self.store.close()
        (self.paths[copy] / FILE_NAME).unlink()
        self.backups = [backup for backup in self.backups if backup[0] != copy]
        self.store = KeyStore.rebuild(self.paths, copy, self.is_shredded, self.files)

    @invariant()
    def what_is_live_is_there_and_what_is_shredded_nowhere(self) -> None:
        assert self.store.ids() == {key(number)[0] for number in self.live}
        for number in self.live:
            assert self.store.get(key(number)[0]) == key(number)[1]
        for path in self.paths:
            data = (path / FILE_NAME).read_bytes()
            assert not any(key(number)[1] in data for number in self.shredded)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def open(self) -> None:
        self.store = KeyStore.open(self.paths, self.is_shredded, self.files)
        assert self.store.disagreeing == ()

    def is_shredded(self, key_id: bytes) -> bool:
        return any(key(number)[0] == key_id for number in self.shredded)


TestKeyStoreMachine = KeyStoreMachine.TestCase
TestKeyStoreMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

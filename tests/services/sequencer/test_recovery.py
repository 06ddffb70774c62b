"""Crashes at every step, and databases that are gone, old or of another ledger."""

import shutil
from typing import Any

import pytest

from custodes.base.clock import SECOND_US
from custodes.base.errors import CorruptError
from custodes.ledger import merkle, tiles
from custodes.ledger.entries.wrapper import parse_entry


class _CrashError(Exception):
    """The process ends here."""


class _CrashingStore:
    """Passes calls on until the n-th, which ends the process before or after it has taken effect."""

    def __init__(self, store: Any, calls: int, after: bool) -> None:
        self._store = store
        self._left = calls
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*arguments: Any) -> Any:
            if self._left == 0 and not self._after:
                raise _CrashError
            result = method(*arguments)
            if self._left == 0:
                raise _CrashError
            self._left -= 1
            return result

        return call


def _run(desk: Any, batches: list[list[Any]], store: Any) -> bool:
    """Whether all was submitted before the crash."""
    try:
        sequencer = desk.open(store=store)
        for batch in batches:
            sequencer.submit(batch)
    except _CrashError:
        return False
    return True


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lost_database", [False, True])
def test_a_crash_at_any_step(desk: Any, after: bool, lost_database: bool) -> None:
    notes = desk.notes(0, 264)
    batches = [[desk.town.genesis()], notes[:3], notes[3:260], notes[260:]]
    everything = [one for batch in batches for one in batch]
    calls, done = 0, False
    while not done:
        desk.store = type(desk.store)()
        desk.close()
        (desk.folder / "main.sqlite").unlink(missing_ok=True)
        done = _run(desk, batches, _CrashingStore(desk.store, calls, after))
        public = _public(desk)
        if lost_database:
            desk.close()
            for path in desk.folder.iterdir():
                path.unlink()
        desk.clock.advance(SECOND_US)
        sequencer = desk.open()
        answers = sequencer.submit(everything)
        assert sorted(answers) == list(range(265))
        entries = desk.published()
        assert entries[: len(public)] == public
        assert {parse_entry(entry).statement.hash for entry in entries} == {
            one.statement_hash() for one in everything
        }
        _nothing_left_over(desk)
        calls += 1
    assert calls > 15


def _public(desk: Any) -> list[bytes]:
    """What a reader could see at the crash; none of it may ever change."""
    if tiles.CHECKPOINT_PATH not in desk.store.list(""):
        return []
    found: list[bytes] = desk.published()
    return found


def _nothing_left_over(desk: Any) -> None:
    size = desk.checkpoint().checkpoint.size
    full = {tiles.tile_path(*tile) for tile in tiles.tiles_between(0, size)}
    full |= {tiles.bundle_path(*bundle) for bundle in tiles.bundles_between(0, size)}
    stored = set(desk.store.list("log/tile"))
    assert full <= stored
    for path in stored - full:
        folder, _, width = path.rpartition(".p/")
        assert any(
            other.startswith(f"{folder}.p/") and int(width) < int(other.rpartition("/")[2]) for other in full
        )


def test_a_deleted_database_is_rebuilt(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 700))
    before = desk.published()
    rebuilt = desk.open("new")
    assert rebuilt.recovered.restored == 701
    assert rebuilt.recovered.published == 0
    assert list(rebuilt._outbox.entries()) == before
    assert rebuilt.submit(desk.notes(699, 701)) == [700, 701]
    assert desk.published()[:701] == before


def test_a_restored_database_is_brought_forward(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 300))
    desk.close()
    shutil.copy(desk.folder / "main.sqlite", desk.folder / "old.sqlite")
    again = desk.open()
    assert again.recovered.restored == 0
    again.submit(desk.notes(300, 900))
    restored = desk.open("old")
    assert restored.recovered.restored == 600
    assert restored.submit(desk.notes(0, 901)) == list(range(1, 902))
    assert len(desk.published()) == 902


def test_a_database_of_another_ledger(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 5))
    other = type(desk.store)()
    desk.clock.advance(SECOND_US)
    stranger = desk.open("stranger", store=other)
    stranger.submit([desk.town.genesis(), *desk.notes(5, 8)])
    for _ in range(2):
        with pytest.raises(CorruptError):
            desk.open("stranger")
    stranger.submit(desk.notes(20, 40))
    with pytest.raises(CorruptError):
        desk.open("stranger")
    assert sequencer.submit(desk.notes(8, 9)) == [6]


def test_a_bundle_that_is_missing_or_damaged(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 300))
    path = tiles.bundle_path(0)
    good = desk.store.get(path)
    for bad in (None, good[:-1], good.replace(b'"hour_us":7,', b'"hour_us":6,')):
        desk.store.delete(path)
        if bad is not None:
            desk.store.put(path, bad)
        with pytest.raises(CorruptError):
            desk.open("new")
    desk.store.delete(path)
    desk.store.put(path, good)
    assert desk.open("new").recovered.restored == 301


def test_a_new_store_is_filled_from_the_database(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 300))
    root = merkle.root(desk.published())
    desk.store = type(desk.store)()
    again = desk.open()
    assert again.recovered.published == 301
    assert merkle.root(desk.published()) == root

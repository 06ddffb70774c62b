"""Forgetting on time and in order, whatever is away, held, crashed, stepped or full."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from keeping.keeper import Recorded, TownKeeper

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.objects.memory import Fault, MemoryObjectStore
from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, ManualClock
from custodes.base.errors import CustodesError, NotFoundError, UnavailableError
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.refusal import rule_of
from custodes.services.keeper import retention
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.retention import StepGuard

# The town keeps 72 hours, from the end of the hour.
KEPT_US = 73 * HOUR_US


def has_key(keeper: TownKeeper, index: int) -> bool:
    return shred_id(keeper.town.pool, index) in keeper.keystore.ids()


def objects(keeper: TownKeeper) -> list[str]:
    return list(keeper.store.list("streams"))


def shreds(keeper: TownKeeper) -> list[dict[str, Any]]:
    entries = (parse_entry(data).statement.signed for data in keeper.outbox.entries())
    return [dict(one.body) for one in entries if one.type == "custodes/entry/shred/v1"]


def is_shredded(keeper: TownKeeper, recorded: Recorded) -> bool:
    epochs = keeper.town.state.facts.epochs
    return recorded.epoch in epochs.gone or epochs.live[recorded.epoch].shredded


def test_nothing_goes_before_its_deadline_and_all_of_it_after(keeper: TownKeeper) -> None:
    first = keeper.record()
    keeper.advance(HOUR_US)
    second = keeper.record()
    keeper.advance(KEPT_US - HOUR_US - 1)
    assert keeper.retain().keys == 0
    assert has_key(keeper, 0)
    keeper.advance(1)
    report = keeper.retain()
    assert (report.keys, report.deleted.epochs, report.deleted.reels) == (1, 1, 2)
    assert report.deleted.size_bytes == sum(map(len, first.footage.reels.values()))
    assert (report.due, report.lag_us, report.alarms) == (0, 0, ())
    assert not has_key(keeper, 0)
    assert has_key(keeper, 1)
    assert objects(keeper) == [*second.reels, f"{second.folder}/shares"]
    assert keeper.catalogue.statuses() == [(second.epoch, "closed")]
    (shred,) = shreds(keeper)
    assert shred["reason"] == "deadline"
    assert shred["items"] == [{"epoch": b64u(first.epoch), "index": 0, "pool": b64u(keeper.town.pool)}]


def test_an_epoch_without_reels_or_end_goes_as_well(keeper: TownKeeper) -> None:
    keeper.record(reels=0, close=False)
    keeper.advance(KEPT_US)
    assert keeper.retain().keys == 1
    assert objects(keeper) == []
    assert keeper.catalogue.statuses() == []
    assert keeper.retain().keys == 0


def test_unused_keys_and_what_is_not_of_the_epoch_stay(keeper: TownKeeper) -> None:
    recorded = keeper.record()
    keeper.store.put(f"{recorded.folder}/note", b"somebody's")
    accounts = list(keeper.store.list("accounts"))
    keeper.advance(KEPT_US)
    keeper.retain()
    assert objects(keeper) == [f"{recorded.folder}/note"]
    assert list(keeper.store.list("accounts")) == accounts
    assert [has_key(keeper, index) for index in range(8)] == [False] + [True] * 7


def test_a_key_that_two_epochs_have_goes_with_the_later(tmp_path: Path) -> None:
    keeper = TownKeeper(tmp_path, keys=1)
    early = keeper.record()
    keeper.advance(5 * HOUR_US)
    later = keeper.record(key=0)
    keeper.advance(KEPT_US - 5 * HOUR_US)
    assert keeper.retain().keys == 0
    assert not is_shredded(keeper, early)
    keeper.advance(5 * HOUR_US)
    report = keeper.retain()
    assert (report.keys, report.deleted.epochs, report.deleted.reels) == (1, 2, 4)
    assert is_shredded(keeper, early)
    assert is_shredded(keeper, later)
    assert keeper.catalogue.statuses() == []
    keeper.close()


def test_a_provisional_hold_keeps_all_of_an_epoch_until_it_ends(keeper: TownKeeper) -> None:
    held, other = keeper.record(), keeper.record()
    keeper.advance(KEPT_US - HOUR_US)
    until_us = keeper.town.now_us + 2 * DAY_US
    keeper.town.admit("hold", epochs=[b64u(held.epoch)], until_us=until_us)
    keeper.advance(HOUR_US)
    assert keeper.retain().keys == 1
    assert is_shredded(keeper, other)
    assert objects(keeper) == [*held.reels, f"{held.folder}/shares"]
    keeper.advance(until_us - keeper.town.now_us)
    assert keeper.retain().keys == 0
    keeper.advance(1)
    assert keeper.retain().keys == 1
    assert objects(keeper) == []


def test_a_full_hold_keeps_an_epoch_too(keeper: TownKeeper) -> None:
    held = keeper.record()
    keeper.town.admit("request", kind="court-order", expiry_us=keeper.town.now_us + DAY_US)
    request = next(iter(keeper.town.state.facts.requests))
    keeper.town.grant(request)
    until_us = keeper.town.now_us + 80 * DAY_US
    keeper.town.admit("hold", kind="full", epochs=[b64u(held.epoch)], until_us=until_us)
    keeper.advance(80 * DAY_US)
    assert keeper.retain().keys == 0
    keeper.advance(1)
    # The epoch's key, and that the hold has no pair any more.
    assert keeper.retain().keys == 2


def test_what_is_due_is_done_in_batches_the_longest_due_first(
    keeper: TownKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_KEYS", 3)
    monkeypatch.setattr(retention, "_EPOCHS_AT_ONCE", 2)
    epochs = []
    for _ in range(8):
        epochs.append(keeper.record(reels=1, envelopes=1).epoch)
        keeper.advance(MINUTE_US)
    keeper.advance(KEPT_US)
    report = keeper.retain()
    assert (report.keys, report.deleted.epochs) == (8, 8)
    named = [[item["epoch"] for item in shred["items"]] for shred in shreds(keeper)]
    assert named == [[b64u(epoch) for epoch in epochs[at : at + 3]] for at in (0, 3, 6)]


class _HastyClock(ManualClock):
    """Each look at it takes a second."""

    def boot_us(self) -> int:
        self.advance(SECOND_US)
        return super().boot_us()


def test_a_pass_ends_in_time_and_the_next_goes_on(
    keeper: TownKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_KEYS", 2)
    monkeypatch.setattr(retention, "_EPOCHS_AT_ONCE", 1)
    for _ in range(6):
        keeper.record(reels=1, envelopes=1)
    keeper.advance(KEPT_US + 2 * HOUR_US)
    keeper.clock = _HastyClock(keeper.clock.utc_us(), keeper.clock.boot_us())
    passes = keeper.retention()
    report = asyncio.run(passes.run_once(limit_s=2.5))
    assert 0 < report.keys < 6
    assert report.due == 6 - report.keys
    assert report.lag_us > 2 * HOUR_US
    assert report.alarms == (
        f"{report.due} keys are due, the longest for {report.lag_us // MINUTE_US} minutes",
    )
    assert passes.last is report
    asyncio.run(passes.run_once())
    assert passes.last.due == 0
    assert objects(keeper) == []


class _FailingStore(MemoryObjectStore):
    """Its n-th change fails, before or after it lands."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.lands = False

    def put(self, path: str, data: bytes) -> None:
        self._change(lambda: MemoryObjectStore.put(self, path, data))

    def swap(self, path: str, data: bytes, expected: bytes | None) -> None:
        self._change(lambda: MemoryObjectStore.swap(self, path, data, expected))

    def delete(self, path: str) -> None:
        self._change(lambda: MemoryObjectStore.delete(self, path))

    def _change(self, act: Callable[[], None]) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0 and not self.lands:
                raise UnavailableError("the power went before")
        act()
        if self.left == 0:
            self.left = None
            raise UnavailableError("the power went after")


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("at", range(1, 16))
def test_a_crash_at_any_change_of_the_store_is_made_up_for(tmp_path: Path, at: int, lands: bool) -> None:
    store = _FailingStore()
    keeper = TownKeeper(tmp_path, store)
    recorded = keeper.record()
    keeper.advance(KEPT_US)
    store.left, store.lands = at, lands
    try:
        keeper.retain()
    except CustodesError:
        pass
    else:
        assert store.left is not None
    store.left = None
    check_order(keeper, recorded)
    keeper.restart()
    check_order(keeper, recorded)
    keeper.retain()
    check_order(keeper, recorded)
    assert is_shredded(keeper, recorded)
    assert objects(keeper) == []
    assert keeper.catalogue.statuses() == []
    assert len(shreds(keeper)) == 1
    keeper.close()


def check_order(keeper: TownKeeper, recorded: Recorded) -> None:
    """Key, entry, reels, share set, row: nothing is gone while something before it is there."""
    there = objects(keeper)
    reels = [path for path in recorded.reels if path in there]
    shares = f"{recorded.folder}/shares" in there
    has_row = bool(keeper.catalogue.statuses())
    shredded = is_shredded(keeper, recorded)
    if shredded:
        assert not has_key(keeper, 0)
    if len(reels) < 2:
        assert shredded
    if not shares:
        assert not reels
    if not has_row:
        assert not shares


def test_a_key_destroyed_without_its_entry_is_entered_next_time(keeper: TownKeeper) -> None:
    recorded = keeper.record()
    keeper.advance(KEPT_US)
    keeper.keystore.destroy([shred_id(keeper.town.pool, 0)])
    keeper.restart()
    assert not is_shredded(keeper, recorded)
    assert keeper.retain().keys == 1
    assert objects(keeper) == []


def test_nothing_is_deleted_while_the_store_is_away(keeper: TownKeeper) -> None:
    recorded = keeper.record()
    keeper.advance(KEPT_US)
    keeper.store.break_(Fault.AWAY)
    with pytest.raises(UnavailableError):
        keeper.retain()
    assert has_key(keeper, 0)
    keeper.store.mend()
    assert not is_shredded(keeper, recorded)
    assert keeper.retain().keys == 1


def test_nothing_is_deleted_while_the_volume_is_missing_or_another(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "store")
    keeper = TownKeeper(tmp_path / "keeper", store)
    recorded = keeper.record()
    keeper.advance(KEPT_US)
    away = (tmp_path / "store").rename(tmp_path / "away")
    with pytest.raises(UnavailableError):
        keeper.retain()
    LocalObjectStore.create(tmp_path / "store").close()
    with pytest.raises(UnavailableError):
        keeper.retain()
    assert has_key(keeper, 0)
    shutil.rmtree(tmp_path / "store")
    away.rename(tmp_path / "store")
    assert not is_shredded(keeper, recorded)
    assert keeper.retain().deleted.reels == 2
    assert list((tmp_path / "store" / "streams").glob("*")) == []
    keeper.close()


def test_nothing_is_deleted_from_a_store_without_the_ledger(keeper: TownKeeper) -> None:
    keeper.record()
    keeper.advance(KEPT_US)
    checkpoint = keeper.store.get("log/checkpoint")
    keeper.store.delete("log/checkpoint")
    with pytest.raises(UnavailableError, match="does not hold the ledger"):
        keeper.retain()
    assert has_key(keeper, 0)
    keeper.store.put("log/checkpoint", checkpoint)
    assert keeper.retain().keys == 1


@pytest.fixture
def without_a_copy(keeper: TownKeeper) -> Iterator[Callable[[], None]]:
    """The key store runs on one copy; called, the other is back."""
    copy = keeper.copies[1]
    keeper.keystore.close()
    away = copy.rename(copy.with_name("away"))
    copy.mkdir()
    keeper.restart()

    def bring_back() -> None:
        copy.rmdir()
        away.rename(copy)

    yield bring_back


def test_nothing_is_deleted_while_a_copy_of_the_key_store_is_away(
    keeper: TownKeeper, without_a_copy: Callable[[], None]
) -> None:
    recorded = keeper.record()
    keeper.advance(KEPT_US)
    passes = keeper.retention()
    with pytest.raises(UnavailableError, match="copy of the key store"):
        asyncio.run(passes.run_once())
    assert has_key(keeper, 0)
    assert len(objects(keeper)) == 3
    without_a_copy()
    assert asyncio.run(passes.run_once()).keys == 1
    assert is_shredded(keeper, recorded)
    with pytest.raises(NotFoundError):
        keeper.keystore.get(shred_id(keeper.town.pool, 0))


def test_nothing_is_deleted_after_the_database_was_deleted(keeper: TownKeeper) -> None:
    recorded = keeper.record()
    keeper.advance(KEPT_US)
    keeper.close()
    for file in keeper.network_folder.keeper.glob("database.sqlite*"):
        file.unlink()
    keeper.restart_from_tiles()
    with pytest.raises(UnavailableError, match="catalogue rebuild"):
        keeper.retain()
    assert has_key(keeper, 0)
    assert len(objects(keeper)) == 3
    assert not is_shredded(keeper, recorded)


def test_a_clock_stepped_forward_makes_nothing_due_for_half_an_hour(keeper: TownKeeper) -> None:
    keeper.record()
    passes = keeper.retention()
    keeper.clock.step_utc(KEPT_US)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="stepped forward"):
            asyncio.run(passes.run_once())
    assert has_key(keeper, 0)
    keeper.clock.advance(30 * MINUTE_US)
    assert asyncio.run(passes.run_once()).keys == 1


def test_a_clock_that_steps_back_again_is_believed_at_once() -> None:
    clock = ManualClock()
    guard = StepGuard(clock)
    clock.step_utc(4 * MINUTE_US)
    guard.check()
    clock.step_utc(DAY_US)
    with pytest.raises(UnavailableError):
        guard.check()
    clock.step_utc(-DAY_US)
    guard.check()


class _SmallStore(MemoryObjectStore):
    """Room for so many bytes below `streams`; `taken_bytes` is somebody else's."""

    room_bytes = 0
    taken_bytes = 0

    def free_bytes(self) -> int | None:
        used = sum(len(self.get(path)) for path in self.list("streams"))
        return max(0, self.room_bytes - used - self.taken_bytes)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[TownKeeper]:
    """Five epochs an hour apart, two days ago; nothing is free."""
    keeper = TownKeeper(tmp_path, _SmallStore())
    for _ in range(5):
        keeper.record(reels=1)
        keeper.advance(HOUR_US)
    keeper.advance(2 * DAY_US)
    keeper.store.room_bytes = sum(len(keeper.store.get(path)) for path in objects(keeper))
    yield keeper
    keeper.close()


def epoch_ids(keeper: TownKeeper) -> list[bytes]:
    live = keeper.town.state.facts.epochs.live.values()
    return [epoch.id for epoch in live if not epoch.shredded]


def test_without_a_limit_nothing_goes_for_space(full: TownKeeper) -> None:
    assert full.retain().keys_for_space == 0
    assert len(epoch_ids(full)) == 5


def test_the_oldest_goes_for_space_and_no_more_than_is_needed(full: TownKeeper) -> None:
    before = epoch_ids(full)
    report = full.retain(keep_free_bytes=100)
    assert (report.keys_for_space, report.keys, report.alarms) == (1, 0, ())
    assert epoch_ids(full) == before[1:]
    assert full.retain(keep_free_bytes=100).keys_for_space == 0
    # Two more are needed for so much.
    report = full.retain(keep_free_bytes=full.store.free_bytes() + report.deleted.size_bytes + 1)
    assert report.keys_for_space == 2
    assert epoch_ids(full) == before[3:]
    assert [shred["reason"] for shred in shreds(full)] == ["space", "space"]


def test_what_is_held_is_passed_over_for_space(full: TownKeeper) -> None:
    before = epoch_ids(full)
    full.town.admit("hold", epochs=[b64u(before[0])], until_us=full.town.now_us + DAY_US)
    assert full.retain(keep_free_bytes=100).keys_for_space == 1
    assert epoch_ids(full) == [before[0], *before[2:]]


def test_what_is_open_keeps_what_is_younger_in_its_stream(full: TownKeeper) -> None:
    full.record(close=False)
    full.advance(HOUR_US)
    full.record()
    full.advance(2 * DAY_US)
    full.store.taken_bytes = full.store.room_bytes
    report = full.retain(keep_free_bytes=1 << 30)
    assert report.keys == 5
    assert len(epoch_ids(full)) == 2
    assert report.alarms == ("the store has only 0 MiB free: nothing older than a day is left that may go",)


def test_nothing_of_the_last_day_goes_for_space(tmp_path: Path) -> None:
    keeper = TownKeeper(tmp_path, _SmallStore())
    keeper.record()
    keeper.advance(DAY_US)
    report = keeper.retain(keep_free_bytes=100)
    assert report.keys_for_space == 0
    assert "nothing older than a day" in report.alarms[0]
    keeper.advance(1)
    assert keeper.retain(keep_free_bytes=100).keys_for_space == 1
    keeper.close()


def test_where_deleting_makes_no_room_it_stops(full: TownKeeper) -> None:
    passes = full.retention(keep_free_bytes=100)
    full.store.taken_bytes = 1 << 30
    assert asyncio.run(passes.run_once()).keys_for_space == 1
    for _ in range(3):
        report = asyncio.run(passes.run_once())
        assert report.keys_for_space == 0
        assert "something else fills the volume" in report.alarms[0]
        full.advance(MINUTE_US)
    full.advance(HOUR_US)
    assert asyncio.run(passes.run_once()).keys_for_space == 1


@pytest.mark.parametrize(
    ("which", "rule"),
    [((1,), "shred-space"), ((0, 2), "shred-space"), ((0, 5), "shred-space"), ((0, 1), None), ((3, 4), None)],
)
def test_the_ledger_takes_for_space_only_what_is_oldest_and_not_held(
    full: TownKeeper, which: tuple[int, ...], rule: str | None
) -> None:
    full.record()
    ids = epoch_ids(full)
    if which == (3, 4):
        full.town.admit("hold", epochs=[b64u(id_) for id_ in sorted(ids[:3])], until_us=full.town.now_us + 1)
    pool = b64u(full.town.pool)
    items = [{"epoch": b64u(ids[number]), "index": number, "pool": pool} for number in which]
    if rule is None:
        full.town.admit("shred", items=items, reason="space")
        assert len(epoch_ids(full)) == 4
        return
    with pytest.raises(CustodesError) as caught:
        full.town.admit("shred", items=items, reason="space")
    assert rule_of(caught.value) == rule


def test_the_ledger_takes_nothing_held_for_space(full: TownKeeper) -> None:
    ids = epoch_ids(full)
    full.town.admit("hold", epochs=[b64u(ids[0])], until_us=full.town.now_us + DAY_US)
    item = {"epoch": b64u(ids[0]), "index": 0, "pool": b64u(full.town.pool)}
    with pytest.raises(CustodesError) as caught:
        full.town.admit("shred", items=[item], reason="space")
    assert rule_of(caught.value) == "shred-hold"

"""One stream by hand: where epochs turn, what a clock step, a stalled disk or an absent key do to it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from recording.driven import Driven
from recording.rig import SHORT_PERIODS, Rig

from custodes.adapters.spool.breakable import BreakableFiles
from custodes.base.clock import HOUR_US, SECOND_US, ManualClock
from custodes.custody.accounts import GapReason
from custodes.services.recorder import shelf
from custodes.services.recorder.standing import StreamState

# Slots of 10 s, epochs of 60 s.
PERIODS = replace(SHORT_PERIODS, slot_us=10 * SECOND_US, slots_per_epoch=6, reel_us=25 * SECOND_US)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def drive(tmp_path: Path, clock: ManualClock) -> Callable[..., Driven]:
    def make(pool_keys: int = 40, **options: object) -> Driven:
        rig = Rig(tmp_path / "network", periods=PERIODS, clock=clock, pool_keys=pool_keys)
        return Driven.make(rig, clock, **options)

    return make


async def test_epochs_follow_each_other_without_a_gap(drive: Callable[..., Driven]) -> None:
    driven = drive()
    given = await driven.play(130)
    epochs, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert [epoch.header.slots for epoch in epochs] == [6, 6, 6]
    assert [epoch.header.utc0_us - epochs[0].header.utc0_us for epoch in epochs] == [
        0,
        60_000_000,
        120_000_000,
    ]
    for epoch in epochs[:2]:
        assert set(epoch.slots) == set(range(6))
    assert driven.reasons(stated) == set()


async def test_a_picture_belongs_to_the_slot_of_its_key_frame(drive: Callable[..., Driven]) -> None:
    driven = drive()
    await driven.play(36, key_every_s=6)
    _, units, _ = await driven.finish()
    start_us = units[0].utc_us
    slots = {(unit.utc_us - start_us) // (6 * SECOND_US): unit.slot for unit in units}
    # Key frames at 0, 6, 12, 18, 24, 30 s.
    assert slots == {0: 0, 1: 0, 2: 1, 3: 1, 4: 2, 5: 3}


async def test_the_epoch_of_a_long_gop_turns_before_its_pictures_have_no_slot(
    drive: Callable[..., Driven],
) -> None:
    driven = drive()
    # Key frames each 25 s: at 50 s the next would come at 75 s, beyond the epoch and its ten seconds.
    given = await driven.play(150, key_every_s=25)
    epochs, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert driven.reasons(stated) == set()
    begun = [epoch.header.utc0_us - epochs[0].header.utc0_us for epoch in epochs if epoch.units]
    assert begun == [0, 50 * SECOND_US, 100 * SECOND_US]
    assert any(unit.key_sequence != unit.sequence for unit in units)
    assert driven.stream.gops.is_long


async def test_what_follows_an_epoch_without_a_key_frame_is_lost_and_named(
    drive: Callable[..., Driven],
) -> None:
    driven = drive()
    given = await driven.play(50)
    given += (await driven.play(25, key_every_s=1000, first_key=False))[: 10 * 5]
    given += await driven.play(5)
    epochs, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    (gap,) = driven.gaps(stated)
    assert gap.reason is GapReason.WAITING_FOR_KEY_FRAME
    assert 15_000_000 <= gap.to_us - gap.from_us <= 15_400_000
    assert len(epochs) >= 2


@pytest.mark.parametrize("by_us", [HOUR_US, -HOUR_US])
async def test_a_step_of_utc_begins_another_epoch_and_costs_nothing(
    drive: Callable[..., Driven], clock: ManualClock, by_us: int
) -> None:
    driven = drive()
    given = await driven.play(15.4)
    clock.step_utc(by_us)
    given += await driven.play(15, first_key=False)
    epochs, units, stated = await driven.finish()
    assert sorted(given.index(unit.sha256) for unit in units) == list(range(len(given)))
    recorded = sorted(
        (epoch for epoch in epochs if epoch.units), key=lambda epoch: given.index(epoch.units[0].sha256)
    )
    first, second = recorded[0], recorded[-1]
    assert abs(second.header.utc0_us - first.header.utc0_us - by_us) < 20 * SECOND_US
    (gap,) = driven.gaps(stated)
    assert gap.reason is GapReason.CLOCK
    assert abs(gap.to_us - gap.from_us - max(0, by_us)) < 2 * SECOND_US
    # The pictures between the step and the next key frame were few.
    late = [unit for unit in first.units if given.index(unit.sha256) >= 77 + 5]
    assert not late


async def test_a_step_of_utc_does_not_wait_longer_than_ten_seconds_for_a_key_frame(
    drive: Callable[..., Driven], clock: ManualClock
) -> None:
    driven = drive()
    await driven.play(5)
    clock.step_utc(HOUR_US)
    await driven.play(15, key_every_s=1000, first_key=False)
    assert driven.stream._writer is None
    await driven.play(3)
    epochs, units, stated = await driven.finish()
    assert driven.reasons(stated) == {"clock", "waiting-for-key-frame"}
    assert len([epoch for epoch in epochs if epoch.units]) == 2
    assert 5 * (5 + 9) <= len(units) <= 5 * (5 + 12 + 3)


async def test_an_epoch_made_ready_in_vain_is_ended_and_its_keys_wiped(drive: Callable[..., Driven]) -> None:
    driven = drive()
    given = await driven.play(58)
    assert driven.stream._next is not None
    driven.stream.session_ended(GapReason.CAMERA_SILENT)
    await driven.tick(40)
    assert driven.stream._writer is None
    # Slots of the epoch that was made ready pass too.
    assert driven.stream._next is not None
    assert driven.stream._next.wiped == 2
    await driven.tick(50)
    assert driven.stream._next is None
    assert driven.service.arena.free_cells == driven.service.arena._cells
    assert driven.stream.state is StreamState.AWAY
    given += await driven.play(5)
    epochs, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert [len(epoch.units) > 0 for epoch in epochs] == [True, False, True]
    (gap,) = driven.gaps(stated)
    assert (gap.reason, round((gap.to_us - gap.from_us) / SECOND_US)) == (GapReason.CAMERA_SILENT, 90)


async def test_a_camera_that_returns_goes_on_in_an_epoch_that_has_begun(drive: Callable[..., Driven]) -> None:
    driven = drive()
    given = await driven.play(58)
    driven.stream.session_ended(GapReason.CAMERA_SILENT)
    await driven.tick(35)
    given += await driven.play(5)
    epochs, units, _ = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert len(epochs) == 2
    assert {unit.slot for unit in epochs[1].units} == {3}


async def test_new_parameter_sets_begin_a_segment(drive: Callable[..., Driven]) -> None:
    driven = drive()
    await driven.play(2)
    sets = replace(driven.stream._sets, sps=(b"\x67other",))
    driven.stream.on_parameter_sets(sets)
    driven.stream.on_parameter_sets(sets)
    await driven.play(2)
    epochs, units, _ = await driven.finish()
    assert {unit.sequence for unit in units} == {0, 1}
    assert [b"other" in one for one in epochs[0].sets] == [False, True]


async def test_losses_are_marked_and_told_as_few_gaps(
    drive: Callable[..., Driven], clock: ManualClock
) -> None:
    driven = drive()
    await driven.play(2)
    for number in range(30):
        driven.give(number % 5 == 0, loss=2)
        clock.advance(200_000)
    await driven.play(5)
    driven.give(False, loss=1)
    _, units, stated = await driven.finish()
    assert sum(unit.record.loss_before for unit in units) == 31
    gaps = driven.gaps(stated)
    assert [gap.reason for gap in gaps] == [GapReason.LOSS] * 2
    assert round((gaps[0].to_us - gaps[0].from_us) / 1e5) == 60


async def test_open_key_frames_alone_are_enough(drive: Callable[..., Driven], clock: ManualClock) -> None:
    driven = drive()
    for number in range(50):
        driven.give(is_open=number % 5 == 0)
        clock.advance(200_000)
        await driven.idle()
    _, units, _ = await driven.finish()
    assert [unit.sha256 for unit in units] == driven.given[5:]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("stall", GapReason.OVERLOAD), (errno.ENOSPC, GapReason.STORAGE), (errno.EROFS, GapReason.STORAGE)],
)
async def test_a_disk_that_takes_nothing_costs_whole_groups_of_pictures_and_little_memory(
    drive: Callable[..., Driven], monkeypatch: pytest.MonkeyPatch, fault: str | int, reason: GapReason
) -> None:
    monkeypatch.setattr(shelf, "STREAM_PRESSED_BYTES", 60_000)
    monkeypatch.setattr(shelf, "RELIEVED_BYTES", 10_000)
    files = BreakableFiles()
    driven = drive(files=files)
    await driven.play(10, size=2000)
    if isinstance(fault, int):
        files.fail("pwritev", fault)
    else:
        files.stall()
    await driven.play(2, size=2000)
    async with asyncio.timeout(60):
        while not isinstance(fault, str) and not driven.service.spool.health().reason:
            await asyncio.sleep(0.01)
    # Over the end of the epoch too, so that the next one finds the disk as it is.
    await driven.play(80, size=2000)
    queued = driven.service.spool.health().queued_bytes
    assert 60_000 < queued < 60_000 + 5 * 2000 * 12
    assert driven.stream.counts.dropped > 200
    assert (driven.stream.state, driven.stream.missing_reason) == (StreamState.AWAY, reason)
    files.mend()
    async with asyncio.timeout(60):
        while driven.service.spool.health().queued_bytes > 10_000:
            await asyncio.sleep(0.01)
    after = await driven.play(6, size=2000)
    assert driven.stream.missing_reason is None
    _, units, stated = await driven.finish()
    recorded = [unit.sha256 for unit in units]
    assert recorded[-len(after) :] == after
    places = [driven.given.index(sha256) for sha256 in recorded]
    assert places == sorted(places)
    holes = [(a, b) for a, b in pairwise(places) if b != a + 1]
    assert len(holes) == 1
    # What is recorded again begins with a key frame.
    assert holes[0][1] % 5 == 0
    assert reason.value in driven.reasons(stated)
    assert driven.reasons(stated) <= {"overload", "storage", "waiting-for-key-frame"}


async def test_a_reel_that_is_given_up_ends_its_epoch_alone(drive: Callable[..., Driven]) -> None:
    files = BreakableFiles()
    driven = drive(files=files)
    files.fail("open", errno.EEXIST)
    await driven.play(3)
    async with asyncio.timeout(60):
        while driven.service.shelf.lost_count == 0:
            await driven.play(1)
            await asyncio.sleep(0.02)
    files.mend()
    after = await driven.play(5)
    assert driven.stream.state is StreamState.RECORDING
    driven.stream.stop(GapReason.RESTART)
    driven.account()
    assert await driven.service.registrar.drain(60)
    stated = [gap.reason for gap in driven.service.recent_gaps]
    assert GapReason.STORAGE in stated
    # It stays in the state, so that the next start looks at it.
    assert 1 <= len(driven.service.book.state.epochs) <= 3
    await driven.service.porter.drain(60)
    await driven.service.spool.close()
    assert len(after) == 25


async def test_used_up_pools_serve_their_last_key_again(drive: Callable[..., Driven]) -> None:
    driven = drive(pool_keys=2)
    given = await driven.play(190)
    driven.service._watch()
    assert "no shred key is left" in driven.service.alarms["pool"]
    epochs, units, _ = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert [epoch.header.shred.index for epoch in epochs][:4] == [0, 1, 1, 1]


async def test_without_a_pool_nothing_is_recorded_until_there_is_one(
    drive: Callable[..., Driven], clock: ManualClock
) -> None:
    driven = drive(pool_keys=0)
    await driven.play(4)
    assert driven.stream.state is StreamState.CANNOT_SEAL
    assert "no pool of shred keys" in driven.stream.trouble
    driven.rig.pool_keys = 3
    driven.rig.__post_init__()
    driven.service.settings = driven.rig.settings()
    clock.advance(SECOND_US)
    await driven.play(4)
    assert driven.stream.state is StreamState.RECORDING
    _, units, _ = await driven.finish()
    # Pictures wait in memory for a while, so that little is lost.
    assert [unit.sha256 for unit in units] == driven.given


async def test_pictures_that_wait_too_long_leave_from_the_oldest_group_on(
    drive: Callable[..., Driven], clock: ManualClock
) -> None:
    driven = drive(pool_keys=0)
    await driven.play(10, size=400_000)
    assert driven.stream._early._bytes <= 8 << 20
    assert driven.stream.counts.dropped > 25
    driven.rig.pool_keys = 3
    driven.rig.__post_init__()
    driven.service.settings = driven.rig.settings()
    driven.give(True, size=400_000)
    await driven.idle()
    async with asyncio.timeout(60):
        while driven.service.spool.health().queued_bytes:
            await asyncio.sleep(0.01)
    await driven.play(2, size=400_000)
    _, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == driven.given[-len(units) :]
    assert len(units) >= 20
    assert units[0].record.is_key
    assert driven.reasons(stated) == {"camera-unreachable", "cannot-seal"}


async def test_pictures_larger_than_a_chunk_and_reels_larger_than_their_limit(
    drive: Callable[..., Driven], clock: ManualClock
) -> None:
    driven = drive()
    for number in range(8):
        driven.give(number % 4 == 0, size=9 << 20)
        clock.advance(200_000)
        await driven.tick()
        async with asyncio.timeout(60):
            while driven.service.spool.health().queued_bytes:
                await asyncio.sleep(0.005)
    epochs, units, _ = await driven.finish()
    assert [unit.sha256 for unit in units] == driven.given
    store = driven.rig.store()
    sizes = [store.size(path) for path in store.list("streams") if path.endswith(".reel")]
    assert len(sizes) >= 2
    assert max(sizes) <= 64 << 20
    assert len(epochs) == 1

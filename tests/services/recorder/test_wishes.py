"""Reels that a case waits for: closed when they show the slot whole, and not more often than bears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from recording.driven import Driven
from recording.rig import SHORT_PERIODS, Rig

from custodes.base.clock import MINUTE_US, SECOND_US, ManualClock
from custodes.cases.closing import CloseReels
from custodes.cases.scope import Slot
from custodes.custody.accounts import GapReason
from custodes.custody.reel_reader import ReelReader
from custodes.services.recorder.service import Recording
from custodes.services.recorder.wishes import ReelWishes, early_reels

# Slots of 10 s, epochs of 10 minutes, and reels that nobody would see closed by their age.
PERIODS = replace(SHORT_PERIODS, slot_us=10 * SECOND_US, slots_per_epoch=60, reel_us=5 * MINUTE_US)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def drive(tmp_path: Path, clock: ManualClock) -> Callable[..., Driven]:
    def make(**periods: int) -> Driven:
        rig = Rig(tmp_path / "network", periods=replace(PERIODS, **periods), clock=clock)
        return Driven.make(rig, clock)

    return make


def _epoch(driven: Driven) -> bytes:
    assert driven.stream._writer is not None
    return driven.stream._writer.epoch.id


def _slots_of_reels(driven: Driven) -> list[list[int]]:
    """Of each reel in the store the slots that it has pictures of."""
    store, found = driven.rig.store(), []
    for path in sorted(store.list("streams")):
        if path.endswith(".reel"):
            data = store.get(path)
            rows = ReelReader(lambda at, count, data=data: data[at : at + count], len(data)).footer.rows
            found.append(sorted({row.slot for row in rows}))
    return found


# --- the rule ------------------------------------------------------------------------------------------------


def test_a_reel_doubles_at_most() -> None:
    assert early_reels(60 * MINUTE_US, 5 * MINUTE_US) == 12
    assert early_reels(2 * MINUTE_US, 5 * MINUTE_US) == 1


def test_a_slot_is_waited_for_until_a_reel_ends_beyond_it() -> None:
    wishes = ReelWishes(2)
    assert wishes.add(3)
    assert wishes.add(5)
    assert not wishes.take(3)
    assert wishes.take(4)
    wishes.closed(4)
    assert not wishes.add(3)
    assert wishes.earliest == 5
    # A reel that closes by its age counts for none.
    wishes.closed(6)
    assert (wishes.earliest, wishes.left) == (None, 1)
    wishes.add(7)
    assert wishes.take(8)
    wishes.closed(8)
    wishes.add(9)
    assert not wishes.take(10)


# --- one stream ----------------------------------------------------------------------------------------------


async def test_a_reel_is_closed_once_it_shows_the_slot_whole(drive: Callable[..., Driven]) -> None:
    driven = drive()
    given = await driven.play(15)
    epoch = _epoch(driven)
    # The running slot closes nothing yet; nor does its end, until a segment of the next slot is whole.
    assert driven.stream.close_after(epoch, 1)
    given += await driven.play(8)
    assert driven.stream.close_after(epoch, 1)
    given += await driven.play(3)
    assert not driven.stream.close_after(epoch, 1)
    assert not driven.stream.close_after(epoch, 0)
    given += await driven.play(20)
    epochs, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert driven.reasons(stated) == set()
    assert len(epochs) == 1
    assert _slots_of_reels(driven) == [[0, 1, 2], [2, 3, 4]]


async def test_a_slot_that_is_long_over_closes_the_reel_with_the_next_segment(
    drive: Callable[..., Driven],
) -> None:
    driven = drive()
    await driven.play(42)
    assert driven.stream.close_after(_epoch(driven), 0)
    await driven.play(5)
    assert not driven.stream.close_after(_epoch(driven), 0)
    await driven.finish()
    assert [slots[0] for slots in _slots_of_reels(driven)] == [0, 4]


async def test_what_is_not_recorded_is_not_waited_for(drive: Callable[..., Driven]) -> None:
    driven = drive()
    await driven.play(5)
    assert not driven.stream.close_after(b"x" * 16, 0)
    # Beyond the epoch's slots there is its end.
    assert driven.stream.close_after(_epoch(driven), 59)
    await driven.play(20)
    await driven.finish()
    assert not driven.stream.close_after(b"x" * 16, 0)
    assert len(_slots_of_reels(driven)) == 1


async def test_somebody_who_names_every_slot_doubles_the_reels_at_most(drive: Callable[..., Driven]) -> None:
    driven = drive(reel_us=100 * SECOND_US)
    await driven.play(1)
    epoch = _epoch(driven)
    for slot in range(40):
        driven.stream.close_after(epoch, slot)
    given = driven.given[:]
    given += await driven.play(400)
    _, units, _ = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    # Four by their age, and no more than an epoch of ten minutes would have by itself.
    assert 6 < len(_slots_of_reels(driven)) <= 4 + 6 + 1


async def test_an_epoch_ends_when_no_picture_comes_that_would_close_the_reel(
    drive: Callable[..., Driven],
) -> None:
    driven = drive()
    given = await driven.play(15)
    first = _epoch(driven)
    driven.stream.session_ended(GapReason.CAMERA_SILENT)
    assert driven.stream.close_after(first, 1)
    await driven.tick(10)
    # The slot is over; for ten seconds more a picture may belong to it.
    assert _epoch(driven) == first
    await driven.tick(10)
    assert driven.stream._writer is None
    assert not driven.stream.close_after(first, 1)
    given += await driven.play(15)
    # A second time it waits, as a camera that comes and goes would use up shred keys.
    second = _epoch(driven)
    driven.stream.session_ended(GapReason.CAMERA_SILENT)
    assert driven.stream.close_after(second, 1)
    await driven.tick(60)
    assert _epoch(driven) == second
    epochs, units, stated = await driven.finish()
    assert [unit.sha256 for unit in units] == given
    assert len(epochs) == 2
    assert driven.reasons(stated) == {"camera-silent"}


async def test_without_anybody_waiting_a_silent_camera_ends_no_epoch(drive: Callable[..., Driven]) -> None:
    driven = drive()
    await driven.play(15)
    epoch = _epoch(driven)
    driven.stream.session_ended(GapReason.CAMERA_SILENT)
    await driven.tick(60)
    assert _epoch(driven) == epoch
    await driven.finish()


async def test_the_recorder_finds_the_streams_and_counts_what_is_open(drive: Callable[..., Driven]) -> None:
    driven = drive()
    await driven.play(15)
    service, assignment = driven.service, driven.stream.assignment
    service.recordings[assignment.stream] = Recording(assignment, driven.stream, None, None)  # type: ignore[arg-type]
    after = (Slot(assignment.stream, _epoch(driven), 0), Slot(b"\xff" * 16, b"z" * 16, 5))
    word = CloseReels(driven.rig.network, driven.rig.recorder, b"q" * 32, after)
    assert service.close_reels(word) == 1
    await driven.play(10)
    assert service.close_reels(word) == 0
    service.recordings.clear()
    assert service.close_reels(word) == 0
    await driven.finish()

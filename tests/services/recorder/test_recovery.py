"""What a crash, a damaged disk or a deletion leaves is ended, stated and named; and nothing stops the next run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from recording.driven import Driven
from recording.opening import Stated, check_statements, open_epochs
from recording.rig import SHORT_PERIODS, Rig

from custodes.base.clock import SECOND_US, ManualClock
from custodes.services.recorder.recovery import Recovered
from custodes.services.recorder.start import restart

PERIODS = replace(SHORT_PERIODS, slot_us=10 * SECOND_US, slots_per_epoch=6, reel_us=120 * SECOND_US)
SECONDS = 33


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "network", periods=PERIODS, clock=ManualClock())


async def crash(rig: Rig, account_after_s: int = 0) -> Driven:
    """Record for 33 s, account once if asked, and be gone with a reel open."""
    assert isinstance(rig.clock, ManualClock)
    driven = Driven.make(rig, rig.clock)
    for second in range(SECONDS):
        await driven.play(1)
        if second == account_after_s and second:
            await flushed(driven)
            driven.account()
            await driven.idle()
    await flushed(driven)
    await driven.service.registrar.drain(60)
    await driven.service.porter.drain(60)
    await driven.service.spool.close()
    return driven


async def flushed(driven: Driven) -> None:
    async with asyncio.timeout(60):
        while driven.service.spool.health().queued_bytes or driven.service.porter.waiting:
            await asyncio.sleep(0.005)


def again(rig: Rig) -> tuple[Recovered, Stated]:
    """Start anew, as after the crash."""
    store = rig.store()
    book = rig.book(store)
    recovered = restart(book, rig.spool_root, store, rig.clock.utc_us())
    assert book.state.epochs == {}
    return recovered, check_statements(rig, store)


def open_file(rig: Rig) -> Path:
    (path,) = rig.spool_root.rglob("*.open")
    return path


def recorded(rig: Rig, driven: Driven, stated: Stated) -> list[str]:
    stream = driven.stream.assignment.stream
    epochs = open_epochs(rig, rig.store(), stream, stated.cuts)
    return [unit.sha256 for epoch in epochs for unit in epoch.units]


@pytest.mark.parametrize("account_after_s", [0, 20])
async def test_what_was_flushed_is_kept_and_the_cut_is_stated(rig: Rig, account_after_s: int) -> None:
    driven = await crash(rig, account_after_s)
    recovered, stated = again(rig)
    assert recovered.troubles == []
    units = recorded(rig, driven, stated)
    assert units == driven.given[: len(units)]
    # What was pending in the last chunk is gone: no more than a second.
    assert len(driven.given) - 6 <= len(units)
    assert len(stated.cuts) == 1
    account = stated.accounts[-1]
    assert (account.previous_run, account.run) == (1, 2)
    assert not list(rig.spool_root.rglob("*.open"))
    assert [path.name for path in rig.spool_root.iterdir()] == [".volume"]
    last_us = recovered.last_us[driven.stream.assignment.stream]
    assert rig.clock.utc_us() - 3 * SECOND_US < last_us <= rig.clock.utc_us()
    # Once more, with nothing left to do.
    recovered, stated = again(rig)
    assert (recovered.leaves, recovered.cuts, recovered.troubles) == ([], [], [])
    assert stated.accounts[-1].run == 3


async def test_a_crash_within_the_recovery_costs_nothing(rig: Rig) -> None:
    driven = await crash(rig)
    path = open_file(rig)
    whole = path.read_bytes()
    store = rig.store()
    book = rig.book(store)

    class GoneError(BaseException):
        pass

    def gone(*_: object) -> None:
        raise GoneError

    book.account = gone  # type: ignore[method-assign]
    with pytest.raises(GoneError):
        restart(book, rig.spool_root, store, rig.clock.utc_us())
    assert not path.exists()
    _, stated = again(rig)
    units = recorded(rig, driven, stated)
    assert units == driven.given[: len(units)]
    assert len(units) >= len(driven.given) - 6
    assert len(whole) > 0


async def test_what_follows_a_damage_in_the_spool_is_dropped(rig: Rig) -> None:
    driven = await crash(rig)
    path = open_file(rig)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    recovered, stated = again(rig)
    units = recorded(rig, driven, stated)
    assert units == driven.given[: len(units)]
    assert 10 * 5 < len(units) < 25 * 5
    assert recovered.troubles == []


async def test_a_damage_in_the_store_is_named_and_what_precedes_it_is_stated(rig: Rig) -> None:
    rig.periods = replace(PERIODS, reel_us=25 * SECOND_US)
    driven = await crash(rig)
    reel = min(rig.store_root.rglob("*.reel"))
    data = bytearray(reel.read_bytes())
    data[len(data) // 2] ^= 1
    reel.chmod(0o640)
    reel.write_bytes(data)
    recovered, stated = again(rig)
    assert len(recovered.troubles) == 1
    assert "damaged" in recovered.troubles[0]
    (closed,) = (one for account in stated.accounts for one in account.closed if one.envelopes)
    assert 0 < closed.envelopes < 5
    assert stated.accounts[-1].envelopes == closed.envelopes
    assert driven.given


async def test_lost_envelopes_that_were_stated_are_named(rig: Rig) -> None:
    driven = await crash(rig, account_after_s=32)
    open_file(rig).unlink()
    recovered, stated = again(rig)
    assert "envelopes stated" in recovered.troubles[0]
    closed = [one.envelopes for account in stated.accounts for one in account.closed]
    assert max(closed) == sum(account.envelopes for account in stated.accounts)
    assert driven.given


async def test_an_epoch_whose_share_set_is_gone_is_closed_and_its_spool_emptied(rig: Rig) -> None:
    await crash(rig)
    for shares in list(rig.store_root.rglob("shares")):
        shares.unlink()
    recovered, stated = again(rig)
    assert "is not in the store any more" in recovered.troubles[0]
    assert {one.epoch for account in stated.accounts for one in account.closed} == {
        header.epoch for header in stated.epochs
    }
    assert not list(rig.spool_root.rglob("*.open"))


async def test_reels_are_announced_again(rig: Rig) -> None:
    rig.periods = replace(PERIODS, reel_us=25 * SECOND_US)
    await crash(rig)
    recovered, _ = again(rig)
    store = rig.store()
    assert sorted(recovered.reels) == [path for path in store.list("streams") if path.endswith(".reel")]
    assert len(recovered.reels) == 2

"""Recorded renditions are kept as long as the original of their time, and by nothing else."""

from __future__ import annotations

import asyncio

from keeping.keeper import TownKeeper
from recording.views import made_rendition

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US
from custodes.base.errors import NotFoundError, RefusedError, UnavailableError
from custodes.custody.renditions import Rendition
from custodes.services.facts import join_facts, rendition_fact
from custodes.services.keeper.catalogue import ReelDesk
from custodes.services.keeper.views import Kept
from custodes.services.parcels import Answer, parse_answers

KEPT_US = 73 * HOUR_US


def announce(keeper: TownKeeper, *rows: Rendition) -> list[Answer]:
    desk = ReelDesk(keeper.store, keeper.catalogue, keeper.database, keeper.ledger)
    question = join_facts([rendition_fact(row) for row in rows])
    return parse_answers(asyncio.run(desk.desk(question)), len(rows))


def view(keeper: TownKeeper, start_us: int | None = None) -> Rendition:
    """One of the sub stream, from now on, in the store and in the catalogue."""
    begins_us = keeper.clock.utc_us() if start_us is None else start_us
    row, data = made_rendition(keeper.town.sub_stream, begins_us)
    keeper.store.put(row.path, data)
    assert announce(keeper, row) == [0]
    return row


def left(keeper: TownKeeper) -> list[str]:
    stored = list(keeper.store.list("renditions"))
    assert sorted(row.path for row in keeper.catalogue.renditions.everything()) == stored
    return stored


def test_an_announcement_is_taken_once_and_only_of_what_is_there(keeper: TownKeeper) -> None:
    row = view(keeper)
    assert announce(keeper, row, row) == [0, 1]
    assert left(keeper) == [row.path]
    (missing,) = announce(keeper, row._replace(start_us=row.start_us + 1))
    assert isinstance(missing, NotFoundError)
    other, data = made_rendition(bytes(16), row.start_us)
    keeper.store.put(other.path, data)
    (strange,) = announce(keeper, other)
    assert isinstance(strange, RefusedError)


def test_it_goes_with_the_original_and_not_before(keeper: TownKeeper) -> None:
    row = view(keeper)
    keeper.record()
    keeper.advance(KEPT_US - 1)
    assert keeper.retain().deleted.renditions == 0
    assert left(keeper) == [row.path]
    keeper.advance(1)
    report = keeper.retain()
    assert (report.deleted.epochs, report.deleted.renditions) == (1, 1)
    assert left(keeper) == []


def test_what_reaches_into_another_epoch_goes_with_the_later(keeper: TownKeeper) -> None:
    first = keeper.record()
    keeper.advance(HOUR_US)
    later = keeper.record()
    both = view(keeper, later.footage.header.utc0_us - 1)
    assert first.footage.header.utc0_us < both.start_us
    keeper.advance(KEPT_US - HOUR_US)
    assert keeper.retain().deleted.epochs == 1
    assert left(keeper) == [both.path]
    keeper.advance(HOUR_US)
    assert keeper.retain().deleted.epochs == 1
    assert left(keeper) == []


def test_a_hold_of_the_original_holds_it(keeper: TownKeeper) -> None:
    row = view(keeper)
    held = keeper.record()
    keeper.advance(KEPT_US - HOUR_US)
    until_us = keeper.town.now_us + 2 * DAY_US
    keeper.town.admit("hold", epochs=[b64u(held.epoch)], until_us=until_us)
    keeper.advance(6 * HOUR_US)
    keeper.retain()
    assert left(keeper) == [row.path]
    keeper.advance(until_us - keeper.town.now_us + 1)
    keeper.retain()
    assert left(keeper) == []


def test_of_a_full_hold_only_what_reaches_into_a_held_slot_stays() -> None:
    kept = Kept(b"epoch", 1000, 1060, 10, (object(),))  # type: ignore[arg-type]
    held = {b"epoch": {2, 4}}
    assert [kept.keeps(at, at + 5, held) for at in (1000, 1015, 1016, 1025, 1030, 1045)] == [
        False, False, True, True, False, True,
    ]  # fmt: skip
    assert kept.keeps(1000, 1005, {b"epoch": None})
    assert not kept.keeps(1060, 1065, {b"epoch": None})


def test_without_an_original_it_goes_when_the_retention_is_over(keeper: TownKeeper) -> None:
    row = view(keeper)
    keeper.advance(KEPT_US)
    assert keeper.retain().deleted.renditions == 0
    assert left(keeper) == [row.path]
    keeper.advance(HOUR_US + MINUTE_US)
    assert keeper.retain().deleted.renditions == 1
    assert left(keeper) == []


def test_room_is_made_of_it_too(keeper: TownKeeper) -> None:
    row = view(keeper)
    keeper.record()
    keeper.advance(2 * DAY_US)
    keeper.store.free_bytes = lambda: 1000
    report = keeper.retain(keep_free_bytes=2000)
    assert (report.keys_for_space, report.deleted.renditions) == (1, 1)
    assert not list(keeper.store.list("renditions"))
    assert row.path not in keeper.store.list("")


def test_nothing_goes_while_the_catalogue_is_another(keeper: TownKeeper) -> None:
    row = view(keeper)
    keeper.record()
    keeper.advance(KEPT_US)
    with keeper.database.writing() as connection:
        for epoch, _ in keeper.catalogue.statuses():
            keeper.catalogue.forget_epoch(connection, epoch)
    try:
        keeper.retain()
    except UnavailableError:
        pass
    else:
        raise AssertionError("it deleted by a catalogue that is not the ledger's")
    assert left(keeper) == [row.path]

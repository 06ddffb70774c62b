"""What lies outside held slots goes with the epoch's key, reel by reel and at the ends of a reel."""

from pathlib import Path
from typing import Any

import pytest
from keeping.keeper import Recorded, TownKeeper

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US
from custodes.base.errors import UnverifiedError
from custodes.base.sealing import PublicSealingKey
from custodes.cases.hold import HeldPlace, HoldScope, held_hash, hold_scope_path
from custodes.cases.scope import EpochSlots, Scope
from custodes.custody.frames import reader_of
from custodes.custody.reel_reader import ReelReader
from custodes.services.check import Check, CheckSources
from custodes.services.keeper.trimming import shortened
from custodes.services.rebuild import rebuild_database

KEPT_US = 73 * HOUR_US


def hold(keeper: TownKeeper, recorded: Recorded, *slots: int, shares: int = 2) -> bytes:
    """A full hold of those slots with so many custodians' messages."""
    town, header = keeper.town, recorded.footage.header
    scope = HoldScope(b"s" * 32, Scope((EpochSlots(header.stream, header.epoch, slots),)))
    town.admit("request", kind="court-order", expiry_us=town.now_us + DAY_US)
    town.grant(town.last_request)
    town.admit("hold", kind="full", until_us=town.now_us + 60 * DAY_US, **scope.entry_members())
    key = PublicSealingKey(town.keeper.sealing.public)
    path = hold_scope_path(b"c" * 16, town.last_request, key.id)
    keeper.store.put(path, scope.seal(town.last_hold, key))
    for index in range(1, shares + 1):
        place, message = (
            HeldPlace(town.last_hold, index, header.epoch, header.hash),
            b"sealed to its custodian",
        )
        keeper.holding._keep(place, message)
        town.admit("hold-share", custodian=index, message=b64u(held_hash(message)), header=b64u(header.hash))
    return town.last_hold


def slots_of(keeper: TownKeeper, path: str) -> list[int]:
    data = keeper.store.get(path)
    reader = ReelReader(reader_of(data), len(data))
    for position in range(len(reader.footer.rows)):
        reader.envelope(position)
    return [row.slot for row in reader.footer.rows]


def damage(keeper: TownKeeper) -> list[str]:
    sources = CheckSources(keeper.known_network, keeper.store, keeper.catalogue, keeper.copies)
    found = Check(sources, False, lambda *_: None).run()
    return [f"{one.kind}: {one.where}: {one.what}" for one in found if one.is_damage]


@pytest.fixture
def recorded(keeper: TownKeeper) -> Recorded:
    """Three reels over four slots: each ends within one."""
    return keeper.record(reels=3, envelopes=16)


def test_reels_without_a_held_slot_go_and_others_are_cut_to_them(
    keeper: TownKeeper, recorded: Recorded
) -> None:
    hold(keeper, recorded, 1)
    keeper.advance(KEPT_US)
    report = keeper.retain()
    assert (report.keys, report.deleted.epochs, report.deleted.reels, report.alarms) == (1, 0, 1, ())
    first, second, _ = recorded.reels
    there = list(keeper.store.list(recorded.folder))
    assert there == [first, second, f"{recorded.folder}/shares"]
    assert slots_of(keeper, first) == [1] * 4
    assert slots_of(keeper, second) == [1] * 8
    freed = sum(map(len, recorded.footage.reels.values())) - sum(
        keeper.store.size(path) for path in there[:2]
    )
    assert report.deleted.size_bytes == freed
    rows = keeper.catalogue.reels_of_epoch(recorded.epoch)
    assert [(row.first_sequence, row.count) for row in rows] == [(12, 4), (16, 8)]
    assert keeper.catalogue.statuses() == [(recorded.epoch, "kept")]
    assert damage(keeper) == []
    assert keeper.retain().deleted.size_bytes == 0


def test_what_lies_between_two_held_slots_of_one_reel_stays(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=1, envelopes=48)
    hold(keeper, recorded, 0, 2)
    keeper.advance(KEPT_US)
    keeper.retain()
    assert slots_of(keeper, recorded.reels[0]) == [0] * 12 + [1] * 12 + [2] * 12
    assert damage(keeper) == []


def test_a_reel_that_came_late_is_trimmed_too(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=3, envelopes=16, announce=False)
    hold(keeper, recorded, 1)
    keeper.advance(KEPT_US)
    assert keeper.retain().deleted.reels == 0
    assert all(isinstance(answer, int) for answer in keeper.announce(recorded.reels))
    assert keeper.retain().deleted.reels == 1
    assert slots_of(keeper, recorded.reels[1]) == [1] * 8


def test_where_the_held_slots_are_not_known_all_of_it_stays(keeper: TownKeeper, recorded: Recorded) -> None:
    hold(keeper, recorded, 1)
    (path,) = [path for path in keeper.store.list("cases") if "/hold." in path]
    keeper.store.delete(path)
    keeper.advance(KEPT_US)
    report = keeper.retain()
    assert (report.keys, report.deleted.reels) == (1, 0)
    assert report.alarms[0].startswith("what is held is not known, all of it stays")


def test_a_crash_between_reel_and_row_is_made_up_for(keeper: TownKeeper, recorded: Recorded) -> None:
    rows = keeper.catalogue.reels_of_epoch(recorded.epoch)
    hold(keeper, recorded, 1)
    keeper.advance(KEPT_US)
    keeper.retain()
    after = keeper.catalogue.reels_of_epoch(recorded.epoch)
    with keeper.database.writing() as connection:
        for row in rows[:2]:
            keeper.catalogue.remove_reel(connection, recorded.epoch, row.number)
        for row in rows:
            keeper.catalogue.add_reel(connection, row)
    keeper.restart()
    assert keeper.retain().deleted.size_bytes == rows[2].size_bytes
    assert keeper.catalogue.reels_of_epoch(recorded.epoch) == after


def test_a_rebuilt_catalogue_knows_what_is_kept(
    keeper: TownKeeper, recorded: Recorded, tmp_path: Path
) -> None:
    hold(keeper, recorded, 1)
    keeper.advance(KEPT_US)
    keeper.retain()
    before = (keeper.catalogue.statuses(), keeper.catalogue.reels_of_epoch(recorded.epoch))
    keeper.close()
    rebuild_database(keeper.store, keeper.known_network, keeper.database_file, list, lambda *_: None)
    keeper.restart_from_tiles()
    assert (keeper.catalogue.statuses(), keeper.catalogue.reels_of_epoch(recorded.epoch)) == before
    keeper.advance(60 * DAY_US)
    report = keeper.retain()
    assert (report.keys, report.deleted.epochs) == (1, 1)
    assert list(keeper.store.list("streams")) == list(keeper.store.list("holds")) == []
    assert damage(keeper) == []


def test_a_lost_reel_of_a_kept_epoch_is_named(keeper: TownKeeper, recorded: Recorded) -> None:
    hold(keeper, recorded, 1)
    keeper.advance(KEPT_US)
    keeper.retain()
    keeper.store.delete(recorded.reels[0])
    assert damage(keeper) == [f"missing: {recorded.reels[0]}: a reel that the catalogue knows"]


def test_two_holds_keep_the_slots_of_both(keeper: TownKeeper, recorded: Recorded) -> None:
    hold(keeper, recorded, 0)
    hold(keeper, recorded, 1, shares=1)
    keeper.advance(KEPT_US)
    # One of the two has too few shares: the key stays, and so does everything.
    assert keeper.retain().keys == 0
    assert len(keeper.catalogue.reels_of_epoch(recorded.epoch)) == 3
    town, header = keeper.town, recorded.footage.header
    keeper.holding._keep(HeldPlace(town.last_hold, 2, header.epoch, header.hash), b"another")
    town.admit("hold-share", custodian=2, message=b64u(held_hash(b"another")), header=b64u(header.hash))
    assert keeper.retain().keys == 1
    assert slots_of(keeper, recorded.reels[0]) == [0] * 12 + [1] * 4
    assert len(keeper.catalogue.reels_of_epoch(recorded.epoch)) == 2


def test_a_cut_end_stays_a_cut_end(keeper: TownKeeper) -> None:
    recorded: Any = keeper.record(reels=1, envelopes=14, cut=True, close=True)
    data = next(iter(recorded.footage.reels.values()))
    before = ReelReader(reader_of(data), len(data)).footer
    after = shortened(data, {1})
    footer = ReelReader(reader_of(after), len(after)).footer
    assert (footer.last, footer.rows[-1].is_cut, footer.is_recovered) == (before.last, True, True)
    without = shortened(data, {0})
    footer = ReelReader(reader_of(without), len(without)).footer
    assert (len(footer.rows), footer.rows[-1].is_cut, footer.is_recovered) == (12, False, False)
    assert shortened(data, {0, 1}) == data
    with pytest.raises(UnverifiedError):
        shortened(data, {3})
    with pytest.raises(UnverifiedError):
        shortened(data[:-20], {1})

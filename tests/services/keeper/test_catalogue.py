"""The catalogue follows the ledger in one transaction, and takes reels only as the ledger knows them."""

from pathlib import Path

import pytest
from keeping.footage import make_footage
from keeping.keeper import TownKeeper
from town.people import make_id

from custodes.adapters.objects.memory import Fault
from custodes.base.canon import b64u
from custodes.base.clock import HOUR_US, SECOND_US
from custodes.base.errors import (
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnverifiedError,
)
from custodes.base.keys import sign_body
from custodes.custody.paths import share_set_path
from custodes.services.facts import MAX_FACTS
from custodes.services.keeper.catalogue import catalogue_fault


def fault(keeper: TownKeeper) -> str:
    return catalogue_fault(keeper.town.state, keeper.catalogue.statuses())


def test_an_epoch_has_its_row_with_its_entry(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=0, close=False)
    row = keeper.catalogue.epoch(recorded.epoch)
    epoch = keeper.town.state.epoch(recorded.epoch)
    assert (row.entry, row.deadline_us, row.status) == (epoch.index, epoch.deadline_us, "open")
    assert (row.pool, row.key_index, row.slots) == (keeper.town.pool, 0, 4)
    keeper.account(recorded.footage)
    assert keeper.catalogue.epoch(recorded.epoch).status == "closed"
    keeper.advance(80 * HOUR_US)
    keeper.town.admit("shred", items=[item(recorded)])
    assert keeper.catalogue.epoch(recorded.epoch).status == "shredded"
    assert fault(keeper) == ""


def test_a_restart_entry_closes_epochs_too(keeper: TownKeeper) -> None:
    recorded = keeper.record(close=False)
    footage = make_footage(keeper.town, make_id("second"), 1, 0, 0)
    keeper.town.admit("epoch", header=footage.header.to_json())
    keeper.account(footage, close=True, restart=True)
    assert keeper.catalogue.epoch(footage.header.epoch).status == "closed"
    assert keeper.catalogue.epoch(recorded.epoch).status == "open"


def test_catalogue_and_ledger_agree_after_a_crash_before_publication(keeper: TownKeeper) -> None:
    keeper.record()
    footage = make_footage(keeper.town, make_id("late"), 1, 1, 2)
    statement = keeper.town.make("epoch", header=footage.header.to_json())
    keeper.store.break_(Fault.NOT_LANDED)
    with pytest.raises(UnavailableError):
        keeper.ledger.sequencer.submit([statement])
    keeper.store.mend()
    keeper.restart()
    assert footage.header.epoch in keeper.town.state.facts.epochs.live
    assert keeper.catalogue.epoch(footage.header.epoch).status == "open"
    assert fault(keeper) == ""


def test_a_statement_that_no_rule_can_read_is_refused_and_nothing_else(keeper: TownKeeper) -> None:
    network = b64u(keeper.town.network)
    statements = [
        sign_body(f"custodes/entry/{name}/v1", {"network": network, **body}, keeper.town.keeper.signing)
        for name, body in (
            ("shred", {"items": 7}),
            ("shred", {"items": [{"epoch": 1}], "reason": "deadline"}),
            ("account", {"closed": "all"}),
            ("epoch", {"header": []}),
        )
    ]
    answers = keeper.ledger.sequencer.submit(statements)
    assert [type(answer) for answer in answers] == [InvalidError] * 4


def test_announced_reels_are_rows_as_their_footers_say(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=2, envelopes=3, announce=False)
    assert keeper.catalogue.reels_of_epoch(recorded.epoch) == []
    assert keeper.announce(recorded.reels) == [0, 1]
    assert keeper.announce(recorded.reels) == [0, 1]
    keeper.restart()
    first, second = keeper.catalogue.reels_of_epoch(recorded.epoch)
    utc0_us = recorded.footage.header.utc0_us
    assert (first.path, first.size_bytes) == (
        recorded.reels[0],
        len(recorded.footage.reels[recorded.reels[0]]),
    )
    assert (second.number, second.first_sequence, second.count, len(second.rows)) == (1, 3, 3, 60)
    assert (second.begins_us, second.ends_us) == (utc0_us + 15 * SECOND_US, utc0_us + 26_800_000)
    assert not second.recovered
    assert keeper.catalogue.reels_between(keeper.town.stream, utc0_us, utc0_us + SECOND_US) == [first]


def test_a_reel_waits_for_its_epoch_and_is_refused_once_that_cannot_come(keeper: TownKeeper) -> None:
    footage = make_footage(keeper.town, make_id("unknown"), 0, 1, 2)
    (path,) = footage.reels
    keeper.store.put(path, footage.reels[path])
    (answer,) = keeper.announce([path])
    assert isinstance(answer, UnavailableError)
    keeper.advance(80 * HOUR_US)
    keeper.town.admit("access")
    (answer,) = keeper.announce([path])
    assert isinstance(answer, RefusedError)


def test_each_reel_of_an_announcement_is_judged_alone(keeper: TownKeeper) -> None:
    good, other = keeper.record(announce=False), keeper.record(announce=False)
    store, footage = keeper.store, other.footage
    missing = good.reels[0].replace("0000.reel", "0007.reel")
    flipped = other.reels[0]
    store.delete(flipped)
    data = bytearray(footage.reels[flipped])
    data[-20] ^= 1
    store.put(flipped, bytes(data))
    swapped = good.reels[0].replace("0000.reel", "0008.reel")
    store.put(swapped, good.footage.reels[good.reels[1]])
    answers = keeper.announce([missing, good.reels[0], flipped, "log/checkpoint", swapped, good.reels[1]])
    kinds = [answer if isinstance(answer, int) else type(answer) for answer in answers]
    assert kinds[:2] == [NotFoundError, 1]
    assert isinstance(answers[2], UnverifiedError)
    assert kinds[3] is InvalidError
    assert isinstance(answers[4], UnverifiedError)
    assert kinds[5] == 5
    assert [reel.number for reel in keeper.catalogue.reels_of_epoch(good.epoch)] == [0, 1]
    assert keeper.catalogue.reels_of_epoch(other.epoch) == []


def test_a_reel_under_a_header_that_is_not_the_ledgers_is_refused(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=0)
    forged = make_footage(keeper.town, recorded.epoch, 1, 1, 2)
    (path,) = forged.reels
    keeper.store.put(path, forged.reels[path])
    (answer,) = keeper.announce([path])
    assert isinstance(answer, UnverifiedError)


def test_while_the_store_is_away_reels_are_asked_for_again(keeper: TownKeeper) -> None:
    recorded = keeper.record(announce=False)
    keeper.store.break_(Fault.AWAY)
    answers = keeper.announce(recorded.reels)
    assert [type(answer) for answer in answers] == [UnavailableError] * 2
    keeper.store.mend()
    assert keeper.announce(recorded.reels) == [0, 1]


def test_a_reel_that_comes_after_its_key_went_is_deleted(keeper: TownKeeper) -> None:
    recorded = keeper.record()
    keeper.advance(80 * HOUR_US)
    keeper.retain()
    assert list(keeper.store.list("streams")) == []
    late = recorded.reels[1]
    keeper.store.put(late, recorded.footage.reels[late])
    # The acknowledgement of the other one was lost; it is announced again, too.
    assert keeper.announce([late, recorded.reels[0]]) == [0, 1]
    assert list(keeper.store.list("streams")) == []
    assert keeper.catalogue.statuses() == []


def test_an_announcement_has_limits(keeper: TownKeeper) -> None:
    with pytest.raises(InvalidError):
        keeper.announce(["log/checkpoint"] * (MAX_FACTS + 1))


def test_a_database_that_was_deleted_is_noticed(keeper: TownKeeper) -> None:
    keeper.record()
    keeper.record(close=False)
    assert fault(keeper) == ""
    keeper.close()
    for file in keeper.network_folder.keeper.glob("database.sqlite*"):
        file.unlink()
    keeper._open()
    assert "2 epochs are missing" in fault(keeper)
    # New epochs do not hide it.
    keeper.record()
    assert "2 epochs are missing" in fault(keeper)


def test_a_database_that_was_restored_from_before_is_noticed(keeper: TownKeeper, tmp_path: Path) -> None:
    first = keeper.record(close=False)
    keeper.close()
    saved = keeper.database_file.read_bytes()
    keeper._open()
    keeper.account(first.footage)
    keeper.record()
    keeper.close()
    keeper.database_file.write_bytes(saved)
    keeper._open()
    assert "1 epochs are missing, 1 epochs are behind" in fault(keeper)


def test_a_catalogue_of_another_ledger_is_noticed(keeper: TownKeeper, tmp_path: Path) -> None:
    keeper.record()
    statuses = keeper.catalogue.statuses()
    other = TownKeeper(tmp_path / "other")
    assert "1 epochs are in no entry" in catalogue_fault(other.town.state, statuses)
    other.close()


def item(recorded: object) -> dict[str, object]:
    header = recorded.footage.header  # type: ignore[attr-defined]
    return {"epoch": b64u(header.epoch), "index": header.shred.index, "pool": b64u(header.shred.pool)}


def test_a_share_set_alone_is_no_reel(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=0)
    header = recorded.footage.header
    (answer,) = keeper.announce([share_set_path(header.stream, header.utc0_us, header.epoch)])
    assert isinstance(answer, InvalidError)

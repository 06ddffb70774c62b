"""The keeper's database made anew: the same as before, from whatever is left, or nothing is changed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from keeping.footage import make_footage
from keeping.keeper import Recorded, TownKeeper
from town.people import make_id

from custodes.adapters.objects.memory import Fault
from custodes.adapters.sql.assignments import SqlAssignments
from custodes.adapters.sql.database import Database
from custodes.base.canon import b64u, canon
from custodes.base.clock import HOUR_US
from custodes.base.errors import InvalidError, UnavailableError, UnverifiedError
from custodes.base.keys import sign_body
from custodes.estate.model import Assignment
from custodes.services.keeper.catalogue import catalogue_fault
from custodes.services.rebuild import Rebuilt, assignments_of_settings, rebuild_database


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[TownKeeper]:
    made = TownKeeper(tmp_path)
    yield made
    made.close()


@pytest.fixture
def recorded(keeper: TownKeeper) -> list[Recorded]:
    """Closed, cut, open, and without reels."""
    with keeper.database.writing() as connection:
        SqlAssignments(keeper.database).assign(connection, assignment(keeper))
    return [keeper.record(), keeper.record(cut=True), keeper.record(close=False), keeper.record(reels=0)]


def assignment(keeper: TownKeeper) -> Assignment:
    town = keeper.town
    return Assignment(
        camera=town.camera,
        stream=town.stream,
        recorder=town.recorder_id,
        url="rtsp://192.0.2.7/main",
        password={b"k" * 16: b"sealed"},
    )


def contents(keeper: TownKeeper) -> dict[str, Any]:
    catalogue = keeper.catalogue
    epochs = [catalogue.epoch(epoch) for epoch, _ in sorted(catalogue.statuses())]
    return {
        "entries": list(keeper.outbox.entries()),
        "places": keeper.outbox.size(),
        "epochs": epochs,
        "reels": [catalogue.reels_of_epoch(epoch.epoch) for epoch in epochs],
        "assignments": SqlAssignments(keeper.database).all(),
    }


def rebuild(keeper: TownKeeper, told: Sequence[Assignment] = (), **changes: Any) -> Rebuilt:
    """With the keeper stopped, and started again behind it."""
    keeper.close()
    options: dict[str, Any] = {"network": keeper.known_network, "progress": ignore, **changes}
    try:
        return rebuild_database(
            keeper.store,
            options["network"],
            keeper.database_file,
            lambda: told,
            options["progress"],
        )
    finally:
        keeper.restart_from_tiles()


def ignore(_what: str, _done: int, _total: int) -> None:
    """No terminal."""


def forget_database(keeper: TownKeeper) -> None:
    for file in keeper.network_folder.keeper.glob("database.sqlite*"):
        file.unlink()


def test_it_is_the_same_as_before(keeper: TownKeeper, recorded: list[Recorded]) -> None:
    before = contents(keeper)
    rebuilt = rebuild(keeper)
    assert contents(keeper) == before
    assert (rebuilt.entries, rebuilt.epochs, rebuilt.reels) == (len(before["entries"]), 4, 6)
    assert rebuilt.notes == []
    names = {file.name for file in keeper.network_folder.keeper.iterdir()}
    assert {name for name in names if ".new" in name} == set()
    assert "database.sqlite.before" in names
    # What is reused is a database like any other, and the one before is kept whole.
    rebuild(keeper)
    old = Database.open_to_read(keeper.database_file.with_name("database.sqlite.before"))
    assert len(SqlAssignments(old).all()) == 1
    old.close()


def test_without_the_old_one_it_comes_from_ledger_store_and_recorders(
    keeper: TownKeeper, recorded: list[Recorded]
) -> None:
    before = contents(keeper)
    keeper.close()
    forget_database(keeper)
    keeper.restart_from_tiles()
    assert "rebuild" in catalogue_fault(keeper.town.state, keeper.catalogue.statuses())
    keeper.close()
    forget_database(keeper)
    # A log without its database would be taken for the new one's.
    keeper.database_file.with_name("database.sqlite-wal").write_bytes(b"stale" * 1000)
    rebuild(keeper, [assignment(keeper)])
    assert contents(keeper) == before
    assert catalogue_fault(keeper.town.state, keeper.catalogue.statuses()) == ""
    keeper.advance(80 * HOUR_US)
    assert keeper.retain().keys == 4


@pytest.mark.parametrize("how", ["garbage", "short", "page", "empty"])
def test_from_a_damaged_one_what_is_good_is_taken(
    keeper: TownKeeper, recorded: list[Recorded], how: str
) -> None:
    before = contents(keeper)
    keeper.close()
    whole = keeper.database_file.read_bytes()
    damaged = {
        "garbage": b"not a database" * 500,
        "short": whole[: len(whole) // 2],
        "page": whole[:4096] + bytes(4096) + whole[8192:],
        "empty": b"",
    }[how]
    keeper.database_file.write_bytes(damaged)
    rebuilt = rebuild(keeper, [assignment(keeper)])
    assert contents(keeper) == before
    # The page is one of a table that is not read.
    assert ["ledger's files alone" in note for note in rebuilt.notes] == ([] if how == "page" else [True])


def test_from_an_earlier_one_it_catches_up(keeper: TownKeeper) -> None:
    keeper.record()
    keeper.close()
    saved = keeper.database_file.read_bytes()
    keeper.restart_from_tiles()
    keeper.record()
    before = contents(keeper)
    keeper.close()
    keeper.database_file.write_bytes(saved)
    rebuild(keeper)
    assert contents(keeper) == before


def test_of_another_ledger_only_the_files_count(keeper: TownKeeper, tmp_path: Path) -> None:
    keeper.record()
    before = contents(keeper)
    other = TownKeeper(tmp_path / "other", keys=3)
    other.record()
    other.record()
    other.close()
    keeper.close()
    keeper.database_file.write_bytes(other.database_file.read_bytes())
    rebuild(keeper)
    assert contents(keeper) == before


def test_what_was_admitted_and_not_yet_public_is_kept(keeper: TownKeeper) -> None:
    footage = make_footage(keeper.town, make_id("late"), 0, 1, 2)
    statement = keeper.town.make("epoch", header=footage.header.to_json())
    keeper.store.break_(Fault.NOT_LANDED)
    with pytest.raises(UnavailableError):
        keeper.ledger.sequencer.submit([statement])
    keeper.store.mend()
    size = keeper.outbox.size()
    keeper.close()
    rebuild(keeper)
    assert keeper.outbox.size() == size
    assert footage.header.epoch in keeper.town.state.facts.epochs.live


def test_retention_finds_again_what_it_was_deleting(keeper: TownKeeper) -> None:
    closed, unclosed = keeper.record(), keeper.record(close=False)
    keeper.advance(80 * HOUR_US)
    keeper.retain()
    for one in (closed, unclosed):
        keeper.store.put(one.reels[0], one.footage.reels[one.reels[0]])
    keeper.close()
    forget_database(keeper)
    rebuild(keeper)
    statuses = dict(keeper.catalogue.statuses())
    assert statuses == {closed.epoch: "shredded", unclosed.epoch: "shredded"}
    assert catalogue_fault(keeper.town.state, keeper.catalogue.statuses()) == ""
    assert keeper.retain().deleted.reels == 2
    assert list(keeper.store.list("streams")) == []


def test_what_is_damaged_or_nobodys_is_named_and_left_out(
    keeper: TownKeeper, recorded: list[Recorded]
) -> None:
    first = recorded[0]
    damaged, swapped = first.reels
    keeper.store.delete(damaged)
    keeper.store.put(damaged, first.footage.reels[damaged][:-1])
    keeper.store.delete(swapped)
    keeper.store.put(swapped, recorded[1].footage.reels[recorded[1].reels[1]])
    stranger = f"streams/{'0' * 32}/2027-01-15/{'1' * 32}"
    keeper.store.put(f"{stranger}/0000.reel", b"stranger")
    rebuilt = rebuild(keeper)
    assert [note.partition(":")[0] for note in rebuilt.notes] == [stranger, damaged, swapped]
    assert rebuilt.reels == 4
    assert keeper.store.get(f"{stranger}/0000.reel") == b"stranger"


def test_broken_off_it_leaves_what_was_there(keeper: TownKeeper, recorded: list[Recorded]) -> None:
    before = contents(keeper)

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(keeper, progress=interrupt)
    assert contents(keeper) == before
    assert [file for file in keeper.network_folder.keeper.iterdir() if "new" in file.name] == []


def test_it_is_refused_for_another_networks_store(keeper: TownKeeper, recorded: list[Recorded]) -> None:
    before = contents(keeper)
    with pytest.raises(UnverifiedError):
        rebuild(keeper, network=b"n" * 32)
    assert contents(keeper) == before


def test_while_the_store_is_away_nothing_is_changed(keeper: TownKeeper, recorded: list[Recorded]) -> None:
    before = contents(keeper)
    keeper.close()
    keeper.store.break_(Fault.AWAY)
    with pytest.raises(UnavailableError):
        rebuild_database(keeper.store, keeper.known_network, keeper.database_file, list, ignore)
    keeper.store.mend()
    keeper.restart_from_tiles()
    assert contents(keeper) == before


def test_a_recorders_settings_tell_its_assignments(keeper: TownKeeper) -> None:
    town = keeper.town
    member = {
        "camera": b64u(town.camera),
        "password": {b64u(b"k" * 16): b64u(b"sealed")},
        "priority": 5,
        "stream": b64u(town.stream),
        "transport": "tcp",
        "url": "rtsp://192.0.2.7/main",
        "username": "",
    }
    body = {"assignments": [member], "recorder": b64u(town.recorder_id)}
    signed = sign_body("custodes/settings/v1", body, town.keeper.signing)
    assert assignments_of_settings(canon(signed.to_json())) == [assignment(keeper)]
    del member["url"]
    signed = sign_body("custodes/settings/v1", body, town.keeper.signing)
    with pytest.raises(InvalidError):
        assignments_of_settings(canon(signed.to_json()))

"""Epochs, reels and assignments: repeatable notes, time ranges, deletion in order."""

from dataclasses import replace

import pytest

from custodes.adapters.sql.assignments import SqlAssignments
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.rows import CatalogueEpoch, CatalogueReel
from custodes.base.clock import HOUR_US, MINUTE_US
from custodes.base.errors import ConflictError, NotFoundError
from custodes.estate.model import Assignment

STREAM = b"s" * 16
START_US = 1_800_000_000_000_000
EPOCH = CatalogueEpoch(
    epoch=b"e" * 16,
    stream=STREAM,
    camera=b"c" * 16,
    recorder=b"r" * 16,
    run=3,
    utc0_us=START_US,
    slots=60,
    deadline_us=START_US + 73 * HOUR_US,
    pool=b"p" * 16,
    key_index=7,
    entry=12,
)


def _reel(number: int, epoch: bytes = EPOCH.epoch) -> CatalogueReel:
    begins_us = START_US + number * 5 * MINUTE_US
    return CatalogueReel(
        epoch=epoch,
        number=number,
        stream=STREAM,
        path=f"streams/{STREAM.hex()}/2027-01-15/{epoch.hex()}/{number:04d}.reel",
        size_bytes=1 << 20,
        first_sequence=number * 50,
        count=50,
        begins_us=begins_us,
        ends_us=begins_us + 5 * MINUTE_US,
        rows=bytes(range(20)) * 50,
        recovered=number == 2,
    )


@pytest.fixture
def catalogue(database: Database) -> SqlCatalogue:
    made = SqlCatalogue(database)
    with database.writing() as connection:
        made.add_epoch(connection, EPOCH)
        for number in range(4):
            made.add_reel(connection, _reel(number))
    return made


def test_notes_may_be_repeated(catalogue: SqlCatalogue, database: Database) -> None:
    with database.writing() as connection:
        catalogue.advance_epoch(connection, EPOCH.epoch, "closed")
        catalogue.add_epoch(connection, EPOCH)
        catalogue.add_reel(connection, _reel(2))
    assert catalogue.epoch(EPOCH.epoch) == replace(EPOCH, status="closed")
    assert catalogue.reels_of_epoch(EPOCH.epoch) == [_reel(number) for number in range(4)]


def test_other_facts_are_a_conflict(catalogue: SqlCatalogue, database: Database) -> None:
    with pytest.raises(ConflictError), database.writing() as connection:
        catalogue.add_epoch(connection, replace(EPOCH, run=4))
    with pytest.raises(ConflictError), database.writing() as connection:
        catalogue.add_reel(connection, replace(_reel(1), count=49))
    with pytest.raises(ConflictError), database.writing() as connection:
        catalogue.add_reel(connection, replace(_reel(9), path=_reel(1).path))


def test_status_goes_only_forward(catalogue: SqlCatalogue, database: Database) -> None:
    with database.writing() as connection:
        catalogue.advance_epoch(connection, EPOCH.epoch, "shredded")
        catalogue.advance_epoch(connection, EPOCH.epoch, "closed")
    assert catalogue.epoch(EPOCH.epoch).status == "shredded"
    with pytest.raises(NotFoundError), database.writing() as connection:
        catalogue.advance_epoch(connection, b"x" * 16, "closed")


def test_reels_in_a_time_range(catalogue: SqlCatalogue) -> None:
    def numbers(from_min: float, to_min: float) -> list[int]:
        found = catalogue.reels_between(
            STREAM, START_US + int(from_min * MINUTE_US), START_US + int(to_min * MINUTE_US)
        )
        return [reel.number for reel in found]

    assert numbers(0, 60) == [0, 1, 2, 3]
    assert numbers(5, 10) == [1]
    assert numbers(4.9, 10.1) == [0, 1, 2]
    assert numbers(20, 60) == []
    assert numbers(-60, 0) == []
    assert catalogue.reels_between(b"x" * 16, 0, START_US * 2) == []


def test_what_is_due(catalogue: SqlCatalogue, database: Database) -> None:
    later = replace(EPOCH, epoch=b"f" * 16, deadline_us=EPOCH.deadline_us + 1)
    with database.writing() as connection:
        catalogue.add_epoch(connection, later)
    assert catalogue.epochs_due(EPOCH.deadline_us - 1) == []
    assert catalogue.epochs_due(EPOCH.deadline_us) == [EPOCH]
    assert catalogue.epochs_due(EPOCH.deadline_us + 1) == [EPOCH, later]
    assert catalogue.epochs_due(EPOCH.deadline_us + 1, limit=1) == [EPOCH]
    with database.writing() as connection:
        catalogue.advance_epoch(connection, EPOCH.epoch, "shredded")
    assert catalogue.epochs_due(EPOCH.deadline_us + 1) == [later]
    assert [epoch.epoch for epoch in catalogue.epochs_with_status("shredded")] == [EPOCH.epoch]


def test_forgetting(catalogue: SqlCatalogue, database: Database) -> None:
    with database.writing() as connection:
        catalogue.remove_reel(connection, EPOCH.epoch, 0)
        catalogue.remove_reel(connection, EPOCH.epoch, 0)
    assert catalogue.stored_bytes() == {STREAM: 3 << 20}
    with database.writing() as connection:
        catalogue.forget_epoch(connection, EPOCH.epoch)
        catalogue.forget_epoch(connection, EPOCH.epoch)
    assert catalogue.stored_bytes() == {}
    with pytest.raises(NotFoundError):
        catalogue.epoch(EPOCH.epoch)


def test_assignments(database: Database) -> None:
    assignments = SqlAssignments(database)
    first = Assignment(
        EPOCH.camera, STREAM, EPOCH.recorder, "rtsp://192.0.2.7/main", "udp", "u", {b"k" * 16: b"sealed"}, 9
    )
    second = Assignment(EPOCH.camera, b"t" * 16, b"q" * 16, "rtsp://192.0.2.7/sub")
    with database.writing() as connection:
        assignments.assign(connection, second)
        assignments.assign(connection, first)
        assignments.assign(connection, first)
    assert assignments.all() == [first, second]
    assert assignments.of_recorder(second.recorder) == [second]
    with database.writing() as connection:
        assignments.assign(connection, replace(first, recorder=second.recorder))
        assignments.release(connection, second.stream)
        assignments.release(connection, second.stream)
    assert assignments.of_recorder(second.recorder) == [replace(first, recorder=second.recorder)]

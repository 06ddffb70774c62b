"""The outbox: one order, no holes, all or nothing."""

import pytest
from sqlalchemy import Connection

from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import OutboxRow, SqlOutbox
from custodes.adapters.sql.rows import CatalogueReel
from custodes.base.errors import ConflictError, RefusedError


def _rows(start: int, stop: int) -> list[OutboxRow]:
    return [OutboxRow(i, i.to_bytes(32, "big"), 1000 + i, b"entry %d" % i) for i in range(start, stop)]


@pytest.fixture
def outbox(database: Database) -> SqlOutbox:
    return SqlOutbox(database)


def test_append_and_read(outbox: SqlOutbox) -> None:
    assert outbox.size() == 0
    assert list(outbox.entries()) == []
    outbox.append(_rows(0, 1500))
    outbox.append(_rows(1500, 2100))
    outbox.append([])
    assert outbox.size() == 2100
    assert list(outbox.entries()) == [b"entry %d" % i for i in range(2100)]
    assert list(outbox.entries(999, 1001)) == [b"entry 999", b"entry 1000"]


def test_places(outbox: SqlOutbox) -> None:
    outbox.append(_rows(0, 1200))
    wanted = [i.to_bytes(32, "big") for i in range(600, 1300)]
    assert outbox.places(wanted) == {i.to_bytes(32, "big"): i for i in range(600, 1200)}
    assert outbox.places([]) == {}


def test_no_holes_and_no_second_of_a_place(outbox: SqlOutbox) -> None:
    outbox.append(_rows(0, 3))
    for rows in (_rows(2, 3), _rows(4, 5)):
        with pytest.raises(ConflictError):
            outbox.append(rows)
    with pytest.raises(ConflictError):
        outbox.append([OutboxRow(3, (1).to_bytes(32, "big"), 1, b"the same statement")])
    assert outbox.size() == 3


def test_entries_and_changes_go_together(outbox: SqlOutbox, database: Database) -> None:
    catalogue = SqlCatalogue(database)
    reel = CatalogueReel(b"e" * 16, 0, b"s" * 16, "streams/x/0000.reel", 9, 0, 1, 1, 2, bytes(20))

    def note(connection: Connection) -> None:
        catalogue.add_reel(connection, reel)

    def refuse(connection: Connection) -> None:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        outbox.append(_rows(0, 2), [note, refuse])
    assert outbox.size() == 0
    assert catalogue.reels_of_epoch(reel.epoch) == []
    outbox.append(_rows(0, 2), [note])
    assert outbox.size() == 2
    assert catalogue.reels_of_epoch(reel.epoch) == [reel]


def test_two_processes_cannot_both_append(address: str, outbox: SqlOutbox) -> None:
    other = Database.open(address)
    SqlOutbox(other).append(_rows(0, 2))
    with pytest.raises(ConflictError):
        outbox.append(_rows(0, 1))
    other.close()

"""Who looks is counted by role and hour, kept over a restart, and stated when the hour is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web import open_web_database
from custodes.adapters.sql.web.access import SqlAccess
from custodes.base.clock import HOUR_US, MINUTE_US, ManualClock
from custodes.base.errors import CustodesError, RefusedError, UnavailableError
from custodes.services.access import HourOfAccess, parse_access
from custodes.web.access import AccessCounter

BEGIN_US = 500_000 * HOUR_US


class Keeper:
    """What the keeper was asked to state."""

    def __init__(self) -> None:
        self.stated: list[HourOfAccess] = []
        self.refuse: CustodesError | None = None

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        assert (service, subject) == ("keeper", "access")
        if self.refuse is not None:
            raise self.refuse
        self.stated.append(parse_access(question))
        return b"{}"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_web_database(tmp_path / "web.sqlite")
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN_US + 5 * MINUTE_US)


async def test_counts_of_an_hour_are_stated_once(database: Database, clock: ManualClock) -> None:
    counter, keeper = AccessCounter(SqlAccess(database), clock), Keeper()
    for role in ("operator", "operator", "supervisor"):
        await counter.began(role)
    await counter.state_hours(keeper)
    assert keeper.stated == []
    clock.advance(HOUR_US)
    await counter.began("operator")
    await counter.state_hours(keeper)
    await counter.state_hours(keeper)
    assert keeper.stated == [HourOfAccess(BEGIN_US, {"operator": 2, "supervisor": 1})]
    clock.advance(HOUR_US)
    await counter.state_hours(keeper)
    assert keeper.stated[1:] == [HourOfAccess(BEGIN_US + HOUR_US, {"operator": 1})]


async def test_an_hour_in_which_nobody_looked_is_stated(database: Database, clock: ManualClock) -> None:
    counter, keeper = AccessCounter(SqlAccess(database), clock), Keeper()
    clock.advance(2 * HOUR_US)
    await counter.state_hours(keeper)
    assert keeper.stated == [HourOfAccess(BEGIN_US, {}), HourOfAccess(BEGIN_US + HOUR_US, {})]


async def test_counts_outlive_a_restart_and_a_keeper_that_is_away(
    database: Database, clock: ManualClock
) -> None:
    counter, keeper = AccessCounter(SqlAccess(database), clock), Keeper()
    await counter.began("operator")
    clock.advance(HOUR_US)
    keeper.refuse = UnavailableError("the keeper is away")
    with pytest.raises(UnavailableError):
        await counter.state_hours(keeper)
    keeper.refuse = None
    clock.advance(3 * HOUR_US)
    await AccessCounter(SqlAccess(database), clock).state_hours(keeper)
    assert keeper.stated == [HourOfAccess(BEGIN_US, {"operator": 1})]


async def test_an_hour_that_the_ledger_refuses_is_not_tried_for_ever(
    database: Database, clock: ManualClock
) -> None:
    counter, keeper = AccessCounter(SqlAccess(database), clock), Keeper()
    await counter.began("operator")
    clock.advance(HOUR_US)
    keeper.refuse = RefusedError("access-once: the hour is stated already")
    await counter.state_hours(keeper)
    keeper.refuse = None
    await counter.state_hours(keeper)
    assert keeper.stated == []


async def test_looking_at_what_was_recorded_is_counted_once_a_sitting(
    database: Database, clock: ManualClock
) -> None:
    counts = SqlAccess(database)
    counter = AccessCounter(counts, clock)
    for _ in range(5):
        await counter.replayed("otto", "operator", b"s" * 16)
        clock.advance(5 * MINUTE_US)
    assert counts.of(BEGIN_US) == {"operator": 1}
    await counter.replayed("otto", "operator", b"t" * 16)
    await counter.replayed("ilse", "supervisor", b"s" * 16)
    assert counts.of(BEGIN_US) == {"operator": 2, "supervisor": 1}
    clock.advance(11 * MINUTE_US)
    await counter.replayed("otto", "operator", b"s" * 16)
    assert counts.of(BEGIN_US) == {"operator": 3, "supervisor": 1}

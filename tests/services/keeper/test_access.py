"""An hour of access becomes one entry, when it is over and as it was counted."""

import asyncio

import pytest
from keeping.keeper import TownKeeper

from custodes.base.canon import canon, parse_canon
from custodes.base.clock import HOUR_US
from custodes.base.errors import InvalidError, RefusedError
from custodes.services.access import HourOfAccess, parse_access
from custodes.services.keeper.access import AccessDesk


def _this_hour(keeper: TownKeeper) -> int:
    now_us = keeper.clock.utc_us()
    return now_us - now_us % HOUR_US


def _state(keeper: TownKeeper, hour: HourOfAccess) -> int:
    desk = AccessDesk(keeper.ledger, keeper.town.keeper.signing, keeper.clock)
    index = parse_canon(asyncio.run(desk.desk(hour.encode())))["index"]
    assert type(index) is int
    return index


def test_an_hour_that_is_over_is_an_entry(keeper: TownKeeper) -> None:
    hour = HourOfAccess(_this_hour(keeper), {"operator": 3, "administrator": 1})
    keeper.advance(HOUR_US)
    index = _state(keeper, hour)
    body = parse_canon(next(iter(keeper.outbox.entries(index, index + 1))))["body"]
    assert body["hour_us"] == hour.hour_us
    assert body["counts"] == [{"count": 1, "role": "administrator"}, {"count": 3, "role": "operator"}]
    assert _state(keeper, hour) == index


def test_an_hour_is_stated_once(keeper: TownKeeper) -> None:
    hour_us = _this_hour(keeper)
    keeper.advance(HOUR_US)
    _state(keeper, HourOfAccess(hour_us, {}))
    with pytest.raises(RefusedError, match="the hour is stated already"):
        _state(keeper, HourOfAccess(hour_us, {"operator": 1}))


def test_an_hour_that_goes_on_is_refused(keeper: TownKeeper) -> None:
    with pytest.raises(RefusedError, match="not over"):
        _state(keeper, HourOfAccess(_this_hour(keeper), {"operator": 1}))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"counts": [], "hour_us": 1},
        {"counts": [], "hour_us": True},
        {"counts": {}, "hour_us": 0},
        {"counts": [{"count": 0, "role": "operator"}], "hour_us": 0},
        {"counts": [{"count": True, "role": "operator"}], "hour_us": 0},
        {"counts": [{"count": 1, "role": "stranger"}], "hour_us": 0},
        {"counts": [{"count": 1, "role": "operator"}] * 2, "hour_us": 0},
        {"counts": [{"count": 1, "role": "operator", "who": "otto"}], "hour_us": 0},
    ],
)
def test_what_is_no_hour_of_access_is_refused(value: object) -> None:
    with pytest.raises(InvalidError):
        parse_access(canon(value))

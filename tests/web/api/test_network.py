"""Which network it is, for who has not signed in either."""

from __future__ import annotations

import httpx
import pytest
from town.ledger import NORMAL_PERIODS
from watching.network import ConsoleNetwork

from custodes.services.following.register import Register


async def test_anybody_may_know_which_network_it_is(net: ConsoleNetwork) -> None:
    transport = httpx.ASGITransport(app=net.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://custodes.test") as client:
        answer = await client.get("/api/v1/network")
    expected = {"id": net.town.network.hex(), "name": "Town of Example", "rehearsal": False}
    assert answer.status_code == 200 and answer.json() == expected


@pytest.mark.parametrize("name", sorted(NORMAL_PERIODS))
def test_any_shorter_period_makes_a_rehearsal(name: str) -> None:
    register = Register()
    assert register.rehearsal is None
    register.begin({"name": "Town", "periods": {**NORMAL_PERIODS, name: NORMAL_PERIODS[name] - 1}})
    assert register.rehearsal is True
    register.clear()
    assert register.rehearsal is None

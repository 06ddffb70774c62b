"""Keeping footage from the console: a draft of exact slots, signed elsewhere, entered by the keeper."""

from typing import Any

from watching.network import ConsoleNetwork, KeepersOffice, Visit

from custodes.base.canon import b64u, typed_hash, unb64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US
from custodes.base.keys import SigningKey, sign_body
from custodes.cases.hold import HOLD_TYPE, HoldScope
from custodes.cases.scope import Scope
from custodes.estate.rights import Reach

API = "/api/v1"


async def _supervisor(net: ConsoleNetwork, **reach: Any) -> Visit:
    net.office.inner = KeepersOffice(net.keeper)
    net.add_user("sue", "supervisor", **({"reach": Reach(**reach)} if reach else {}))
    return await net.sign_in("sue")


def _recorded(net: ConsoleNetwork) -> int:
    """An hour of the market that is on the disk; when it begins."""
    recorded = net.keeper.record(close=False, announce=False)
    net.follow()
    return int(recorded.footage.header.utc0_us)


async def _draft(visit: Visit, net: ConsoleNetwork, from_us: int, to_us: int, camera: str = "Market") -> Any:
    wish = {"from_us": from_us, "to_us": to_us, "until_us": net.clock.utc_us() + DAY_US}
    path = f"{API}/cameras/{net.cameras[camera].hex()}/holds/draft"
    return await visit.ask("POST", path, json=wish)


def _signed(net: ConsoleNetwork, draft: Any, key: SigningKey | None = None, **changes: Any) -> dict[str, Any]:
    body = {**draft["body"], **changes}
    return {"statement": sign_body(HOLD_TYPE, body, key or net.town.supervisor.key).to_json()}


async def test_a_draft_is_of_the_minutes_that_were_asked_for(net: ConsoleNetwork) -> None:
    begins_us = _recorded(net)
    visit = await _supervisor(net)
    answer = await _draft(visit, net, begins_us + 30_000_000, begins_us + 90_000_000)
    assert answer.status_code == 200, answer.text
    draft = answer.json()
    assert (draft["from_us"], draft["to_us"]) == (begins_us, begins_us + 2 * MINUTE_US)
    assert [part["slots"] for part in draft["scope"]] == [[0, 1]]
    scope = Scope.from_json(draft["scope"])
    commitment = typed_hash("custodes/hold-scope/v1", unb64u(draft["salt"]), scope.encode())
    assert draft["body"]["commitment"] == b64u(commitment)
    kept = HoldScope(unb64u(draft["salt"]), scope).entry_members()
    assert kept == {name: draft["body"][name] for name in kept}
    assert draft["body"]["count"] == 2 and draft["body"]["kind"] == "provisional"


async def test_a_signed_hold_is_entered(net: ConsoleNetwork) -> None:
    begins_us = _recorded(net)
    visit = await _supervisor(net)
    draft = (await _draft(visit, net, begins_us, begins_us + MINUTE_US)).json()
    answer = await visit.ask("POST", f"{API}/holds", json=_signed(net, draft))
    assert answer.status_code == 200, answer.text
    held = net.town.state.facts.holds
    assert len(held) == 1 and next(iter(held.values())).index == answer.json()["entry"]


async def test_what_the_ledger_does_not_admit_is_refused_with_its_rule(net: ConsoleNetwork) -> None:
    begins_us = _recorded(net)
    visit = await _supervisor(net)
    draft = (await _draft(visit, net, begins_us, begins_us + MINUTE_US)).json()
    late = await visit.ask(
        "POST", f"{API}/holds", json=_signed(net, draft, until_us=net.clock.utc_us() + 8 * DAY_US)
    )
    assert late.status_code == 403 and "hold-until" in late.text
    other = await visit.ask("POST", f"{API}/holds", json=_signed(net, draft, key=net.town.administrator.key))
    assert other.status_code == 422 and "signature" in other.text
    altered = _signed(net, draft)
    altered["statement"]["body"]["count"] = 60
    assert (await visit.ask("POST", f"{API}/holds", json=altered)).status_code == 422
    full = await visit.ask("POST", f"{API}/holds", json=_signed(net, draft, kind="full"))
    assert full.status_code == 403
    assert not net.town.state.facts.holds


async def test_times_that_cannot_be_kept(net: ConsoleNetwork) -> None:
    begins_us = _recorded(net)
    visit = await _supervisor(net)
    assert (await _draft(visit, net, begins_us, begins_us)).status_code == 422
    assert (await _draft(visit, net, begins_us, begins_us + 25 * HOUR_US)).status_code == 422
    assert (await _draft(visit, net, 0, MINUTE_US)).status_code == 404
    assert (await _draft(visit, net, begins_us, begins_us + MINUTE_US, "Gate")).status_code == 404


async def test_cameras_out_of_reach_are_not_there(net: ConsoleNetwork) -> None:
    begins_us = _recorded(net)
    draft = (await _draft(await _supervisor(net), net, begins_us, begins_us + MINUTE_US)).json()
    net.add_user("sid", "supervisor", Reach(sites=frozenset({"Harbour"})))
    other = await net.sign_in("sid")
    assert (await _draft(other, net, begins_us, begins_us + MINUTE_US)).status_code == 404
    assert (await other.ask("POST", f"{API}/holds", json=_signed(net, draft))).status_code == 404
    net.add_user("otto", "operator")
    assert (
        await (await net.sign_in("otto")).ask("POST", f"{API}/holds", json=_signed(net, draft))
    ).status_code == 404


async def test_staff_are_those_of_the_ledger(net: ConsoleNetwork) -> None:
    net.add_user("otto", "operator")
    visit = await net.sign_in("otto")
    before = (await visit.ask("GET", f"{API}/staff")).json()["staff"]
    assert {one["pseudonym"] for one in before} == {
        one.pseudonym for one in net.town.state.facts.staff.values()
    }
    assert all(one["usable_from_us"] == 0 for one in before)
    net.town.admit("staff")
    net.follow()
    staff = net.town.state.facts.staff
    after = (await visit.ask("GET", f"{API}/staff")).json()["staff"]
    assert {one["key"]: one["usable_from_us"] for one in after if one["usable_from_us"]} == {
        key.hex(): one.usable_from_us
        for key, one in staff.items()
        if one.pseudonym not in {b["pseudonym"] for b in before}
    }

"""Signing in over HTTP: cookies, origins, tokens, and what is said to whom."""

import asyncio
import json

import pytest
from watching.network import ORIGIN, PASSWORD, ConsoleNetwork

from custodes.services.users import ABSOLUTE_US, ATTEMPTS
from custodes.web.visitors import CSRF_HEADER

SESSION = "/api/v1/session"
TILES = {"grid": 1, "tiles": []}


async def test_who_is_signed_in(net: ConsoleNetwork) -> None:
    net.add_user("ada", "administrator")
    visit = await net.sign_in("ada")
    told = (await visit.ask("GET", SESSION)).json()
    assert told == {
        "name": "ada",
        "role": "administrator",
        "reach": {"everything": True, "sites": [], "cameras": []},
        "rights": ["backgrounds", "keep-layouts", "manage-users", "read-health", "see", "watch"],
        "csrf_token": visit.csrf,
        "expires_us": net.clock.utc_us() + ABSOLUTE_US,
        "time_us": net.clock.utc_us(),
        "network": "Town of Example",
    }


async def test_the_cookie_is_the_browsers_alone(net: ConsoleNetwork) -> None:
    net.add_user("ada")
    wish = {"name": "ada", "password": PASSWORD}
    plain = await net.client().post(SESSION, json=wish, headers={"origin": ORIGIN})
    assert plain.headers["cache-control"] == "no-store"
    cookie = plain.headers["set-cookie"]
    assert cookie.startswith("custodes_session=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=86400"} <= set(cookie.split("; "))
    secure = await net.client().post(
        SESSION,
        json=wish,
        headers={
            "origin": "https://cameras.example",
            "host": "cameras.example",
            "x-forwarded-proto": "https",
        },
    )
    cookie = secure.headers["set-cookie"]
    assert cookie.startswith("__Host-custodes_session=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1"},
        {"origin": "http://127.0.0.1:8421"},
        {"origin": "http://127.0.0.1.evil.example"},
    ],
)
async def test_what_comes_from_elsewhere_changes_nothing(
    net: ConsoleNetwork, headers: dict[str, str]
) -> None:
    net.add_user("ada", "administrator")
    wish = {"name": "ada", "password": PASSWORD}
    answer = await net.client().post(SESSION, json=wish, headers=headers)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    visit = await net.sign_in("ada")
    with_token = {**headers, CSRF_HEADER: visit.csrf}
    for method, path, body in (
        ("DELETE", SESSION, None),
        ("PUT", "/api/v1/layouts/last", TILES),
        ("DELETE", "/api/v1/users/ada", None),
    ):
        answer = await visit.client.request(method, path, json=body, headers=with_token)
        assert answer.status_code == 403, method
    assert (await visit.ask("GET", SESSION)).status_code == 200


@pytest.mark.parametrize("token", [None, "", "x", "another"])
async def test_a_change_needs_the_sessions_token(net: ConsoleNetwork, token: str | None) -> None:
    net.add_user("ada", "administrator")
    visit, other = await net.sign_in("ada"), await net.sign_in("ada")
    given = other.csrf if token == "another" else token
    headers = {"origin": ORIGIN, **({CSRF_HEADER: given} if given is not None else {})}
    answer = await visit.client.put("/api/v1/layouts/last", json=TILES, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await visit.client.delete(SESSION, headers=headers)).status_code == 403
    assert (await visit.ask("GET", "/api/v1/layouts")).json() == {"layouts": []}


async def test_signing_out_ends_it(net: ConsoleNetwork) -> None:
    net.add_user("ada")
    visit = await net.sign_in("ada")
    token = visit.cookies["custodes_session"]
    answer = await visit.ask("DELETE", SESSION)
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["set-cookie"]
    visit.client.cookies.set("custodes_session", token)
    assert (await visit.ask("GET", SESSION)).status_code == 401


async def test_signing_in_again_ends_the_session_before(net: ConsoleNetwork) -> None:
    net.add_user("ada")
    visit = await net.sign_in("ada")
    before = visit.cookies["custodes_session"]
    wish = {"name": "ada", "password": PASSWORD}
    assert (await visit.client.post(SESSION, json=wish, headers={"origin": ORIGIN})).status_code == 200
    assert visit.cookies["custodes_session"] != before
    old = net.client()
    old.cookies.set("custodes_session", before)
    assert (await old.get(SESSION)).status_code == 401


async def test_a_false_name_and_a_false_password_are_answered_alike(net: ConsoleNetwork) -> None:
    net.add_user("ada")
    answers = []
    for name in ("ada", "nobody", "", "A" * 200):
        wish = {"name": name, "password": "false password"}
        answers.append(await net.client().post(SESSION, json=wish, headers={"origin": ORIGIN}))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert all("set-cookie" not in answer.headers for answer in answers)


async def test_too_many_false_passwords(net: ConsoleNetwork) -> None:
    net.add_user("ada")
    client = net.client()

    async def attempt(address: str, password: str = "false password") -> int:
        headers = {"origin": ORIGIN, "x-forwarded-for": f"198.51.100.9, {address}"}
        wish = {"name": "ada" if password == PASSWORD else f"n{address}", "password": password}
        return (await client.post(SESSION, json=wish, headers=headers)).status_code

    assert [await attempt("203.0.113.5") for _ in range(ATTEMPTS + 1)] == [401] * ATTEMPTS + [429]
    assert await attempt("203.0.113.5", PASSWORD) == 429
    # The nearest proxy's word counts, not what the client wrote before it.
    assert await attempt("203.0.113.6", PASSWORD) == 200


async def test_many_at_once_are_turned_away_and_no_more_is_tried_than_may_be(net: ConsoleNetwork) -> None:
    net.add_user("ada")
    client, wish = net.client(), {"name": "ada", "password": "false password"}
    answers = await asyncio.gather(
        *(client.post(SESSION, json=wish, headers={"origin": ORIGIN}) for _ in range(60))
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == ATTEMPTS and set(statuses) == {401, 429}


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"name": "ada"}', '{"name": 1, "password": "x"}'])
async def test_what_is_no_wish(net: ConsoleNetwork, body: str) -> None:
    headers = {"origin": ORIGIN, "content-type": "application/json"}
    answer = await net.client().post(SESSION, content=body, headers=headers)
    assert answer.status_code == 422 and answer.json()["kind"] == "invalid"


async def test_a_password_too_long_to_be_one(net: ConsoleNetwork) -> None:
    wish = {"name": "ada", "password": "x" * 1025}
    answer = await net.client().post(SESSION, json=wish, headers={"origin": ORIGIN})
    assert answer.status_code == 422 and "xxx" not in answer.text


async def test_logs_and_answers_hold_no_secret(
    net: ConsoleNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    net.add_user("ada")
    visit = await net.sign_in("ada")
    secrets = [PASSWORD, visit.csrf, visit.cookies["custodes_session"]]
    wish = {"name": "ada", "password": "another false one"}
    await net.client().post(SESSION, json=wish, headers={"origin": ORIGIN})
    metrics = (await net.client().get("/metrics")).text
    written = capsys.readouterr()
    for secret in [*secrets, "another false one"]:
        assert secret not in written.out + written.err + metrics
    assert 'custodes_web_sign_ins_total{outcome="right"} 1.0' in metrics
    assert 'custodes_web_sign_ins_total{outcome="unauthenticated"} 1.0' in metrics
    assert 'route="/api/v1/session"' in metrics or 'route="/session"' in metrics
    assert "ada" not in json.dumps(metrics)

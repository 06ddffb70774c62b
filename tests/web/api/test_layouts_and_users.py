"""Walls of one's own, and who may sign in."""

from watching.network import PASSWORD, ConsoleNetwork

from custodes.web.routes.layouts import MAX_LAYOUTS

LAYOUTS, USERS = "/api/v1/layouts", "/api/v1/users"
EVERYONE = {"everything": True, "sites": [], "cameras": []}


async def test_walls_are_kept_and_each_users_own(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    net.add_user("ilse")
    otto, ilse = await net.sign_in("otto"), await net.sign_in("ilse")
    wall = {"grid": 4, "tiles": [net.cameras["Gate"].hex(), None, "ab" * 16]}
    kept = (await otto.ask("PUT", f"{LAYOUTS}/last", json=wall)).json()
    assert kept == {**wall, "name": "last", "changed_us": net.clock.utc_us()}
    assert (await otto.ask("GET", f"{LAYOUTS}/last")).json() == kept
    assert (await otto.ask("GET", LAYOUTS)).json() == {"layouts": [kept]}
    assert (await ilse.ask("GET", LAYOUTS)).json() == {"layouts": []}
    assert (await ilse.ask("GET", f"{LAYOUTS}/last")).status_code == 404
    assert (await ilse.ask("DELETE", f"{LAYOUTS}/last")).status_code == 404
    assert (await otto.ask("DELETE", f"{LAYOUTS}/last")).status_code == 204
    assert (await otto.ask("DELETE", f"{LAYOUTS}/last")).status_code == 404


async def test_walls_that_are_none(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    for body in (
        {},
        {"grid": 5, "tiles": []},
        {"grid": 4, "tiles": ["market"]},
        {"grid": 16, "tiles": [None] * 17},
        {"grid": 4, "tiles": [], "script": "x"},
    ):
        assert (await visit.ask("PUT", f"{LAYOUTS}/last", json=body)).status_code == 422, body
    for name in ("%20x", "a%2fb", "x" * 65, "<b>"):
        answer = await visit.ask("PUT", f"{LAYOUTS}/{name}", json={"grid": 1, "tiles": []})
        assert answer.status_code in (404, 422), name
    for number in range(MAX_LAYOUTS):
        answer = await visit.ask("PUT", f"{LAYOUTS}/wall {number}", json={"grid": 1, "tiles": []})
        assert answer.status_code == 200
    answer = await visit.ask("PUT", f"{LAYOUTS}/one more", json={"grid": 1, "tiles": []})
    assert answer.status_code == 507 and "50" in answer.json()["message"]


async def test_an_administrator_lets_people_in_and_out(net: ConsoleNetwork) -> None:
    net.add_user("ada", "administrator")
    ada = await net.sign_in("ada")
    reach = {"everything": False, "sites": ["Harbour"], "cameras": [net.cameras["Market"].hex()]}
    wish = {"name": "otto", "role": "operator", "reach": reach, "password": PASSWORD}
    answer = await ada.ask("POST", USERS, json=wish)
    assert answer.status_code == 201
    assert answer.json() == {"name": "otto", "role": "operator", "reach": reach}
    assert (await ada.ask("POST", USERS, json=wish)).status_code == 409
    otto = await net.sign_in("otto")
    assert len((await otto.ask("GET", "/api/v1/cameras")).json()["cameras"]) == 3
    changed = await ada.ask("PATCH", f"{USERS}/otto", json={"reach": EVERYONE})
    assert changed.json() == {"name": "otto", "role": "operator", "reach": EVERYONE}
    assert len((await otto.ask("GET", "/api/v1/cameras")).json()["cameras"]) == 4
    assert (await ada.ask("PATCH", f"{USERS}/otto", json={"role": "investigator"})).status_code == 200
    assert (await otto.ask("GET", "/api/v1/health")).status_code == 404
    assert (
        await ada.ask("PATCH", f"{USERS}/otto", json={"password": "a new one for otto"})
    ).status_code == 200
    assert (await otto.ask("GET", "/api/v1/session")).status_code == 401
    await net.sign_in("otto", "a new one for otto")
    assert [user["name"] for user in (await ada.ask("GET", USERS)).json()["users"]] == ["ada", "otto"]
    assert (await ada.ask("DELETE", f"{USERS}/otto")).status_code == 204
    assert (await ada.ask("DELETE", f"{USERS}/otto")).status_code == 404
    assert (await ada.ask("PATCH", f"{USERS}/otto", json={})).status_code == 404


async def test_users_that_cannot_be(net: ConsoleNetwork) -> None:
    net.add_user("ada", "administrator")
    ada = await net.sign_in("ada")
    good = {"name": "otto", "role": "operator", "reach": EVERYONE, "password": PASSWORD}
    for change in (
        {"name": "Otto"},
        {"role": "root"},
        {"password": "short"},
        {"reach": {**EVERYONE, "sites": ["Harbour"]}},
        {"reach": {**EVERYONE, "everything": False, "cameras": ["market"]}},
    ):
        answer = await ada.ask("POST", USERS, json={**good, **change})
        assert answer.status_code == 422 and PASSWORD not in answer.text, change
    assert (await ada.ask("DELETE", f"{USERS}/ada")).status_code == 403
    assert (await ada.ask("PATCH", f"{USERS}/ada", json={"role": "operator"})).status_code == 403
    assert [user.name for user in net.console.users.all()] == ["ada"]

"""Every route with every role and reach, against the table of rights; a route without a guard is found here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from recording.views import made_rendition
from starlette.routing import BaseRoute, WebSocketRoute
from watching.candidates import background_file, lay_out
from watching.network import PASSWORD, ConsoleNetwork, Visit
from watching.pages import PageSocket

from custodes.base.clock import HOUR_US
from custodes.estate.model import Camera
from custodes.estate.rights import EVERYTHING, NOTHING, ROLES, Action, Reach, may
from custodes.estate.users import User
from custodes.services.live import LiveKind
from custodes.web.visitors import Guard

PREFIX = "/api/v1"
# Whoever comes through the door has no session yet, or asks about the own; which network it is, is public.
UNGUARDED = {("GET", "/network"), ("POST", "/session"), ("GET", "/session"), ("DELETE", "/session")}
# What anybody may ask, since it is public by design or signed by who asks.
PUBLIC = {
    "/", "/plain", "/healthz", "/readyz", "/metrics", "/api/status", "/api/openapi.json", "/log/{path:path}",
    "/store/log/{path:path}", "/store/{path:path}", "/exchange/{service}/{subject}",
}  # fmt: skip
REACHES = ("everything", "a site", "a camera", "nothing")
FILE = background_file()
# The answer of a route to a statement that is none; who may not do it does not learn even that.
NO_STATEMENT = 422
TILES = {"grid": 4, "tiles": []}
EVERYONE = {"everything": True, "sites": [], "cameras": []}


@dataclass(frozen=True)
class Way:
    """A guarded route."""

    method: str
    path: str
    action: Action

    @property
    def of_camera(self) -> bool:
        return "{camera}" in self.path or "{stream}" in self.path


def _walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined]
        else:
            yield prefix + getattr(route, "path", "?"), route


def _api(net: ConsoleNetwork) -> list[tuple[str, Any]]:
    found = [
        (path.removeprefix(PREFIX), route)
        for path, route in _walk(net.app.routes)
        if path not in PUBLIC and not path.startswith("/static/")
    ]
    assert all(path.startswith("/") and not path.startswith("/api") for path, _ in found)
    assert {(f"{PREFIX}{path}") for path, route in found if isinstance(route, APIRoute)} == set(
        net.app.openapi()["paths"]
    ) - PUBLIC
    return found


def _guard(route: APIRoute) -> Guard | None:
    guards = [part.call for part in route.dependant.dependencies if isinstance(part.call, Guard)]
    assert len(guards) <= 1
    return guards[0] if guards else None


def _ways(net: ConsoleNetwork) -> list[Way]:
    ways = []
    for path, route in _api(net):
        if isinstance(route, APIRoute):
            guard = _guard(route)
            for method in route.methods:
                if guard is None:
                    assert (method, path) in UNGUARDED, f"{method} {path} is not guarded"
                else:
                    ways.append(Way(method, path, guard.action))
    return ways


def _reach(net: ConsoleNetwork, kind: str) -> Reach:
    return {
        "everything": EVERYTHING,
        "a site": Reach(sites=frozenset({"Harbour"})),
        "a camera": Reach(cameras=frozenset({net.cameras["Market"]})),
        "nothing": NOTHING,
    }[kind]


def _view_of(net: ConsoleNetwork, camera: str) -> str:
    """The address of a recorded view of the camera, which is there."""
    known = {one.id.hex(): one.streams[0].id for one in net.console.follower.register.cameras()}
    row, data = made_rendition(known.get(camera, bytes(16)), HOUR_US, 1)
    net.keeper.store.put(row.path, data)
    with net.console.index.writing() as writer:
        writer.add_rendition(row)
    return f"/renditions/{row.stream.hex()}/{row.start_us}"


async def _try(net: ConsoleNetwork, visit: Visit, way: Way, camera: str) -> int:
    """The status of a request that is right in all but, perhaps, who asks."""
    path = way.path
    options: dict[str, Any] = {}
    if way.path == "/users/{name}":
        net.add_user("target")
        path = "/users/target"
        options = {"json": {"role": "supervisor"}} if way.method == "PATCH" else {}
    elif way.path == "/users" and way.method == "POST":
        user = {"name": "target", "role": "operator", "reach": EVERYONE, "password": PASSWORD}
        options = {"json": user}
    elif way.path == "/layouts/{name}":
        path = "/layouts/last"
        options = {"json": TILES} if way.method == "PUT" else {}
        if way.method != "PUT":
            await visit.ask("PUT", PREFIX + path, json=TILES)
    elif way.path.startswith("/backgrounds/{background}"):
        # Found, so that what follows is about the statement, which is none.
        path = way.path.replace("{background}", lay_out(net.town, net.keeper.store, FILE).background.hex())
        options = {} if way.method == "GET" else {"json": {"statement": {}}}
    elif way.path.endswith("/learning"):
        options = {"json": {"statement": {}}}
    elif way.path.endswith("/holds/draft"):
        options = {"json": {"from_us": 0, "to_us": HOUR_US, "until_us": HOUR_US}}
    elif way.path == "/holds":
        options = {"json": {"statement": {}}}
    elif way.path.endswith("/draft"):
        options = {"json": {"view": "crossing", "condition": "day", "withhold": True}}
    elif "{stream}" in way.path:
        path = _view_of(net, camera)
    elif way.path.endswith(("/timeline", "/renditions")):
        options = {"params": {"from_us": 0, "to_us": HOUR_US}}
    answer = await visit.ask(way.method, PREFIX + path.replace("{camera}", camera), **options)
    if "target" in {user.name for user in net.console.users.all()}:
        net.console.users.remove("target")
    # Who may keep footage learns that there is none; who may not, nothing.
    if "nothing of that time is there to be kept" in answer.text:
        return 200
    return answer.status_code


@pytest.mark.parametrize("kind", REACHES)
async def test_what_may_be_done_is_done_and_all_else_is_not_there(net: ConsoleNetwork, kind: str) -> None:
    net.add_user("keeper-of-users", "administrator")
    ways, absent = _ways(net), "ab" * 16
    assert {way.action for way in ways} >= {
        Action.SEE, Action.REPLAY, Action.READ_HEALTH, Action.KEEP_LAYOUTS, Action.MANAGE_USERS,
    }  # fmt: skip
    cameras: list[Camera] = net.console.follower.register.cameras()
    for role in ROLES:
        await net.tell_recording()
        user = net.add_user(f"a-{role}", role, _reach(net, kind))
        visit = await net.sign_in(user.name)
        for way in ways:
            if not way.of_camera:
                status = await _try(net, visit, way, absent)
                allowed = may(user, way.action)
                if "{background}" in way.path:
                    allowed = may(user, way.action, net.console.follower.register.camera(net.town.camera))
                assert (status in (200, 201, 204, NO_STATEMENT)) == allowed, (role, way, status)
                assert allowed or status == 404
                continue
            assert await _try(net, visit, way, absent) == 404
            for camera in cameras:
                status = await _try(net, visit, way, camera.id.hex())
                right = NO_STATEMENT if way.path.endswith("/learning") else 200
                assert status == (right if may(user, way.action, camera) else 404), (role, way, camera.name)
        await _check_lists(visit, user, cameras)
        await _check_live(net, visit, user, cameras)


async def _check_lists(visit: Visit, user: User, cameras: list[Camera]) -> None:
    seen = {camera.id.hex() for camera in cameras if may(user, Action.SEE, camera)}
    listed = (await visit.ask("GET", f"{PREFIX}/cameras")).json()["cameras"]
    assert {camera["id"] for camera in listed} == seen
    answer = await visit.ask("GET", f"{PREFIX}/health")
    if may(user, Action.READ_HEALTH):
        health = answer.json()
        assert health["cameras"] == len(seen)
        assert {trouble["camera"] for trouble in health["troubles"]} <= seen
        assert bool(health["storage"]) == user.reach.everything


async def _check_live(net: ConsoleNetwork, visit: Visit, user: User, cameras: list[Camera]) -> None:
    page = PageSocket(net.app, visit.cookies)
    if not await page.open():
        assert not may(user, Action.WATCH) and page.status == 404
        return
    assert may(user, Action.WATCH)
    page.wish(*[camera.id for camera in cameras], b"\xab" * 16)
    hidden = {n for n, camera in enumerate(cameras) if not may(user, Action.WATCH, camera)} | {len(cameras)}
    refusals = [await page.get() for _ in hidden]
    assert {got.tile for got in refusals if got.kind == LiveKind.REFUSED} == hidden
    assert len({got.body for got in refusals}) == 1
    assert await page.nothing_comes(0.05)
    assert net.console.hub.streams == len(cameras) + 1 - len(hidden)
    await page.leave()
    assert net.console.hub.streams == 0


async def test_without_a_session_nothing_answers(net: ConsoleNetwork) -> None:
    client, forger = net.client(), net.client()
    forger.cookies.set("custodes_session", "x")
    for way in _ways(net):
        path = PREFIX + way.path.replace("{camera}", net.cameras["Market"].hex()).replace("{name}", "last")
        path = path.replace("{background}", "ab" * 32)
        answer = await client.request(way.method, path, headers={"origin": "http://127.0.0.1"})
        assert answer.status_code == 401, way
        answer = await forger.request(way.method, path, headers={"origin": "http://127.0.0.1"})
        assert answer.status_code == 401, way
    page = PageSocket(net.app, {})
    assert not await page.open() and page.status == 401


async def test_a_camera_that_may_not_be_seen_is_answered_as_one_that_is_not(net: ConsoleNetwork) -> None:
    net.add_user("otto", "operator", Reach(sites=frozenset({"Harbour"})))
    visit = await net.sign_in("otto")
    for suffix in ("", f"/timeline?from_us=0&to_us={HOUR_US}"):
        answers = [
            await visit.ask("GET", f"{PREFIX}/cameras/{camera}{suffix}")
            for camera in (net.cameras["Market"].hex(), "ab" * 16, "market", "AB" * 16)
        ]
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1
        assert answers[0].status_code == 404


def test_there_is_one_socket_and_it_is_the_live_one(net: ConsoleNetwork) -> None:
    assert [path for path, route in _api(net) if isinstance(route, WebSocketRoute)] == ["/live"]

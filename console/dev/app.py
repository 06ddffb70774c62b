"""The routes, over invented facts; the console's files under the console's content policy."""

from __future__ import annotations

import gzip
import secrets
import time
from pathlib import Path

from console.dev.facts import SITES_REACH, Around, health, renditions, timeline, town
from console.dev.live import serve_live
from console.dev.models import Renditions
from console.dev.pictures import SCENES, recorded_object
from console.dev.signing import signing_routes
from fastapi import FastAPI, HTTPException, Query, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pmtiles.reader import MmapSource, Reader
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from custodes.web import wire

DIST = Path(__file__).resolve().parents[2] / "src" / "custodes" / "web" / "static" / "console"
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:;"
    " font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
COOKIE = "custodes_session"
NETWORK = "Sundhaven"
MAX_FALSE = 5
CLOSED_S = 900
MAX_REQUEST_US = 7 * 86_400_000_000
USERS = {
    "operator": ("night-shift", "operator", ["see", "watch", "replay", "read-health", "keep-layouts"]),
    "supervisor": (
        "night-shift",
        "supervisor",
        ["see", "watch", "replay", "read-health", "keep-layouts", "backgrounds", "hold"],
    ),
    "administrator": (
        "night-shift",
        "administrator",
        ["see", "watch", "read-health", "keep-layouts", "manage-users", "backgrounds"],
    ),
}


class Town:
    """All state of one server."""

    def __init__(self, cameras: int, tiles: Path | None = None) -> None:
        self.now_us = round(time.time() * 1e6)
        around = None if tiles is None else _around(tiles / "basemap.pmtiles")
        self.cameras = {one.id: one for one in town(cameras, self.now_us, around)}
        # Encoded once, as the product does.
        cameras_of_all = wire.Cameras(time_us=self.now_us, cameras=list(self.cameras.values()))
        self.list = cameras_of_all.model_dump_json().encode()
        self.packed_list = gzip.compress(self.list, 3)
        self.sessions: dict[str, wire.SignedIn] = {}
        self.layouts: dict[str, dict[str, wire.Layout]] = {}
        self.false: dict[str, int] = {}
        self.tiles = tiles


def _around(archive: Path) -> Around:
    """The middle of a map, and the town made so small that its squares lie on it; many cameras reach beyond."""
    with archive.open("rb") as file:
        header = Reader(MmapSource(file)).header()
    south, north = header["min_lat_e7"] / 1e7, header["max_lat_e7"] / 1e7
    middle = (header["min_lon_e7"] + header["max_lon_e7"]) / 2e7
    return Around((south + north) / 2, middle, min(1.0, (north - south) / 2 / SITES_REACH))


def create_app(state: Town) -> FastAPI:
    """The app."""
    app = FastAPI(title="Custodes", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.add_middleware(_Headers)
    app.state.town = state
    app.add_exception_handler(HTTPException, _problem)
    _session_routes(app, state)
    _camera_routes(app, state)
    _wall_routes(app, state)
    signing_routes(
        app,
        state.cameras,
        changing=lambda request: _changing(state, request),
        seen=lambda request: _session(state, request),
    )

    @app.websocket("/api/v1/live")
    async def live(socket: WebSocket) -> None:
        if socket.cookies.get(COOKIE) not in state.sessions:
            await socket.close(4401)
            return
        await serve_live(socket, state.cameras)

    if state.tiles is not None:
        app.mount("/tiles", StaticFiles(directory=state.tiles))
    if DIST.is_dir():
        app.mount("/", StaticFiles(directory=DIST, html=True))
    return app


def _session_routes(app: FastAPI, state: Town) -> None:
    @app.get("/api/v1/network", operation_id="read_network")
    def read_network() -> wire.Network:
        return wire.Network(id="5a" * 32, name=NETWORK, rehearsal=True)

    @app.post("/api/v1/session", operation_id="sign_in", response_model=wire.SignedIn)
    def sign_in(body: wire.SignIn) -> Response:
        if state.false.get(body.name, 0) >= MAX_FALSE:
            headers = {"retry-after": str(CLOSED_S)}
            raise HTTPException(429, f"five false passwords: {body.name} is closed for 15 minutes", headers)
        known = USERS.get(body.name)
        if known is None or known[0] != body.password:
            state.false[body.name] = state.false.get(body.name, 0) + 1
            raise HTTPException(401, "name or password is false")
        state.false.pop(body.name, None)
        token, now_us = secrets.token_urlsafe(32), round(time.time() * 1e6)
        session = wire.SignedIn(
            name=body.name,
            role=known[1],
            reach=wire.Reach(everything=True, sites=[], cameras=[]),
            rights=known[2],
            csrf_token=secrets.token_urlsafe(16),
            expires_us=now_us + 86_400_000_000,
            time_us=now_us,
            network=NETWORK,
        )
        state.sessions[token] = session
        response = JSONResponse(session.model_dump())
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return response

    @app.get("/api/v1/session", operation_id="who_am_i")
    def who_am_i(request: Request) -> wire.SignedIn:
        session = _session(state, request)
        return session.model_copy(update={"time_us": round(time.time() * 1e6)})

    @app.delete("/api/v1/session", operation_id="sign_out", status_code=204)
    def sign_out(request: Request) -> Response:
        _changing(state, request)
        state.sessions.pop(request.cookies[COOKIE])
        return Response(status_code=204)


def _camera_routes(app: FastAPI, state: Town) -> None:
    @app.get("/api/v1/cameras", operation_id="list_cameras", response_model=wire.Cameras)
    def list_cameras(request: Request) -> Response:
        _session(state, request)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(state.packed_list, 200, {"content-encoding": "gzip"}, "application/json")
        return Response(state.list, media_type="application/json")

    @app.get("/api/v1/cameras/{camera}", operation_id="read_camera")
    def read_camera(request: Request, camera: str) -> wire.Camera:
        _session(state, request)
        return _camera(state, camera)

    @app.get("/api/v1/cameras/{camera}/timeline", operation_id="read_timeline")
    def read_timeline(
        request: Request, camera: str, from_us: int = Query(ge=0), to_us: int = Query(ge=0)
    ) -> wire.Timeline:
        _session(state, request)
        _check_range(from_us, to_us)
        return timeline(_camera(state, camera), from_us, to_us, state.now_us)

    @app.get("/api/v1/cameras/{camera}/renditions", operation_id="list_renditions")
    def list_renditions(
        request: Request, camera: str, from_us: int = Query(ge=0), to_us: int = Query(ge=0)
    ) -> Renditions:
        _session(state, request)
        _check_range(from_us, to_us)
        found = _camera(state, camera)
        codec, data = recorded_object(int(found.id[:4], 16) % SCENES)
        return Renditions(renditions=renditions(found, from_us, to_us, state.now_us, len(data), codec))

    @app.get("/api/v1/renditions/{stream}/{start_us}", operation_id="read_rendition", response_class=Response)
    def read_rendition(request: Request, stream: str, start_us: int) -> Response:
        _session(state, request)
        for one in state.cameras.values():
            if any(each.stream == stream for each in one.streams):
                _, data = recorded_object(int(one.id[:4], 16) % SCENES)
                return Response(data, media_type="video/mp4")
        raise HTTPException(404, "no such rendition")

    @app.get("/api/v1/health", operation_id="read_health")
    def read_health(request: Request) -> wire.Health:
        _session(state, request)
        return health(list(state.cameras.values()), round(time.time() * 1e6))


def _wall_routes(app: FastAPI, state: Town) -> None:
    @app.get("/api/v1/layouts", operation_id="list_layouts")
    def list_layouts(request: Request) -> wire.Layouts:
        mine = state.layouts.get(_session(state, request).name, {})
        return wire.Layouts(layouts=list(mine.values()))

    @app.put("/api/v1/layouts/{name}", operation_id="keep_layout")
    def keep_layout(request: Request, name: str, body: wire.LayoutBody) -> wire.Layout:
        session = _changing(state, request)
        layout = wire.Layout(name=name, grid=body.grid, tiles=body.tiles, changed_us=round(time.time() * 1e6))
        state.layouts.setdefault(session.name, {})[name] = layout
        return layout

    @app.delete("/api/v1/layouts/{name}", operation_id="remove_layout", status_code=204)
    def remove_layout(request: Request, name: str) -> Response:
        session = _changing(state, request)
        if state.layouts.get(session.name, {}).pop(name, None) is None:
            raise HTTPException(404, "no such layout")
        return Response(status_code=204)


def _session(state: Town, request: Request) -> wire.SignedIn:
    session = state.sessions.get(request.cookies.get(COOKIE, ""))
    if session is None:
        raise HTTPException(401, "nobody is signed in")
    return session


def _changing(state: Town, request: Request) -> wire.SignedIn:
    session = _session(state, request)
    if not secrets.compare_digest(request.headers.get("x-csrf-token", ""), session.csrf_token):
        raise HTTPException(403, "the session's token is missing")
    return session


def _camera(state: Town, camera: str) -> wire.Camera:
    found = state.cameras.get(camera)
    if found is None:
        raise HTTPException(404, "no such camera")
    return found


def _check_range(from_us: int, to_us: int) -> None:
    if not 0 < to_us - from_us <= MAX_REQUEST_US:
        raise HTTPException(400, "a request is about at most 7 days")


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {400: "invalid", 401: "unauthenticated", 403: "refused", 404: "not found", 429: "pushback"}
    document = {
        "type": "about:blank",
        "title": str(error.status_code),
        "status": error.status_code,
        "detail": error.detail,
        "kind": kinds.get(error.status_code, "bug"),
        "message": error.detail,
    }
    return JSONResponse(document, error.status_code, error.headers, "application/problem+json")


class _Headers:
    """The headers that the product's own boundary sends, with the console's content policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = (
                    (b"content-security-policy", CONTENT_POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                )
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self._app(scope, receive, send if scope["type"] == "websocket" else with_headers)

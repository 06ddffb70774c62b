"""The HTTP face: the console and its API, the page, the state, the public files, the way to the services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from custodes.base.clock import Clock, SystemClock
from custodes.base.ports import ObjectStore
from custodes.services.office import Office
from custodes.web.board import HealthBoard
from custodes.web.boundary import Boundary
from custodes.web.console import Console
from custodes.web.objects import PublicObjects
from custodes.web.problems import add_problem_handlers
from custodes.web.routes.alive import alive_routes
from custodes.web.routes.exchange import exchange_routes
from custodes.web.routes.page import CONSOLE, page_routes
from custodes.web.routes.status import status_routes
from custodes.web.routes.store import store_routes
from custodes.web.routes.tiles import tile_routes
from custodes.web.status import Status, make_status
from custodes.web.timing import Timing


def create_app(
    board: HealthBoard,
    office: Office,
    store: ObjectStore,
    network_id: bytes,
    desks: Mapping[str, Collection[str]],
    *,
    place: str = "NETWORK",
    clock: Clock | None = None,
    registry: CollectorRegistry | None = None,
    console: Console | None = None,
    built: Path = CONSOLE,
    basemap: Path | None = None,
) -> FastAPI:
    """The app of one network.

    `desks`: the subjects by service that may be asked from outside. `place`: what the page's commands call
    the network's folder. `built`: where the console was built. `basemap`: where a map may be. People sign in to
    `/api/v1` alone; all else that is shown is public, all that is asked is signed.
    """
    ticking = clock or SystemClock()
    numbers = registry or CollectorRegistry()
    app = FastAPI(title="Custodes", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    if console is not None:
        app.add_middleware(Timing, figures=console.figures)
    app.add_middleware(Boundary)
    add_problem_handlers(app)

    def status() -> Status:
        return make_status(board.view(), network_id, place)

    missing: Callable[[], str] = console.missing if console is not None else _nothing
    if console is not None:
        app.include_router(console.routes())
    app.include_router(status_routes(status, ticking))
    app.include_router(alive_routes(board, numbers, missing))
    app.include_router(store_routes(PublicObjects(store)))
    app.include_router(exchange_routes(office, desks, ticking))
    if basemap is not None:
        app.include_router(tile_routes(basemap))
    # Last: a file of the console takes no route's place.
    app.include_router(page_routes(built))
    return app


def create_founding_app(
    office: Office, desks: Mapping[str, Collection[str]], *, clock: Clock | None = None
) -> FastAPI:
    """The app of a network whose custodians have not all signed: questions, and nothing to look at."""
    app = FastAPI(title="Custodes", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Boundary)
    add_problem_handlers(app)
    app.include_router(exchange_routes(office, desks, clock or SystemClock()))
    return app


def _nothing() -> str:
    return ""

"""The HTTP face: the page, the state, the public files, and the way to the services."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fastapi import FastAPI

from custodes.base.clock import Clock, SystemClock
from custodes.base.ports import ObjectStore
from custodes.services.office import Office
from custodes.web.board import HealthBoard
from custodes.web.boundary import Boundary
from custodes.web.objects import PublicObjects
from custodes.web.problems import add_problem_handlers
from custodes.web.routes.alive import alive_routes
from custodes.web.routes.exchange import exchange_routes
from custodes.web.routes.page import page_routes
from custodes.web.routes.status import status_routes
from custodes.web.routes.store import store_routes
from custodes.web.status import Status, make_status


def create_app(
    board: HealthBoard,
    office: Office,
    store: ObjectStore,
    network_id: bytes,
    desks: Mapping[str, Collection[str]],
    *,
    place: str = "NETWORK",
    clock: Clock | None = None,
) -> FastAPI:
    """The app of one network.

    `desks`: the subjects by service that may be asked from outside. `place`: what the page's commands call
    the network's folder. Nobody signs in here: all that is shown is public, all that is asked is signed.
    """
    ticking = clock or SystemClock()
    app = FastAPI(title="Custodes", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.add_middleware(Boundary)
    add_problem_handlers(app)

    def status() -> Status:
        return make_status(board.view(), network_id, place)

    app.include_router(page_routes())
    app.include_router(status_routes(status, ticking))
    app.include_router(alive_routes(board))
    app.include_router(store_routes(PublicObjects(store)))
    app.include_router(exchange_routes(office, desks, ticking))
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

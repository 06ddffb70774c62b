"""What the console's routes stand on, put together from two databases, the store and the live source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.index.index import SqlIndex
from custodes.adapters.sql.web.access import SqlAccess
from custodes.adapters.sql.web.layouts import SqlLayouts
from custodes.adapters.sql.web.proposals import SqlProposals
from custodes.adapters.sql.web.users import SqlUsers
from custodes.base.clock import Clock
from custodes.base.errors import CustodesError
from custodes.base.ports import ObjectStore
from custodes.custody.renditions import FOLDER
from custodes.services.committing import BackgroundDesk
from custodes.services.following.follower import Following, LedgerFollower
from custodes.services.office import Office
from custodes.services.users import Sessions, Users
from custodes.web.access import AccessCounter
from custodes.web.board import HealthBoard
from custodes.web.figures import Figures
from custodes.web.gauges import VolumeCollector
from custodes.web.live.hub import LiveHub
from custodes.web.live.source import LiveSource
from custodes.web.objects import StoredObjects
from custodes.web.routes.backgrounds import background_routes
from custodes.web.routes.cameras import camera_routes
from custodes.web.routes.health import health_routes
from custodes.web.routes.holds import hold_routes
from custodes.web.routes.layouts import layout_routes
from custodes.web.routes.live import live_routes
from custodes.web.routes.network import network_routes
from custodes.web.routes.renditions import rendition_routes
from custodes.web.routes.session import session_routes
from custodes.web.routes.staff import staff_routes
from custodes.web.routes.users import user_routes
from custodes.web.states import CameraStates
from custodes.web.visitors import Door
from custodes.web.volumes import Volume

PREFIX = "/api/v1"
FOLLOW_S = 2.0
RETRY_S = 10.0
_LOG = structlog.get_logger("web")


@dataclass(frozen=True)
class ConsoleGround:
    """What is given. `web`, `index`: web's own databases; `store`: read, never written; `zone`: an IANA name."""

    network: bytes
    web: Database
    index: Database
    store: ObjectStore
    office: Office
    live: LiveSource
    volumes: Callable[[], list[Volume]]
    zone: str = "UTC"
    passwords: Passwords | None = None


class Console:
    """The console's parts; `run` keeps them up to date."""

    def __init__(
        self, ground: ConsoleGround, board: HealthBoard, clock: Clock, registry: CollectorRegistry
    ) -> None:
        passwords = ground.passwords or Passwords()
        self.index = SqlIndex(ground.index)
        self.follower = LedgerFollower(ground.network, ground.store.get, self.index, clock)
        self.sessions = Sessions(ground.web, passwords, clock)
        self.users = Users(SqlUsers(ground.web), passwords, clock)
        self.layouts = SqlLayouts(ground.web)
        self.states = CameraStates(board, clock)
        self.hub = LiveHub(ground.live, clock, self._recorder_of)
        self.door = Door(self.sessions, self.follower.register)
        self.figures = Figures(registry)
        self.access = AccessCounter(SqlAccess(ground.web), clock)
        self.backgrounds = BackgroundDesk(
            ground.network,
            ground.store.get,
            ground.store.list,
            SqlProposals(ground.web),
            self.follower.commitments,
            clock,
        )
        registry.register(VolumeCollector(ground.volumes))
        self._views = StoredObjects(ground.store, frozenset((FOLDER,)))
        self._ground = ground
        self._board = board
        self._clock = clock

    def routes(self) -> APIRouter:
        """All of `/api/v1`."""
        router = APIRouter(prefix=PREFIX)
        for part in (
            network_routes(self.follower.register, self._ground.network),
            session_routes(self.door, self._clock, self.figures),
            camera_routes(
                self.door,
                self.states,
                self.index,
                self._clock,
                self._ground.zone,
                self.follower.commitments,
            ),
            background_routes(
                self.door,
                self.backgrounds,
                self.states,
                self._ground.office,
                self._ground.network,
                self._clock,
            ),
            rendition_routes(self.door, self.index, self._views, self.access),
            health_routes(
                self.door, self._board, self.states, self._standing, self._ground.volumes, self._clock
            ),
            staff_routes(self.door, self.follower.commitments),
            hold_routes(
                self.door, self.index, self.follower.register, self._ground.network, self._ground.office
            ),
            layout_routes(self.door, self.layouts, self._clock),
            user_routes(self.door, self.users),
            live_routes(self.door, self.hub, self._clock, self.figures, self.access),
        ):
            router.include_router(part)
        return router

    def missing(self) -> str:
        """What it lacks to be ready, "" for nothing. Blocking."""
        try:
            self.sessions.count()
        except CustodesError:
            return "its database does not answer"
        return "" if self.follower.standing.size else "it has not read the ledger yet"

    async def run(self) -> None:
        """Follow the ledger, tell recorders what is watched, look at what recorders tell, state who looked."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self.hub.run())
            group.create_task(self.access.run(self._ground.office))
            group.create_task(self._look())

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.follower.open)
        while True:
            began_s = loop.time()
            try:
                more = await asyncio.to_thread(self.follower.step)
            except CustodesError as error:
                _LOG.warning("the ledger cannot be followed now", kind=error.kind.value, reason=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            self.figures.behind.set(self.follower.standing.behind)
            self.figures.missing.set(self.follower.standing.missing)
            # Catching up takes half of the time of a core, and leaves the other half to who watches.
            await asyncio.sleep(loop.time() - began_s if more else FOLLOW_S)

    async def _look(self) -> None:
        while True:
            self.states.look()
            await asyncio.sleep(1.0)

    def _standing(self) -> Following:
        return self.follower.standing

    def _recorder_of(self, stream: bytes) -> str:
        return self.states.recorder_of(stream)


def machine_zone(link: Path = Path("/etc/localtime")) -> str:
    """The machine's time zone by its IANA name, UTC where it has none."""
    try:
        _, found, name = str(link.resolve(strict=True)).partition("/zoneinfo/")
    except OSError:
        return "UTC"
    return name if found and name else "UTC"

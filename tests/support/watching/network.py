"""A network with a few cameras in its ledger, its web, and users who sign in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from keeping.keeper import TownKeeper
from prometheus_client import CollectorRegistry
from town.people import make_id

from custodes.adapters.bus.memory import MemoryBroker, MemoryBus
from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.web import open_web_database
from custodes.base.canon import b64u, canon
from custodes.base.clock import ManualClock
from custodes.estate.rights import EVERYTHING, Reach
from custodes.estate.users import User
from custodes.services.keeper.submissions import Submissions
from custodes.services.office import Office
from custodes.web.app import create_app
from custodes.web.board import HealthBoard
from custodes.web.console import Console, ConsoleGround
from custodes.web.live.source import BusLiveSource
from custodes.web.visitors import CSRF_HEADER
from custodes.web.volumes import Volume

PASSWORD = "correct horse battery"
ORIGIN = "http://127.0.0.1"
# Cameras besides the town's own "Market" at "Market square": site and name.
OTHERS = (("Harbour", "Gate"), ("Harbour", "Pier"), ("Station", "Forecourt"))


@dataclass
class NoOffice:
    """Nobody is asked here, but who a test puts in."""

    inner: Office | None = None

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """What the one put in answers."""
        return b"" if self.inner is None else await self.inner.ask(service, subject, question, timeout_s)


@dataclass
class KeepersOffice:
    """The keeper's desks, asked without a bus."""

    keeper: TownKeeper

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """What the keeper answers."""
        assert (service, subject) == ("keeper", "submit")
        return await Submissions(self.keeper.ledger, self.keeper.store, {}, {}).desk(question)


@dataclass
class Visit:
    """Somebody who is signed in."""

    client: httpx.AsyncClient
    csrf: str

    @property
    def cookies(self) -> dict[str, str]:
        """For a socket."""
        return dict(self.client.cookies)

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request as the console sends it."""
        headers = {"origin": ORIGIN, CSRF_HEADER: self.csrf, **options.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **options)


class ConsoleNetwork:
    """See the module."""

    def __init__(self, folder: Path, built: Path | None = None) -> None:
        self.keeper = TownKeeper(folder / "network")
        self.town = self.keeper.town
        self.clock: ManualClock = self.keeper.clock
        self.cameras: dict[str, bytes] = {"Market": self.town.camera}
        for site, name in OTHERS:
            self.add_camera(site, name)
        self.board = HealthBoard(self.clock)
        self.broker = MemoryBroker()
        self.web: Database = open_web_database(folder / "web.sqlite")
        self.index: Database = open_index_database(folder / "index.sqlite")
        self.registry = CollectorRegistry()
        self.office = NoOffice()
        ground = ConsoleGround(
            network=self.town.network,
            web=self.web,
            index=self.index,
            store=self.keeper.store,
            office=self.office,
            live=BusLiveSource(MemoryBus(self.broker)),
            volumes=lambda: [Volume("store", 1000, 400)],
            zone="Europe/Dublin",
            passwords=Passwords(1, 8, 1),
        )
        self.console = Console(ground, self.board, self.clock, self.registry)
        self.app: FastAPI = create_app(
            self.board,
            NoOffice(),
            self.keeper.store,
            self.town.network,
            {},
            clock=self.clock,
            registry=self.registry,
            console=self.console,
            built=built or folder / "none",
        )
        self.follow()

    def add_camera(self, site: str, name: str, **changes: Any) -> None:
        """Enter a camera with one main stream."""
        camera = make_id(f"camera/{name}")
        stream = {"assurance": "full", "kind": "main", "stream": b64u(make_id(f"stream/{name}"))}
        body = {"camera": b64u(camera), "name": name, "revision": 1, "site": site, "streams": [stream]}
        self.town.admit("camera", **{**body, **changes})
        self.cameras[name] = camera

    def follow(self) -> None:
        """Take in what is in the ledger."""
        while self.console.follower.step():
            pass

    def add_user(self, name: str, role: str = "operator", reach: Reach = EVERYTHING) -> User:
        """Let somebody sign in with PASSWORD."""
        user = User(name, role, reach)
        self.console.users.add(user, PASSWORD)
        return user

    def client(self) -> httpx.AsyncClient:
        """A browser that nobody has signed in with."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN)

    async def sign_in(self, name: str, password: str = PASSWORD) -> Visit:
        """Sign in with a new browser."""
        client = self.client()
        wish = {"name": name, "password": password}
        answer = await client.post("/api/v1/session", json=wish, headers={"origin": ORIGIN})
        assert answer.status_code == 200, answer.text
        return Visit(client, answer.json()["csrf_token"])

    async def tell_recording(self) -> None:
        """The town's recorder records every stream of every camera."""
        streams = [
            {
                "access_units": 1,
                "assurance": "full",
                "bitrate_bps": 4000,
                "camera": camera.id.hex(),
                "dropped": 0,
                "kind": stream.kind,
                "last_picture_us": self.clock.utc_us(),
                "lost_packets": 0,
                "name": camera.name,
                "reason": "",
                "state": "recording",
                "stream": stream.id.hex(),
            }
            for camera in self.console.follower.register.cameras()
            for stream in camera.streams
        ]
        document = {
            "alarms": [],
            "fences": [],
            "gaps": [],
            "outbox": 0,
            "process": "recorder",
            "renditions": [],
            "streams": streams,
            "time_us": self.clock.utc_us(),
        }
        await self.tell(f"recorder-{self.town.recorder_id.hex()}", document)

    async def tell(self, process: str, document: dict[str, Any]) -> None:
        """A health document."""
        await self.board.hear(f"health.{process}", canon(document))

    def close(self) -> None:
        """End all."""
        self.web.close()
        self.index.close()
        self.keeper.close()

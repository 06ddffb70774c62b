"""A page that watches: its wish, its rights, its tiles, for as long as its socket and its session are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from custodes.base.clock import Clock
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    NotFoundError,
    PushbackError,
    UnauthenticatedError,
    UnavailableError,
)
from custodes.estate.model import Camera
from custodes.estate.rights import Action
from custodes.services.live import NO_CONNECTION, LiveMessage
from custodes.services.users import Session
from custodes.web.access import AccessCounter
from custodes.web.bounds import Bucket
from custodes.web.figures import Figures
from custodes.web.live.codec import parse_wish, refused_message, state_message
from custodes.web.live.hub import LiveHub
from custodes.web.live.viewer import Tile, Viewer
from custodes.web.visitors import Visitor

LOOK_S = 1.0
WISHES_PER_SECOND, WISHES_AT_ONCE = 5, 20
# Codes of our own: RFC 6455 leaves 4000 … 4999 to applications.
SESSION_ENDED = 4401
TOO_MUCH = 4429
POLICY = 1008
TRY_AGAIN = 1013
_LOG = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class Doors:
    """How a page's session is looked up: as of a wish, which keeps it from idling, and as of a look."""

    wish: Callable[[str], Session]
    look: Callable[[str], Session]


class Page:
    """One socket."""

    def __init__(
        self,
        socket: WebSocket,
        visitor: Visitor,
        doors: Doors,
        hub: LiveHub,
        clock: Clock,
        figures: Figures,
        access: AccessCounter,
    ) -> None:
        self._socket = socket
        self._visitor = visitor
        self._doors = doors
        self._hub = hub
        self._clock = clock
        self._figures = figures
        self._access = access
        self._viewer = Viewer(clock)
        self._tiles: dict[int, Tile] = {}
        self._wishes = Bucket("wishes", WISHES_PER_SECOND, WISHES_AT_ONCE, clock)
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Until the page goes, its session ends, or it asks for what no page of ours would."""
        self._figures.sockets.inc()
        tasks = [asyncio.ensure_future(part) for part in (self._receive(), self._send(), self._look())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._close_tiles(list(self._tiles))
            self._figures.sockets.dec()
        await self._end(results)

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            text = message.get("text")
            if text is None:
                raise InvalidError("a wish is text")
            self._wishes.take()
            wish = parse_wish(text)
            session = await asyncio.to_thread(self._doors.wish, self._visitor.session.token)
            async with self._changing:
                self._visitor = Visitor(session, self._visitor.register)
                await self._grant(wish)

    async def _send(self) -> None:
        while True:
            data = await self._viewer.next()
            await self._socket.send_bytes(data)
            self._figures.sent.inc(len(data))
            if self._viewer.cuts:
                self._figures.cuts.inc(self._viewer.cuts)
                self._viewer.cuts = 0

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            session = await asyncio.to_thread(self._doors.look, self._visitor.session.token)
            async with self._changing:
                self._visitor = Visitor(session, self._visitor.register)
                await self._take_back()

    async def _grant(self, wish: dict[int, bytes]) -> None:
        gone = self._shut([n for n, tile in self._tiles.items() if wish.get(n) != tile.camera])
        for number, camera_id in wish.items():
            if number in self._tiles:
                continue
            try:
                camera = self._visitor.camera(camera_id.hex(), Action.WATCH)
            except NotFoundError as error:
                self._refuse(number, camera_id, error)
                continue
            await self._open_tile(number, camera)
        # Left last, so that a camera that moves to another tile is not forgotten in between.
        await self._leave(gone)

    async def _open_tile(self, number: int, camera: Camera) -> None:
        # Counted first: what cannot be counted is not shown.
        await self._access.began(self._visitor.user.role)
        tile = Tile(self._viewer, number, camera.id, watched_stream(camera))
        self._tiles[number] = tile
        self._figures.tiles.inc()
        _LOG.info("watching", user=self._visitor.user.name, camera=camera.id.hex())
        try:
            await self._hub.join(tile.stream, tile)
        except UnavailableError:
            tile.offer(state_message(NO_CONNECTION, self._clock.utc_us()))

    async def _take_back(self) -> None:
        # Rights or the register may be otherwise than when the wish was met.
        for number, tile in list(self._tiles.items()):
            try:
                camera = self._visitor.camera(tile.camera.hex(), Action.WATCH)
            except NotFoundError as error:
                await self._close_tiles([number])
                self._refuse(number, tile.camera, error)
                continue
            if watched_stream(camera) != tile.stream:
                await self._close_tiles([number])
                await self._open_tile(number, camera)

    async def _close_tiles(self, numbers: list[int]) -> None:
        await self._leave(self._shut(numbers))

    def _shut(self, numbers: list[int]) -> list[Tile]:
        tiles = [self._tiles.pop(number) for number in numbers]
        for tile in tiles:
            tile.open = False
            self._figures.tiles.dec()
        return tiles

    async def _leave(self, tiles: list[Tile]) -> None:
        for tile in tiles:
            await self._hub.leave(tile.stream, tile)

    def _refuse(self, number: int, camera: bytes, error: CustodesError) -> None:
        self._figures.refused.inc()
        message: LiveMessage = refused_message(error, self._clock.utc_us())
        self._viewer.take(Tile(self._viewer, number, camera, b"", open=False), message)

    async def _end(self, results: Sequence[object]) -> None:
        errors = [
            one
            for one in results
            if isinstance(one, Exception)
            and not isinstance(one, WebSocketDisconnect | asyncio.CancelledError)
        ]
        if not errors:
            return
        error = errors[0]
        code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
        if code is None:
            raise error
        try:
            await self._socket.close(code, str(error)[:120])
        except (RuntimeError, OSError):
            # The page went first.
            return


_CODES: tuple[tuple[type[Exception], int], ...] = (
    (UnauthenticatedError, SESSION_ENDED),
    (PushbackError, TOO_MUCH),
    (InvalidError, POLICY),
    (CustodesError, TRY_AGAIN),
)


def watched_stream(camera: Camera) -> bytes:
    """The stream whose view is watched: the one that the veiler decodes, a sub stream where there is one."""
    return next((stream.id for stream in camera.streams if stream.kind == "sub"), camera.streams[0].id)

"""The socket of live view."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket

from custodes.base.clock import Clock
from custodes.base.errors import CustodesError, NotFoundError, PushbackError
from custodes.estate.rights import Action, may
from custodes.web.access import AccessCounter
from custodes.web.figures import Figures
from custodes.web.live.hub import LiveHub
from custodes.web.live.page import Doors, Page
from custodes.web.problems import problem_response
from custodes.web.visitors import Door, Visitor, check_origin

MAX_SOCKETS = 128
MAX_SOCKETS_OF_USER = 8


def live_routes(door: Door, hub: LiveHub, clock: Clock, figures: Figures, access: AccessCounter) -> APIRouter:
    """WebSocket /live."""
    router = APIRouter()
    doors = Doors(door.sessions.find, door.sessions.is_open)
    open_: dict[str, int] = {}

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None:
        try:
            visitor = await _enter(door, socket)
            name = visitor.user.name
            if sum(open_.values()) >= MAX_SOCKETS or open_.get(name, 0) >= MAX_SOCKETS_OF_USER:
                raise PushbackError(
                    f"more than {MAX_SOCKETS_OF_USER} pages of a user, or {MAX_SOCKETS} of all"
                )
        except CustodesError as error:
            await socket.send_denial_response(problem_response(error))
            return
        open_[name] = open_.get(name, 0) + 1
        try:
            await socket.accept()
            await Page(socket, visitor, doors, hub, clock, figures, access).run()
        finally:
            open_[name] -= 1
            if not open_[name]:
                del open_[name]

    return router


async def _enter(door: Door, socket: WebSocket) -> Visitor:
    # Browsers let any page open a socket anywhere, cookies and all; the origin alone tells them apart.
    check_origin(socket)
    visitor = await asyncio.to_thread(door.enter, socket)
    if not may(visitor.user, Action.WATCH):
        raise NotFoundError("there is nothing at this address")
    return visitor

"""The invented live view: one WebSocket a page, binary messages of docs/design/0010."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Mapping

from console.dev.pictures import LIVE_HZ, SCENES, live_loop
from starlette.websockets import WebSocket, WebSocketDisconnect

from custodes.web.wire import Camera

INIT, KEY, FRAGMENT, STATE, REFUSED = 1, 2, 3, 4, 5
MAX_TILES = 16
# As late as a veiler on a busy machine: from the picture's arrival to the wire.
_LATE_S = 0.25


async def serve_live(socket: WebSocket, cameras: Mapping[str, Camera]) -> None:
    """Send what the page wishes for until it goes."""
    await socket.accept()
    playing: dict[int, tuple[str, asyncio.Task[None]]] = {}
    try:
        while True:
            text = await socket.receive_text()
            wish = {one["tile"]: one["camera"] for one in json.loads(text)["watch"][:MAX_TILES]}
            for tile in [tile for tile, (camera, _) in playing.items() if wish.get(tile) != camera]:
                playing.pop(tile)[1].cancel()
            for tile, camera in wish.items():
                if tile not in playing:
                    task = asyncio.create_task(_play(socket, tile, cameras.get(camera)))
                    playing[tile] = (camera, task)
    except WebSocketDisconnect:
        pass
    finally:
        for _, task in playing.values():
            task.cancel()


async def _play(socket: WebSocket, tile: int, camera: Camera | None) -> None:
    if camera is None:
        problem = {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "no such camera",
            "kind": "not found",
        }
        await _send(socket, REFUSED, tile, json.dumps(problem).encode())
        return
    view = camera.view
    assert view is not None, "every invented camera has a view"
    permille = 1000 if view.state != "live" else 30
    state = {"state": view.state, "reason": view.reason, "masked_permille": permille}
    await _send(socket, STATE, tile, json.dumps(state).encode())
    if view.state != "live":
        return
    loop = await asyncio.to_thread(live_loop, int(camera.id[:4], 16) % SCENES)
    init = bytes([len(loop.codec)]) + loop.codec.encode() + loop.init
    number = int((time.time() - _LATE_S) * LIVE_HZ) // LIVE_HZ * LIVE_HZ
    while True:
        due = number / LIVE_HZ + _LATE_S
        if (wait := due - time.time()) > 0:
            await asyncio.sleep(wait)
        data, is_key = loop.fragment(number)
        if is_key:
            await _send(socket, INIT, tile, init)
        await _send(socket, KEY if is_key else FRAGMENT, tile, data, round(number / LIVE_HZ * 1e6))
        number += 1


async def _send(socket: WebSocket, kind: int, tile: int, body: bytes, capture_us: int | None = None) -> None:
    at = round(time.time() * 1e6) if capture_us is None else capture_us
    try:
        await socket.send_bytes(struct.pack(">BBQ", kind, tile, at) + body)
    except (RuntimeError, WebSocketDisconnect):
        raise asyncio.CancelledError from None

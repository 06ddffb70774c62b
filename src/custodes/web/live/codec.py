"""The bytes of live view on a page's socket, and a page's wish; those on the bus are services.live's.

On the socket: kind (1 byte), tile (1), capture time (8, µs UTC, big-endian), body. Bodies are the same as on the bus.
Source: docs/design/0010-live-and-console.md (What goes over the WebSocket).
"""

from __future__ import annotations

import json
import struct

from custodes.base.errors import CustodesError, InvalidError
from custodes.base.ids import parse_hex
from custodes.services.live import LiveKind, LiveMessage, LiveState

MAX_TILES = 16
MAX_WISH_CHARACTERS = 4096
_HEAD = struct.Struct(">BBQ")


def for_tile(message: LiveMessage, tile: int) -> bytes:
    """A message's bytes on a page's socket."""
    return _HEAD.pack(message.kind, tile, message.capture_us) + message.body


def state_message(state: LiveState, at_us: int) -> LiveMessage:
    """A state that web itself tells of."""
    return LiveMessage(LiveKind.STATE, at_us, state.encode())


def refused_message(error: CustodesError, at_us: int) -> LiveMessage:
    """A wish that is not met, as a problem."""
    status = error.policy.http_status
    body = {"detail": str(error), "kind": error.kind.value, "status": status, "type": "about:blank"}
    return LiveMessage(LiveKind.REFUSED, at_us, json.dumps(body, separators=(",", ":")).encode())


def parse_wish(text: str) -> dict[int, bytes]:
    """The camera of each tile, the whole wish. Errors: InvalidError."""
    if len(text) > MAX_WISH_CHARACTERS:
        raise InvalidError(f"a wish has at most {MAX_WISH_CHARACTERS} characters")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError("a wish is JSON") from error
    if not isinstance(value, dict) or value.keys() != {"watch"} or not isinstance(value["watch"], list):
        raise InvalidError("a wish is an object with `watch`, a list")
    wish: dict[int, bytes] = {}
    for one in value["watch"]:
        if not isinstance(one, dict) or one.keys() != {"tile", "camera"}:
            raise InvalidError("a wish names a tile and a camera")
        tile = one["tile"]
        if type(tile) is not int or not 0 <= tile < MAX_TILES or tile in wish:
            raise InvalidError(f"a tile is a number from 0 to {MAX_TILES - 1}, each once")
        wish[tile] = parse_hex(one["camera"])
    return wish

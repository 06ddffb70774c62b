"""The bytes of live view on the bus and on a page's socket, and a page's wish.

On the bus (subject `live.<stream>`): kind (1 byte), flags (1; AGAIN: sent before already, repeated for who begins to
watch), capture time (8, µs UTC, big-endian), body.
On the socket: kind (1), tile (1), capture time (8), body. Bodies are the same on both.
Source: docs/design/0010-live-and-console.md (What goes over the WebSocket).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum

from custodes.base.canon import MAX_SAFE_INTEGER, canon
from custodes.base.errors import CustodesError, InvalidError
from custodes.base.ids import parse_hex

MAX_TILES = 16
MAX_WISH_CHARACTERS = 4096
_BUS_HEAD = struct.Struct(">BBQ")
_SOCKET_HEAD = struct.Struct(">BBQ")


class Kind(IntEnum):
    """What a message is."""

    INIT = 1
    KEY_FRAGMENT = 2
    FRAGMENT = 3
    STATE = 4
    REFUSED = 5


AGAIN = 1
_FROM_RECORDER = frozenset({Kind.INIT, Kind.KEY_FRAGMENT, Kind.FRAGMENT, Kind.STATE})


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A message of a stream, the same to every page but for its tile."""

    kind: Kind
    capture_us: int
    body: bytes
    again: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether it holds a picture, so may be dropped with those that depend on it."""
        return self.kind in (Kind.KEY_FRAGMENT, Kind.FRAGMENT)

    def for_tile(self, tile: int) -> bytes:
        """Its bytes on a page's socket."""
        return _SOCKET_HEAD.pack(self.kind, tile, self.capture_us) + self.body


def decode_bus_message(data: bytes) -> LiveMessage:
    """A recorder's message. Errors: InvalidError."""
    if len(data) < _BUS_HEAD.size:
        raise InvalidError(f"a live message has at least {_BUS_HEAD.size} bytes")
    number, flags, capture_us = _BUS_HEAD.unpack_from(data)
    if number not in _FROM_RECORDER or capture_us > MAX_SAFE_INTEGER:
        raise InvalidError(f"a live message of kind {number} is none of a recorder's")
    return LiveMessage(Kind(number), capture_us, data[_BUS_HEAD.size :], bool(flags & AGAIN))


def encode_bus_message(message: LiveMessage) -> bytes:
    """The bytes that a recorder sends."""
    return _BUS_HEAD.pack(message.kind, AGAIN if message.again else 0, message.capture_us) + message.body


def state_message(state: str, reason: str, at_us: int) -> LiveMessage:
    """A state that web itself tells of: masked or away, never live."""
    body = {"masked_permille": 1000, "reason": reason, "state": state}
    return LiveMessage(Kind.STATE, at_us, json.dumps(body, separators=(",", ":")).encode())


def refused_message(error: CustodesError, at_us: int) -> LiveMessage:
    """A wish that is not met, as a problem."""
    status = error.policy.http_status
    body = {"detail": str(error), "kind": error.kind.value, "status": status, "type": "about:blank"}
    return LiveMessage(Kind.REFUSED, at_us, json.dumps(body, separators=(",", ":")).encode())


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


@dataclass(frozen=True, slots=True)
class Watched:
    """Which of a recorder's streams are watched (subject `watch.<recorder>`), and of which we lack the beginning."""

    streams: frozenset[bytes] = frozenset()
    again: frozenset[bytes] = frozenset()

    def encode(self) -> bytes:
        """Canonical JSON; ids in hex, ascending."""
        return canon(
            {
                "again": sorted(stream.hex() for stream in self.again),
                "streams": sorted(stream.hex() for stream in self.streams),
            }
        )

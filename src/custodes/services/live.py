"""The de-identified view on the bus: its messages, and who watches what.

Source: docs/formats/live.md, which is normative.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import Any

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError
from custodes.base.ids import ID_BYTES

MAX_LIVE_BYTES = 1 << 20
MAX_STREAMS = 1000
WATCH_EVERY_S = 2.0
WATCH_FORGOTTEN_US = 5_000_000
WHOLE_PERMILLE = 1000
_HEAD = struct.Struct(">BBQ")
HEAD_BYTES = _HEAD.size


class LiveKind(IntEnum):
    """What a message holds. REFUSED is web's own and never on the bus."""

    INIT = 1
    KEY = 2
    FRAGMENT = 3
    STATE = 4
    REFUSED = 5


class LiveFlags(IntFlag):
    """AGAIN: sent before already, repeated for somebody who begins to watch."""

    NONE = 0
    AGAIN = 1


class ViewState(Enum):
    """What a view shows."""

    LIVE = "live"
    MASKED = "masked"
    AWAY = "away"


class Reason(Enum):
    """Why a view is masked as a whole, or away; a closed list."""

    NONE = ""
    # masked
    STARTING = "starting"
    NO_BACKGROUND = "no-background"
    TOO_DARK = "too-dark"
    SHAKING = "shaking"
    LIGHT_SWITCHED = "light-switched"
    DETECTOR = "detector"
    SETTLING = "settling"
    GAP = "gap"
    OTHER_SIZE = "other-size"
    UNLIKE = "unlike"
    FAINT = "faint"
    CONDITION_CHANGED = "condition-changed"
    DAMAGED = "damaged"
    LATE = "late"
    FAULT = "fault"
    NO_FENCE = "no-fence"
    VEILER_ENDED = "veiler-ended"
    NO_NURSERY = "no-nursery"
    # away: the recorder says the first, web the second, of a recorder from which nothing comes
    NO_PICTURES = "no-pictures"
    NO_CONNECTION = "no-connection"


_AWAY = frozenset({Reason.NO_PICTURES, Reason.NO_CONNECTION})


@dataclass(frozen=True, slots=True)
class LiveState:
    """What a view shows now. `masked_permille`: of the picture's area, 1000 when masked as a whole."""

    state: ViewState
    reason: Reason
    masked_permille: int

    def __post_init__(self) -> None:
        if not 0 <= self.masked_permille <= WHOLE_PERMILLE:
            raise InvalidError(f"masked_permille: 0 to {WHOLE_PERMILLE}, not {self.masked_permille}")
        if (self.state is ViewState.LIVE) != (self.reason is Reason.NONE):
            raise InvalidError(f"a view that is {self.state.value} with the reason {self.reason.value!r}")
        if (self.state is ViewState.AWAY) != (self.reason in _AWAY):
            raise InvalidError(f"a view that is {self.state.value} with the reason {self.reason.value!r}")

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canon(
            {
                "masked_permille": self.masked_permille,
                "reason": self.reason.value,
                "state": self.state.value,
            }
        )


def masked(reason: Reason) -> LiveState:
    """Masked as a whole."""
    return LiveState(ViewState.MASKED, reason, WHOLE_PERMILLE)


AWAY = LiveState(ViewState.AWAY, Reason.NO_PICTURES, WHOLE_PERMILLE)
NO_CONNECTION = LiveState(ViewState.AWAY, Reason.NO_CONNECTION, WHOLE_PERMILLE)


def parse_state(data: bytes) -> LiveState:
    """Errors: InvalidError."""
    body = members(data, "masked_permille", "reason", "state")
    permille = body["masked_permille"]
    if type(permille) is not int:
        raise InvalidError("masked_permille: an integer")
    try:
        return LiveState(ViewState(body["state"]), Reason(body["reason"]), permille)
    except ValueError as error:
        raise InvalidError("a view's state or reason is none of the list") from error


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """One message on `live.<stream>`. `capture_us`: UTC of the arrival of what it shows."""

    kind: LiveKind
    capture_us: int
    body: bytes
    flags: LiveFlags = LiveFlags.NONE

    @property
    def is_picture(self) -> bool:
        """Whether it holds a picture, so may be dropped with those that depend on it."""
        return self.kind in (LiveKind.KEY, LiveKind.FRAGMENT)

    def encode(self) -> bytes:
        """Its bytes. Errors: InvalidError over MAX_LIVE_BYTES."""
        if HEAD_BYTES + len(self.body) > MAX_LIVE_BYTES:
            raise InvalidError(f"a live message has {MAX_LIVE_BYTES} bytes at most, got {len(self.body)}")
        return _HEAD.pack(self.kind, self.flags, self.capture_us) + self.body


def parse_live(data: bytes) -> LiveMessage:
    """Errors: InvalidError."""
    if not HEAD_BYTES <= len(data) <= MAX_LIVE_BYTES:
        raise InvalidError(f"a live message of {len(data)} bytes; it has {HEAD_BYTES} to {MAX_LIVE_BYTES}")
    kind, flags, capture_us = _HEAD.unpack_from(data)
    if kind not in _ON_THE_BUS or flags & ~int(LiveFlags.AGAIN):
        raise InvalidError(f"a live message of kind {kind}, flags {flags}")
    return LiveMessage(LiveKind(kind), capture_us, data[HEAD_BYTES:], LiveFlags(flags))


_ON_THE_BUS = frozenset(LiveKind) - {LiveKind.REFUSED}


def join_init(codec: str, segment: bytes) -> bytes:
    """The body of INIT."""
    name = codec.encode("ascii")
    if not 0 < len(name) < 256:
        raise InvalidError("a codec's name has 1 to 255 characters")
    return bytes((len(name),)) + name + segment


def split_init(body: bytes) -> tuple[str, bytes]:
    """The codec's name and the initialisation segment. Errors: InvalidError."""
    end = 1 + body[0] if body else 0
    name = body[1:end]
    if not name or len(name) + 1 != end or not all(0x20 < byte < 0x7F for byte in name):
        raise InvalidError("an initialisation segment without a codec's name")
    return name.decode("ascii"), body[end:]


@dataclass(frozen=True, slots=True)
class Watch:
    """What a web process watches of a recorder; `again`: of which it needs what was sent before."""

    streams: frozenset[bytes]
    again: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        if len(self.streams) > MAX_STREAMS:
            raise InvalidError(f"{len(self.streams)} streams are watched; {MAX_STREAMS} can be")
        if not self.again <= self.streams:
            raise InvalidError("a stream is wanted again that is not watched")

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canon({"again": _hexes(self.again), "streams": _hexes(self.streams)})


def parse_watch(data: bytes) -> Watch:
    """Errors: InvalidError."""
    if len(data) > 80 * MAX_STREAMS + 64:
        raise InvalidError("a watch message is too long")
    body = members(data, "again", "streams")
    return Watch(_ids(body["streams"]), _ids(body["again"]))


def members(data: bytes, *names: str) -> dict[str, Any]:
    """An object of exactly these members. Errors: InvalidError."""
    body = parse_canon(data)
    if not isinstance(body, dict) or body.keys() != set(names):
        raise InvalidError(f"an object of {', '.join(names)} is due")
    return body


def _hexes(ids: Iterable[bytes]) -> list[str]:
    return sorted(one.hex() for one in ids)


def _ids(value: Any) -> frozenset[bytes]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidError("streams are a list of ids in hex")
    try:
        ids = frozenset(bytes.fromhex(one) for one in value)
    except ValueError as error:
        raise InvalidError("a stream's id is hex") from error
    if any(len(one) != ID_BYTES for one in ids) or _hexes(ids) != value:
        raise InvalidError("a stream's id is of another length, or ids are not in order")
    return ids

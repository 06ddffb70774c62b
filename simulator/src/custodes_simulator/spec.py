"""What a fleet consists of.

Errors: every class here raises FleetFileError where a member is out of range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.library import ClipSource
from custodes_simulator.clips.model import AudioCodec
from custodes_simulator.clips.scene import SceneSource
from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import CameraMisbehaviour, Planned
from custodes_simulator.rtsp.auth import Scheme

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
SMALL_SCENE = SceneSource(width=320, height=180, duration_s=4)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream of a camera, at /<camera>/<name>.

    `encoding`: None plays a file as it is.
    `first_rtp_time`, `first_sequence`: where numbering begins; None for a random place.
    """

    name: str = "main"
    source: ClipSource = SMALL_SCENE
    encoding: Encoding | None = None
    audio: AudioCodec | None = None
    first_rtp_time: int | None = None
    first_sequence: int | None = None
    misbehaviours: tuple[Planned, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise FleetFileError(f"stream name {self.name!r} must be 1 to 63 letters, digits, _ . or -")
        for name, value, bits in (
            ("first_rtp_time", self.first_rtp_time, 32),
            ("first_sequence", self.first_sequence, 16),
        ):
            if value is not None and not 0 <= value < 1 << bits:
                raise FleetFileError(f"stream {self.name}: {name} is {value}; it must fit {bits} bits")
        for planned in self.misbehaviours:
            fault = planned.misbehaviour
            if isinstance(fault, CameraMisbehaviour) and fault.whole_camera:
                raise FleetFileError(
                    f"stream {self.name}: {planned.name} acts on a whole camera; declare it there"
                )


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera at an address of its own.

    `port`: 0 for any free one.
    `schemes`: ways of authentication offered, in that order; none lets everybody in.
    `live`: a play begins at the key frame before the camera's present, not at the clip's beginning.
    `udp`: whether UDP transport is accepted; TCP always is.
    """

    name: str
    streams: tuple[StreamSpec, ...] = (StreamSpec(),)
    host: str = "127.0.0.1"
    port: int = 0
    user: str = "admin"
    password: str = ""
    schemes: tuple[Scheme, ...] = ()
    session_timeout_s: int = 60
    rtcp_interval_s: float = 5.0
    live: bool = False
    udp: bool = True
    misbehaviours: tuple[Planned, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise FleetFileError(f"camera name {self.name!r} must be 1 to 63 letters, digits, _ . or -")
        if not 0 <= self.port < 65536:
            raise FleetFileError(f"camera {self.name}: port is {self.port}; it must be 0 to 65535")
        if not 1 <= self.session_timeout_s <= 3600:
            raise FleetFileError(f"camera {self.name}: session_timeout_s must be 1 to 3600")
        if not 0.05 <= self.rtcp_interval_s <= 3600:
            raise FleetFileError(f"camera {self.name}: rtcp_interval_s must be 0.05 to 3600")
        if self.schemes and not self.password:
            raise FleetFileError(f"camera {self.name}: schemes need a password")
        names = [stream.name for stream in self.streams]
        if not names or len(set(names)) != len(names):
            raise FleetFileError(f"camera {self.name}: stream names {names} must be different, one or more")

"""What a session is given, and to whom it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from custodes.adapters.rtsp.notices import Notice
from custodes.media.packets import AccessUnit, ParameterSets


@dataclass(frozen=True, slots=True)
class CameraSource:
    """Where a camera's stream is and how to reach it; the password is in no representation of it.

    `transport`: how the camera is asked to send; the other way is never tried.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    transport: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session waits, and for what.

    `connect_s`: for the connection. `response_s`: for each answer. `silence_s`: for the next RTP packet.
    `teardown_s`: for the camera's answer when a session ends. `redirects`: how many are followed.
    """

    connect_s: float = 10.0
    response_s: float = 10.0
    silence_s: float = 10.0
    teardown_s: float = 1.0
    redirects: int = 3


class Sink(Protocol):
    """Who takes what a camera sends. Called from the event loop, so it must not block."""

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        """From the description, where it holds valid ones, and before the access unit that changes them."""
        ...

    def on_access_unit(self, unit: AccessUnit) -> None:
        """The next picture in decoding order, as soon as its last packet is read."""
        ...

    def on_notice(self, notice: Notice) -> None:
        """Something that evidence or operation should know of."""
        ...

"""How a stream is doing, for health and for the watchdog."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class StreamState(Enum):
    """What a stream is doing, as health shows it."""

    CONNECTING = "connecting"
    RECORDING = "recording"
    AWAY = "away"
    CANNOT_SEAL = "cannot-seal"


@dataclass(slots=True)
class StreamCounts:
    """What health and statistics say of a stream. `last_unit_us`: boot time of the last recorded picture."""

    access_units: int = 0
    bytes: int = 0
    dropped: int = 0
    lost_packets: int = 0
    foreign_packets: int = 0
    last_unit_us: int = 0


@dataclass(slots=True)
class SessionTimes:
    """When things came in the camera's session of now (boot time), 0: not yet. For the watchdog."""

    first_unit_us: int = 0
    last_unit_us: int = 0
    key_us: int = 0

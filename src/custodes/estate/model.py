"""The network, its cameras and streams, and who records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from custodes.base.clock import DAY_US, MINUTE_US, SECOND_US
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES

StreamKind = Literal["main", "sub"]
Transport = Literal["tcp", "udp"]
Assurance = Literal["full", "lower"]
ZoneKind = Literal["view", "original"]
LOWER_ASSURANCE = (
    "lower assurance: not received over RTSP; no count of lost packets, no clock of the camera,"
    " no check that there was one sender; pictures as FFmpeg took them out of the stream"
)
MAX_PRIORITY = 9
MAX_STREAMS = 16
MAX_VIEWS = 16
MAX_VIEW_NAME = 100
MAX_ZONES = 32
WHOLE_PERMILLE = 1000
# What the one view of a camera is called that names none.
HOME_VIEW = "home"
MAX_LATITUDE_E7 = 900_000_000
MAX_LONGITUDE_E7 = 1_800_000_000
MAX_HEIGHT_CM = 100_000
FULL_CIRCLE_CDEG = 36_000
MAX_RANGE_M = 10_000


@dataclass(frozen=True, slots=True)
class Periods:
    """The network's lengths of time, fixed by genesis."""

    slot_us: int
    slots_per_epoch: int
    reel_us: int
    staff_wait_us: int
    custodian_key_us: int
    freshness_us: int

    @property
    def epoch_us(self) -> int:
        """The longest an epoch lasts."""
        return self.slot_us * self.slots_per_epoch

    @property
    def rehearsal(self) -> bool:
        """Whether any is shorter than the normal one; who shows the network says so first."""
        return any(getattr(self, name) < getattr(NORMAL_PERIODS, name) for name in self.__slots__)


NORMAL_PERIODS = Periods(
    slot_us=MINUTE_US,
    slots_per_epoch=60,
    reel_us=5 * MINUTE_US,
    staff_wait_us=DAY_US,
    custodian_key_us=7 * DAY_US,
    freshness_us=600 * SECOND_US,
)


@dataclass(frozen=True, slots=True)
class Network:
    """One installation under one responsible body; its id is the hash of its genesis."""

    id: bytes
    name: str
    origin: str
    created_us: int
    periods: Periods

    def __post_init__(self) -> None:
        if len(self.id) != HASH_BYTES:
            raise InvalidError(f"a network's id has {HASH_BYTES} bytes, not {len(self.id)}")


@dataclass(frozen=True, slots=True)
class Stream:
    """One picture of a camera: its main stream or a smaller one.

    `assurance`: how much is known of the way from the camera, for good; another way in is another stream.
    """

    id: bytes
    kind: StreamKind
    assurance: Assurance

    def __post_init__(self) -> None:
        _check_id("stream", self.id)
        if self.kind not in ("main", "sub"):
            raise InvalidError(f"stream: kind must be main or sub, not {self.kind!r}")
        if self.assurance not in ("full", "lower"):
            raise InvalidError(f"stream: assurance must be full or lower, not {self.assurance!r}")


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a camera stands, which is public. Units: WGS 84 degrees × 10⁷; height above the ground."""

    latitude_e7: int
    longitude_e7: int
    height_cm: int

    def __post_init__(self) -> None:
        _check_range("latitude_e7", self.latitude_e7, -MAX_LATITUDE_E7, MAX_LATITUDE_E7)
        _check_range("longitude_e7", self.longitude_e7, -MAX_LONGITUDE_E7, MAX_LONGITUDE_E7)
        _check_range("height_cm", self.height_cm, 0, MAX_HEIGHT_CM)


@dataclass(frozen=True, slots=True)
class View:
    """A fixed direction of a camera. Units: hundredths of a degree, bearing clockwise from true north."""

    name: str
    bearing_cdeg: int
    angle_cdeg: int
    range_m: int

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_VIEW_NAME:
            raise InvalidError(f"views: a name has 1 to {MAX_VIEW_NAME} characters")
        _check_range("bearing_cdeg", self.bearing_cdeg, 0, FULL_CIRCLE_CDEG - 1)
        _check_range("angle_cdeg", self.angle_cdeg, 1, FULL_CIRCLE_CDEG)
        _check_range("range_m", self.range_m, 1, MAX_RANGE_M)


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture that nobody is to see. Units: thousandths of width and height, from the upper left corner.

    `kind`: view, masked in every rendition; original, which the camera itself masks, so that it is not in the sealed
    footage either. What a camera does not mask although it should is not recorded.
    """

    name: str
    kind: ZoneKind
    x0_permille: int
    y0_permille: int
    x1_permille: int
    y1_permille: int

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_VIEW_NAME:
            raise InvalidError(f"zones: a name has 1 to {MAX_VIEW_NAME} characters")
        if self.kind not in ("view", "original"):
            raise InvalidError(f"zones: kind must be view or original, not {self.kind!r}")
        for side in ("x", "y"):
            low, high = getattr(self, f"{side}0_permille"), getattr(self, f"{side}1_permille")
            if not 0 <= low < high <= WHOLE_PERMILLE:
                raise InvalidError(
                    f"zones: {self.name} goes from {low} to {high} in {side}; must rise within 0 to {WHOLE_PERMILLE}"
                )


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera and what makes it lawful; estate/rules.py says when it may record."""

    id: bytes
    revision: int
    name: str
    site: str
    purpose: str
    legal_basis: str
    responsible_body: str
    review_date: date
    retention_us: int
    streams: tuple[Stream, ...]
    justification: str = ""
    # None: its place is not told yet.
    mount: Mount | None = None
    views: tuple[View, ...] = ()
    zones: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        _check_id("camera", self.id)
        if self.revision < 1:
            raise InvalidError("revision: counts from 1")
        if not 0 < len(self.streams) <= MAX_STREAMS:
            raise InvalidError(f"streams: a camera has 1 to {MAX_STREAMS}, not {len(self.streams)}")
        if len({stream.id for stream in self.streams}) != len(self.streams):
            raise InvalidError("streams: one is named twice")
        if len(self.views) > MAX_VIEWS:
            raise InvalidError(f"views: a camera has at most {MAX_VIEWS}, not {len(self.views)}")
        if len(self.zones) > MAX_ZONES:
            raise InvalidError(f"zones: a camera has at most {MAX_ZONES}, not {len(self.zones)}")

    @property
    def view_names(self) -> tuple[str, ...]:
        """Its views by name, the first one that which is shown; `home` alone where it names none."""
        return tuple(view.name for view in self.views) or (HOME_VIEW,)


@dataclass(frozen=True, slots=True)
class Assignment:
    """How a recorder reaches a stream; the password is sealed to the recorder's and the operator's keys."""

    camera: bytes
    stream: bytes
    recorder: bytes
    url: str
    transport: Transport = "tcp"
    username: str = ""
    # Sealed password by key id of who can open it; empty where the camera asks for none.
    password: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    # 0 (low) to 9: what a recorder keeps longest under overload.
    priority: int = 5

    def __post_init__(self) -> None:
        for what in ("camera", "stream", "recorder"):
            _check_id(what, getattr(self, what))
        if self.transport not in ("tcp", "udp"):
            raise InvalidError(f"transport: must be tcp or udp, not {self.transport!r}")
        if not 0 <= self.priority <= MAX_PRIORITY:
            raise InvalidError(f"priority: must be from 0 to {MAX_PRIORITY}, not {self.priority}")


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidError(f"{what}: must be from {low} to {high}, not {value}")


def _check_id(what: str, value: bytes) -> None:
    if len(value) != ID_BYTES:
        raise InvalidError(f"{what}: an id has {ID_BYTES} bytes, not {len(value)}")

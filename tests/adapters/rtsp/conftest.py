"""What the tests of the RTSP client share: a sink that keeps everything, and sessions in the background."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from custodes.adapters.rtsp.client import CameraSource, SessionLimits, run_session
from custodes.adapters.rtsp.notices import Notice, NoticeBoard, NoticeKind
from custodes.adapters.rtsp.sdp import VideoTrack
from custodes.adapters.rtsp.video import VideoReceiver
from custodes.base.clock import ManualClock, SystemClock
from custodes.media.nal import split_nals
from custodes.media.packets import AccessUnit, Codec, ParameterSets

PATIENCE_S = 60.0


@dataclass
class KeepingSink:
    """Keeps what it is given, in the order of the calls too."""

    units: list[AccessUnit] = field(default_factory=list)
    sets: list[ParameterSets] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        self.sets.append(sets)
        self.calls.append("sets")

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)
        self.calls.append("unit")

    def on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def count(self, kind: NoticeKind) -> int:
        """The sum of all notices of a kind."""
        return sum(notice.count for notice in self.notices if notice.kind is kind)

    def kinds(self) -> set[NoticeKind]:
        """Which kinds came, the camera's first claim of the time left out."""
        return {
            notice.kind for notice in self.notices if notice.detail != "the camera claims to know the time"
        }

    def hashes(self) -> list[str]:
        """SHA-256 of each access unit, as the simulator's truth log states it."""
        return [hashlib.sha256(unit.data).hexdigest() for unit in self.units]


class Receiving:
    """A session that runs in the background of a test."""

    def __init__(self, sink: KeepingSink, task: asyncio.Task[None]) -> None:
        self.sink = sink
        self.task = task

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; the session must not end before."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)

    async def units(self, count: int) -> list[AccessUnit]:
        """Wait for that many access units."""
        await self.until(lambda: len(self.sink.units) >= count)
        return self.sink.units

    async def stop(self) -> None:
        """Cancel the session and wait until it is over."""
        self.task.cancel()
        await asyncio.wait({self.task})


@asynccontextmanager
async def _receiving(source: CameraSource, limits: SessionLimits | None = None) -> AsyncIterator[Receiving]:
    sink = KeepingSink()
    session = run_session(source, sink, SystemClock(), limits=limits or SessionLimits())
    receiving = Receiving(sink, asyncio.create_task(session))
    try:
        yield receiving
    finally:
        await receiving.stop()


@pytest.fixture
def receiving() -> Callable[..., object]:
    """`async with receiving(source, limits)`: a session in the background."""
    return _receiving


@pytest.fixture
def sink() -> KeepingSink:
    """A sink that keeps everything."""
    return KeepingSink()


@dataclass
class Camera:
    """Writes the packets of one source, as a camera would."""

    ssrc: int = 0x1234
    payload_type: int = 96
    sequence: int = 100
    timestamp: int = 900_000

    def packet(self, payload: bytes, *, marker: bool = False) -> bytes:
        """The next packet of the present time stamp."""
        head = struct.pack(
            "!BBHII", 0x80, self.payload_type | marker << 7, self.sequence & 0xFFFF, self.timestamp, self.ssrc
        )
        self.sequence += 1
        return head + payload

    def picture(self, *nals: bytes, fragment: int = 1400, step: int = 3600) -> list[bytes]:
        """The packets of an H.264 picture, fragmented where it must be; the marker stands on the last."""
        payloads: list[bytes] = []
        for nal in nals:
            if len(nal) <= fragment:
                payloads.append(nal)
                continue
            pieces = [nal[at : at + fragment] for at in range(1, len(nal), fragment)]
            for index, piece in enumerate(pieces):
                flags = (0x80 if index == 0 else 0) | (0x40 if index == len(pieces) - 1 else 0)
                payloads.append(bytes((nal[0] & 0xE0 | 28, nal[0] & 0x1F | flags)) + piece)
        self.timestamp = (self.timestamp + step) % 2**32
        last = len(payloads) - 1
        return [self.packet(payload, marker=index == last) for index, payload in enumerate(payloads)]


def video_receiver(
    sink: KeepingSink, clock: ManualClock, *, codec: Codec = Codec.H264, reorders: bool = False
) -> VideoReceiver:
    """A receiver that reports to a sink."""
    track = VideoTrack(codec, 96, "", (), False)
    return VideoReceiver(track, sink, NoticeBoard(sink.on_notice, clock), clock, reorders=reorders)


@dataclass
class Bench:
    """A receiver, its sink, its clock and a camera; packets go in one by one, 1 ms apart."""

    codec: Codec = Codec.H264
    reorders: bool = False
    sink: KeepingSink = field(default_factory=KeepingSink)
    clock: ManualClock = field(default_factory=ManualClock)
    camera: Camera = field(default_factory=Camera)

    def __post_init__(self) -> None:
        self.video = video_receiver(self.sink, self.clock, codec=self.codec, reorders=self.reorders)

    def receive(self, *packets: bytes) -> None:
        """Let packets arrive."""
        for packet in packets:
            self.clock.advance(1000)
            self.video.on_rtp(memoryview(bytearray(packet)), self.clock.boot_us())
            self.video.rtp.keep()

    def nals(self, index: int = -1) -> list[bytes]:
        """The NAL units of an access unit that was handed on."""
        return [bytes(nal) for nal in split_nals(self.sink.units[index].data)]

    def trust_markers(self) -> None:
        """Send one ordinary picture and the beginning of time that follows it."""
        self.receive(*self.camera.picture(IDR))

    @property
    def total_loss(self) -> int:
        """Packets that access units say are missing."""
        return sum(unit.loss_before for unit in self.sink.units)


# Slices that start their picture, and one that goes on with it.
IDR = b"\x65\x88" + bytes(range(1, 200))
PREDICTED = b"\x41\x9a" + bytes(range(1, 100))
CONTINUED = b"\x41\x4a" + bytes(range(1, 100))
PREDICTED_LARGE = b"\x41\x9a" + bytes(range(1, 251)) * 40


@pytest.fixture
def bench() -> Bench:
    """An H.264 receiver over TCP."""
    return Bench()


@pytest.fixture(scope="session")
def benches() -> type[Bench]:
    """Receivers of other kinds."""
    return Bench


@dataclass(frozen=True)
class Nals:
    """NAL units to send."""

    idr: bytes = IDR
    predicted: bytes = PREDICTED
    continued: bytes = CONTINUED
    large: bytes = PREDICTED_LARGE
    sps: bytes = bytes.fromhex("6742c01fda014016ec0440000003004000000c83c60ca8")
    pps: bytes = bytes.fromhex("68ce3c80")


@pytest.fixture(scope="session")
def nals() -> Nals:
    """NAL units to send."""
    return Nals()


@pytest.fixture(scope="session")
def sink_type() -> type[KeepingSink]:
    """The class of sinks that keep everything."""
    return KeepingSink

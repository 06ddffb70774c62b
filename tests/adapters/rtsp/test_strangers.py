"""Against a camera and a client that nobody here wrote: GStreamer's RTSP server, FFmpeg through PyAV."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from custodes.adapters.rtsp.client import CameraSource
from custodes.adapters.rtsp.notices import NoticeKind
from custodes.media.nal import split_nals
from custodes.media.packets import Codec
from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.nal import VideoCodec
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.spec import CameraSpec, StreamSpec

pytestmark = pytest.mark.integration

SYSTEM_PYTHON = Path("/usr/bin/python3")
CAMERA = Path(__file__).with_name("gstreamer_camera.py")
NOT_INSTALLED = 77
START_CODE = b"\0\0\0\1"


@pytest.fixture(scope="module", params=["h264", "h265"])
def gstreamer(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A codec and the address of a GStreamer camera that sends it."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip(f"the system has no {SYSTEM_PYTHON} to run a GStreamer camera with")
    camera = subprocess.Popen([SYSTEM_PYTHON, CAMERA, request.param], stdout=subprocess.PIPE, text=True)
    assert camera.stdout is not None
    try:
        line = camera.stdout.readline().strip()
        if not line.isdigit():
            assert camera.wait(60) == NOT_INSTALLED, line
            pytest.skip(f"no GStreamer camera: {line}")
        yield request.param, f"rtsp://127.0.0.1:{line}/live"
    finally:
        camera.kill()
        camera.wait()
        camera.stdout.close()


def decoded(sink: Any, codec: Codec) -> int:
    """How many pictures FFmpeg decodes from access units, all errors being errors."""
    decoder = av.CodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    decoder.options = {"err_detect": "explode"}
    sets = sink.sets[0]
    head = b"".join(START_CODE + nal for nal in (*sets.vps, *sets.sps, *sets.pps))
    pictures = 0
    for unit in sink.units:
        data = head + b"".join(START_CODE + bytes(nal) for nal in split_nals(unit.data))
        pictures += len(decoder.decode(av.Packet(data)))
        head = b""
    return pictures + len(decoder.decode(None))


async def test_a_gstreamer_camera(receiving: Any, gstreamer: tuple[str, str]) -> None:
    name, url = gstreamer
    async with (
        receiving(CameraSource(url, transport="tcp")) as over_tcp,
        receiving(CameraSource(url, transport="udp")) as over_udp,
    ):
        for session in (over_tcp, over_udp):
            await session.units(30)
            await session.until(lambda sink=session.sink: sink.units[-1].camera_utc_us)
    codec = Codec.H264 if name == "h264" else Codec.H265
    for session in (over_tcp, over_udp):
        assert_good(session.sink, codec)


def assert_good(sink: Any, codec: Codec) -> None:
    units = sink.units
    assert sink.sets[0].codec is codec
    assert units[0].is_key and sum(unit.is_key or unit.is_open_key for unit in units) >= 2
    assert sink.count(NoticeKind.LOSS) == 0
    assert not sink.kinds() - {NoticeKind.REORDERED}
    media = [unit.media_90k for unit in units]
    assert media == sorted(set(media))
    assert decoded(sink, codec) == len(units)


async def test_ffmpeg_reads_the_same_pictures(receiving: Any) -> None:
    specs = [
        CameraSpec(codec.value, (StreamSpec(encoding=Encoding(codec=codec)),))
        for codec in (VideoCodec.H264, VideoCodec.H265)
    ]
    async with SimulatedFleet(specs) as fleet:
        await asyncio.gather(*(compare_with_ffmpeg(receiving, fleet.url(spec.name)) for spec in specs))


async def compare_with_ffmpeg(receiving: Any, url: str) -> None:
    theirs: list[bytes] = []
    enough = threading.Event()
    reading = asyncio.create_task(asyncio.to_thread(read_with_ffmpeg, url, theirs, enough))
    async with receiving(CameraSource(url)) as session:
        await session.until(lambda: len(theirs) >= 30 or reading.done())
        await session.units(40)
    enough.set()
    await reading
    ours = {pictures(bytes(unit.data)) for unit in session.sink.units}
    assert len(theirs) >= 30
    # Both play the same clip from its start; FFmpeg puts parameter sets where it likes, slices stay as they are.
    assert {pictures(data) for data in theirs[:30]} <= ours


def pictures(data: bytes) -> bytes:
    """The last NAL unit, which is the slice."""
    return bytes(split_nals(data)[-1])


def read_with_ffmpeg(url: str, packets: list[bytes], enough: threading.Event) -> None:
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=60) as container:
        for packet in container.demux(video=0):
            data = bytes(packet)
            for code in (b"\0\0\0\1", b"\0\0\1"):
                data = data.replace(code, b"\xff\xfe\xfd\xfc")
            nals = [nal for nal in data.split(b"\xff\xfe\xfd\xfc") if nal]
            packets.append(b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals))
            if enough.is_set():
                return

"""Sources through FFmpeg: what arrives, and what an address cannot do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from custodes.adapters.av.address import parse_opening
from custodes.adapters.av.client import run_av_session
from custodes.adapters.rtsp.model import CameraSource, SessionLimits
from custodes.base.clock import SystemClock
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from custodes.media.nal import key_kind, split_nals
from custodes.media.packets import Codec, ParameterSets

CLOCK = SystemClock()
FRAMES = 15


def check_fifteen_pictures(sink: Any, codec: Codec) -> None:
    assert isinstance(sink.items[0], ParameterSets)
    assert sink.items[0].codec is codec
    assert sum(isinstance(item, ParameterSets) for item in sink.items) == 1
    assert [unit.is_key for unit in sink.units] == [n % 5 == 0 for n in range(FRAMES)]
    # FLV and Matroska count milliseconds.
    steps = [
        after.media_90k - unit.media_90k for unit, after in zip(sink.units, sink.units[1:], strict=False)
    ]
    assert all(abs(step - 3600) <= 90 for step in steps)
    for unit in sink.units:
        nals = split_nals(unit.data)
        assert (key_kind(codec, nals) > 0) == unit.is_key
        assert unit.camera_utc_us == unit.loss_before == 0


@pytest.mark.parametrize("form", ["mpegts", "flv", "matroska"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_video_over_http(media_file: Any, web: Any, sink: Any, form: str, codec: str) -> None:
    web.pages["/live"] = media_file(form, codec)
    await run_av_session(CameraSource(f"http://127.0.0.1:{web.port}/live"), sink, CLOCK)
    check_fifteen_pictures(sink, Codec.H264 if codec == "libx264" else Codec.H265)


async def test_a_file_is_read_at_its_own_speed(media_file: Any, sink: Any, tmp_path: Path) -> None:
    path = tmp_path / "with blanks %41.mp4"
    path.write_bytes(media_file("mp4"))
    await run_av_session(CameraSource(f"file://{path}"), sink, CLOCK, allow_files=True)
    check_fifteen_pictures(sink, Codec.H264)
    assert sink.units[-1].boot_us - sink.units[0].boot_us >= 500_000


async def test_video_over_rtmp(rtmp: Any, sink: Any) -> None:
    with contextlib.suppress(UnavailableError):  # a live stream does not end, it breaks off
        await run_av_session(CameraSource(f"rtmp://127.0.0.1:{rtmp.port}/live/camera"), sink, CLOCK)
    check_fifteen_pictures(sink, Codec.H264)


async def test_the_password_is_sent_and_never_shown(media_file: Any, web: Any, sink: Any) -> None:
    web.pages["/live"] = media_file("mpegts")
    web.password = "p@ss:/word"
    url = f"http://127.0.0.1:{web.port}/live"
    await run_av_session(CameraSource(url, "camera", web.password), sink, CLOCK)
    assert len(sink.units) == FRAMES
    with pytest.raises(UnauthenticatedError) as refused:
        await run_av_session(CameraSource(url, "camera", "canary"), sink, CLOCK)
    assert "canary" not in str(refused.value)
    assert "canary" not in repr(parse_opening(CameraSource(url, "camera", "canary"), allow_files=False))


async def test_failures_have_their_kind(media_file: Any, web: Any, sink: Any, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{web.port}"
    web.pages["/text"] = b"this is no video" * 400
    web.pages["/sound"] = b""
    web.pages["/mpeg4"] = media_file("mpegts", "mpeg4")
    cases: list[tuple[str, type[CustodesError]]] = [
        (f"{base}/absent", NotFoundError),
        (f"{base}/text", InvalidError),
        (f"{base}/mpeg4", InvalidError),
        (f"file://{tmp_path}/absent.mp4", NotFoundError),
    ]
    with socket.create_server(("127.0.0.1", 0)) as free:
        cases.append((f"http://127.0.0.1:{free.getsockname()[1]}/gone", UnavailableError))
    for url, expected in cases:
        with pytest.raises(expected):
            await run_av_session(CameraSource(url), sink, CLOCK, allow_files=True)
    assert sink.items == []


async def test_a_source_that_says_nothing_is_given_up(sink: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/live"
        with pytest.raises(UnavailableError):
            await run_av_session(
                CameraSource(url), sink, CLOCK, limits=SessionLimits(connect_s=0.3, silence_s=0.3)
            )


async def test_playlists_and_redirects_are_not_followed(
    media_file: Any, web: Any, sink: Any, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(media_file("mpegts"))
    web.pages["/hidden.ts"] = media_file("mpegts")
    base = f"http://127.0.0.1:{web.port}"
    for entry in (f"file://{secret}", f"{base}/hidden.ts", f"concat:{secret}"):
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{entry}\n#EXT-X-ENDLIST\n"
        web.pages["/list.m3u8"] = playlist.encode()
        web.pages["/list"] = f"ffconcat version 1.0\nfile '{entry}'\n".encode()
        for page in ("/list.m3u8", "/list"):
            with pytest.raises(CustodesError):
                await run_av_session(CameraSource(base + page), sink, CLOCK)
    web.redirects["/moved"] = f"{base}/hidden.ts"
    with pytest.raises(CustodesError):
        await run_av_session(CameraSource(f"{base}/moved"), sink, CLOCK)
    assert "/hidden.ts" not in web.asked
    assert sink.items == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "live.ts",
        "/etc/passwd",
        "file:///etc/passwd",
        "concat:/etc/passwd|/etc/group",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "pipe:0",
        "exec:true",
        "data:text/plain,x",
        "tcp://127.0.0.1:1",
        "rtsp://127.0.0.1/x",
        "http://user:word@127.0.0.1/x",
        "http:///x",
        "http://[::1/x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\n",
        "http://127.0.0.1/" + "x" * 3000,
        "rtmp://127.0.0.1/live listen=1",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(InvalidError):
        parse_opening(CameraSource(url), allow_files=False)


def test_files_are_named_by_absolute_path() -> None:
    for url in ("file:relative.mp4", "file://host/x.mp4", "file:"):
        with pytest.raises(InvalidError):
            parse_opening(CameraSource(url), allow_files=True)


async def test_nothing_is_delivered_after_cancellation(media_file: Any, sink: Any, tmp_path: Path) -> None:
    path = tmp_path / "source.ts"
    path.write_bytes(media_file("mpegts"))
    task = asyncio.create_task(run_av_session(CameraSource(f"file://{path}"), sink, CLOCK, allow_files=True))
    async with asyncio.timeout(30):
        while not sink.units:
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    count = len(sink.items)
    async with asyncio.timeout(30):
        while any(thread.name == "av-source" for thread in threading.enumerate()):
            await asyncio.sleep(0.01)
    assert len(sink.items) == count < FRAMES

"""A web server that sends video at the pace at which it was made, and misbehaves where its path says so."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np

RATE = 25
KEY_EVERY = 25


@dataclass(frozen=True)
class Clip:
    """A file in the pieces of its pictures, and the hashes of what a player finds in it, in order."""

    pieces: tuple[bytes, ...]
    pictures: tuple[bytes, ...]


@functools.cache
def make_clip(form: str = "mpegts", codec: str = "libx264", seconds: int = 12) -> Clip:
    """So many seconds of moving grey."""
    target = io.BytesIO()
    ends = []
    options = {"flush_packets": "1"} | ({"movflags": "frag_every_frame+empty_moov"} if form == "mp4" else {})
    with av.open(target, "w", format=form, options=options) as container:
        video = container.add_stream(codec, rate=RATE)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        if codec == "libx264":
            video.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "x264-params": f"keyint={KEY_EVERY}:scenecut=0:threads=1",
            }
        for number in range(seconds * RATE):
            picture = np.full((270, 320), (number * 7) % 200 + 20, np.uint8)
            picture[number % 180, :] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = number
            container.mux(video.encode(frame))
            ends.append(target.tell())
        container.mux(video.encode(None))
    data = target.getvalue()
    ends[-1] = len(data)
    pieces = tuple(data[start:end] for start, end in zip([0, *ends], ends, strict=False))
    with av.open(io.BytesIO(data)) as container:
        packets = [bytes(one) for one in container.demux(video=0) if one.size]
    hash_ = nal_hash if form == "mpegts" else lambda sample: hashlib.sha256(sample).digest()
    return Clip(pieces, tuple(map(hash_, packets)))


def nal_hash(annex_b: bytes) -> bytes:
    """The hash of a picture's NAL units behind start codes, each behind its length as it is sealed."""
    nals = [one.rstrip(b"\0") for one in annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]
    return hashlib.sha256(b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)).digest()


@dataclass
class LiveServer:
    """`paths`: how often each was asked for. `password`: asked for where it is not empty (user "admin").

    /live plays the clip; after two seconds /stall says nothing more, /drop ends, /garbage sends noise;
    /silent answers with nothing; /text is no video; /mpeg4 is no codec that is recorded.
    """

    port: int = 0
    password: str = ""
    paths: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        """An address."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def play(self, path: str, write: Callable[[bytes], object]) -> None:
        """Answer one request."""
        name = path.partition("?")[0].strip("/")
        if name == "silent":
            self.over.wait(60)
        elif name == "text":
            while not self.over.wait(0.02):
                write(b"this is no video\n" * 4000)
        else:
            clip = make_clip(codec="mpeg4") if name == "mpeg4" else make_clip()
            self._pace(clip.pieces if name == "live" else clip.pieces[: 2 * RATE], write)
        if name == "stall":
            self.over.wait(60)
        while name == "garbage" and not self.over.wait(0.02):
            write(os.urandom(20_000))

    def _pace(self, pieces: tuple[bytes, ...], write: Callable[[bytes], object]) -> None:
        began_s = time.monotonic()
        for number, piece in enumerate(pieces):
            if self.over.wait(max(0.0, number / RATE - (time.monotonic() - began_s))):
                return
            write(piece)


@contextmanager
def live_server() -> Iterator[LiveServer]:
    """A server on the loopback interface."""
    state = LiveServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.paths[self.path] = state.paths.get(self.path, 0) + 1
            wanted = "Basic " + base64.b64encode(f"admin:{state.password}".encode()).decode()
            has = self.headers.get("Authorization") == wanted or self.path.endswith(f"pwd={state.password}")
            if state.password and not has:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                state.play(self.path, self.wfile.write)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        thread.join()

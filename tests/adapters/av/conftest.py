"""Files in the formats that FFmpeg reads, and a web server for them."""

from __future__ import annotations

import base64
import functools
import io
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest

from custodes.adapters.rtsp.notices import Notice
from custodes.media.packets import AccessUnit, ParameterSets

FRAMES = 15


@functools.cache
def make_file(form: str, codec: str = "libx264", sound: bool = False) -> bytes:
    """Fifteen pictures at 25 a second in a container of this form."""
    target = io.BytesIO()
    with av.open(target, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        common = "keyint=5:min-keyint=5:scenecut=0:bframes=0"
        if codec == "libx265":
            common += ":log-level=none:pools=1:frame-threads=1:open-gop=0"
        stream.options = {"preset": "ultrafast", f"{codec[3:]}-params": common}
        if sound:
            container.add_stream("aac", rate=8000)
        for number in range(FRAMES):
            picture = np.full((144, 160), 40 + 10 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


@pytest.fixture(scope="session")
def media_file() -> Callable[..., bytes]:
    """Makes a file: `media_file(form, codec="libx264", sound=False)`."""
    return make_file


@dataclass
class ListSink:
    """Keeps what it is given, in order."""

    items: list[ParameterSets | AccessUnit] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        self.items.append(sets)

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.items.append(unit)

    def on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def units(self) -> list[AccessUnit]:
        return [item for item in self.items if isinstance(item, AccessUnit)]


@pytest.fixture
def sink() -> ListSink:
    """A sink that keeps everything."""
    return ListSink()


@dataclass
class WebServer:
    """Serves `pages` by path; `password` set, it asks for it (user "camera"). `asked`: paths requested."""

    port: int = 0
    pages: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    password: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server on the loopback interface."""
    state = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            expected = "Basic " + base64.b64encode(f"camera:{state.password}".encode()).decode()
            if state.password and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
            elif self.path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[self.path])
                self.end_headers()
            elif self.path in state.pages:
                self.send_response(200)
                self.send_header("Content-Length", str(len(state.pages[self.path])))
                self.end_headers()
                self.wfile.write(state.pages[self.path])
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


_AMF_ZERO = bytes(9)
_AMF_NULL = b"\5"


def _amf_string(text: bytes) -> bytes:
    return b"\2" + struct.pack(">H", len(text)) + text


class RtmpServer:
    """As little of an RTMP server as a player needs: whatever is asked is granted, then one FLV file is sent.

    Source: Adobe's RTMP 1.0, sections 5 to 7; FLV, annex E.
    """

    def __init__(self, flv: bytes) -> None:
        self._flv = flv
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as stream:
            handshake = stream.read(1537)
            connection.sendall(b"\3" + bytes(1536) + handshake[1:])
            stream.read(1536)
            connection.sendall(self._message(2, 1, struct.pack(">I", 0xFFFFFF)))
            self._grant(connection, stream)
            at = 13
            while at < len(self._flv):
                kind, size = self._flv[at], int.from_bytes(self._flv[at + 1 : at + 4], "big")
                time_ms = int.from_bytes(self._flv[at + 4 : at + 7], "big")
                connection.sendall(self._message(4, kind, self._flv[at + 11 : at + 11 + size], time_ms, 1))
                at += 11 + size + 4
            connection.shutdown(socket.SHUT_WR)
            while stream.read(4096):
                pass

    def _grant(self, connection: socket.socket, stream: io.BufferedReader) -> None:
        for body in self._commands(stream):
            name = body[3 : 3 + int.from_bytes(body[1:3], "big")]
            if name == b"play":
                status = _amf_string(b"onStatus") + _AMF_ZERO + _AMF_NULL + b"\3"
                status += _amf_string(b"level")[1:] + _amf_string(b"status")
                status += _amf_string(b"code")[1:] + _amf_string(b"NetStream.Play.Start") + b"\0\0\x09"
                connection.sendall(self._message(3, 20, status, 0, 1))
                return
            number = body[3 + len(name) : 12 + len(name)]
            result = _amf_string(b"_result") + number + _AMF_NULL + _AMF_ZERO
            connection.sendall(self._message(3, 20, result))

    def _commands(self, stream: io.BufferedReader) -> Iterator[bytes]:
        """The commands of a player, put together from its chunks."""
        chunk = 128
        heads: dict[int, tuple[int, int]] = {}
        bodies: dict[int, bytes] = {}
        while first := stream.read(1):
            channel, form = first[0] & 63, first[0] >> 6
            if form < 2:
                head = stream.read(11 if form == 0 else 7)
                heads[channel] = int.from_bytes(head[3:6], "big"), head[6]
            elif form == 2:
                stream.read(3)
            length, kind = heads[channel]
            body = bodies.pop(channel, b"")
            body += stream.read(min(chunk, length - len(body)))
            if len(body) < length:
                bodies[channel] = body
            elif kind == 1:
                chunk = int.from_bytes(body, "big")
            elif kind == 20:
                yield body

    @staticmethod
    def _message(channel: int, kind: int, body: bytes, time_ms: int = 0, stream: int = 0) -> bytes:
        head = bytes([channel]) + time_ms.to_bytes(3, "big") + len(body).to_bytes(3, "big")
        head += bytes([kind]) + struct.pack("<I", stream)
        # Before the announcement of large chunks, messages of up to 128 bytes are one chunk as well.
        return head + body


@pytest.fixture
def rtmp(media_file: Callable[..., bytes]) -> Iterator[RtmpServer]:
    """An RTMP server that plays the H.264 file once."""
    server = RtmpServer(media_file("flv"))
    yield server
    server.close()

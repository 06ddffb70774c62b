"""Files in the formats that FFmpeg reads, and a web server for them."""

from __future__ import annotations

import base64
import functools
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest
from streaming.rtmp import RtmpServer

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


@pytest.fixture
def rtmp(media_file: Callable[..., bytes]) -> Iterator[RtmpServer]:
    """An RTMP server that plays the H.264 file once."""
    server = RtmpServer(media_file("flv"))
    yield server
    server.close()

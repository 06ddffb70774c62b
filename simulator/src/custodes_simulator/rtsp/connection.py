"""One RTSP connection: bytes to requests, requests to answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from custodes_simulator.play.session import Session
from custodes_simulator.rtsp.handlers import handle
from custodes_simulator.rtsp.message import Reader, Request, Response
from custodes_simulator.spec import StreamSpec

if TYPE_CHECKING:
    from custodes_simulator.camera import Camera


class RtspConnection(asyncio.Protocol):
    """A client's connection to a camera.

    `hears`: false where it reads and answers nothing any more.
    `described`: the stream that was described last; relative control URLs refer to it.
    """

    def __init__(self, camera: Camera, number: int) -> None:
        self.camera = camera
        self.number = number
        self.transport: asyncio.Transport | None = None
        self.described: StreamSpec | None = None
        self.sessions: list[Session] = []
        self.after_answer: list[Session] = []
        self._reader = Reader()
        self.hears = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in."""
        # uvloop's transports are no subclasses of asyncio's, though they do the same.
        self.transport = cast(asyncio.Transport, transport)
        self.hears = self.camera.accept(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Sessions that played into this connection end with it."""
        self.camera.lost(self)

    @property
    def wire(self) -> asyncio.Transport:
        """The connection's transport.

        Errors: RuntimeError before the connection is made.
        """
        if self.transport is None:
            raise RuntimeError("the connection is not made yet")
        return self.transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        if not self.hears:
            return
        frames = self._reader.interleaved
        try:
            requests = self._reader.feed(data)
        except ValueError:
            self.wire.write(Response(400).encoded())
            self.wire.close()
            return
        if self._reader.interleaved > frames and self.camera.keeps_alive("RTCP"):
            for session in self.sessions:
                session.touch()
        for request in requests:
            self._serve(request)

    def _serve(self, request: Request) -> None:
        answer = self.camera.answered_otherwise(self, request)
        self.reply(request, self.handled(request) if answer is None else answer)
        self.start_waiting()

    def handled(self, request: Request) -> Response:
        """The right answer to a request; what it asks for is done."""
        return handle(self, request)

    def reply(self, request: Request, answer: Response | bytes) -> None:
        """Send an answer; empty bytes are none."""
        if isinstance(answer, Response):
            answer = self.camera.encoded(request, answer)
        if answer and not self.wire.is_closing():
            self.wire.write(answer)

    def start_waiting(self) -> None:
        """Let sessions send that waited for the answer to PLAY."""
        starting, self.after_answer = self.after_answer, []
        for session in starting:
            session.play()

    def peer(self) -> tuple[str, int]:
        """The client's address."""
        host, port = self.wire.get_extra_info("peername")[:2]
        return str(host), int(port)

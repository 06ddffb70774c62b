"""An RTSP connection: requests and their answers, and the packets between them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, cast

from custodes.adapters.rtsp.framing import BUFFER_BYTES, Framing
from custodes.adapters.rtsp.message import CameraRequest, Response, build_answer, build_request
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.video import VideoReceiver
from custodes.base.clock import Clock
from custodes.base.errors import CustodesError, UnavailableError

_LATE_ANSWERS = 16
_ANSWERED = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER"})


# Bytes are read and taken apart in one go, so all connections of a thread share one buffer: it stays in the
# processor's cache, and a connection costs no memory but what it has begun.
_BUFFERS = threading.local()


def _shared_view() -> memoryview:
    view: memoryview | None = getattr(_BUFFERS, "view", None)
    if view is None:
        view = _BUFFERS.view = memoryview(bytearray(BUFFER_BYTES))
    return view


class SilentError(UnavailableError):
    """The connection stands and nothing comes."""


class Connection(asyncio.BufferedProtocol):
    """One TCP connection to a camera.

    `failed` ends with the reason as soon as the connection is of no more use.
    """

    def __init__(self, clock: Clock, notices: NoticeBoard, loop: asyncio.AbstractEventLoop) -> None:
        self.failed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._clock = clock
        self._notices = notices
        self._framing = Framing(self)
        self._view = _shared_view()
        self._rest = b""
        self._boot_us = 0
        self._transport: asyncio.Transport | None = None
        self._sequence = 0
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._video: VideoReceiver | None = None
        self._channels = (-1, -1)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: behind what is not done with. They are read before another is asked."""
        rest = self._rest
        if not rest:
            return self._view
        self._view[: len(rest)] = rest
        return self._view[len(rest) :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        end = len(self._rest) + nbytes
        self._boot_us = self._clock.boot_us()
        try:
            done = self._framing.feed(self._view, end)
        except CustodesError as error:
            self.fail(error)
            return
        if self._video is not None:
            self._video.rtp.keep()
        self._rest = bytes(self._view[done:end]) if done < end else b""

    def eof_received(self) -> bool:
        """The camera sends no more."""
        self.fail(UnavailableError("the camera closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, through the network or an error of whoever took a picture."""
        if exc is None or isinstance(exc, OSError):
            reason = f": {exc.strerror or exc}" if isinstance(exc, OSError) else ""
            self.fail(UnavailableError(f"the connection to the camera ended{reason}"))
        else:
            self.fail(exc)

    # What framing calls.

    def on_packet(self, channel: int, packet: memoryview) -> None:
        """An interleaved packet."""
        if self._video is None:
            return
        if channel == self._channels[0]:
            self._video.on_rtp(packet, self._boot_us)
        else:
            self._video.on_rtcp(packet, self._boot_us)

    def on_run(self, buffer: memoryview, at: int, end: int) -> int:
        """A chance to read many packets at once."""
        if self._video is None or at >= end:
            return at
        return self._video.rtp.run(buffer, at, end, self._channels[0], self._boot_us)

    def on_message(self, message: Response | CameraRequest) -> None:
        """An answer to a request of ours, or a request of the camera's."""
        if isinstance(message, CameraRequest):
            known = message.method in _ANSWERED
            self._write(build_answer(message, *((200, "OK") if known else (501, "Not Implemented"))))
            if message.method in ("REDIRECT", "TEARDOWN"):
                self.fail(UnavailableError(f"the camera ended the session ({message.method})"))
            return
        if message.status < 200:
            return
        sequence = message.headers.number("cseq")
        # Some cameras leave CSeq out or count otherwise; requests are answered in their order.
        if sequence not in self._waiting:
            sequence = next((number for number, answer in self._waiting.items() if not answer.done()), None)
        if sequence is not None:
            answer = self._waiting.pop(sequence)
            if not answer.done():
                answer.set_result(message)

    def on_junk(self, count: int) -> None:
        """Bytes that belong to nothing."""
        self._notices.post(NoticeKind.JUNK, "passed over", count)

    # What a session calls.

    def attach(self, video: VideoReceiver | None, channels: tuple[int, int] | None) -> None:
        """Where interleaved packets go from now on; None: nowhere."""
        self._video = video
        self._channels = channels or (-1, -1)
        self._framing.set_channels(*(channels or ()))

    async def request(self, method: str, url: str, headers: Mapping[str, str], timeout_s: float) -> Response:
        """Ask and wait for the answer.

        Errors: UnavailableError when none comes in time; whatever ended the connection.
        """
        self._sequence += 1
        sequence = self._sequence
        answer: asyncio.Future[Response] = self._loop.create_future()
        data = build_request(method, url, sequence, headers)
        self._waiting[sequence] = answer
        self._waiting.pop(sequence - _LATE_ANSWERS, None)
        try:
            self._write(data)
            waited: set[asyncio.Future[Any]] = {answer, self.failed}
            await asyncio.wait(waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if self.failed.done():
                self.failed.result()
            raise SilentError(f"the camera did not answer {method} within {timeout_s:g} s")
        finally:
            if not answer.done():
                # A late answer must not pass for that of a later request.
                answer.cancel()

    def send_packet(self, channel: int, packet: bytes) -> None:
        """Send an interleaved packet."""
        self._write(bytes((0x24, channel)) + len(packet).to_bytes(2, "big") + packet)

    def address(self) -> tuple[str, str]:
        """Our own and the camera's address. Errors: UnavailableError when the connection is gone."""
        if self._transport is not None:
            own, peer = map(self._transport.get_extra_info, ("sockname", "peername"))
            if own and peer:
                return own[0], peer[0]
        raise UnavailableError("the connection to the camera ended")

    def close(self) -> None:
        """End the connection at once."""
        self.attach(None, None)
        self.fail(UnavailableError("the session is over"))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def fail(self, error: Exception) -> None:
        """End the connection for this reason."""
        if not self.failed.done():
            self.failed.set_exception(error)
            # Whoever still waits reads it; nobody may be left.
            self.failed.exception()
        if self._transport is not None:
            self._transport.abort()

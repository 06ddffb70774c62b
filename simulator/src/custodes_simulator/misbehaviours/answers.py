"""RTSP answers that are odd, late, wrong or absent."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import CameraMisbehaviour, PlayMisbehaviour, register
from custodes_simulator.rtsp.auth import NonceUse
from custodes_simulator.rtsp.message import Request, Response

if TYPE_CHECKING:
    from custodes_simulator.camera import Camera
    from custodes_simulator.play.session import Session
    from custodes_simulator.rtsp.connection import RtspConnection

_KEEP_ALIVES = ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER")


@register("transport-order")
@dataclass
class TransportOrder(CameraMisbehaviour):
    """The Transport answer has `ssrc` first, and other channels than asked for are used."""

    add: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.add <= 200:
            raise FleetFileError(f"add is {self.add}; it must be 0 to 200")

    def channels(self, asked: tuple[int, int]) -> tuple[int, int]:
        return asked[0] + self.add, asked[1] + self.add

    def rewrite(self, request: Request, response: Response) -> Response:
        text = response.header("Transport")
        if text is None:
            return response
        protocol, *rest = text.split(";")
        rest.sort(key=lambda part: not part.startswith("ssrc"))
        return response.with_header("Transport", ";".join([protocol, *rest]))


@register("keep-alive-only")
@dataclass
class KeepAliveOnly(CameraMisbehaviour):
    """One method alone keeps a session alive; RTCP does not, and other keep-alives are refused.

    `listed`: the Public header names the accepted method alone.
    """

    method: str = "GET_PARAMETER"
    listed: bool = True

    def __post_init__(self) -> None:
        if self.method not in _KEEP_ALIVES:
            raise FleetFileError(f"method is {self.method!r}; it must be one of {', '.join(_KEEP_ALIVES)}")

    def keeps_alive(self, method: str) -> bool:
        return method == self.method or method not in (*_KEEP_ALIVES, "RTCP")

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        if request.method == self.method or request.method not in _KEEP_ALIVES or request.method == "OPTIONS":
            return None
        return Response(405, (("CSeq", request.headers.get("cseq", "0")),))

    def rewrite(self, request: Request, response: Response) -> Response:
        public = response.header("Public")
        if public is None or not self.listed:
            return response
        kept = [name for name in public.split(", ") if name not in _KEEP_ALIVES or name == self.method]
        return response.with_header("Public", ", ".join(kept))


@register("session-timeout-hidden")
@dataclass
class SessionTimeoutHidden(CameraMisbehaviour):
    """The Session header does not say after how long a session ends."""

    def rewrite(self, request: Request, response: Response) -> Response:
        session = response.header("Session")
        return response if session is None else response.with_header("Session", session.partition(";")[0])


@register("nonce-one-time")
@dataclass
class NonceOneTime(CameraMisbehaviour):
    """A nonce holds for the connection that got it, or for one request.

    `per`: "connection" or "request".
    """

    whole_camera = True
    per: str = "connection"

    def __post_init__(self) -> None:
        if self.per not in ("connection", "request"):
            raise FleetFileError(f"per is {self.per!r}; it must be connection or request")

    def begin(self, camera: Camera) -> None:
        camera.guard.nonce_use = NonceUse(self.per)

    def end(self, camera: Camera) -> None:
        camera.guard.nonce_use = NonceUse.FREE


@register("nonce-stale")
@dataclass
class NonceStale(CameraMisbehaviour):
    """Every nonce given out goes stale, each time it begins."""

    whole_camera = True

    def begin(self, camera: Camera) -> None:
        camera.guard.forget_nonces()


@register("odd-headers")
@dataclass
class OddHeaders(CameraMisbehaviour):
    """Header names in odd case, with odd white space around the values."""

    def rewrite_bytes(self, request: Request, data: bytes) -> bytes:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        odd = []
        for index, line in enumerate(lines):
            name, _, value = line.partition(": ")
            name = name.lower() if index % 2 else name.swapcase()
            odd.append(f"{name}:{' ' * (index % 3)}{value}{' ' * (index % 2)}")
        return "\r\n".join([first, *odd]).encode() + b"\r\n\r\n" + body


@register("wrong-cseq")
@dataclass
class WrongCseq(CameraMisbehaviour):
    """Answers carry another CSeq than the request; with `by` 0 they carry none.

    `method`: only answers to it; empty for all.
    """

    by: int = 1
    method: str = ""

    def rewrite(self, request: Request, response: Response) -> Response:
        if self.method not in ("", request.method):
            return response
        asked = re.match(r"\d+", request.headers.get("cseq", "0"))
        return response.with_header("CSeq", str(int(asked[0] if asked else 0) + self.by) if self.by else None)


@register("no-content-base")
@dataclass
class NoContentBase(CameraMisbehaviour):
    """No Content-Base header."""

    def rewrite(self, request: Request, response: Response) -> Response:
        return response.with_header("Content-Base", None)


@register("no-rtp-info")
@dataclass
class NoRtpInfo(CameraMisbehaviour):
    """The answer to PLAY has no RTP-Info header."""

    def rewrite(self, request: Request, response: Response) -> Response:
        return response.with_header("RTP-Info", None)


@register("redirect")
@dataclass
class Redirect(CameraMisbehaviour):
    """DESCRIBE is answered by a redirection to another path of the same camera."""

    prefix: str = "moved"

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        path = urlsplit(request.url).path
        if request.method != "DESCRIBE" or path.startswith(f"/{self.prefix}/"):
            return None
        camera = connection.camera
        place = f"rtsp://{camera.spec.host}:{camera.port}/{self.prefix}{path}"
        return Response(302, (("CSeq", request.headers.get("cseq", "0")), ("Location", place)))


@register("error-answer")
@dataclass
class ErrorAnswer(CameraMisbehaviour):
    """A method is answered by an error."""

    method: str = "SETUP"
    status: int = 503

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        if request.method != self.method:
            return None
        return Response(self.status, (("CSeq", request.headers.get("cseq", "0")),))


@register("no-answer")
@dataclass
class NoAnswer(CameraMisbehaviour):
    """A method is not answered at all."""

    method: str = "PLAY"

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        return b"" if request.method == self.method else None


@register("late-answer")
@dataclass
class LateAnswer(CameraMisbehaviour):
    """A method is answered late.

    `packets_first`: for PLAY: packets come before the answer.
    """

    method: str = "PLAY"
    by_s: float = 0.5
    packets_first: bool = True

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        if request.method != self.method:
            return None
        answer = connection.handled(request)
        loop = asyncio.get_running_loop()
        if self.packets_first:
            connection.start_waiting()
        else:
            waiting, connection.after_answer = connection.after_answer, []
            for session in waiting:
                loop.call_later(self.by_s, session.play)
        loop.call_later(self.by_s, connection.reply, request, answer)
        return b""


@register("session-limit")
@dataclass
class SessionLimit(CameraMisbehaviour):
    """A camera that serves only so many sessions at once."""

    whole_camera = True
    sessions: int = 1

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        new = request.method == "SETUP" and "session" not in request.headers
        if not new or len(connection.camera.sessions) < self.sessions:
            return None
        return Response(453, (("CSeq", request.headers.get("cseq", "0")),))


@register("server-request")
@dataclass
class ServerRequest(PlayMisbehaviour):
    """The camera sends a request of its own into the connection, each time it begins."""

    method: str = "OPTIONS"

    def begin(self, session: Session) -> None:
        text = f"{self.method} * RTSP/1.0\r\nCSeq: 1\r\nSession: {session.id}\r\n\r\n"
        session.connection.wire.write(text.encode())

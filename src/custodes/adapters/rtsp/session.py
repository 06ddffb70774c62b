"""One session with a camera, from OPTIONS to TEARDOWN."""

from __future__ import annotations

import asyncio

from custodes.adapters.rtsp.address import Address, content_base, resolve_control
from custodes.adapters.rtsp.authentication import Authenticator, is_stale
from custodes.adapters.rtsp.connection import Connection, SilentError
from custodes.adapters.rtsp.datagrams import Datagrams
from custodes.adapters.rtsp.message import Response
from custodes.adapters.rtsp.model import CameraSource, SessionLimits, Sink
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.sdp import VideoTrack, choose_video, parse_description
from custodes.adapters.rtsp.transport import (
    DEFAULT_SESSION_TIMEOUT_S,
    SessionHeader,
    Transport,
    parse_session,
    parse_transport,
)
from custodes.adapters.rtsp.video import VideoReceiver
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
)

REPORT_PERIOD_US = 5 * SECOND_US
_TICK_S = 0.5
_MAX_ATTEMPTS = 4
_GOODBYE_US = SECOND_US
_REQUESTED_CHANNELS = (0, 1)
_FROM_NOW = {"Range": "npt=0.000-"}
_NO_AGGREGATE = frozenset({404, 405, 455, 459})
_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})
_NOT_NOW = frozenset({404, 408, 429, 453, 454, 455, 459, 460, 461, 462, 503})


class RedirectedError(UnavailableError):
    """The camera says that its stream is elsewhere."""

    def __init__(self, location: str) -> None:
        super().__init__("the camera redirects too often or nowhere")
        self.location = location


class Session:
    """Sets one video track up and keeps it going."""

    def __init__(
        self,
        connection: Connection,
        address: Address,
        source: CameraSource,
        sink: Sink,
        notices: NoticeBoard,
        clock: Clock,
        limits: SessionLimits,
    ) -> None:
        self._connection = connection
        self._address = address
        self._source = source
        self._sink = sink
        self._notices = notices
        self._clock = clock
        self._limits = limits
        self._authenticator = Authenticator(source.username, source.password)
        self._methods: frozenset[str] = frozenset()
        self._session: SessionHeader | None = None
        self._control = self._track_url = address.url
        self._channels = _REQUESTED_CHANNELS
        self._datagrams: Datagrams | None = None

    async def play(self) -> VideoReceiver:
        """Bring the camera to send.

        Errors: RedirectedError; UnavailableError, UnauthenticatedError, RefusedError, InvalidError.
        """
        options = await self._ask("OPTIONS", self._address.url, tolerated=True)
        listed = ",".join(options.headers.all("public"))
        self._methods = frozenset(method.strip().upper() for method in listed.split(","))
        track = await self._describe()
        video = await self._set_up(track)
        played = await self._ask("PLAY", self._control, _FROM_NOW, tolerated=True)
        if played.status in _NO_AGGREGATE and self._track_url != self._control:
            self._control = self._track_url
            played = await self._ask("PLAY", self._control, _FROM_NOW, tolerated=True)
        self._take_session(_checked("PLAY", played))
        return video

    async def _describe(self) -> VideoTrack:
        url = self._address.url
        response = await self._ask("DESCRIBE", url, {"Accept": "application/sdp"})
        headers = response.headers
        base = content_base(url, headers.first("content-base"), headers.first("content-location"))
        description = parse_description(response.body)
        self._control = resolve_control(base, description.control)
        track = choose_video(description)
        self._track_url = resolve_control(
            self._control if "://" in description.control else base, track.control
        )
        return track

    async def _set_up(self, track: VideoTrack) -> VideoReceiver:
        over_udp = self._source.transport == "udp"
        video = VideoReceiver(track, self._sink, self._notices, self._clock, reorders=over_udp)
        if over_udp:
            own, peer = self._connection.address()
            self._datagrams = Datagrams(own, peer, self._notices, self._clock, self._connection.fail)
            first, second = self._datagrams.ports
            wanted = f"RTP/AVP;unicast;client_port={first}-{second}"
        else:
            wanted = "RTP/AVP/TCP;unicast;interleaved={}-{}".format(*_REQUESTED_CHANNELS)
        response = await self._ask("SETUP", self._track_url, {"Transport": wanted})
        self._take_session(response)
        value = response.headers.first("transport")
        chosen = parse_transport(value) if value else Transport(over_tcp=not over_udp)
        if chosen.over_tcp is over_udp:
            asked, got = ("UDP", "TCP") if over_udp else ("TCP", "UDP")
            raise UnavailableError(f"asked for RTP over {asked}, the camera set it up over {got}")
        if self._datagrams is not None:
            self._datagrams.attach(video, chosen.source, chosen.server_ports)
        else:
            self._connection.attach(video, chosen.channels or _REQUESTED_CHANNELS)
        self._channels = chosen.channels or _REQUESTED_CHANNELS
        return video

    async def watch(self, video: VideoReceiver) -> None:
        """Keep the session alive until it fails.

        Errors: UnavailableError on silence or when the connection ends; whatever the sink raised.
        """
        started_us = report_due_us = self._clock.boot_us()
        keep_alive_us = self._keep_alive_period_us()
        keep_alive_due_us = started_us + keep_alive_us
        keep_alive: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.wait({self._connection.failed}, timeout=_TICK_S)
                if self._connection.failed.done():
                    self._connection.failed.result()
                now_us = self._clock.boot_us()
                self._notices.flush()
                self._check_silence(video, started_us, now_us)
                if now_us >= report_due_us:
                    report_due_us = now_us + REPORT_PERIOD_US
                    self._report(video)
                if now_us >= keep_alive_due_us and (keep_alive is None or keep_alive.done()):
                    keep_alive_due_us = now_us + keep_alive_us
                    keep_alive = asyncio.create_task(self._keep_alive())
        finally:
            if keep_alive is not None:
                keep_alive.cancel()

    async def end(self) -> None:
        """Tell the camera that the session is over, as far as it listens, and let go of everything."""
        self._connection.attach(None, None)
        if self._datagrams is not None:
            self._datagrams.close()
        if self._session is not None and not self._connection.failed.done():
            headers = {"Session": self._session.name}
            if (authorization := self._authenticator.header("TEARDOWN", self._control)) is not None:
                headers["Authorization"] = authorization
            try:
                await self._connection.request("TEARDOWN", self._control, headers, self._limits.teardown_s)
            except CustodesError:
                # The camera ends the session itself after its time-out.
                return

    def _check_silence(self, video: VideoReceiver, started_us: int, now_us: int) -> None:
        quiet_us = now_us - max(video.heard_us, started_us)
        is_leaving = video.goodbye_us > 0 and video.heard_us <= video.goodbye_us + _GOODBYE_US
        if is_leaving and quiet_us > _GOODBYE_US:
            raise UnavailableError("the camera ended its stream (RTCP BYE)")
        if quiet_us > self._limits.silence_s * SECOND_US:
            raise SilentError(f"the camera sent no picture for {self._limits.silence_s:g} s")

    def _report(self, video: VideoReceiver) -> None:
        report = video.receiver_report()
        if report is None:
            return
        if self._datagrams is not None:
            self._datagrams.send_report(report)
        else:
            self._connection.send_packet(self._channels[1], report)

    def _keep_alive_period_us(self) -> int:
        timeout_s = self._session.timeout_s if self._session else DEFAULT_SESSION_TIMEOUT_S
        return timeout_s * SECOND_US // 3

    async def _keep_alive(self) -> None:
        """Ask something harmless; what the camera refuses is not asked again."""
        methods = (
            ("GET_PARAMETER", "OPTIONS") if "GET_PARAMETER" in self._methods else ("OPTIONS", "GET_PARAMETER")
        )
        for method in methods:
            try:
                response = await self._ask(method, self._control, tolerated=True)
            except UnavailableError as error:
                self._notices.post(NoticeKind.KEEP_ALIVE_REFUSED, str(error))
                return
            except CustodesError as error:
                self._notices.post(NoticeKind.KEEP_ALIVE_REFUSED, str(error))
                continue
            if response.status < 300:
                self._methods = (
                    self._methods - {"GET_PARAMETER"} if method == "OPTIONS" else self._methods | {method}
                )
                return
            self._notices.post(
                NoticeKind.KEEP_ALIVE_REFUSED, f"{method}: {response.status} {response.reason}"
            )

    async def _ask(
        self, method: str, url: str, extra: dict[str, str] | None = None, *, tolerated: bool = False
    ) -> Response:
        """Ask, answering challenges; a refusal is an error unless `tolerated`."""
        is_fresh = False
        for _ in range(_MAX_ATTEMPTS):
            headers = dict(extra or {})
            if self._session is not None:
                headers["Session"] = self._session.name
            if (authorization := self._authenticator.header(method, url)) is not None:
                headers["Authorization"] = authorization
            response = await self._connection.request(method, url, headers, self._limits.response_s)
            if (announced := response.headers.first("authentication-info")) is not None:
                self._authenticator.accept_next_nonce(announced)
            if response.status != 401:
                return response if tolerated else _checked(method, response)
            challenges = response.headers.all("www-authenticate")
            self._answer_challenges(challenges, is_fresh)
            is_fresh = True
        raise UnauthenticatedError("the camera asks for a password again and again")

    def _answer_challenges(self, challenges: tuple[str, ...], is_fresh: bool) -> None:
        if not self._source.username and not self._source.password:
            raise UnauthenticatedError("the camera asks for a user name and password")
        if is_fresh and not is_stale(challenges):
            raise UnauthenticatedError("the camera refuses the user name or password")
        if not self._authenticator.accept(challenges):
            raise UnauthenticatedError("the camera asks for a kind of authentication that is not known")

    def _take_session(self, response: Response) -> None:
        value = response.headers.first("session")
        if value is None:
            return
        session = parse_session(value)
        if self._session is not None and "timeout" not in value.lower():
            session = SessionHeader(session.name, self._session.timeout_s)
        self._session = session


def _checked(method: str, response: Response) -> Response:
    status = response.status
    if 200 <= status < 300:
        return response
    what = f"the camera answered {method} with {status} {response.reason[:80]}".rstrip()
    if status in _REDIRECTS:
        raise RedirectedError(response.headers.first("location") or "")
    if status in _NOT_NOW or status >= 500:
        raise UnavailableError(what)
    if 400 <= status < 500:
        raise RefusedError(what)
    raise InvalidError(what)

"""What a camera answers to each RTSP method.

Source: RFC 2326 section 10.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from custodes_simulator.clips.audio import tone
from custodes_simulator.play.session import TRACKS, Session
from custodes_simulator.play.sinks import InterleavedSink, Sink, UdpSink
from custodes_simulator.rtsp.message import Request, Response
from custodes_simulator.rtsp.sdp import describe
from custodes_simulator.spec import StreamSpec

if TYPE_CHECKING:
    from custodes_simulator.rtsp.connection import RtspConnection

METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
_TRACK = re.compile(r"trackID=(\d+)")


def handle(connection: RtspConnection, request: Request) -> Response:
    """The right answer to a request, CSeq included; what it asks for is done."""
    answer = _admitted(connection, request) or _dispatch(connection, request)
    return answer.with_header("CSeq", request.headers.get("cseq", "0"))


def _admitted(connection: RtspConnection, request: Request) -> Response | None:
    """A challenge, or None where the request may pass."""
    if request.method == "OPTIONS":
        return None
    guard = connection.camera.guard
    passed, stale = guard.check(request, connection.number)
    if passed:
        return None
    challenges = guard.challenges(connection.number, stale=stale)
    return Response(401, tuple(("WWW-Authenticate", text) for text in challenges))


def _dispatch(connection: RtspConnection, request: Request) -> Response:
    handler = _HANDLERS.get(request.method)
    if handler is None:
        return Response(501, (("Public", METHODS),))
    return handler(connection, request)


def _options(connection: RtspConnection, request: Request) -> Response:
    _touch(connection, request)
    return Response(200, (("Public", METHODS),))


def _describe(connection: RtspConnection, request: Request) -> Response:
    spec, _ = target(connection, request.url)
    if spec is None:
        return Response(404)
    connection.described = spec
    camera = connection.camera
    clip, _ = camera.first_clip(spec)
    lines = describe(camera.spec.host, clip, tone(spec.audio) if spec.audio else None)
    body = "\r\n".join(camera.rewritten_sdp(spec, lines)) + "\r\n"
    base = f"rtsp://{camera.spec.host}:{camera.port}/{camera.spec.name}/{spec.name}/"
    headers = (("Content-Base", base), ("Content-Type", "application/sdp"))
    return Response(200, headers, body.encode())


def _setup(connection: RtspConnection, request: Request) -> Response:
    spec, track = target(connection, request.url)
    session = _session(connection, request) if "session" in request.headers else None
    if track < 0:
        # Without control attributes a client sets up the tracks in the order of the description.
        track = len(session.players) if session else 0
    if spec is None or track >= (2 if spec.audio else 1):
        return Response(404)
    asked = request.headers.get("transport", "")
    if "session" in request.headers and session is None:
        return Response(454)
    if session is None:
        session = connection.camera.new_session(spec, connection)
    made = _transport(connection, asked, len(session.players))
    if made is None:
        return Response(461)
    sink, text = made
    player = session.add_track(TRACKS[track], sink)
    timeout_s = connection.camera.spec.session_timeout_s
    return Response(
        200,
        (
            ("Transport", f"{text};ssrc={player.numbering.ssrc:08X}"),
            ("Session", f"{session.id};timeout={timeout_s}"),
        ),
    )


def _transport(connection: RtspConnection, asked: str, tracks: int) -> tuple[Sink, str] | None:
    """A way out as the client asks for it, with the Transport header that says so; None for neither."""
    camera = connection.camera
    for option in asked.split(","):
        if "/TCP" in option.upper():
            found = re.search(r"interleaved=(\d+)(?:-(\d+))?", option)
            first = int(found[1]) if found else tracks * 2
            channels = camera.channels((first, int(found[2]) if found and found[2] else first + 1))
            sink = InterleavedSink(connection.wire, channels)
            return sink, f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"
        ports = re.search(r"client_port=(\d+)(?:-(\d+))?", option)
        if ports and camera.spec.udp and "multicast" not in option:
            first = int(ports[1])
            last = int(ports[2]) if ports[2] else first + 1
            way = UdpSink(camera.spec.host, connection.peer()[0], (first, last))
            server = f"{way.ports[0]}-{way.ports[1]}"
            return way, f"RTP/AVP;unicast;client_port={first}-{last};server_port={server}"
    return None


def _play(connection: RtspConnection, request: Request) -> Response:
    session = _session(connection, request)
    if session is None:
        return Response(454)
    session.ready()
    connection.after_answer.append(session)
    base = f"rtsp://{session.camera.spec.host}:{session.camera.port}/{session.camera.spec.name}/"
    info = ",".join(
        f"url={base}{session.spec.name}/trackID={TRACKS.index(track)};"
        f"seq={player.numbering.sequence & 0xFFFF};rtptime={player.next_rtp_time}"
        for track, player in session.players.items()
    )
    return Response(200, (("Session", session.id), ("Range", "npt=now-"), ("RTP-Info", info)))


def _pause(connection: RtspConnection, request: Request) -> Response:
    session = _session(connection, request)
    if session is None:
        return Response(454)
    session.pause()
    return Response(200, (("Session", session.id),))


def _teardown(connection: RtspConnection, request: Request) -> Response:
    session = _session(connection, request)
    if session is None:
        return Response(454)
    session.camera.end(session)
    return Response(200, (("Session", session.id),))


def _parameter(connection: RtspConnection, request: Request) -> Response:
    if "session" not in request.headers:
        return Response(200)
    session = _session(connection, request)
    return Response(454) if session is None else Response(200, (("Session", session.id),))


def _session(connection: RtspConnection, request: Request) -> Session | None:
    """The session that the request names, now known to be alive."""
    session = connection.camera.sessions.get(request.headers.get("session", "").partition(";")[0])
    if session is not None and connection.camera.keeps_alive(request.method):
        session.touch()
    return session


def _touch(connection: RtspConnection, request: Request) -> None:
    """Any request on a connection keeps the sessions alive that it names, or all of the connection."""
    if "session" in request.headers:
        _session(connection, request)
    elif connection.camera.keeps_alive(request.method):
        for session in connection.sessions:
            session.touch()


def target(connection: RtspConnection, url: str) -> tuple[StreamSpec | None, int]:
    """The stream and the track's number that a URL means; -1 where it names no track."""
    path = unquote(urlsplit(url).path)
    found = _TRACK.search(url)
    track = int(found[1]) if found else -1
    parts = [part for part in path.split("/") if part and not _TRACK.fullmatch(part)]
    camera = connection.camera
    if len(parts) >= 2 and parts[-2] == camera.spec.name and parts[-1] in camera.streams:
        return camera.streams[parts[-1]], track
    if found is not None:
        return connection.described, track
    return None, -1


_HANDLERS: dict[str, Callable[[RtspConnection, Request], Response]] = {
    "OPTIONS": _options,
    "DESCRIBE": _describe,
    "SETUP": _setup,
    "PLAY": _play,
    "PAUSE": _pause,
    "TEARDOWN": _teardown,
    "GET_PARAMETER": _parameter,
    "SET_PARAMETER": _parameter,
}

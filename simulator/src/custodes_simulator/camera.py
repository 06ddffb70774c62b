"""One simulated camera: its address, its connections, its sessions, its misbehaviours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

from custodes_simulator.clips.model import AudioCodec, Clip
from custodes_simulator.misbehaviours.base import CameraMisbehaviour, Misbehaviour, Planned, misbehave
from custodes_simulator.play.session import Session
from custodes_simulator.play.shelf import ClipShelf, initial_faults
from custodes_simulator.rtp.packetised import PacketisedClip
from custodes_simulator.rtsp.auth import Authenticator
from custodes_simulator.rtsp.connection import RtspConnection
from custodes_simulator.rtsp.message import Request, Response
from custodes_simulator.schedule import Budget, Schedule, Timetable
from custodes_simulator.spec import CameraSpec, StreamSpec
from custodes_simulator.truth import TruthLog

_BACKLOG = 128


class Camera:
    """A camera that can be stopped, started and made to misbehave at run time.

    The port stays its own while it is stopped, so that connections are refused, not taken by others.
    """

    def __init__(self, spec: CameraSpec, clips: ClipShelf, truth: TruthLog) -> None:
        self.spec = spec
        self.streams = {stream.name: stream for stream in spec.streams}
        self.clips = clips
        self.truth_log = truth
        self.guard = Authenticator(spec.user, spec.password, spec.schemes)
        self.sessions: dict[str, Session] = {}
        self.connections: set[RtspConnection] = set()
        self.connections_seen = 0
        self.port = spec.port
        self.plays = 0
        self._claim: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._budgets: dict[tuple[int, str], Budget] = {}
        self._tables: list[tuple[Timetable, Misbehaviour]] = []
        self._acting: list[tuple[str, CameraMisbehaviour]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # Life

    async def start(self) -> None:
        """Claim the port, listen, and let misbehaviours of the camera begin.

        Errors: OSError where the address cannot be had.
        """
        if self._claim is None:
            self._claim = _bound(self.spec.host, self.spec.port)
            self.port = self._claim.getsockname()[1]
            await self.listen()
            self._plan()
        else:
            await self.listen()

    def _plan(self) -> None:
        places = [("", planned) for planned in self.spec.misbehaviours]
        places += [(spec.name, planned) for spec in self.spec.streams for planned in spec.misbehaviours]
        for stream, planned in places:
            self._attach(stream, planned, self.budget(planned, None))

    async def listen(self) -> None:
        """Accept connections."""
        if self._server is None and self._claim is not None:
            listener = _bound(self.spec.host, self.port)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._connection, sock=listener, backlog=_BACKLOG)

    def refuse(self) -> None:
        """Refuse connections; those that stand go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def stop(self) -> None:
        """Like a power cut: refuse connections and reset those that stand."""
        self.refuse()
        for session in list(self.sessions.values()):
            self.end(session)
        for connection in list(self.connections):
            connection.wire.abort()

    def close(self) -> None:
        """Stop for good and give the port back."""
        for table, _ in self._tables:
            table.stop()
        self._tables.clear()
        self.stop()
        for task in self._tasks:
            task.cancel()
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def start_soon(self) -> None:
        """Start again without waiting for it."""
        task = asyncio.get_running_loop().create_task(self.start())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Misbehaviours

    def budget(self, planned: Planned, spec: StreamSpec | None) -> Budget:
        """How often this misbehaviour may still act on this camera's stream."""
        key = (id(planned), spec.name if spec else "")
        return self._budgets.setdefault(key, Budget(planned.schedule.times))

    def _attach(self, stream: str, planned: Planned, budget: Budget) -> Timetable | None:
        fault = planned.fresh(f"{self.spec.name}/{stream}")
        if not isinstance(fault, CameraMisbehaviour):
            return None
        table = Timetable(
            planned.schedule, budget, lambda: self._begin(stream, fault), lambda: self._end(fault)
        )
        self._tables.append((table, fault))
        table.start()
        return table

    def _begin(self, stream: str, fault: CameraMisbehaviour) -> None:
        self._acting.append((stream, fault))
        fault.begin(self)

    def _end(self, fault: CameraMisbehaviour) -> None:
        self._acting = [item for item in self._acting if item[1] is not fault]
        fault.end(self)

    def trigger(
        self, name: str, *, stream: str | None = None, for_s: float | None = None, **parameters: object
    ) -> int:
        """Let a misbehaviour act now: the declared one of this name, or one of these parameters.

        Returns on how many playing sessions (or 1, for one of the camera) it acts.
        Errors: FleetFileError where the name or a parameter is unknown.
        """
        planned = self._declared(name) if not parameters else None
        fault = planned.misbehaviour if planned else misbehave(name, **parameters).misbehaviour
        manual = Planned(fault, Schedule(manual=True))
        if isinstance(fault, CameraMisbehaviour):
            tables = [self._attach(stream or "", manual, Budget(None))]
        else:
            chosen = [s for s in self.sessions.values() if s.playing and stream in (None, s.spec.name)]
            tables = [session.attach(manual, Budget(None)) for session in chosen]
        for table in tables:
            if table is not None:
                table.fire(for_s)
        return len(tables)

    def _declared(self, name: str) -> Planned | None:
        every = list(self.spec.misbehaviours)
        every += [planned for spec in self.spec.streams for planned in spec.misbehaviours]
        return next((planned for planned in every if planned.name == name), None)

    def cease(self, name: str) -> None:
        """End every acting misbehaviour of the camera of this name."""
        for table, fault in self._tables:
            if fault.name == name:
                table.stop()

    def _faults(self, stream: str | None = None) -> Iterator[CameraMisbehaviour]:
        """Misbehaviours that act on the whole camera, or on this stream."""
        for place, fault in list(self._acting):
            if place in ("", stream):
                yield fault

    # What connections ask

    def _connection(self) -> RtspConnection:
        self.connections_seen += 1
        return RtspConnection(self, self.connections_seen)

    def accept(self, connection: RtspConnection) -> bool:
        """Take a connection in; false where the camera is deaf to it."""
        self.connections.add(connection)
        verdicts = [fault.hears(connection) for fault in self._faults()]
        return all(verdicts)

    def lost(self, connection: RtspConnection) -> None:
        """A connection is gone, and with it the sessions that played into it."""
        self.connections.discard(connection)
        for session in list(connection.sessions):
            if any(hasattr(player.sink, "channels") for player in session.players.values()):
                self.end(session)

    def answered_otherwise(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        """A misbehaviour's answer, or None."""
        for fault in self._faults(self._stream_of(request)):
            answer = fault.answer(connection, request)
            if answer is not None:
                return answer
        return None

    def encoded(self, request: Request, response: Response) -> bytes:
        """A response as bytes, after misbehaviours had their way with it."""
        faults = list(self._faults(self._stream_of(request)))
        for fault in faults:
            response = fault.rewrite(request, response)
        data = response.encoded()
        for fault in faults:
            data = fault.rewrite_bytes(request, data)
        return data

    def _stream_of(self, request: Request) -> str | None:
        parts = [part.partition("?")[0] for part in request.url.split("/")]
        return next((part for part in parts[3:] if part in self.streams), None)

    def rewritten_sdp(self, spec: StreamSpec, lines: list[str]) -> list[str]:
        """The lines of a session description, after misbehaviours."""
        for fault in self._faults(spec.name):
            lines = fault.rewrite_sdp(lines)
        return lines

    def channels(self, asked: tuple[int, int]) -> tuple[int, int]:
        """The interleaved channels that the camera really uses."""
        for fault in self._faults():
            asked = fault.channels(asked)
        return asked

    def keeps_alive(self, method: str) -> bool:
        """Whether a request by this method, or "RTCP", counts as a sign of life."""
        verdicts = [fault.keeps_alive(method) for fault in self._faults()]
        return all(verdicts)

    # Sessions

    def new_session(self, spec: StreamSpec, connection: RtspConnection) -> Session:
        """A session of a client that sets up its first track."""
        self.plays += 1
        session = Session(self, spec, connection, self.plays)
        self.sessions[session.id] = session
        connection.sessions.append(session)
        return session

    def end(self, session: Session) -> None:
        """Close a session and forget it."""
        session.close()
        self.sessions.pop(session.id, None)
        if session in session.connection.sessions:
            session.connection.sessions.remove(session)

    def expired(self, session: Session) -> None:
        """A session's client was silent for too long; its connection is closed as well.

        A connection that has gone deaf stays open: that is what it simulates.
        """
        connection = session.connection
        self.end(session)
        if connection in self.connections and connection.hears:
            connection.wire.close()

    def first_clip(self, spec: StreamSpec) -> tuple[Clip, PacketisedClip]:
        """The clip with which a play begins."""
        return self.clips.get(spec, initial_faults(self.spec, spec))

    def tone(self, codec: AudioCodec) -> PacketisedClip:
        """The packets of this camera's sound."""
        return self.clips.tone(codec)


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made

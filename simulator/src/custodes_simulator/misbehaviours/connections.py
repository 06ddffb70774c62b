"""Connections that are refused, cut or left silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import CameraMisbehaviour, PlayMisbehaviour, register
from custodes_simulator.play.batch import Batch
from custodes_simulator.play.sinks import InterleavedSink

if TYPE_CHECKING:
    from custodes_simulator.camera import Camera
    from custodes_simulator.play.session import Session
    from custodes_simulator.rtsp.connection import RtspConnection

_CUTS = ("close", "reset", "silent")


@register("refuse-connections")
@dataclass
class RefuseConnections(CameraMisbehaviour):
    """New connections are refused; those that stand go on."""

    whole_camera = True

    def begin(self, camera: Camera) -> None:
        camera.refuse()

    def end(self, camera: Camera) -> None:
        camera.start_soon()


@register("accept-then-silence")
@dataclass
class AcceptThenSilence(CameraMisbehaviour):
    """New connections are accepted and nothing is ever answered."""

    whole_camera = True

    def hears(self, connection: RtspConnection) -> bool:
        return False


@register("reboot")
@dataclass
class Reboot(CameraMisbehaviour):
    """Every connection is reset and new ones are refused while it acts; numbering begins anew after."""

    whole_camera = True

    def begin(self, camera: Camera) -> None:
        camera.stop()

    def end(self, camera: Camera) -> None:
        camera.start_soon()


@register("close-connection")
@dataclass
class CloseConnection(PlayMisbehaviour):
    """The session's connection is closed, each time it begins.

    `how`: "close" sends all that is written and then FIN, "reset" sends RST.
    """

    how: str = "close"

    def __post_init__(self) -> None:
        if self.how not in ("close", "reset"):
            raise FleetFileError(f"how is {self.how!r}; it must be close or reset")

    def begin(self, session: Session) -> None:
        if self.how == "close":
            session.connection.wire.close()
        else:
            session.connection.wire.abort()


@register("half-frame")
@dataclass
class HalfFrame(PlayMisbehaviour):
    """Over TCP, the next access unit ends in the middle of an RTP frame.

    `then`: "silent" leaves the connection open and dead, "close" and "reset" end it.
    """

    then: str = "silent"
    session: Session | None = field(default=None, init=False, repr=False)
    cut: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.then not in _CUTS:
            raise FleetFileError(f"then is {self.then!r}; it must be one of {', '.join(_CUTS)}")

    def begin(self, session: Session) -> None:
        self.session = session

    def rework(self, batch: Batch) -> None:
        sink = batch.player.sink
        if not isinstance(sink, InterleavedSink) or self.session is None:
            return
        if not self.cut and batch.packets:
            self.cut = True
            frames = b"".join(sink.frame(packet.encoded()) for packet in batch.packets[:-1])
            last = sink.frame(batch.packets[-1].encoded())
            sink.write_raw(frames + last[: max(5, len(last) // 2)])
            self._break_off(self.session)
        batch.packets.clear()
        batch.spoil(self.name)

    def _break_off(self, session: Session) -> None:
        """No track and no answer comes after the half frame."""
        session.connection.hears = False
        for player in session.players.values():
            if isinstance(player.sink, InterleavedSink):
                player.sink.break_off(self.then)

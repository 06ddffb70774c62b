"""What a misbehaviour is, and the register of their names.

To add one: derive from `CameraMisbehaviour`, `PlayMisbehaviour` or `ClipMisbehaviour`, make it a dataclass
whose fields are its parameters, override the hooks it needs, and put `@register("its-name")` above it.
Hooks are called only while it acts.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.model import Clip
from custodes_simulator.errors import FleetFileError
from custodes_simulator.rtp.rtcp import SenderReport
from custodes_simulator.rtsp.message import Request, Response
from custodes_simulator.schedule import Schedule

if TYPE_CHECKING:
    from custodes_simulator.camera import Camera
    from custodes_simulator.play.batch import Batch
    from custodes_simulator.play.player import Player
    from custodes_simulator.play.session import Session
    from custodes_simulator.rtsp.connection import RtspConnection


@dataclass
class Misbehaviour:
    """One named way of being wrong."""

    name: ClassVar[str] = ""
    chance: random.Random = field(default_factory=random.Random, init=False, repr=False, compare=False)


@dataclass
class CameraMisbehaviour(Misbehaviour):
    """Acts on connections and RTSP; lives from the camera's start to its stop.

    `whole_camera`: has no sense for one stream alone.
    """

    whole_camera: ClassVar[bool] = False

    def begin(self, camera: Camera) -> None:
        """It starts to act."""

    def end(self, camera: Camera) -> None:
        """It ceases to act."""

    def hears(self, connection: RtspConnection) -> bool:
        """Whether the camera reads anything from this new connection."""
        return True

    def answer(self, connection: RtspConnection, request: Request) -> Response | bytes | None:
        """An answer in place of the right one; empty bytes for none at all, None to let it pass."""
        return None

    def rewrite(self, request: Request, response: Response) -> Response:
        """The response, changed."""
        return response

    def rewrite_bytes(self, request: Request, data: bytes) -> bytes:
        """The response's bytes, changed."""
        return data

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        """The lines of a session description, changed."""
        return lines

    def channels(self, asked: tuple[int, int]) -> tuple[int, int]:
        """The interleaved channels that are used in place of those asked for."""
        return asked

    def keeps_alive(self, method: str) -> bool:
        """Whether a request by this method, or "RTCP", keeps a session from expiring."""
        return True


@dataclass
class PlayMisbehaviour(Misbehaviour):
    """Acts on one playing session; lives from PLAY to the session's end."""

    def begin(self, session: Session) -> None:
        """It starts to act."""

    def end(self, session: Session) -> None:
        """It ceases to act."""

    def retime(self, player: Player, rtp_time: int) -> int:
        """The RTP time of one access unit or audio frame, changed; not yet cut to 32 bits."""
        return rtp_time

    def rework(self, batch: Batch) -> None:
        """Change the packets of one access unit or audio frame in place."""

    def report(self, player: Player, report: SenderReport) -> SenderReport | None:
        """The sender report, changed, or None for none."""
        return report


@dataclass
class ClipMisbehaviour(Misbehaviour):
    """Changes what is played; takes effect and ends at a key frame."""

    def recode(self, encoding: Encoding) -> Encoding:
        """The settings by which the clip is encoded, changed."""
        return encoding

    def reshape(self, clip: Clip) -> Clip:
        """The clip, changed."""
        return clip


@dataclass(frozen=True)
class Planned:
    """A misbehaviour with its schedule."""

    misbehaviour: Misbehaviour
    schedule: Schedule = field(default_factory=Schedule)

    @property
    def name(self) -> str:
        """The misbehaviour's name."""
        return self.misbehaviour.name

    def fresh(self, seed: str) -> Misbehaviour:
        """A misbehaviour of these parameters that has not acted yet, with chance by `seed`."""
        made = dataclasses.replace(self.misbehaviour)
        made.chance.seed(f"{self.name} {seed}")
        return made


REGISTER: dict[str, type[Misbehaviour]] = {}
Kind = TypeVar("Kind", bound=type[Misbehaviour])


def register(name: str) -> Callable[[Kind], Kind]:
    """Enter a misbehaviour by this name.

    Errors: ValueError where the name is taken.
    """

    def enter(kind: Kind) -> Kind:
        if name in REGISTER:
            raise ValueError(f"misbehaviour {name} is there already")
        kind.name = name
        REGISTER[name] = kind
        return kind

    return enter


_TIMES = frozenset(field.name for field in dataclasses.fields(Schedule))


def misbehave(name: str, **members: Any) -> Planned:
    """The misbehaviour of this name; members of its schedule and its own parameters lie side by side.

    Errors: FleetFileError where the name or a member is unknown, or a value is out of range.
    """
    kind = REGISTER.get(name)
    if kind is None:
        raise FleetFileError(f"misbehaviour {name!r} is unknown; there are {', '.join(sorted(REGISTER))}")
    times = {key: value for key, value in members.items() if key in _TIMES}
    own = {key: value for key, value in members.items() if key not in _TIMES}
    known = [field.name for field in dataclasses.fields(kind) if field.init]
    for key, value in own.items():
        if key not in known:
            raise FleetFileError(f"misbehaviour {name}: member {key!r} is unknown; there are {known}")
        _check_type(kind, name, key, value)
    try:
        return Planned(kind(**own), Schedule(**times))
    except (FleetFileError, TypeError) as error:
        raise FleetFileError(f"misbehaviour {name}: {error}") from error


def _check_type(kind: type[Misbehaviour], name: str, key: str, value: object) -> None:
    wanted = next(field.type for field in dataclasses.fields(kind) if field.name == key)
    fits: dict[object, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "str": (str,),
        "bool": (bool,),
    }
    types = fits.get(wanted)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and wanted != "bool")):
        raise FleetFileError(f"misbehaviour {name}: {key} is {value!r}; it must be {wanted}")

"""RTP time that steps, jitters, stands still or drifts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import PlayMisbehaviour, register

if TYPE_CHECKING:
    from custodes_simulator.play.player import Player
    from custodes_simulator.play.session import Session

TRACKS = ("video", "audio", "both")


def on_track(track: str, player: Player) -> bool:
    """Whether a misbehaviour of this `track` member concerns this player."""
    return track in ("both", player.address.track)


@dataclass
class OnTrack(PlayMisbehaviour):
    """A misbehaviour of the video track, the audio track, or both."""

    track: str = "video"

    def __post_init__(self) -> None:
        if self.track not in TRACKS:
            raise FleetFileError(f"track is {self.track!r}; it must be one of {', '.join(TRACKS)}")


@register("rtp-time-step")
@dataclass
class RtpTimeStep(OnTrack):
    """RTP time jumps, as when a camera's clock is set; wall times in reports stay true."""

    track: str = "both"
    by_s: float = -18_000.0

    def begin(self, session: Session) -> None:
        for player in session.players.values():
            if on_track(self.track, player):
                player.numbering.shift += round(self.by_s * player.clip.clock_hz)


@register("rtp-time-from-zero")
@dataclass
class RtpTimeFromZero(PlayMisbehaviour):
    """RTP time begins at 0: from the first packet of a play, or from the next where it begins later."""

    def begin(self, session: Session) -> None:
        for player in session.players.values():
            if session.playing:
                player.numbering.shift -= player.next_rtp_time
            else:
                player.numbering.first_time = 0


@register("rtp-time-jitter")
@dataclass
class RtpTimeJitter(OnTrack):
    """Some packets carry a time that is off by a fixed amount."""

    track: str = "audio"
    by_ms: float = -60.0
    share: float = 0.1

    def retime(self, player: Player, rtp_time: int) -> int:
        if on_track(self.track, player) and self.chance.random() < self.share:
            return rtp_time + round(self.by_ms * player.clip.clock_hz / 1000)
        return rtp_time


@register("rtp-time-stuck")
@dataclass
class RtpTimeStuck(OnTrack):
    """Every access unit carries the time of the first since it began."""

    held: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def retime(self, player: Player, rtp_time: int) -> int:
        if not on_track(self.track, player):
            return rtp_time
        return self.held.setdefault(player.address.track, rtp_time)

    def end(self, session: Session) -> None:
        self.held.clear()


@register("rtp-time-drift")
@dataclass
class RtpTimeDrift(OnTrack):
    """RTP time runs fast (or slow, where negative) against the wall."""

    parts_per_million: int = 500
    origins: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def retime(self, player: Player, rtp_time: int) -> int:
        if not on_track(self.track, player):
            return rtp_time
        origin = self.origins.setdefault(player.address.track, rtp_time)
        return rtp_time + (rtp_time - origin) * self.parts_per_million // 1_000_000


@register("rtp-time-coarse")
@dataclass
class RtpTimeCoarse(OnTrack):
    """RTP time is rounded down to whole steps."""

    step_ms: int = 100

    def retime(self, player: Player, rtp_time: int) -> int:
        if not on_track(self.track, player):
            return rtp_time
        step = max(1, self.step_ms * player.clip.clock_hz // 1000)
        return rtp_time - rtp_time % step


@register("frame-rate-change")
@dataclass
class FrameRateChange(PlayMisbehaviour):
    """Pictures come `factor` times as far apart, from the next key frame on."""

    factor: float = 2.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.factor <= 100:
            raise FleetFileError(f"factor is {self.factor}; it must be 0.1 to 100")

    def begin(self, session: Session) -> None:
        if session.video is not None:
            session.video.next_stretch = self.factor

    def end(self, session: Session) -> None:
        if session.video is not None:
            session.video.next_stretch = 1.0

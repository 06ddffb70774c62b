"""One stream's recorded rendition: which of the veiler's pictures are kept, and for how long each is shown.

Source: docs/formats/recorded.md, docs/design/0016-recorded-rendition.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.custody.renditions import MaskReason
from custodes.media.mp4.pieces import Piece, codec_of_init, parse_piece
from custodes.media.timeline import CLOCK_HZ
from custodes.services.live import LiveKind, LiveMessage, LiveState, ViewState, parse_state, split_init
from custodes.services.recorder.masking_times import MaskTimes

# A picture a second, though cameras and clocks are not exact.
PICTURE_US = 700_000
FLAT_US = 29 * SECOND_US
# Without a picture for longer than this a reel ends, while something could be seen and while it could not.
HOLE_US = 12 * SECOND_US
FLAT_HOLE_US = 32 * SECOND_US
LAST_US = SECOND_US
STEP_US = SECOND_US // 2
MAX_REEL_US = 5 * MINUTE_US
# Key frames are ten seconds apart; a reel ends with the first within this of its end.
KEYS_WITHIN_US = 11 * SECOND_US
MAX_REEL_BYTES = 32 << 20


class RenditionReel(Protocol):
    """A reel that is being written."""

    size_bytes: int

    def append(self, data: bytes) -> bool:
        """Queue bytes; False when it takes nothing more, or not now: it is then given up or goes on later."""
        ...

    def finish(self, duration_us: int) -> None:
        """It lasts so long and gets nothing more."""
        ...


class RenditionReels(Protocol):
    """Where reels come from."""

    def has_room(self, stream: bytes) -> bool:
        """Whether the disk can take more of a stream."""
        ...

    def begin(self, stream: bytes, start_us: int, codec: str, init: bytes) -> RenditionReel | None:
        """A new reel that holds its beginning; None when there can be none now."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A picture that waits for the next one, to know how long it is shown."""

    at_us: int
    piece: Piece


class Gatherer:
    """Takes a stream's messages as they come from its veiler. On the loop; never blocks.

    `reel_us`: how long a reel is to be. Units: UTC microseconds throughout.
    """

    def __init__(self, stream: bytes, reel_us: int, reels: RenditionReels, now_us: int) -> None:
        self.stream = stream
        self.times = MaskTimes(stream, now_us)
        self._reels = reels
        self._cut_us = max(min(reel_us, MAX_REEL_US) - KEYS_WITHIN_US, min(reel_us, MAX_REEL_US) // 2)
        self._init = b""
        self._codec = ""
        self._view: MaskReason | None = MaskReason.STARTING
        self._reel: RenditionReel | None = None
        self._begun = _Held(0, Piece(1, 0, 1, b"", True))
        self._held: _Held | None = None
        # The veiler's last picture, where it is a key frame that was not kept.
        self._spare: _Held | None = None
        self._follows = False
        self.dropped = 0

    # --- what the veiler and the recorder say ----------------------------------------------------------

    def take(self, message: LiveMessage) -> None:
        """Errors: InvalidError for a picture that is not as the veiler's must be."""
        if message.kind is LiveKind.INIT:
            _, segment = split_init(message.body)
            codec = codec_of_init(segment)
            self.end(message.capture_us)
            self._init, self._codec = segment, codec
        elif message.is_picture:
            self._picture(_Held(message.capture_us, parse_piece(message.body)))
        elif message.kind is LiveKind.STATE:
            self._become(parse_state(message.body), message.capture_us)

    def _become(self, state: LiveState, at_us: int) -> None:
        reason = None if state.state is ViewState.LIVE else MaskReason(state.reason.value)
        was_seen, self._view = self._view is None, reason
        if reason is MaskReason.NO_PICTURES:
            self.end(at_us)
        elif was_seen != (reason is None) and self._spare is not None:
            # A state follows its picture: the first of what is seen now, or the first flat one.
            self._keep(self._spare)
        if self.times.reason is not MaskReason.STORAGE or reason is not None:
            self.times.become(reason, at_us)

    def tick(self, now_us: int) -> None:
        """Once a second: end a reel that got no picture for too long."""
        if self._held is not None and now_us - self._held.at_us > self._hole_us():
            self.end(now_us)

    def end(self, now_us: int) -> None:
        """Finish the reel, if there is one; its last picture was shown until now, if that can be said."""
        self._spare = None
        self._follows = False
        if self._held is not None:
            most_us = LAST_US if self._view is None else FLAT_HOLE_US
            shown_us = min(max(now_us - self._held.at_us, LAST_US), most_us)
            self._finish(shown_us * CLOCK_HZ // SECOND_US)

    # --- pictures --------------------------------------------------------------------------------------

    def _picture(self, picture: _Held) -> None:
        self._spare = None
        is_due = self._held is None or _between_us(self._held, picture) >= self._least_us()
        if is_due and (picture.piece.is_key or self._follows):
            self._keep(picture)
            return
        self._follows = False
        if picture.piece.is_key:
            self._spare = picture

    def _keep(self, picture: _Held) -> None:
        self._spare = None
        self._follows = False
        if self._held is not None and (
            self._is_apart(self._held, picture) or not self._has_room_for(picture)
        ):
            self._finish_before(picture)
        if not self._reels.has_room(self.stream):
            self._left_out(picture)
        elif self._held is not None:
            self._go_on(self._held, picture)
        elif picture.piece.is_key:
            self._begin(picture)

    def _begin(self, picture: _Held) -> None:
        self._reel = self._reels.begin(self.stream, picture.at_us, self._codec, self._init)
        if self._reel is None:
            self._left_out(picture)
            return
        self._begun = picture
        self._hold(picture)

    def _go_on(self, held: _Held, picture: _Held) -> None:
        if self._write(held, picture.piece.decode_90k - held.piece.decode_90k):
            self._hold(picture)
        else:
            self._held = None
            self._left_out(picture)

    def _hold(self, picture: _Held) -> None:
        self._held = picture
        self._follows = True
        if self.times.reason is MaskReason.STORAGE:
            self.times.become(self._view, picture.at_us)

    def _left_out(self, picture: _Held) -> None:
        self.dropped += 1
        if self._view is None:
            self.times.become(MaskReason.STORAGE, picture.at_us)

    def _write(self, held: _Held, duration_90k: int) -> bool:
        reel = self._reel
        if reel is not None and reel.append(held.piece.lasting(duration_90k).encode()):
            return True
        self._reel = None
        return False

    # --- the end of a reel -----------------------------------------------------------------------------

    def _finish_before(self, picture: _Held) -> None:
        held = self._held
        assert held is not None
        if self._is_apart(held, picture):
            self.end(held.at_us)
        else:
            self._finish(picture.piece.decode_90k - held.piece.decode_90k)

    def _finish(self, duration_90k: int) -> None:
        held, self._held = self._held, None
        if held is None:
            return
        begun_90k = self._begun.piece.decode_90k
        most_90k = begun_90k + MAX_REEL_US * CLOCK_HZ // SECOND_US - held.piece.decode_90k
        lasts_90k = max(1, min(duration_90k, most_90k))
        # What little waits goes with it, unless the reel was given up.
        if self._write(held, lasts_90k) and self._reel is not None:
            self._reel.finish((held.piece.decode_90k + lasts_90k - begun_90k) * SECOND_US // CLOCK_HZ)
        self._reel = None

    def _is_apart(self, held: _Held, picture: _Held) -> bool:
        """Whether a picture does not continue the reel: a hole before it, or its clock was set."""
        passed_us = _between_us(self._begun, picture)
        stepped = abs(picture.at_us - self._begun.at_us - passed_us) > STEP_US
        return stepped or not 0 < _between_us(held, picture) <= self._hole_us()

    def _has_room_for(self, picture: _Held) -> bool:
        """Whether a reel may take a picture more; it ends before a key frame where it can."""
        passed_us = _between_us(self._begun, picture)
        if picture.piece.is_key and passed_us >= self._cut_us:
            return False
        size = self._reel.size_bytes if self._reel is not None else 0
        return passed_us < MAX_REEL_US - LAST_US and size + len(picture.piece.sample) < MAX_REEL_BYTES

    def _hole_us(self) -> int:
        return HOLE_US if self._view is None else FLAT_HOLE_US

    def _least_us(self) -> int:
        return PICTURE_US if self._view is None else min(FLAT_US, max(PICTURE_US, self._cut_us))


def _between_us(before: _Held, after: _Held) -> int:
    return (after.piece.decode_90k - before.piece.decode_90k) * SECOND_US // CLOCK_HZ

"""What is said of a picture once all its NAL units are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from custodes.adapters.rtsp.clock_claim import ClockClaim
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.parameters import ParameterTracker
from custodes.adapters.rtsp.timeline import Timeline
from custodes.base.errors import InvalidError
from custodes.media.nal import LENGTH_BYTES, KeyKind, is_parameter_set, key_kind
from custodes.media.packets import AccessUnit, Codec, ParameterSets


class PictureMaker:
    """Makes access units: their place in time, the camera's claim, whether decoding can start there."""

    def __init__(
        self,
        codec: Codec,
        tracker: ParameterTracker,
        claim: ClockClaim,
        notices: NoticeBoard,
        on_unit: Callable[[AccessUnit], None],
        on_parameter_sets: Callable[[ParameterSets], None],
    ) -> None:
        self.codec = codec
        self._tracker = tracker
        self._claim = claim
        self._notices = notices
        self._on_unit = on_unit
        self._on_parameter_sets = on_parameter_sets
        self._timeline = Timeline()

    def forget_claim(self) -> None:
        """The camera's reports so far speak of another source."""
        self._claim.forget()

    def make(
        self, parts: Sequence[bytes], timestamp: int, boot_us: int, loss: int, *, damaged: bool, plain: bool
    ) -> None:
        """Hand on a picture.

        `parts`: NAL units, each behind its length. `plain`: they are known to be slices that nothing starts
        at.
        """
        kind = KeyKind.NONE if plain else self._look_into(parts)
        closed = kind is KeyKind.CLOSED and not damaged
        media_90k, stepped_90k = self._timeline.place(timestamp, boot_us, closed)
        if stepped_90k:
            self._claim.forget()
            self._notices.post(NoticeKind.TIME_STEP, f"by {stepped_90k / 90_000:+.3f} s against arrival")
        if damaged:
            self._notices.post(NoticeKind.DAMAGED_PICTURE, "delivered without the parts that are missing")
        self._on_unit(
            AccessUnit(
                b"".join(parts),
                media_90k,
                boot_us,
                self._claim.utc_us(timestamp),
                closed,
                kind is KeyKind.OPEN and not damaged,
                loss,
            )
        )

    def _look_into(self, parts: Sequence[bytes]) -> KeyKind:
        nals = [memoryview(part)[LENGTH_BYTES:] for part in parts]
        changed = False
        for nal in nals:
            type_ = nal[0] & 0x1F if self.codec is Codec.H264 else (nal[0] >> 1) & 0x3F
            if is_parameter_set(self.codec, type_):
                try:
                    changed |= self._tracker.observe(bytes(nal))
                except InvalidError as error:
                    self._notices.post(NoticeKind.PARAMETER_SETS_IGNORED, f"in-band: {error}")
        if changed and (sets := self._tracker.current()) is not None:
            self._on_parameter_sets(sets)
        return key_kind(self.codec, nals)

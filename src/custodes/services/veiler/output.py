"""Pictures to fragments: one encoder a size, a key frame at least every second, or every ten of one a second."""

from __future__ import annotations

from collections.abc import Callable

from custodes.adapters.av.pictures import Picture, PictureEncoder
from custodes.base.clock import SECOND_US
from custodes.media.mp4.fragments import codec_string, fragment, init_segment
from custodes.media.timeline import CLOCK_HZ
from custodes.services.live import join_init
from custodes.services.veiler.frames import Frame, FrameKind

GOP_US = SECOND_US
# Who begins to watch raises the rate, and so gets a key frame within a second; till then it is a record, made small.
SLOW_GOP_US = 10 * SECOND_US


class FragmentMaker:
    """Encodes what may be seen and sends it: an initialisation segment for each size, a fragment a picture.

    A fragment's duration is twice the interval of now, an upper bound: the next one ends it. A picture that
    comes later than twice that is a key frame, since players want one after a jump.
    """

    def __init__(self, send: Callable[[Frame], None]) -> None:
        self._send = send
        self._encoder: PictureEncoder | None = None
        self._number = 0
        self._base_us = 0
        self._at_90k = 0
        self._key_us = 0
        self._last_us = 0
        self._duration_us = 0

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the last picture."""
        return self._encoder.size_px if self._encoder else None

    def make(self, picture: Picture, utc_us: int, boot_us: int, rate_hz: int, fresh: bool = False) -> None:
        """Encode a picture that arrived then and send it.

        `fresh`: nothing of the pictures before it may be left in it, not even a trace that encoding leaves.
        Errors: BugError, InvalidError (too large).
        """
        height_px, width_px = picture.shape[:2]
        encoder = self._encoder
        if encoder is None or encoder.size_px != (width_px, height_px):
            encoder = self._begin(width_px, height_px, utc_us, boot_us)
        is_key = fresh or self._wants_key(boot_us, rate_hz)
        at_90k = max(self._at_90k + 1, (boot_us - self._base_us) * CLOCK_HZ // SECOND_US)
        if not self._number:
            at_90k = 0
        encoded = encoder.encode(picture, at_90k, is_key)
        self._duration_us = 2 * SECOND_US // rate_hz
        self._number += 1
        data = fragment(
            self._number, at_90k, self._duration_us * CLOCK_HZ // SECOND_US, encoded.sample, encoded.is_key
        )
        self._at_90k, self._last_us = at_90k, boot_us
        if encoded.is_key:
            self._key_us = boot_us
        self._send(Frame(FrameKind.KEY if encoded.is_key else FrameKind.FRAGMENT, utc_us, data))

    def _begin(self, width_px: int, height_px: int, utc_us: int, boot_us: int) -> PictureEncoder:
        encoder = self._encoder = PictureEncoder(width_px, height_px)
        self._number = 0
        self._base_us = boot_us
        body = join_init(codec_string(encoder.sets), init_segment(encoder.sets))
        self._send(Frame(FrameKind.INIT, utc_us, body))
        return encoder

    def _wants_key(self, boot_us: int, rate_hz: int) -> bool:
        if not self._number:
            return True
        # Half an interval early is nearer to a second than half an interval late.
        gop_us = GOP_US if rate_hz > 1 else SLOW_GOP_US
        due = boot_us - self._key_us >= gop_us - SECOND_US // rate_hz // 2
        return due or boot_us - self._last_us > 2 * self._duration_us

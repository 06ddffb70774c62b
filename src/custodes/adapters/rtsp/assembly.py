"""Access units out of NAL units and their fragments.

Where a picture ends. A change of the RTP time stamp always ends it. The marker bit ends it too, at once, so
that no picture waits for the next one, as soon as one picture has shown that the marker stands on its last
packet and nowhere else; a camera that once sends more slices of a picture after a marker is not believed
again. What holds no picture (parameter sets, SEI) never ends: it goes with the picture that follows,
whatever marker or time stamp it came with.

What is damaged. Packets missing are counted to the unit that was open, else to the next. Fragments of a NAL
unit with a hole are dropped; the complete NAL units of a damaged picture are delivered, for that is what
the camera sent. A damaged picture is never a key picture.
"""

from __future__ import annotations

from collections.abc import Callable

from custodes.adapters.rtsp.clock_claim import ClockClaim
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.parameters import ParameterTracker
from custodes.adapters.rtsp.timeline import Timeline
from custodes.base.errors import InvalidError
from custodes.media.nal import (
    LENGTH_BYTES,
    MAX_NALS,
    KeyKind,
    is_parameter_set,
    is_slice,
    key_kind,
    split_annex_b,
)
from custodes.media.packets import AccessUnit, Codec, ParameterSets

MAX_NAL_BYTES = 8 * 1024 * 1024
MAX_UNIT_BYTES = 16 * 1024 * 1024

_START_CODE = b"\0\0\1"
_NO_LENGTH = bytes(LENGTH_BYTES)


class UnitAssembler:
    """Collects the NAL units of one picture and hands them on as an access unit.

    `data` holds finished NAL units behind their lengths, then the open one behind room for its length;
    whoever reads fragments in a row may append to it while `open_at` is not negative.
    """

    __slots__ = (
        "_claim",
        "_codec",
        "_damaged",
        "_distrusted",
        "_finished_timestamp",
        "_has_picture",
        "_header_bytes",
        "_marked",
        "_marks",
        "_notices",
        "_on_parameter_sets",
        "_on_unit",
        "_parameter_types",
        "_parameters_seen",
        "_picture_types",
        "_starts",
        "_timeline",
        "_tracker",
        "_trusted",
        "boot_us",
        "data",
        "loss",
        "open_at",
        "timestamp",
    )

    def __init__(
        self,
        codec: Codec,
        tracker: ParameterTracker,
        claim: ClockClaim,
        notices: NoticeBoard,
        on_unit: Callable[[AccessUnit], None],
        on_parameter_sets: Callable[[ParameterSets], None],
    ) -> None:
        self._codec = codec
        self._tracker = tracker
        self._claim = claim
        self._notices = notices
        self._on_unit = on_unit
        self._on_parameter_sets = on_parameter_sets
        self._header_bytes = 1 if codec is Codec.H264 else 2
        self._picture_types = frozenset(type_ for type_ in range(64) if is_slice(codec, type_))
        self._parameter_types = frozenset(type_ for type_ in range(64) if is_parameter_set(codec, type_))
        self._timeline = Timeline()
        self._trusted = self._distrusted = False
        self._finished_timestamp = -1
        self.timestamp = -1
        self.boot_us = 0
        self.loss = 0
        self._reset()

    def _reset(self) -> None:
        self.data = bytearray()
        self.open_at = -1
        self._starts: list[int] = []
        self._has_picture = self._damaged = self._marked = self._parameters_seen = False
        self._marks = 0

    def begin_packet(self, timestamp: int, boot_us: int) -> None:
        """A packet with this time stamp follows; ends the open picture if that has another one."""
        if timestamp != self.timestamp:
            if self.open_at >= 0:
                self.abandon("a fragmented unit was not finished when the time stamp changed")
            if self._has_picture:
                if self._marks == 1 and self._marked and not self._distrusted:
                    self._trusted = True
                self._finish()
            else:
                self._damaged = False
            self.timestamp = timestamp
        self._marked = False
        if boot_us > self.boot_us:
            self.boot_us = boot_us

    def end_packet(self, marker: bool) -> None:
        """The packet that was begun is read; its marker ends a picture where markers are to be trusted."""
        if marker and self._has_picture:
            self._marked = True
            self._marks += 1
            if self._trusted and self.open_at < 0:
                self._finished_timestamp = self.timestamp
                self._finish()

    def missing(self, count: int) -> None:
        """So many packets before the next one are missing."""
        self.loss += count
        if self.open_at >= 0:
            self._drop_open()
        if self._starts:
            self._damaged = True

    def restart(self, *, new_time: bool) -> None:
        """The source changed: what is open is finished as it is; `new_time` begins a new stretch of time."""
        if self.open_at >= 0:
            self.abandon("a fragmented unit was not finished when the source changed")
        if self._has_picture:
            self._finish()
        self.timestamp = self._finished_timestamp = -1
        if new_time:
            self._timeline.restart()

    def add(self, nal: memoryview | bytes) -> None:
        """A complete NAL unit."""
        self.open(b"")
        self.data += nal
        self.close()

    def open(self, header: bytes) -> None:
        """A fragmented NAL unit begins with this header."""
        if self.open_at >= 0:
            self.abandon("a unit began before the fragmented one before it was finished")
        self.open_at = len(self.data)
        self.data += _NO_LENGTH
        self.data += header

    def close(self) -> None:
        """The open NAL unit is complete."""
        data, start = self.data, self.open_at + LENGTH_BYTES
        length = len(data) - start
        if length > MAX_NAL_BYTES or len(data) > MAX_UNIT_BYTES or len(self._starts) >= MAX_NALS:
            self._overflow()
            return
        if length < self._header_bytes:
            self.abandon("a unit shorter than its header")
            return
        if data.find(_START_CODE, start) >= 0:
            self._close_several(start)
            return
        data[self.open_at : start] = length.to_bytes(LENGTH_BYTES, "big")
        self.open_at = -1
        self._account(start)

    def abandon(self, why: str) -> None:
        """Drop the open NAL unit: what came of it does not hold together."""
        self._notices.post(NoticeKind.MALFORMED, why)
        self.missing(1)

    def check_size(self) -> None:
        """Give up what is open if it has grown past what is read."""
        if self.open_at >= 0 and (
            len(self.data) - self.open_at > MAX_NAL_BYTES or len(self.data) > MAX_UNIT_BYTES
        ):
            self._overflow()

    def _drop_open(self) -> None:
        del self.data[self.open_at :]
        self.open_at = -1
        self._damaged = True

    def _overflow(self) -> None:
        self._notices.post(
            NoticeKind.MALFORMED, f"a unit over {MAX_UNIT_BYTES} bytes or {MAX_NALS} parts dropped"
        )
        self.loss += 1
        if len(self.data) > MAX_UNIT_BYTES or len(self._starts) >= MAX_NALS:
            self._reset()
        else:
            self._drop_open()

    def _close_several(self, start: int) -> None:
        """A NAL unit cannot hold a start code: the camera put several into one."""
        whole = bytes(self.data[start:])
        del self.data[self.open_at :]
        self.open_at = -1
        try:
            nals = split_annex_b(_START_CODE + whole)
        except InvalidError as error:
            self.abandon(str(error))
            return
        size = self._header_bytes
        if len(nals) > 1 and len(nals[0]) == size and nals[0] == nals[1][:size]:
            nals = nals[1:]
        self._notices.post(NoticeKind.START_CODES, f"{len(nals)} units were sent as one, with start codes")
        for nal in nals:
            if len(self._starts) >= MAX_NALS:
                self._overflow()
                return
            if len(nal) >= size:
                self.data += len(nal).to_bytes(LENGTH_BYTES, "big")
                self.data += nal
                self._account(len(self.data) - len(nal))

    def _account(self, start: int) -> None:
        data = self.data
        first = data[start]
        type_ = first & 0x1F if self._codec is Codec.H264 else (first >> 1) & 0x3F
        self._starts.append(start)
        if type_ in self._picture_types:
            self._account_slice(start)
        elif type_ in self._parameter_types:
            self._parameters_seen = True

    def _account_slice(self, start: int) -> None:
        # The first bit after the header says that a slice starts its picture, in both codecs.
        after = start + self._header_bytes
        starts_picture = after < len(self.data) and self.data[after] >= 0x80
        if not self._has_picture:
            self._has_picture = True
            if not starts_picture:
                self._damaged = True
                if self.timestamp == self._finished_timestamp:
                    self._distrust()
        elif self._marks and not self._distrusted:
            self._distrust()

    def _distrust(self) -> None:
        self._trusted, self._distrusted = False, True
        self._notices.post(NoticeKind.MARKER_UNRELIABLE, "a picture went on after a marker")

    def _finish(self) -> None:
        """Hand on the open picture, which holds at least one complete slice."""
        data, loss = bytes(self.data), self.loss
        kind = self._key_kind(data)
        if self._parameters_seen:
            self._observe_parameters(data)
        media_90k, stepped_90k = self._timeline.place(
            self.timestamp, self.boot_us, kind is KeyKind.CLOSED and not self._damaged
        )
        if stepped_90k:
            self._claim.forget()
            self._notices.post(NoticeKind.TIME_STEP, f"by {stepped_90k / 90_000:+.3f} s against arrival")
        if self._damaged and loss:
            self._notices.post(NoticeKind.DAMAGED_PICTURE, "delivered without the parts that are missing")
        whole = not self._damaged
        unit = AccessUnit(
            data,
            media_90k,
            self.boot_us,
            self._claim.utc_us(self.timestamp),
            whole and kind is KeyKind.CLOSED,
            whole and kind is KeyKind.OPEN,
            loss,
        )
        self.loss = 0
        self._reset()
        self._on_unit(unit)

    def _key_kind(self, data: bytes) -> KeyKind:
        view = memoryview(data)
        return key_kind(self._codec, [view[start : self._end(start)] for start in self._starts])

    def _end(self, start: int) -> int:
        return start + int.from_bytes(self.data[start - LENGTH_BYTES : start], "big")

    def _observe_parameters(self, data: bytes) -> None:
        changed = False
        for start in self._starts:
            first = data[start]
            type_ = first & 0x1F if self._codec is Codec.H264 else (first >> 1) & 0x3F
            if type_ in self._parameter_types:
                try:
                    changed |= self._tracker.observe(data[start : self._end(start)])
                except InvalidError as error:
                    self._notices.post(NoticeKind.PARAMETER_SETS_IGNORED, f"in-band: {error}")
        if changed and (sets := self._tracker.current()) is not None:
            self._on_parameter_sets(sets)

"""Access units out of NAL units and their fragments.

Where a picture ends. A change of the RTP time stamp always ends it. The marker bit ends it too, at once, so
that no picture waits for the next one, as soon as one picture has shown that the marker stands on its last
packet and nowhere else; a camera that once sends more slices of a picture after a marker is not believed
again. Within one time stamp, a slice that starts a picture ends the one before it if a marker stood there,
or if two pictures (the fields of a frame) are there already. What holds no picture (parameter sets, SEI)
never ends: it goes with the picture that follows, whatever marker or time stamp it came with.

What is damaged. Packets missing are counted to the picture that was open, else to the next. Fragments of a
NAL unit with a hole are dropped; the complete NAL units of a damaged picture are delivered, were they only
its parameter sets, for that is what the camera sent. A damaged picture is never a key picture.
"""

from __future__ import annotations

from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.pictures import PictureMaker
from custodes.base.errors import InvalidError
from custodes.media.nal import LENGTH_BYTES, MAX_NALS, is_slice, split_annex_b
from custodes.media.packets import Codec

MAX_NAL_BYTES = 8 * 1024 * 1024
MAX_UNIT_BYTES = 16 * 1024 * 1024
MAX_FRAGMENTS = 20_000
_FIELDS_A_FRAME = 2
_FIRST_RANDOM_ACCESS = 16

_START_CODE = b"\0\0\1"
_NO_LENGTH = bytes(LENGTH_BYTES)
# Searching every byte of every slice for start codes costs a sixth of all receiving. A camera that puts them
# there does so from the start, or around key pictures and parameter sets, which are always searched.
_SEARCHED_SLICES = 100
_SEARCHED_HEAD_BYTES = 64
# The byte after an H.264 slice's header when the slice is the picture's first and of type P or B: two
# Exp-Golomb numbers, 0 and then 0, 1, 5 or 6.
_PREDICTED_FIRST = frozenset((*range(0xC0, 0x100), *range(0xA0, 0xB0), *range(0x98, 0xA0)))


class UnitAssembler:
    """Collects the NAL units of one picture and hands them on as an access unit.

    `fragments`: room for a length, then what has come of the open NAL unit, `size` bytes in all; whoever
    reads fragments in a row may append to it while `is_open`. What is appended may be a view of a buffer
    that is used again after `keep`.
    """

    __slots__ = (
        "_after_slice",
        "_codec",
        "_damaged",
        "_distrusted",
        "_finished_timestamp",
        "_header_bytes",
        "_kept",
        "_maker",
        "_marked",
        "_marks",
        "_notices",
        "_parts",
        "_pictures",
        "_plain",
        "_slice_boot_us",
        "_slice_types",
        "_to_search",
        "_total",
        "_trusted",
        "boot_us",
        "fragments",
        "is_open",
        "loss",
        "size",
        "timestamp",
    )

    def __init__(self, maker: PictureMaker, notices: NoticeBoard) -> None:
        self._maker = maker
        self._codec = maker.codec
        self._notices = notices
        self._header_bytes = 1 if self._codec is Codec.H264 else 2
        self._slice_types = frozenset(type_ for type_ in range(64) if is_slice(self._codec, type_))
        self._to_search = _SEARCHED_SLICES
        self._trusted = self._distrusted = False
        self._finished_timestamp = self.timestamp = -1
        self.boot_us = 0
        self.loss = 0
        self.fragments: list[bytes | memoryview] = []
        self.is_open = False
        self.size = self._kept = self._slice_boot_us = 0
        self._reset()

    def _reset(self) -> None:
        self._parts: list[bytes] = []
        self._total = self._marks = self._pictures = self._after_slice = 0
        self._damaged = self._marked = False
        self._plain = True

    # Packets

    def begin_packet(self, timestamp: int, boot_us: int) -> None:
        """A packet with this time stamp follows; ends the open picture if that has another one."""
        if timestamp != self.timestamp:
            if self.is_open:
                self.abandon("a fragmented unit was not finished when the time stamp changed")
            if self._pictures:
                if self._marks == 1 and self._marked and not self._distrusted:
                    self._trusted = True
                self._finish()
            elif self._damaged:
                self._give_up_picture()
            self.timestamp = timestamp
        self._marked = False
        if boot_us > self.boot_us:
            self.boot_us = boot_us

    def end_packet(self, marker: bool) -> None:
        """The packet that was begun is read; its marker ends a picture where markers are to be trusted."""
        if marker and self._pictures:
            self._marked = True
            self._marks += 1
            if self._trusted and not self.is_open:
                self._finished_timestamp = self.timestamp
                self._finish()

    def missing(self, count: int) -> None:
        """So many packets before the next one are missing."""
        self.loss += count
        if self.is_open:
            self._drop_open()
        if self._parts:
            self._damaged = True

    def restart(self, *, new_source: bool) -> None:
        """The numbering starts anew: what is open is finished as it is."""
        if self.is_open:
            self.abandon("a fragmented unit was not finished when the source changed")
        if self._parts:
            self._finish()
        self.timestamp = self._finished_timestamp = -1
        if new_source:
            self._maker.forget_claim()

    # NAL units

    def add(self, nal: memoryview | bytes) -> None:
        """A complete NAL unit."""
        self.open(b"")
        self.append(nal)
        self.close()

    def open(self, header: bytes) -> None:
        """A fragmented NAL unit begins with this header."""
        if self.is_open:
            self.abandon("a unit began before the fragmented one before it was finished")
        self.is_open = True
        self.fragments = [_NO_LENGTH, header]
        self.size, self._kept = len(header), 2

    def append(self, fragment: memoryview | bytes) -> None:
        """The next fragment of the open NAL unit."""
        self.fragments.append(fragment)
        self.size += len(fragment)

    def keep(self) -> None:
        """Copy what is still a view: the buffer is about to be used again."""
        if self.is_open and len(self.fragments) > self._kept:
            self.fragments[self._kept :] = [b"".join(self.fragments[self._kept :])]
            self._kept = len(self.fragments)

    def close(self) -> None:
        """The open NAL unit is complete."""
        size = self.size
        if size < self._header_bytes:
            self.abandon("a unit shorter than its header")
            return
        if self.check_size():
            return
        fragments = self.fragments
        fragments[0] = size.to_bytes(LENGTH_BYTES, "big")
        part = b"".join(fragments)
        self.is_open = False
        self.fragments = []
        first = part[LENGTH_BYTES]
        type_ = first & 0x1F if self._codec is Codec.H264 else (first >> 1) & 0x3F
        if not part[-1] or part.find(_START_CODE, LENGTH_BYTES, self._search_end(type_)) >= 0:
            self._add_several(part[LENGTH_BYTES:])
        else:
            self._account(part, type_)

    def abandon(self, why: str) -> None:
        """Drop the open NAL unit, or what should have been one: it does not hold together."""
        self._notices.post(NoticeKind.MALFORMED, why)
        self.missing(1)

    def check_size(self) -> bool:
        """Give up what is open if it has grown past what is read; whether it had to be."""
        nals = len(self._parts)
        if (
            self.size <= MAX_NAL_BYTES
            and self._total + self.size <= MAX_UNIT_BYTES
            and len(self.fragments) <= MAX_FRAGMENTS
            and nals < MAX_NALS
        ):
            return False
        self.abandon(f"a picture over {MAX_UNIT_BYTES} bytes, {MAX_NALS} units or {MAX_FRAGMENTS} fragments")
        if self._total > MAX_UNIT_BYTES // 2 or nals >= MAX_NALS:
            self._reset()
        return True

    def _drop_open(self) -> None:
        self.is_open = False
        self.fragments = []
        self.size = 0
        self._damaged = True

    def _search_end(self, type_: int) -> int:
        """Up to where to search a part for start codes."""
        predicted = type_ == 1 if self._codec is Codec.H264 else type_ < _FIRST_RANDOM_ACCESS
        if not predicted:
            return MAX_UNIT_BYTES
        if self._to_search > 0:
            self._to_search -= 1
            return MAX_UNIT_BYTES
        return _SEARCHED_HEAD_BYTES

    def _add_several(self, whole: bytes) -> None:
        """A NAL unit holds no start code and ends in no zero: the camera left (parts of) start codes in it."""
        self._to_search = 1 << 62
        try:
            nals = split_annex_b(_START_CODE + whole)
        except InvalidError as error:
            self.abandon(str(error))
            return
        size = self._header_bytes
        if len(nals) > 1 and len(nals[0]) == size and nals[0] == nals[1][:size]:
            nals = nals[1:]
        self._notices.post(NoticeKind.START_CODES, f"start codes in or behind {len(nals)} units")
        for nal in nals:
            if len(nal) < size:
                self.abandon("a unit shorter than its header")
                continue
            self.size = 0
            if self.check_size():
                return
            type_ = nal[0] & 0x1F if self._codec is Codec.H264 else (nal[0] >> 1) & 0x3F
            self._account(len(nal).to_bytes(LENGTH_BYTES, "big") + nal, type_)

    def _account(self, part: bytes, type_: int) -> None:
        if type_ in self._slice_types:
            self._account_slice(part, type_)
        else:
            self._plain = False
            self._parts.append(part)
            self._total += len(part)

    def _account_slice(self, part: bytes, type_: int) -> None:
        # The first bit after the header says that a slice starts its picture, in both codecs.
        at = LENGTH_BYTES + self._header_bytes
        after = part[at] if len(part) > at else 0
        if after >= 0x80:
            if self._pictures and (self._marks or self._pictures == _FIELDS_A_FRAME):
                self._split()
            self._pictures += 1
        elif self._pictures == 0:
            self._pictures = 1
            self._damaged = True
            if self.timestamp == self._finished_timestamp:
                self._distrust()
        elif self._marks and not self._distrusted:
            self._distrust()
        if self._codec is Codec.H265:
            self._plain = self._plain and type_ < _FIRST_RANDOM_ACCESS
        elif type_ != 1 or (after >= 0x80 and after not in _PREDICTED_FIRST):
            self._plain = False
        self._parts.append(part)
        self._total += len(part)
        self._after_slice = len(self._parts)
        self._slice_boot_us = self.boot_us

    # Pictures

    def _distrust(self) -> None:
        self._trusted, self._distrusted = False, True
        self._notices.post(NoticeKind.MARKER_UNRELIABLE, "a picture went on after a marker")

    def _split(self) -> None:
        """End the open picture behind its last slice; what came after that belongs to the next one."""
        following, boot_us = self._parts[self._after_slice :], self.boot_us
        del self._parts[self._after_slice :]
        self.boot_us = self._slice_boot_us
        self._finish()
        self.boot_us = boot_us
        self._parts = following
        self._total = sum(map(len, following))
        self._plain = not following

    def _give_up_picture(self) -> None:
        """The slices are lost; what else came of the picture must not pass for part of the next one."""
        if self._parts:
            self._finish()
        self._damaged = False

    def _finish(self) -> None:
        parts, loss, damaged, plain = self._parts, self.loss, self._damaged, self._plain
        self.loss = 0
        self._reset()
        self._maker.make(parts, self.timestamp, self.boot_us, loss, damaged=damaged, plain=plain)

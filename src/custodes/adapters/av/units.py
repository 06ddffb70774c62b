"""Access units out of FFmpeg's packets."""

from __future__ import annotations

from collections.abc import Iterator

from custodes.adapters.av.frames import Demuxed
from custodes.adapters.rtsp.parameters import ParameterTracker
from custodes.adapters.rtsp.timeline import Timeline
from custodes.base.errors import InvalidError
from custodes.media.mp4.entry import parse_configuration
from custodes.media.nal import (
    KeyKind,
    is_parameter_set,
    join_nals,
    key_kind,
    nal_type,
    split_annex_b,
    split_nals,
)
from custodes.media.packets import AccessUnit, Codec, ParameterSets
from custodes.media.timeline import CLOCK_HZ

_CODECS = {"h264": Codec.H264, "hevc": Codec.H265}
_MASK_32 = (1 << 32) - 1


def codec_of(name: str) -> Codec:
    """The codec that FFmpeg calls so. Errors: InvalidError when it is none that is recorded."""
    if name not in _CODECS:
        raise InvalidError(f"a stream of {name[:20]}; H.264 and H.265 are recorded")
    return _CODECS[name]


class UnitReader:
    """Turns packets of one stream into parameter sets and access units.

    Formats made for files put lengths before NAL units and the parameter sets beside the stream; transport
    streams put start codes between them.
    """

    def __init__(self, codec: Codec, extradata: bytes) -> None:
        self._codec = codec
        self._tracker = ParameterTracker(codec)
        self._timeline = Timeline()
        self._last: ParameterSets | None = None
        self._has_lengths = False
        self._lost = 0
        self._configure(extradata)

    def read(self, packet: Demuxed, boot_us: int) -> Iterator[ParameterSets | AccessUnit]:
        """The parameter sets, where they changed, then the access unit of a packet.

        Errors: InvalidError when the packet does not hold together; the next one then has a loss before it.
        """
        self._lost += 1
        yield from self._read(packet, boot_us)
        self._lost = 0

    def _read(self, packet: Demuxed, boot_us: int) -> Iterator[ParameterSets | AccessUnit]:
        if packet.extradata is not None:
            self._configure(packet.extradata)
        data = packet.data
        nals = split_nals(data) if self._has_lengths else [memoryview(nal) for nal in split_annex_b(data)]
        if not nals:
            raise InvalidError("a packet without NAL units")
        for nal in nals:
            if is_parameter_set(self._codec, nal_type(self._codec, nal)):
                self._observe((bytes(nal),))
        sets = self._tracker.current()
        if sets is not None and sets != self._last:
            self._last = sets
            yield sets
        yield self._unit(packet, data if self._has_lengths else join_nals(nals), nals, boot_us)

    def _unit(self, packet: Demuxed, data: bytes, nals: list[memoryview], boot_us: int) -> AccessUnit:
        kind = KeyKind.NONE if packet.is_corrupt else key_kind(self._codec, nals)
        if packet.stamp is None:
            raise InvalidError("a packet without time stamp")
        stamp_90k = packet.stamp * CLOCK_HZ * packet.numerator // packet.denominator
        media_90k, _ = self._timeline.place(stamp_90k & _MASK_32, boot_us, kind is KeyKind.CLOSED)
        is_key, is_open = kind is KeyKind.CLOSED, kind is KeyKind.OPEN
        lost = self._lost - 1 + packet.is_corrupt
        return AccessUnit(data, media_90k, boot_us, 0, is_key, is_open, lost)

    def _configure(self, extradata: bytes) -> None:
        self._has_lengths = extradata[:1] == b"\1"
        if self._has_lengths:
            sets = parse_configuration(self._codec, extradata)
            self._observe((*sets.vps, *sets.sps, *sets.pps))
        else:
            nals = split_annex_b(extradata)
            self._observe(tuple(n for n in nals if is_parameter_set(self._codec, nal_type(self._codec, n))))

    def _observe(self, nals: tuple[bytes, ...]) -> None:
        # A set that does not parse is left out; it stays in the access unit as it was sent.
        self._tracker.observe_described(nals)

"""Sample entries: `avc3` with its `avcC`, `hev1` with its `hvcC`.

Source: ISO/IEC 14496-15, 5.3.3 and 8.3.3; ISO/IEC 14496-12, 12.1.3.
"""

from __future__ import annotations

from dataclasses import replace

from custodes.base.errors import InvalidError
from custodes.media.mp4.boxes import box, children, u8, u16, u32
from custodes.media.nal import H265, LENGTH_BYTES
from custodes.media.packets import Codec, ParameterSets
from custodes.media.sps import SequenceInfo, sequence_info

_VISUAL_BYTES = 78
_DPI_72 = 72 << 16
_DEPTH_24 = 24
_PROFILES_WITHOUT_CHROMA = frozenset({66, 77, 88})


def sample_entry(sets: ParameterSets, *, in_band: bool = True) -> bytes:
    """The sample entry of a track; `in_band`: whether parameter sets may also stand in the samples.

    Errors: as `sequence_info`, and InvalidError when there are too many sets, one is too long, or for H.265
    without `in_band`, which is not written.
    """
    info = sequence_info(sets)
    if sets.codec is Codec.H264:
        kind = b"avc3" if in_band else b"avc1"
        return box(kind, _visual(info), box(b"avcC", _avc_configuration(sets, info)))
    if not in_band:
        raise InvalidError("H.265 is written with parameter sets in the samples only")
    return box(b"hev1", _visual(info), box(b"hvcC", _hevc_configuration(sets, info)))


def _visual(info: SequenceInfo) -> bytes:
    return b"".join(
        (
            bytes(6),
            u16(1),  # data reference
            bytes(16),
            u16(info.width_px),
            u16(info.height_px),
            u32(_DPI_72),
            u32(_DPI_72),
            bytes(4),
            u16(1),  # frames a sample
            bytes(32),  # compressor name
            u16(_DEPTH_24),
            u16(0xFFFF),
        )
    )


def _avc_configuration(sets: ParameterSets, info: SequenceInfo) -> bytes:
    if len(sets.sps) > 31 or len(sets.pps) > 255:
        raise InvalidError("more than 31 sequence or 255 picture parameter sets")
    parts = [u8(1), info.profile, u8(0xFC | LENGTH_BYTES - 1), u8(0xE0 | len(sets.sps))]
    parts += map(_counted, sets.sps)
    parts.append(u8(len(sets.pps)))
    parts += map(_counted, sets.pps)
    if info.profile[0] not in _PROFILES_WITHOUT_CHROMA:
        parts += [u8(0xFC | info.chroma_format), u8(0xF8 | info.luma_bits - 8)]
        parts += [u8(0xF8 | info.chroma_bits - 8), u8(0)]
    return b"".join(parts)


def _hevc_configuration(sets: ParameterSets, info: SequenceInfo) -> bytes:
    arrays = ((H265.VPS, sets.vps), (H265.SPS, sets.sps), (H265.PPS, sets.pps))
    layers = info.temporal_layers << 3 | info.temporal_nesting << 2
    parts = [
        u8(1),
        info.profile,
        u16(0xF000),  # spatial segmentation: unknown
        u8(0xFC),  # parallelism: unknown
        u8(0xFC | info.chroma_format),
        u8(0xF8 | info.luma_bits - 8),
        u8(0xF8 | info.chroma_bits - 8),
        u16(0),  # frame rate: unknown
        u8(layers | LENGTH_BYTES - 1),
        u8(sum(1 for _, nals in arrays if nals)),
    ]
    for type_, nals in arrays:
        if len(nals) > 255:
            raise InvalidError("more than 255 parameter sets of a kind")
        if nals:
            # The array is not complete: further sets may stand in the samples.
            parts += [u8(type_), u16(len(nals)), *map(_counted, nals)]
    return b"".join(parts)


def _counted(nal: bytes) -> bytes:
    if len(nal) > 0xFFFF:
        raise InvalidError("a parameter set of more than 65,535 bytes")
    return u16(len(nal)) + nal


def parse_sample_entry(kind: bytes, payload: memoryview) -> ParameterSets:
    """The parameter sets in a sample entry that `sample_entry` or another writer made.

    Errors: InvalidError for another codec, lengths of other than four bytes, or damage.
    """
    if kind in (b"avc1", b"avc3"):
        codec, wanted = Codec.H264, b"avcC"
    elif kind in (b"hvc1", b"hev1"):
        codec, wanted = Codec.H265, b"hvcC"
    else:
        raise InvalidError("the track is neither H.264 nor H.265")
    for child, body in children(payload[_VISUAL_BYTES:]):
        if child == wanted:
            return parse_configuration(codec, bytes(body))
    raise InvalidError("the sample entry has no decoder configuration")


def parse_configuration(codec: Codec, data: bytes) -> ParameterSets:
    """The parameter sets in the payload of an `avcC` or `hvcC` box.

    Errors: InvalidError for NAL unit lengths of other than four bytes, or damage.
    """
    reader = _Bytes(data)
    return _parse_avc(reader) if codec is Codec.H264 else _parse_hevc(reader)


class _Bytes:
    """Takes fields off the front of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise InvalidError("the decoder configuration ends too early")
        self._at += count
        return piece

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def nals(self, count: int) -> tuple[bytes, ...]:
        return tuple(self.take(self.number(2)) for _ in range(count))


def _parse_avc(reader: _Bytes) -> ParameterSets:
    reader.take(4)
    _check_length_field(reader.number(1))
    sps = reader.nals(reader.number(1) & 0x1F)
    return ParameterSets(Codec.H264, (), sps, reader.nals(reader.number(1)))


def _parse_hevc(reader: _Bytes) -> ParameterSets:
    reader.take(21)
    _check_length_field(reader.number(1))
    sets = ParameterSets(Codec.H265, (), (), ())
    for _ in range(reader.number(1)):
        type_ = reader.number(1) & 0x3F
        nals = reader.nals(reader.number(2))
        if type_ == H265.VPS:
            sets = replace(sets, vps=sets.vps + nals)
        elif type_ == H265.SPS:
            sets = replace(sets, sps=sets.sps + nals)
        elif type_ == H265.PPS:
            sets = replace(sets, pps=sets.pps + nals)
    return sets


def _check_length_field(byte: int) -> None:
    if byte & 3 != LENGTH_BYTES - 1:
        raise InvalidError("NAL units behind lengths of other than four bytes")

"""What a sequence parameter set says of the picture.

Source: ITU-T H.264 7.3.2.1, H.265 7.3.2.2 and 7.3.3, RFC 6381, ISO/IEC 14496-15 annex E.
"""

from __future__ import annotations

from dataclasses import dataclass

from custodes.base.errors import InvalidError
from custodes.media.bits import MAX_RBSP_BYTES, BitReader, unescape
from custodes.media.nal import H264, H265, nal_type
from custodes.media.packets import Codec, ParameterSets

MAX_SIDE_PX = 16_384
_MAX_CROP_PX = 1 << 16

# Profiles whose parameter set goes on with chroma format, bit depths and scaling lists.
_H264_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_CHROMA_STEP_PX = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """Size and profile of a coded sequence.

    `coded_*_px` is what the decoder makes, `width_px` and `height_px` what is shown after cropping.
    `profile`: as the parameter set begins: three bytes (H.264: profile, constraints, level) or twelve
    (H.265: general profile, tier and level).
    `temporal_layers`, `temporal_nesting`: H.265 only; 1 and True otherwise.
    """

    codec: Codec
    profile: bytes
    coded_width_px: int
    coded_height_px: int
    width_px: int
    height_px: int
    chroma_format: int
    luma_bits: int
    chroma_bits: int
    temporal_layers: int
    temporal_nesting: bool

    @property
    def codec_string(self) -> str:
        """The codec's name for browsers and players, for parameter sets in-band (`avc3`, `hev1`)."""
        if self.codec is Codec.H264:
            return f"avc3.{self.profile.hex().upper()}"
        first, level = self.profile[0], self.profile[11]
        space = ("", "A", "B", "C")[first >> 6]
        # The 32 compatibility flags are written with the first flag as the least significant bit.
        compatibility = int(f"{int.from_bytes(self.profile[1:5], 'big'):032b}"[::-1], 2)
        tier = "H" if first & 0x20 else "L"
        constraints = "".join(f".{byte:X}" for byte in self.profile[5:11].rstrip(b"\0"))
        return f"hev1.{space}{first & 0x1F}.{compatibility:X}.{tier}{level}{constraints}"


def parse_sps(codec: Codec, nal: bytes) -> SequenceInfo:
    """What a sequence parameter set (a whole NAL unit) says; its VUI is not looked at.

    A cropping that leaves nothing is ignored, as decoders do.
    Errors: InvalidError when it is not one, ends too early, or names a size of 0 or over MAX_SIDE_PX.
    """
    expected = H264.SPS if codec is Codec.H264 else H265.SPS
    if nal_type(codec, nal) != expected:
        raise InvalidError("the NAL unit is not a sequence parameter set")
    if codec is Codec.H264:
        return _parse_h264(unescape(nal[1:MAX_RBSP_BYTES]))
    return _parse_h265(unescape(nal[2:MAX_RBSP_BYTES]))


def sequence_info(sets: ParameterSets) -> SequenceInfo:
    """What the first sequence parameter set says.

    Errors: InvalidError when there is none or it cannot be read.
    """
    if not sets.sps:
        raise InvalidError("no sequence parameter set")
    return parse_sps(sets.codec, sets.sps[0])


def _parse_h264(rbsp: bytes) -> SequenceInfo:
    reader = BitReader(rbsp)
    profile = reader.bits(24).to_bytes(3, "big")
    reader.ue()
    chroma, luma_bits, chroma_bits = 1, 8, 8
    if profile[0] in _H264_HIGH_PROFILES:
        chroma, luma_bits, chroma_bits = _h264_high(reader)
    reader.ue()
    _h264_picture_order(reader)
    reader.ue()
    reader.flag()
    width_mbs = reader.ue() + 1
    height_units = reader.ue() + 1
    frames_only = reader.flag()
    if not frames_only:
        reader.flag()
    reader.flag()
    field_step = 1 if frames_only else 2
    step_x, step_y = _CHROMA_STEP_PX[chroma]
    coded = _checked_size(width_mbs * 16, height_units * 16 * field_step)
    width, height = _cropped(reader, coded, step_x, step_y * field_step)
    return SequenceInfo(
        Codec.H264, profile, *coded, width, height, chroma, luma_bits, chroma_bits, 1, True
    )  # fmt: skip


def _h264_high(reader: BitReader) -> tuple[int, int, int]:
    chroma = _checked_chroma(reader.ue())
    if chroma == 3:
        reader.flag()
    luma_bits = _checked_depth(reader.ue())
    chroma_bits = _checked_depth(reader.ue())
    reader.flag()
    if reader.flag():
        for number in range(12 if chroma == 3 else 8):
            if reader.flag():
                _skip_scaling_list(reader, 16 if number < 6 else 64)
    return chroma, luma_bits, chroma_bits


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = 8
    for _ in range(size):
        following = (last + reader.se()) % 256
        if following == 0:
            return
        last = following


def _h264_picture_order(reader: BitReader) -> None:
    kind = reader.ue()
    if kind > 2:
        raise InvalidError("the parameter set names an unknown kind of picture order")
    if kind == 0:
        reader.ue()
    elif kind == 1:
        reader.flag()
        reader.se()
        reader.se()
        count = reader.ue()
        if count > 255:
            raise InvalidError("the parameter set names more than 255 frames in a cycle")
        for _ in range(count):
            reader.se()


def _parse_h265(rbsp: bytes) -> SequenceInfo:
    reader = BitReader(rbsp)
    reader.skip(4)
    layers = reader.bits(3) + 1
    nesting = reader.flag()
    profile = reader.bits(96).to_bytes(12, "big")
    _skip_sub_layers(reader, layers - 1)
    reader.ue()
    chroma = _checked_chroma(reader.ue())
    if chroma == 3:
        reader.flag()
    coded = _checked_size(reader.ue(), reader.ue())
    width, height = _cropped(reader, coded, *_CHROMA_STEP_PX[chroma])
    luma_bits = _checked_depth(reader.ue())
    chroma_bits = _checked_depth(reader.ue())
    return SequenceInfo(
        Codec.H265, profile, *coded, width, height, chroma, luma_bits, chroma_bits, layers, nesting
    )  # fmt: skip


def _skip_sub_layers(reader: BitReader, count: int) -> None:
    present = [(reader.flag(), reader.flag()) for _ in range(count)]
    if count:
        reader.skip(2 * (8 - count))
    for has_profile, has_level in present:
        reader.skip(88 * has_profile + 8 * has_level)


def _cropped(reader: BitReader, coded: tuple[int, int], step_x: int, step_y: int) -> tuple[int, int]:
    if not reader.flag():
        return coded
    left, right, top, bottom = (reader.ue() for _ in range(4))
    if max(left, right, top, bottom) > _MAX_CROP_PX:
        return coded
    width = coded[0] - (left + right) * step_x
    height = coded[1] - (top + bottom) * step_y
    return (width, height) if width > 0 and height > 0 else coded


def _checked_size(width: int, height: int) -> tuple[int, int]:
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise InvalidError(f"a picture of {width} by {height} px; sides are from 1 to {MAX_SIDE_PX}")
    return width, height


def _checked_chroma(chroma: int) -> int:
    if chroma > 3:
        raise InvalidError("the parameter set names an unknown chroma format")
    return chroma


def _checked_depth(minus_8: int) -> int:
    if minus_8 > 8:
        raise InvalidError("the parameter set names more than 16 bits a sample")
    return minus_8 + 8

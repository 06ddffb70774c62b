"""Sequence parameter sets, against those that real encoders write and against damage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.media.packets import Codec
from custodes.media.sps import parse_sps

# Constrained baseline, 640 by 360, as a camera writes it: eight lines are cropped off 368.
H264_BASELINE = bytes.fromhex("6742c01ed900a02ff97016a020202800000300080000030190478b1724")


@pytest.mark.parametrize(
    ("codec", "width", "height", "coded"),
    [
        (Codec.H264, 320, 180, (320, 192)),
        (Codec.H264, 638, 358, (640, 368)),
        (Codec.H264, 1920, 1080, (1920, 1088)),
        (Codec.H265, 320, 180, (320, 192)),
        (Codec.H265, 1286, 726, (1296, 736)),
    ],
)
def test_size_that_an_encoder_was_asked_for(
    encode: Callable[..., Any], codec: Codec, width: int, height: int, coded: tuple[int, int]
) -> None:
    sets, _ = encode(codec, width, height, frames=1)
    info = parse_sps(codec, sets.sps[0])
    assert (info.width_px, info.height_px) == (width, height)
    assert (info.coded_width_px, info.coded_height_px) == coded
    assert (info.chroma_format, info.luma_bits, info.chroma_bits) == (1, 8, 8)


def test_interlaced_frames_count_lines_twice(encode: Callable[..., Any]) -> None:
    sets, _ = encode(Codec.H264, 720, 576, frames=1, extra=":interlaced=1")
    info = parse_sps(Codec.H264, sets.sps[0])
    assert (info.width_px, info.height_px) == (720, 576)


def test_scaling_lists_are_passed_over(encode: Callable[..., Any]) -> None:
    sets, _ = encode(Codec.H264, 320, 180, frames=1, extra=":cqm=jvt:8x8dct=1")
    info = parse_sps(Codec.H264, sets.sps[0])
    assert info.profile[0] == 100
    assert (info.width_px, info.height_px) == (320, 180)


def test_codec_strings(encode: Callable[..., Any]) -> None:
    info = parse_sps(Codec.H264, H264_BASELINE)
    assert info.codec_string == "avc3.42C01E"
    assert (info.width_px, info.height_px) == (640, 360)
    sets, _ = encode(Codec.H265, frames=1)
    string = parse_sps(Codec.H265, sets.sps[0]).codec_string
    assert string.startswith("hev1.1.6.L60.")


def test_hostile_sizes_are_refused() -> None:
    # Profile 66, level 30, then Exp-Golomb numbers; the width is 2**20 macroblocks.
    bits = "1101110" + "0" * 20 + f"{2**20:b}" + "1" + "1" + "1" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    sps = b"\x67\x42\x00\x1e" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    with pytest.raises(InvalidError, match="px"):
        parse_sps(Codec.H264, sps)


@given(st.sampled_from(list(Codec)), st.binary(max_size=200))
def test_garbage_is_refused_or_read(codec: Codec, data: bytes) -> None:
    head = b"\x67" if codec is Codec.H264 else b"\x42\x01"
    try:
        info = parse_sps(codec, head + data)
    except InvalidError:
        return
    assert 0 < info.width_px <= info.coded_width_px <= 16_384
    assert 0 < info.height_px <= info.coded_height_px <= 16_384


@given(st.integers(0, 200), st.integers(0, 255), st.integers(0, 60))
def test_damage_to_a_real_set_is_refused_or_read(at: int, byte: int, cut: int) -> None:
    data = bytearray(H264_BASELINE)
    data[at % len(data)] = byte
    try:
        parse_sps(Codec.H264, bytes(data[: len(data) - cut % len(data)]))
    except InvalidError:
        return


def test_other_units_are_refused() -> None:
    for data in (b"", b"\x68\xee", b"\x67"):
        with pytest.raises(InvalidError):
            parse_sps(Codec.H264, data)
        with pytest.raises(InvalidError):
            parse_sps(Codec.H265, data)

"""NAL units: kinds, key frames, splitting and joining."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.media import nal
from custodes.media.bits import BitReader, unescape
from custodes.media.nal import KeyKind
from custodes.media.packets import Codec

H264, H265 = Codec.H264, Codec.H265

P_SLICE = bytes([0x41, 0b1_1_000000, 0])  # first_mb 0, slice_type 0 (P)
I_SLICE = bytes([0x41, 0b1_0001000, 0])  # first_mb 0, slice_type 7 (all I)
MIXED_I_SLICE = bytes([0x41, 0b1_011_0000, 0])  # slice_type 2: this slice I, others may differ
LATER_P_SLICE = bytes([0x41, 0b010_1_0000, 0])  # first_mb 1
SPS = bytes([0x67, 66, 0, 30])
IDR_SLICE = bytes([0x65, 0b1_0001000, 0])
RECOVERY_SEI = bytes([0x06, 6, 1, 0b1_0_0_00_100, 0x80])
USER_SEI = bytes([0x06, 5, 3, 1, 2, 3, 0x80])


def h265(type_: int, *rest: int, layer: int = 0) -> bytes:
    return bytes([type_ << 1 | layer >> 5, (layer & 31) << 3 | 1, *rest])


@pytest.mark.parametrize(
    ("nals", "kind"),
    [
        ([IDR_SLICE], KeyKind.CLOSED),
        ([USER_SEI, IDR_SLICE], KeyKind.CLOSED),
        ([RECOVERY_SEI, IDR_SLICE], KeyKind.CLOSED),
        ([RECOVERY_SEI, P_SLICE], KeyKind.OPEN),
        ([USER_SEI, P_SLICE], KeyKind.NONE),
        ([SPS, I_SLICE], KeyKind.OPEN),
        ([I_SLICE], KeyKind.NONE),
        ([SPS, P_SLICE], KeyKind.NONE),
        ([SPS, MIXED_I_SLICE, LATER_P_SLICE], KeyKind.NONE),
        ([P_SLICE], KeyKind.NONE),
        ([], KeyKind.NONE),
        ([b"", b"\x41"], KeyKind.NONE),
    ],
)
def test_key_kind_of_h264(nals: list[bytes], kind: KeyKind) -> None:
    assert nal.key_kind(H264, nals) is kind


@pytest.mark.parametrize(
    ("nals", "kind"),
    [
        ([h265(19, 0x80)], KeyKind.CLOSED),
        ([h265(20, 0x80)], KeyKind.CLOSED),
        ([h265(16, 0x80)], KeyKind.CLOSED),
        ([h265(21, 0x80)], KeyKind.OPEN),
        ([h265(39, 6, 1, 0xC0, 0x80), h265(1, 0x80)], KeyKind.OPEN),
        ([h265(39, 6, 1, 0xC0, 0x80), h265(19, 0x80)], KeyKind.CLOSED),
        ([h265(1, 0x80)], KeyKind.NONE),
        ([h265(1, 0x80), h265(19, 0x80, layer=1)], KeyKind.NONE),
        ([h265(32), h265(33), h265(34)], KeyKind.NONE),
    ],
)
def test_key_kind_of_h265(nals: list[bytes], kind: KeyKind) -> None:
    assert nal.key_kind(H265, nals) is kind


def test_first_slice() -> None:
    assert nal.is_first_slice(H264, P_SLICE)
    assert not nal.is_first_slice(H264, LATER_P_SLICE)
    assert not nal.is_first_slice(H264, USER_SEI)
    assert nal.is_first_slice(H265, h265(1, 0x80))
    assert not nal.is_first_slice(H265, h265(1, 0x40))
    assert not nal.is_first_slice(H265, h265(1, 0x80, layer=33))
    for codec, damaged in ((H264, b"\x41"), (H265, h265(1)), (H264, b""), (H265, b"\x02")):
        with pytest.raises(InvalidError):
            nal.is_first_slice(codec, damaged)


def test_recovery_point_after_other_messages_and_through_emulation_prevention() -> None:
    # A user message of four zeros needs an emulation prevention byte, which shifts what follows.
    sei = bytes([0x06, 5, 4, 0, 0, 3, 0, 0, 6, 1, 0xC4, 0x80])
    assert nal.is_recovery_point(H264, sei)
    long_sei = bytes([0x06, 5, 255, 2, *([1] * 257), 6, 1, 0xC4, 0x80])
    assert nal.is_recovery_point(H264, long_sei)
    for damaged in (
        b"\x06",
        b"\x06\xff\xff",
        b"\x06\x06\xff",
        b"\x06\x06\x09\x01",
        bytes([6, 5, 200, 6, 1, 2]),
    ):
        assert not nal.is_recovery_point(H264, damaged)


def test_predicates_agree_with_the_tables() -> None:
    for type_ in range(64):
        assert nal.is_irap(type_) == (nal.is_slice(H265, type_) and type_ >= 16)
        assert not (nal.is_bla(type_) and nal.is_cra(type_))
    assert [t for t in range(64) if nal.is_parameter_set(H265, t)] == [32, 33, 34]
    assert [t for t in range(32) if nal.is_parameter_set(H264, t)] == [7, 8]
    assert [t for t in range(32) if nal.is_idr(H264, t)] == [nal.H264.IDR]
    assert nal.nal_type(H265, h265(nal.H265.SEI_PREFIX)) == 39


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_split_undoes_join(nals: list[bytes]) -> None:
    assert [bytes(view) for view in nal.split_nals(nal.join_nals(nals))] == nals


@given(st.binary(max_size=60))
def test_whatever_splits_joins_to_the_same_bytes(data: bytes) -> None:
    try:
        nals = nal.split_nals(data)
    except InvalidError:
        return
    assert nal.join_nals(nals) == data


def test_split_is_bounded_and_exact() -> None:
    for damaged in (b"\0\0\0", b"\0\0\0\0", b"\0\0\0\2a", b"\0\0\0\1a\0", b"\xff\xff\xff\xffa"):
        with pytest.raises(InvalidError):
            nal.split_nals(damaged)
    with pytest.raises(InvalidError):
        nal.split_nals(b"\0\0\0\1a" * (nal.MAX_NALS + 1))
    with pytest.raises(InvalidError):
        nal.split_annex_b(b"\0\0\1a" * (nal.MAX_NALS + 1))
    assert len(nal.split_annex_b(b"\0\0\1a" * nal.MAX_NALS)) == nal.MAX_NALS


def test_split_annex_b() -> None:
    assert nal.split_annex_b(b"\0\0\0\1ab\0\0\1cd\0\0\0\0\1e") == [b"ab", b"cd", b"e"]
    assert nal.split_annex_b(b"junk\0\0\1\0\0\1x") == [b"x"]
    assert nal.split_annex_b(b"nothing") == []


@given(st.lists(st.integers(0, 2**32 - 2), max_size=20), st.integers(0, 7))
def test_exp_golomb(numbers: list[int], padding: int) -> None:
    text = "".join("0" * ((n + 1).bit_length() - 1) + f"{n + 1:b}" for n in numbers) + "1" + "0" * padding
    text += "0" * (-len(text) % 8)
    reader = BitReader(int(text, 2).to_bytes(len(text) // 8, "big"))
    assert [reader.ue() for _ in numbers] == numbers
    assert reader.flag()
    with pytest.raises(InvalidError):
        reader.bits(reader.left + 1)


def test_signed_exp_golomb() -> None:
    # 1, -1, 2 are codes 1, 2, 3: 010 011 00100
    reader = BitReader(int("0100110010000000", 2).to_bytes(2, "big"))
    assert [reader.se() for _ in range(3)] == [1, -1, 2]


@given(st.lists(st.sampled_from([0, 0, 0, 1, 3]), max_size=40).map(bytes))
def test_unescape_is_what_the_standard_describes(data: bytes) -> None:
    expected, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        expected.append(byte)
    assert unescape(data) == bytes(expected)


@given(st.sampled_from(list(Codec)), st.lists(st.binary(max_size=30), max_size=6))
def test_key_kind_never_fails(codec: Codec, nals: list[bytes]) -> None:
    assert nal.key_kind(codec, nals) in KeyKind

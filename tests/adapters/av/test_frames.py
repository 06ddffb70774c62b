"""Frames between FFmpeg's process and ours: one spelling, and nothing but InvalidError for what is none."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.av.frames import (
    HEAD,
    MAX_EXTRADATA_BYTES,
    MAX_PAYLOAD_BYTES,
    Demuxed,
    Ended,
    Failed,
    Frame,
    Opened,
    decode,
    encode,
)
from custodes.adapters.rtsp.assembly import MAX_UNIT_BYTES
from custodes.base.errors import InvalidError

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)
SMALL = st.binary(max_size=200)
UNSIGNED = st.integers(1, (1 << 32) - 1)
FRAMES = st.one_of(
    st.builds(Opened, PRINTABLE, SMALL, PRINTABLE),
    st.builds(Failed, PRINTABLE, PRINTABLE),
    st.builds(Ended),
    st.builds(
        Demuxed,
        SMALL,
        st.none() | st.integers(-(1 << 63), (1 << 63) - 1),
        UNSIGNED,
        UNSIGNED,
        st.booleans(),
        st.none() | SMALL,
    ),
)


def parse(data: bytes) -> Frame:
    kind, length = HEAD.unpack(data[: HEAD.size])
    assert length == len(data) - HEAD.size <= MAX_PAYLOAD_BYTES
    return decode(kind, data[HEAD.size :])


@given(FRAMES)
def test_a_frame_comes_back(frame: Frame) -> None:
    assert parse(encode(frame)) == frame


@given(st.integers(0, 255), SMALL)
def test_what_is_no_frame_is_said_to_be_none(kind: int, payload: bytes) -> None:
    with contextlib.suppress(InvalidError):
        decode(kind, payload)


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_there_are_four_kinds(kind: int) -> None:
    with pytest.raises(InvalidError):
        decode(kind, b"")


def test_a_packet_without_a_unit_of_time_is_none() -> None:
    good = encode(Demuxed(b"x", 1, 1, 90_000))[HEAD.size :]
    for at in (8, 12):
        with pytest.raises(InvalidError):
            decode(2, good[:at] + bytes(4) + good[at + 4 :])


def test_what_is_too_large_is_left_out() -> None:
    large = parse(encode(Demuxed(bytes(MAX_UNIT_BYTES + 1), 1, 1, 1)))
    assert isinstance(large, Demuxed)
    assert large.data == b""
    extra = parse(encode(Demuxed(b"x", 1, 1, 1, extradata=bytes(MAX_EXTRADATA_BYTES + 1))))
    assert isinstance(extra, Demuxed)
    assert (extra.data, extra.extradata) == (b"x", None)


def test_texts_are_made_fit_to_show() -> None:
    assert parse(encode(Failed("INVALID", "a\n\x1b[2J" + "b" * 400))) == Failed(
        "INVALID", "a  [2J" + "b" * 294
    )

"""Pictures through an encoder and decoder that are real, and what comes out of damaged ones."""

from __future__ import annotations

import io
import random

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.av.check import check_video
from custodes.adapters.av.pictures import Picture, PictureDecoder, PictureEncoder, fit
from custodes.base.errors import BugError, InvalidError
from custodes.media.mp4.fragments import check_boxes, codec_string, fragment, init_segment
from custodes.media.nal import H264, nal_type, split_nals
from custodes.media.packets import Codec


def picture_of(number: int, width: int = 160, height: int = 96) -> Picture:
    """A square that moves over grey."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[20:60, 5 * number : 5 * number + 30] = (30, 200, 60)
    return picture


def test_what_is_encoded_is_decoded_again() -> None:
    encoder = PictureEncoder(160, 96)
    decoder = PictureDecoder(encoder.sets)
    for number in range(16):
        encoded = encoder.encode(picture_of(number), number * 11_250, number % 8 == 0)
        assert encoded.is_key == (number % 8 == 0)
        kinds = {nal_type(Codec.H264, nal) for nal in split_nals(encoded.sample)}
        assert kinds == {H264.IDR if encoded.is_key else H264.SLICE}
        (decoded,) = decoder.decode(encoded.sample, encoded.is_key, 100 + number)
        assert decoded.tag == 100 + number
        assert not decoded.is_damaged
        difference = decoded.array(1000).astype(int) - picture_of(number)
        assert np.abs(difference).mean() < 4


def test_a_key_frame_begins_anew() -> None:
    """The group of pictures is closed: what follows a key frame needs nothing before it."""
    encoder = PictureEncoder(160, 96)
    samples = [encoder.encode(picture_of(n), n * 11_250, n % 8 == 0) for n in range(16)]
    decoder = PictureDecoder(encoder.sets)
    with pytest.raises(InvalidError, match="key frame"):
        decoder.decode(samples[1].sample, False, 1)
    pictures = [p for e in samples[8:] for p in decoder.decode(e.sample, e.is_key, 0)]
    assert len(pictures) == 8
    assert np.abs(pictures[-1].array(1000).astype(int) - picture_of(15)).mean() < 4
    decoder.restart()
    with pytest.raises(InvalidError, match="key frame"):
        decoder.decode(samples[9].sample, False, 1)


def test_nothing_but_errors_of_ours_for_garbage() -> None:
    encoder = PictureEncoder(160, 96)
    chance = random.Random(4)
    key = encoder.encode(picture_of(0), 0, True).sample
    decoder = PictureDecoder(encoder.sets)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(key)
        for _ in range(40):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        data = bytes(damaged) if chance.random() < 0.7 else chance.randbytes(200)
        try:
            outcomes.add(len(decoder.decode(data, True, 0)))
        except InvalidError:
            outcomes.add(-1)
    assert -1 in outcomes


def test_a_large_picture_is_smaller_then() -> None:
    encoder = PictureEncoder(1280, 720)
    decoder = PictureDecoder(encoder.sets)
    (decoded,) = decoder.decode(encoder.encode(picture_of(0, 1280, 720), 0, True).sample, True, 0)
    assert decoded.array(704).shape == (396, 704, 3)


@given(st.integers(1, 16_384), st.integers(1, 16_384), st.integers(16, 2048))
def test_fit(width: int, height: int, longest: int) -> None:
    made = fit(width, height, longest)
    assert all(side % 2 == 0 and side >= 16 for side in made)
    assert max(made) <= max(longest, 16)


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(BugError, match="320x96"):
        PictureEncoder(160, 96).encode(picture_of(0, 320), 0, True)


def fragments(count: int = 12) -> tuple[bytes, list[bytes], str]:
    encoder = PictureEncoder(160, 96)
    made = []
    for number in range(count):
        encoded = encoder.encode(picture_of(number), number * 11_250, number % 8 == 0)
        made.append(fragment(number + 1, number * 11_250, 22_500, encoded.sample, encoded.is_key))
    return init_segment(encoder.sets), made, codec_string(encoder.sets)


def test_fragments_play() -> None:
    init, made, codec = fragments()
    check_boxes(init, b"ftyp", b"moov")
    for one in made:
        check_boxes(one, b"moof", b"mdat")
    assert codec.startswith("avc1.42C0")
    check = check_video(io.BytesIO(init + b"".join(made)))
    assert (check.packets, check.frames, check.damaged_frames) == (12, 12, 0)
    assert (check.width_px, check.height_px) == (160, 96)
    assert (check.first_90k, check.last_90k) == (0, 11 * 11_250)


def test_a_late_joiner_begins_at_a_key_frame() -> None:
    init, made, _ = fragments()
    with av.open(io.BytesIO(init + b"".join(made[8:]))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [packet.is_keyframe for packet in packets] == [True, False, False, False]
        assert packets[0].pts == 8 * 11_250
    with av.open(io.BytesIO(init + b"".join(made[8:]))) as container:
        assert len(list(container.decode(video=0))) == 4


def test_boxes_that_are_not_those_due() -> None:
    init, made, _ = fragments(1)
    for wrong in (init, made[0][:-1], made[0] + b"x", b"", made[0] + made[0]):
        with pytest.raises(InvalidError):
            check_boxes(wrong, b"moof", b"mdat")

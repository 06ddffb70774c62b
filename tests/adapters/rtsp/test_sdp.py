from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.sdp import MAX_SDP_BYTES, VideoTrack, choose_video, parse_description
from custodes.base.errors import InvalidError
from custodes.media.packets import Codec

SPS, PPS = b"\x67\x42\x00\x1f\xe9", b"\x68\xce\x38\x80"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def choose(text: str) -> VideoTrack:
    return choose_video(parse_description(text.encode()))


def test_reads_what_most_cameras_send() -> None:
    track = choose(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
        "m=audio 0 RTP/AVP 8\r\na=control:track2\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 packetization-mode=1;profile-level-id=42001f; sprop-parameter-sets={b64(SPS)},{b64(PPS)}\r\n"
        "a=control:track1\r\n"
    )
    assert track == VideoTrack(Codec.H264, 96, "track1", (SPS, PPS), False)


def test_field_case_08_lines_missing_empty_or_odd() -> None:
    track = choose("m=video 0 RTP/AVP 96\na=\na=rtpmap:96 H264/90000\nc=IN\nrubbish\n=\na=control\n")
    assert track == VideoTrack(Codec.H264, 96, "", (), False)
    track = choose("m=video 0 RTP/AVP 97\r\na=rtpmap: 97 h265/90000\r\na=fmtp: 97 sprop-vps= QAE=")
    assert (track.codec, track.payload_type, track.parameter_sets) == (Codec.H265, 97, (b"\x40\x01",))


def test_a_missing_rtpmap_is_guessed_from_the_parameters() -> None:
    assert choose("m=video 0 RTP/AVP 96\na=fmtp:96 packetization-mode=1").codec is Codec.H264
    assert choose("m=video 0 RTP/AVP 96\na=fmtp:96 sprop-vps=QAE=").codec is Codec.H265


def test_base64_without_padding_is_read_and_garbage_reported() -> None:
    track = choose(
        f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets={b64(SPS).rstrip('=')},!!"
    )
    assert track.parameter_sets == (SPS,)
    assert track.has_garbage


def test_takes_the_first_video_that_can_be_recorded() -> None:
    track = choose(
        "m=video 0 RTP/AVP 26\na=control:mjpeg\n"
        "m=video 0 RTP/AVP 98 99\na=rtpmap:98 AV1/90000\na=rtpmap:99 HEVC/90000\na=control:hevc\n"
    )
    assert (track.codec, track.payload_type, track.control) == (Codec.H265, 99, "hevc")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("m=video 0 RTP/AVP 26", "JPEG/90000 over RTP/AVP"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000", "AV1/90000"),
        ("m=video 0 RTP/SAVP 96\na=rtpmap:96 H264/90000", "RTP/SAVP"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/1000", "H264/1000"),
        ("m=audio 0 RTP/AVP 8", "no video at all"),
        ("m=video", "no video at all"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=2", "interleaved"),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=fmtp:96 sprop-max-don-diff=2", "decoding order"),
    ],
)
def test_names_what_it_cannot_record(text: str, named: str) -> None:
    with pytest.raises(InvalidError, match=named):
        choose(text)


def test_refuses_what_describes_nothing_or_too_much() -> None:
    with pytest.raises(InvalidError, match="no media"):
        parse_description(b"v=0\r\n")
    with pytest.raises(InvalidError, match="at most"):
        parse_description(b"x" * (MAX_SDP_BYTES + 1))


_LINES = st.sampled_from(
    [
        "m=video 0 RTP/AVP 96 97",
        "m=audio 0 RTP/AVP 8",
        "a=rtpmap:96 H264/90000",
        "a=rtpmap:97 H265/90000",
        "a=control:x",
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAH+k=,aM44gA==",
        "a=",
        "a=rtpmap:",
        "a=fmtp:96",
        "m=",
    ]
)


@given(st.lists(st.one_of(_LINES, st.text(max_size=60)), max_size=30), st.sampled_from(["\r\n", "\n", "\r"]))
def test_any_lines_are_a_track_or_refused(lines: list[str], end: str) -> None:
    try:
        choose(end.join(lines))
    except InvalidError:
        return


@given(st.binary(max_size=400))
def test_any_bytes_are_a_track_or_refused(body: bytes) -> None:
    try:
        choose_video(parse_description(body))
    except InvalidError:
        return

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.address import content_base, parse_address, resolve_control
from custodes.adapters.rtsp.client import CameraSource
from custodes.base.errors import InvalidError


def test_reads_host_and_port() -> None:
    assert parse_address("rtsp://cam/live?x=1#here").url == "rtsp://cam/live?x=1"
    assert parse_address("RTSP://cam/live").port == 554
    assert parse_address("rtsp://[::1]:8554/").host == "::1"
    assert parse_address("rtsp://10.0.0.7:8554/a").place == "10.0.0.7:8554"


@pytest.mark.parametrize(
    "url",
    ["", "http://cam/", "rtsps://cam/", "rtsp:///x", "rtsp://u:p@cam/", "rtsp://cam:x/", "rtsp://cam:70000/",
     "rtsp://cam/a b", "rtsp://cam/\r\nX: y", "rtsp://cäm/", "rtsp://cam/" + "x" * 3000],
)  # fmt: skip
def test_refuses_what_it_cannot_connect_to(url: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse_address(url)
    assert "u:p" not in str(caught.value)


def test_no_representation_of_a_source_holds_the_password() -> None:
    source = CameraSource("rtsp://cam/", "admin", "s3cret")
    assert "s3cret" not in repr(source) and "s3cret" not in f"{source}"


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://c/a", "", "rtsp://c/a"),
        ("rtsp://c/a", "*", "rtsp://c/a"),
        ("rtsp://c/a", "track1", "rtsp://c/a/track1"),
        ("rtsp://c/a/", "track1", "rtsp://c/a/track1"),
        ("rtsp://c/a?ch=1&sub=0", "trackID=0", "rtsp://c/a?ch=1&sub=0/trackID=0"),
        ("rtsp://c/a", "/b", "rtsp://c/b"),
        ("rtsp://c/a", "RTSP://d/b", "RTSP://d/b"),
    ],
)
def test_resolves_controls_as_cameras_expect(base: str, control: str, expected: str) -> None:
    assert resolve_control(base, control) == expected


def test_content_base_comes_before_location_before_the_request() -> None:
    assert content_base("rtsp://c/a", "rtsp://c/b/", "rtsp://c/l") == "rtsp://c/b/"
    assert content_base("rtsp://c/a", None, "rtsp://c/l") == "rtsp://c/l"
    assert content_base("rtsp://c/a", " ", None) == "rtsp://c/a"
    assert content_base("rtsp://c/a", "rtsp://c/b\r\nX: y", None) == "rtsp://c/a"
    assert content_base("rtsp://c/a", "/b/", None) == "rtsp://c/b/"


@given(st.text(max_size=100))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for url in (text, "rtsp://" + text):
        try:
            parse_address(url)
        except InvalidError:
            continue
    assert isinstance(content_base("rtsp://c/a", text, text), str)

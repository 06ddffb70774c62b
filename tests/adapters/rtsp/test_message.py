from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.message import (
    MAX_HEAD_BYTES,
    CameraRequest,
    Headers,
    Response,
    body_length,
    build_answer,
    build_request,
    head_length,
    parse_head,
)
from custodes.base.errors import InvalidError


def parse(text: str) -> Response | CameraRequest:
    return parse_head(text.encode())


def test_reads_a_response() -> None:
    response = parse("RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 12;timeout=10\r\n\r\n")
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (200, "OK")
    assert response.headers.number("cseq") == 3
    assert response.headers.first("session") == "12;timeout=10"


def test_is_lenient_with_case_blanks_line_ends_and_folding() -> None:
    response = parse(
        'rtsp/1.0   401   Go  away\n cseq\t:  7 \nWWW-AUTHENTICATE :Digest realm="a",\n  nonce="b"\nodd\n\n'
    )
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (401, "Go  away")
    assert response.headers.first("www-authenticate") == 'Digest realm="a", nonce="b"'


def test_a_status_line_needs_no_reason() -> None:
    response = parse("RTSP/1.0 200\r\n\r\n")
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (200, "")


def test_keeps_every_value_of_a_repeated_header() -> None:
    response = parse("RTSP/1.0 401 No\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Digest\r\n\r\n")
    assert response.headers.all("www-authenticate") == ("Basic", "Digest")


def test_reads_a_request_of_the_camera() -> None:
    request = parse("SET_PARAMETER rtsp://a/b RTSP/1.0\r\nCSeq: 9\r\n\r\n")
    assert isinstance(request, CameraRequest)
    assert request.method == "SET_PARAMETER"
    assert build_answer(request, 200, "OK") == b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n"


@pytest.mark.parametrize(
    "text", ["HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n", "RTSP/1.0 20 OK\r\n\r\n", "A B\r\n\r\n"]
)
def test_refuses_what_is_no_message(text: str) -> None:
    with pytest.raises(InvalidError):
        parse(text)


def test_bounds_heads_bodies_and_headers() -> None:
    with pytest.raises(InvalidError, match="head of more"):
        head_length(b"R" * MAX_HEAD_BYTES, 0, MAX_HEAD_BYTES)
    with pytest.raises(InvalidError, match="body of 70000"):
        body_length(Headers((("content-length", "70000"),)))
    with pytest.raises(InvalidError, match="128 header lines"):
        parse("RTSP/1.0 200 OK\r\n" + "a: b\r\n" * 129 + "\r\n")


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "٣"])
def test_a_length_that_is_no_number_is_none(length: str) -> None:
    assert body_length(Headers((("content-length", length),))) == 0


def test_finds_the_end_of_a_head_with_any_line_ends() -> None:
    for text in (b"a\r\n\r\nrest", b"a\n\nrest", b"a\n\r\nrest"):
        assert text[head_length(text, 0, len(text)) :] == b"rest"
    assert head_length(b"a\r\n", 0, 3) == 0


def test_no_line_break_gets_into_a_request() -> None:
    with pytest.raises(InvalidError):
        build_request("PLAY", "rtsp://a/", 1, {"Session": "1\r\nX: y"})


@given(st.binary(max_size=600))
def test_any_bytes_parse_or_are_refused(head: bytes) -> None:
    try:
        message = parse_head(head)
    except InvalidError:
        return
    assert isinstance(message, Response | CameraRequest)

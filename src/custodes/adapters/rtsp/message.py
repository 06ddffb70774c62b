"""RTSP messages: requests written, responses and requests of the camera read.

Source: RFC 2326 (RTSP 1.0). Reading is lenient where cameras are: odd case and blanks, bare line feeds,
folded lines, headers without colon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from custodes.base.errors import InvalidError

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
MAX_HEADERS = 128
USER_AGENT = "Custodes"

_STATUS_LINE = re.compile(r"RTSP/(\d)\.(\d)\s+(\d{3})(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_REQUEST_LINE = re.compile(r"([A-Z_]{3,20})\s+(\S{1,2048})\s+RTSP/\d\.\d\s*", re.IGNORECASE)
_UNSAFE = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Headers:
    """Header lines in their order, names in lower case."""

    lines: tuple[tuple[str, str], ...]

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header."""
        return tuple(value for key, value in self.lines if key == name)

    def first(self, name: str) -> str | None:
        """The first value of a header, None where there is none."""
        return next((value for key, value in self.lines if key == name), None)

    def number(self, name: str) -> int | None:
        """A header's value as a non-negative integer, None where it is absent or is not one."""
        text = (self.first(name) or "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


@dataclass(frozen=True, slots=True)
class Response:
    """What a camera answered."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What a camera asks of us."""

    method: str
    headers: Headers
    body: bytes = b""


def head_length(buffer: bytes | bytearray | memoryview, start: int, end: int) -> int:
    """Length of the head that begins at `start`, with its empty line; 0 while that has not come.

    Errors: InvalidError past MAX_HEAD_BYTES.
    """
    head = bytes(buffer[start : min(end, start + MAX_HEAD_BYTES)])
    ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n") if (at := head.find(mark)) >= 0]
    if ends:
        return min(ends)
    if len(head) >= MAX_HEAD_BYTES:
        raise InvalidError(f"a message head of more than {MAX_HEAD_BYTES} bytes")
    return 0


def body_length(headers: Headers) -> int:
    """Length of the body that follows. Errors: InvalidError past MAX_BODY_BYTES."""
    length = headers.number("content-length") or 0
    if length > MAX_BODY_BYTES:
        raise InvalidError(f"a message body of {length} bytes; at most {MAX_BODY_BYTES} are read")
    return length


def parse_head(head: bytes) -> Response | CameraRequest:
    """A message without its body.

    Errors: InvalidError when its first line is neither of a response nor of a request, or it has too many
    headers.
    """
    lines = head.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n").split("\n")
    headers = _parse_headers(lines[1:])
    if (status := _STATUS_LINE.fullmatch(lines[0].strip())) is not None:
        return Response(int(status[3]), (status[4] or "").strip(), headers)
    if (request := _REQUEST_LINE.fullmatch(lines[0].strip())) is not None:
        return CameraRequest(request[1].upper(), headers)
    raise InvalidError("the first line of a message is neither a status line nor a request line")


def _parse_headers(lines: list[str]) -> Headers:
    if len(lines) > MAX_HEADERS:
        raise InvalidError(f"a message with more than {MAX_HEADERS} header lines")
    parsed: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and parsed:
            name, value = parsed[-1]
            parsed[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if colon:
            parsed.append((name.strip().lower(), value.strip()))
    return Headers(tuple(parsed))


def build_request(method: str, url: str, sequence: int, headers: Mapping[str, str]) -> bytes:
    """Bytes of a request without body. Errors: InvalidError when a value would break a line."""
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {sequence}", f"User-Agent: {USER_AGENT}"]
    lines.extend(f"{name}: {value}" for name, value in headers.items())
    return _encode(lines)


def build_answer(request: CameraRequest, status: int, reason: str) -> bytes:
    """Bytes of our answer to a camera's request."""
    sequence = request.headers.number("cseq")
    return _encode([f"RTSP/1.0 {status} {reason}", *([f"CSeq: {sequence}"] if sequence is not None else [])])


def _encode(lines: list[str]) -> bytes:
    if any(_UNSAFE.search(line) for line in lines):
        raise InvalidError("a line of a request holds a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

"""RTSP messages as bytes and as values.

Source: RFC 2326 sections 6, 7 and 10.12.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MAXIMUM_HEAD_BYTES = 64 * 1024
REASONS = {
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names in lower case."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A response; headers in the order in which they are sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_header(self, name: str, value: str | None) -> Response:
        """The response with a header set, or removed where the value is None."""
        kept = [item for item in self.headers if item[0].lower() != name.lower()]
        return replace(self, headers=tuple(kept if value is None else [*kept, (name, value)]))

    def header(self, name: str) -> str | None:
        """The value of a header, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        lines = [f"RTSP/1.0 {self.status} {REASONS.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(slots=True)
class Reader:
    """Takes bytes of a connection apart into requests; interleaved frames of the client are dropped."""

    buffer: bytearray = field(default_factory=bytearray)
    interleaved: int = 0

    def feed(self, data: bytes) -> list[Request]:
        """The requests that are complete now.

        Errors: ValueError where the bytes are no RTSP.
        """
        self.buffer += data
        found = []
        while self.buffer:
            if self.buffer[0] == 0x24:
                if not self._drop_frame():
                    break
                continue
            request = self._take_request()
            if request is None:
                break
            found.append(request)
        return found

    def _drop_frame(self) -> bool:
        if len(self.buffer) < 4:
            return False
        length = 4 + int.from_bytes(self.buffer[2:4], "big")
        if len(self.buffer) < length:
            return False
        del self.buffer[:length]
        self.interleaved += 1
        return True

    def _take_request(self) -> Request | None:
        while self.buffer[:2] == b"\r\n":
            del self.buffer[:2]
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > MAXIMUM_HEAD_BYTES:
                raise ValueError(f"request head over {MAXIMUM_HEAD_BYTES} bytes")
            return None
        lines = self.buffer[:end].decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        if len(self.buffer) < end + 4 + length:
            return None
        body = bytes(self.buffer[end + 4 : end + 4 + length])
        del self.buffer[: end + 4 + length]
        method, _, rest = lines[0].partition(" ")
        url, _, version = rest.rpartition(" ")
        if not version.startswith("RTSP/"):
            raise ValueError(f"not an RTSP request line: {lines[0][:80]!r}")
        return Request(method, url, headers, body)

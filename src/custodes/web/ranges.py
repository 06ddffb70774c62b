"""Which part of a file a request asks for. Source: RFC 9110, section 14."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.responses import Response

from custodes.base.errors import InvalidError
from custodes.web.problems import problem_response

_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` to before `end` of a file of `size`; `status` is 200 for all of it, else 206."""

    start: int
    end: int
    size: int
    status: int

    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        said = {"accept-ranges": "bytes", "content-length": str(self.end - self.start)}
        if self.status == 206:
            said["content-range"] = f"bytes {self.start}-{self.end - 1}/{self.size}"
        return said


def part_of(wanted: str, size: int) -> Part | None:
    """One range from a first byte on; all else that may be asked for gets the whole. None beyond the end."""
    match = _RANGE.fullmatch(wanted)
    if match is None:
        return Part(0, size, size, 200)
    start = int(match[1])
    end = min(size, int(match[2]) + 1) if match[2] else size
    return Part(start, end, size, 206) if start < end else None


def beyond(size: int) -> Response:
    """The problem of a range that is not there."""
    refusal = problem_response(InvalidError(f"the object has {size} bytes"), 416)
    refusal.headers["content-range"] = f"bytes */{size}"
    return refusal

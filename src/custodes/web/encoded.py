"""Answers that many ask for alike, encoded once: plain, compressed, and with a tag by which nobody gets them twice."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

# An answer for each reach that somebody has; more reaches than this are encoded again.
MAX_KEPT = 32
# Below it, compressing costs more than it saves.
MIN_PACKED_BYTES = 1024
_LEVEL = 3


def tag_of(content: bytes) -> str:
    """A weak tag: the same for the same content, compressed or not."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class Encoded:
    """JSON, as bytes; `packed` by gzip, empty where it is not worth it."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, plain: bytes, tag: str) -> Encoded:
        """Pack it, where it is worth it."""
        packed = gzip.compress(plain, _LEVEL, mtime=0) if len(plain) >= MIN_PACKED_BYTES else b""
        return cls(plain, packed, tag)

    def response(self, request: Request, caching: str) -> Response:
        """The answer, 304 where who asks has it, compressed where that is taken."""
        headers = {"cache-control": caching, "etag": self.tag, "vary": "Accept-Encoding, Cookie"}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if self.packed and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(self.packed, headers=headers, media_type="application/json")
        return Response(self.plain, headers=headers, media_type="application/json")


@dataclass(slots=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    state: Hashable = None
    answer: Encoded | None = None


class Answers:
    """The newest answer for each key; of many who ask at once one encodes, the others wait for it. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def get(self, key: Hashable, state: Hashable, encode: Callable[[Encoded | None], Encoded]) -> Encoded:
        """The answer of a state of things; encoded where the kept one is of another, which `encode` gets."""
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        with kept.lock:
            if kept.answer is None or kept.state != state:
                kept.answer, kept.state = encode(kept.answer), state
            return kept.answer

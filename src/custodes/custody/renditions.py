"""The recorded rendition's objects, and when it showed nothing, as manifests name them.

Source: docs/formats/recorded.md, docs/formats/accounts.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from custodes.base.canon import MAX_SAFE_INTEGER, b64u
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.custody.members import Members, check_ascending
from custodes.custody.paths import date_of

MAX_RENDITION_BYTES = 64 << 20
FOLDER = "renditions"
_PATH = re.compile(
    r"renditions/(?P<stream>[0-9a-f]{32})/(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})/(?P<start>0|[1-9][0-9]{0,15})\.mp4"
)
_CODEC = re.compile(r"avc1\.[0-9A-F]{6}")


class MaskReason(StrEnum):
    """Why a view shows nothing; a closed list."""

    STARTING = "starting"
    NO_BACKGROUND = "no-background"
    TOO_DARK = "too-dark"
    SHAKING = "shaking"
    LIGHT_SWITCHED = "light-switched"
    DETECTOR = "detector"
    SETTLING = "settling"
    GAP = "gap"
    OTHER_SIZE = "other-size"
    UNLIKE = "unlike"
    FAINT = "faint"
    CONDITION_CHANGED = "condition-changed"
    DAMAGED = "damaged"
    LATE = "late"
    FAULT = "fault"
    NO_FENCE = "no-fence"
    VEILER_ENDED = "veiler-ended"
    NO_NURSERY = "no-nursery"
    NO_PICTURES = "no-pictures"
    STORAGE = "storage"


class Masked(NamedTuple):
    """Time in which a stream's view shows nothing, and why. Units: UTC microseconds."""

    stream: bytes
    from_us: int
    to_us: int
    reason: MaskReason

    def to_json(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {
            "from_us": self.from_us,
            "reason": self.reason.value,
            "stream": b64u(self.stream),
            "to_us": self.to_us,
        }


class Rendition(NamedTuple):
    """One closed object of a stream's recorded rendition. `hash`: SHA-256 of its bytes."""

    stream: bytes
    start_us: int
    end_us: int
    size_bytes: int
    codec: str
    hash: bytes

    @property
    def path(self) -> str:
        """Where it lies in the store."""
        return rendition_path(self.stream, self.start_us)

    def check(self) -> None:
        """Errors: InvalidError for a row that no recorder may state."""
        if (len(self.stream), len(self.hash)) != (ID_BYTES, HASH_BYTES) or not _CODEC.fullmatch(self.codec):
            raise InvalidError("a rendition has a stream, a hash and a codec avc1.PPCCLL")
        if not 0 <= self.start_us < self.end_us <= MAX_SAFE_INTEGER:
            raise InvalidError("a rendition ends after its start")
        if not 0 < self.size_bytes <= MAX_RENDITION_BYTES:
            raise InvalidError(f"a rendition has 1 to {MAX_RENDITION_BYTES} bytes, not {self.size_bytes}")

    def to_json(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {
            "bytes": self.size_bytes,
            "codec": self.codec,
            "end_us": self.end_us,
            "hash": b64u(self.hash),
            "start_us": self.start_us,
            "stream": b64u(self.stream),
        }


def rendition_folder(stream: bytes, start_us: int) -> str:
    """The folder of a stream's objects that begin on the same UTC day."""
    return f"{FOLDER}/{stream.hex()}/{date_of(start_us)}"


def rendition_path(stream: bytes, start_us: int) -> str:
    """An object of the store."""
    return f"{rendition_folder(stream, start_us)}/{start_us}.mp4"


def open_rendition_path(stream: bytes, start_us: int) -> str:
    """Where it lies while nobody has stated it, in the spool's own folder."""
    return f"{FOLDER}/{stream.hex()}/{start_us}.open"


def parse_rendition_path(path: str) -> tuple[bytes, int]:
    """Stream and start. Errors: InvalidError when no rendition lies there."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise InvalidError(f"{path[:120]!r} is no rendition's path")
    stream, start_us = bytes.fromhex(match["stream"]), int(match["start"])
    if start_us > MAX_SAFE_INTEGER or match["date"] != date_of(start_us):
        raise InvalidError(f"{path[:120]!r} is no rendition's path")
    return stream, start_us


def parse_rendition(value: Any) -> Rendition:
    """Errors: InvalidError."""
    members = Members(value, "rendition", ("bytes", "codec", "end_us", "hash", "start_us", "stream"))
    rendition = Rendition(
        stream=members.id("stream"),
        start_us=members.count("start_us"),
        end_us=members.count("end_us"),
        size_bytes=members.count("bytes", 1, MAX_RENDITION_BYTES),
        codec=members.text("codec", 16),
        hash=members.hash("hash"),
    )
    rendition.check()
    return rendition


def parse_masked(value: Any) -> Masked:
    """Errors: InvalidError."""
    members = Members(value, "masked time", ("from_us", "reason", "stream", "to_us"))
    return Masked(
        members.id("stream"),
        members.count("from_us"),
        members.count("to_us"),
        MaskReason(members.choice("reason", MaskReason)),
    )


def check_rows(renditions: Iterable[Rendition], masked: Iterable[Masked]) -> None:
    """Errors: InvalidError unless they are what a manifest may hold, in its order."""
    listed = list(renditions)
    check_ascending((one[:2] for one in listed), "a manifest's renditions")
    for one in listed:
        one.check()
    times = list(masked)
    check_ascending(times, "a manifest's masked times")
    for time in times:
        if len(time.stream) != ID_BYTES or time.to_us < time.from_us:
            raise InvalidError("a masked time has a stream, and an end not before its start")

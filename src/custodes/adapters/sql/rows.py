"""What the catalogue holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from custodes.custody.renditions import rendition_path

# kept: the key is destroyed and a full hold has what it needs; shredded: nothing opens it any more.
EpochStatus = Literal["open", "closed", "kept", "shredded"]


@dataclass(frozen=True, slots=True)
class CatalogueEpoch:
    """An epoch whose footage is, or was, in the store. Units: UTC microseconds."""

    epoch: bytes
    stream: bytes
    camera: bytes
    recorder: bytes
    run: int
    utc0_us: int
    slots: int
    deadline_us: int
    pool: bytes
    key_index: int
    entry: int
    status: EpochStatus = "open"


@dataclass(frozen=True, slots=True)
class CatalogueReel:
    """A reel in the store. Units: UTC microseconds; `rows` is its footer's index."""

    epoch: bytes
    number: int
    stream: bytes
    path: str
    size_bytes: int
    first_sequence: int
    count: int
    begins_us: int
    ends_us: int
    rows: bytes
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueRendition:
    """An object of recorded rendition in the store. Units: UTC microseconds."""

    stream: bytes
    start_us: int
    end_us: int
    camera: bytes
    size_bytes: int
    hash: bytes

    @property
    def path(self) -> str:
        """Where it lies."""
        return rendition_path(self.stream, self.start_us)

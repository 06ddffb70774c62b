"""How full the volumes are that hold reels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from custodes.base.clock import DAY_US, SECOND_US
from custodes.base.errors import UnavailableError
from custodes.web import wire


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume by what is kept on it. `free_bytes`: for who is not root."""

    name: str
    total_bytes: int
    free_bytes: int


def volume_of(name: str, folder: Path) -> Volume:
    """The volume of a folder. Errors: UnavailableError."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise UnavailableError(f"the volume of {name} does not answer: {error.strerror}") from error
    return Volume(name, found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def storage_wire(volume: Volume, rate_bps: int) -> wire.Storage:
    """The volume as the API tells it, at a rate of bits a second."""
    a_day = rate_bps * (DAY_US // SECOND_US) / 8
    return wire.Storage(
        name=volume.name,
        used_bytes=volume.total_bytes - volume.free_bytes,
        total_bytes=volume.total_bytes,
        days_left=round(volume.free_bytes / a_day, 2) if a_day else None,
    )

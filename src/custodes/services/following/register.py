"""The public register in memory: every camera by its newest entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custodes.base.errors import NotFoundError
from custodes.estate.model import Camera, Mount, Periods, Stream, View, Zone
from custodes.ledger.entries.bodies import BODIES, entry_type

_READ = BODIES[entry_type("camera")][1]
_SAME_NAMES = (
    "revision",
    "name",
    "site",
    "purpose",
    "legal_basis",
    "responsible_body",
    "review_date",
    "retention_us",
    "justification",
)


class Register:
    """Written by one thread, read by others; a reader sees a camera as it was or as it is.

    `name`, `rehearsal` and `slot_us` are the genesis's, "", None and 0 before it is read.
    `revision`: another number, another register.
    """

    def __init__(self) -> None:
        self._cameras: dict[bytes, Camera] = {}
        self.name = ""
        self.rehearsal: bool | None = None
        self.slot_us = 0
        self.revision = 0

    def begin(self, genesis: Mapping[str, Any]) -> None:
        """Know the network by its genesis's body."""
        self.name = genesis["name"]
        periods = Periods(**genesis["periods"])
        self.rehearsal = periods.rehearsal
        self.slot_us = periods.slot_us

    def put(self, body: Mapping[str, Any]) -> None:
        """Know a camera by its entry's body. Errors: InvalidError."""
        camera = camera_of_body(body)
        self._cameras[camera.id] = camera
        self.revision += 1

    def clear(self) -> None:
        """Know none."""
        self._cameras = {}
        self.name = ""
        self.rehearsal = None
        self.revision += 1

    def camera(self, camera: bytes) -> Camera:
        """Errors: NotFoundError."""
        found = self._cameras.get(camera)
        if found is None:
            raise NotFoundError("there is no such camera")
        return found

    def cameras(self) -> list[Camera]:
        """All, by name."""
        return sorted(self._cameras.values(), key=lambda camera: (camera.name.casefold(), camera.id))

    def __len__(self) -> int:
        return len(self._cameras)


def camera_of_body(body: Mapping[str, Any]) -> Camera:
    """The camera that a Camera entry describes. Errors: InvalidError."""
    read = _READ(body)
    return Camera(
        id=read["camera"],
        streams=tuple(Stream(one["stream"], one["kind"], one["assurance"]) for one in read["streams"]),
        mount=next((Mount(**one) for one in read["mounts"]), None),
        views=tuple(View(**one) for one in read["views"]),
        zones=tuple(Zone(**one) for one in read["zones"]),
        **{name: read[name] for name in _SAME_NAMES},
    )

"""Recorded objects, as the console reads them; all else that the routes speak is of web itself."""

from __future__ import annotations

from custodes.web.wire import Id, Part, Us


class Rendition(Part):
    """One object of recorded de-identified view."""

    stream: Id
    start_us: Us
    end_us: Us
    bytes: int
    codec: str


class Renditions(Part):
    """Objects by time."""

    renditions: list[Rendition]

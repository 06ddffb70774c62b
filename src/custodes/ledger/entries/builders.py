"""Bodies of entries made from what the estate holds; the others are written where they arise."""

from __future__ import annotations

from typing import Any

from custodes.base.canon import b64u
from custodes.estate.model import Camera, Mount, View, Zone


def camera_body(network: bytes, camera: Camera) -> dict[str, Any]:
    """The body of a Camera entry."""
    return {
        "camera": b64u(camera.id),
        "justification": camera.justification,
        "legal_basis": camera.legal_basis,
        "mounts": [_mount(camera.mount)] if camera.mount else [],
        "name": camera.name,
        "network": b64u(network),
        "purpose": camera.purpose,
        "responsible_body": camera.responsible_body,
        "retention_us": camera.retention_us,
        "review_date": camera.review_date.isoformat(),
        "revision": camera.revision,
        "site": camera.site,
        "streams": [
            {"assurance": stream.assurance, "kind": stream.kind, "stream": b64u(stream.id)}
            for stream in camera.streams
        ],
        "views": [_view(view) for view in camera.views],
        "zones": [_zone(zone) for zone in camera.zones],
    }


def background_body(
    network: bytes,
    camera: bytes,
    place: tuple[bytes, str, str],
    background: bytes,
    revision: int,
    doubt_permille: int = 0,
    withheld_permille: int = 0,
) -> dict[str, Any]:
    """The body of a Background entry. `place`: stream, view, condition. `background`: empty to withdraw."""
    stream, view, condition = place
    return {
        "background": b64u(background),
        "camera": b64u(camera),
        "condition": condition,
        "doubt_permille": doubt_permille,
        "network": b64u(network),
        "revision": revision,
        "stream": b64u(stream),
        "view": view,
        "withheld_permille": withheld_permille,
    }


def _mount(mount: Mount) -> dict[str, int]:
    return {
        "height_cm": mount.height_cm,
        "latitude_e7": mount.latitude_e7,
        "longitude_e7": mount.longitude_e7,
    }


def _view(view: View) -> dict[str, str | int]:
    return {
        "angle_cdeg": view.angle_cdeg,
        "bearing_cdeg": view.bearing_cdeg,
        "name": view.name,
        "range_m": view.range_m,
    }


def _zone(zone: Zone) -> dict[str, str | int]:
    return {
        "kind": zone.kind,
        "name": zone.name,
        "x0_permille": zone.x0_permille,
        "x1_permille": zone.x1_permille,
        "y0_permille": zone.y0_permille,
        "y1_permille": zone.y1_permille,
    }

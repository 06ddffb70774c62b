"""Bodies of entries made from what the estate holds; the others are written where they arise."""

from __future__ import annotations

from typing import Any

from custodes.base.canon import b64u
from custodes.estate.model import Camera


def camera_body(network: bytes, camera: Camera) -> dict[str, Any]:
    """The body of a Camera entry."""
    return {
        "camera": b64u(camera.id),
        "justification": camera.justification,
        "legal_basis": camera.legal_basis,
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
    }

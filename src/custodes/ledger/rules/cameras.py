"""Camera: what is filmed, why, and how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from custodes.base.clock import MINUTE_US
from custodes.estate import model, rules
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.refusal import refuse, refusing

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts

# Clocks of recorder and sequencer differ, and settings need time to arrive.
RETENTION_GRACE_US = 10 * MINUTE_US
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


@dataclass(slots=True)
class Camera:
    """A camera by its newest revision, with every retention that it ever had."""

    described: model.Camera
    index: int
    # (admitted_us, retention_us), ascending.
    retentions: list[tuple[int, int]] = field(default_factory=list)

    @property
    def revision(self) -> int:
        """The newest revision's number."""
        return self.described.revision

    @property
    def retention_us(self) -> int:
        """The retention in force."""
        return self.described.retention_us

    def stream(self, stream: bytes) -> model.Stream:
        """A stream of this camera; its id is the object held, so that what names it costs no copy."""
        return next(one for one in self.described.streams if one.id == stream)

    def retentions_near(self, when_us: int) -> set[int]:
        """Retentions in force at some moment within 10 minutes of `when_us`."""
        start_us, end_us = when_us - RETENTION_GRACE_US, when_us + RETENTION_GRACE_US
        found = set()
        until_us: int | None = None
        for from_us, retention_us in reversed(self.retentions):
            if from_us <= end_us and (until_us is None or until_us > start_us):
                found.add(retention_us)
            until_us = from_us
        return found


def admit_camera(facts: Facts, candidate: Candidate) -> bool:
    """A camera or its next revision."""
    body = candidate.body
    before = facts.cameras.get(body["camera"])
    revision = before.revision + 1 if before else 1
    if body["revision"] != revision:
        refuse("camera-revision", f"must be revision {revision}, is {body['revision']}")
    with refusing("camera-retention"):
        rules.check_retention(body["retention_us"], body["justification"])
    with refusing("camera-review"):
        rules.check_review(body["review_date"], candidate.admitted_us)
    with refusing("camera-streams"):
        camera = _describe(body)
        rules.check_revision(before.described if before else None, camera, facts.camera_of_stream)
    with refusing("camera-views"):
        rules.check_views(camera)
    with refusing("camera-zones"):
        zones = tuple(model.Zone(**one) for one in body["zones"])
        camera = replace(camera, zones=zones)
        rules.check_zones(camera)
    retentions = [*(before.retentions if before else ()), (candidate.admitted_us, camera.retention_us)]
    facts.cameras[camera.id] = Camera(camera, candidate.index, retentions)
    for stream in camera.streams:
        facts.camera_of_stream[stream.id] = camera.id
    return False


def _describe(body: dict[str, Any]) -> model.Camera:
    streams = tuple(model.Stream(one["stream"], one["kind"], one["assurance"]) for one in body["streams"])
    return model.Camera(
        id=body["camera"],
        streams=streams,
        mount=next((model.Mount(**one) for one in body["mounts"]), None),
        views=tuple(model.View(**one) for one in body["views"]),
        **{name: body[name] for name in _SAME_NAMES},
    )

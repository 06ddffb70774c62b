"""Camera: what is filmed, why, and how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.refusal import refuse

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts

MIN_RETENTION_US = HOUR_US
MAX_RETENTION_US = 366 * DAY_US
JUSTIFIED_FROM_US = 72 * HOUR_US
MAX_REVIEW_DAYS = 1830
# Clocks of recorder and sequencer differ, and settings need time to arrive.
RETENTION_GRACE_US = 10 * MINUTE_US


@dataclass(slots=True)
class Camera:
    """A camera by its newest revision, with every retention that it ever had."""

    revision: int
    index: int
    streams: dict[bytes, str]
    # (admitted_us, retention_us), ascending.
    retentions: list[tuple[int, int]] = field(default_factory=list)

    @property
    def retention_us(self) -> int:
        """The retention in force."""
        return self.retentions[-1][1]

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
    _check_retention(body["retention_us"], body["justification"])
    today = datetime.fromtimestamp(candidate.admitted_us // SECOND_US, UTC).date()
    if not today < body["review_date"] <= today + timedelta(days=MAX_REVIEW_DAYS):
        refuse("camera-review", f"must be after today and within {MAX_REVIEW_DAYS} days")
    streams = {one["stream"]: one["kind"] for one in body["streams"]}
    _check_streams(facts, body["camera"], before, streams, len(body["streams"]))
    retentions = [*(before.retentions if before else ()), (candidate.admitted_us, body["retention_us"])]
    facts.cameras[body["camera"]] = Camera(revision, candidate.index, streams, retentions)
    for stream in streams:
        facts.camera_of_stream[stream] = body["camera"]
    return False


def _check_retention(retention_us: int, justification: str) -> None:
    if not MIN_RETENTION_US <= retention_us <= MAX_RETENTION_US:
        refuse("camera-retention", "must be from 1 hour to 366 days")
    if retention_us > JUSTIFIED_FROM_US and not justification:
        refuse("camera-retention", "over 72 hours needs a justification")


def _check_streams(
    facts: Facts, camera: bytes, before: Camera | None, streams: dict[bytes, str], count: int
) -> None:
    if len(streams) != count:
        refuse("camera-streams", "a stream is named twice")
    if before and not before.streams.keys() <= streams.keys():
        refuse("camera-streams", "a stream is dropped")
    if any(facts.camera_of_stream.get(stream, camera) != camera for stream in streams):
        refuse("camera-streams", "a stream belongs to another camera")

"""Camera: what records, where, why and for how long."""

from __future__ import annotations

import datetime

from custodes_verify.documents import DAY_US
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.state import Camera, State

_HOUR_US = 3_600_000_000
_UNJUSTIFIED_US = 72 * _HOUR_US
_REVIEW_DAYS = 1830
_EPOCH = datetime.date(1970, 1, 1)


def camera(state: State, entry: Entry) -> None:
    """A camera's registration or a revision of it."""
    body = entry.body
    state.require_administrator(entry)
    known = state.cameras.get(body["camera"])
    if body["revision"] != (known.revision + 1 if known else 1):
        raise RuleError("camera-revision", f"revision {body['revision']} does not follow")
    retention_us = body["retention_us"]
    if not _HOUR_US <= retention_us <= 366 * DAY_US:
        raise RuleError("camera-retention", "retention is not between an hour and 366 days")
    if retention_us > _UNJUSTIFIED_US and not body["justification"]:
        raise RuleError("camera-retention", "over 72 hours without a justification")
    today = _EPOCH + datetime.timedelta(days=entry.admitted_us // DAY_US)
    if not 0 < (body["review_date"] - today).days <= _REVIEW_DAYS:
        raise RuleError("camera-review", f"review on {body['review_date']} is past or too far ahead")
    streams = {row["stream"] for row in body["streams"]}
    strange = any(state.streams.get(stream, body["camera"]) != body["camera"] for stream in streams)
    if strange or len(streams) != len(body["streams"]) or (known and not known.streams <= streams):
        raise RuleError("camera-streams", "a stream is another camera's, named twice, or dropped")
    assurances = {row["stream"]: row["assurance"] for row in body["streams"]}
    if any(state.assurances.get(stream, stated) != stated for stream, stated in assurances.items()):
        raise RuleError("camera-streams", "a stream's assurance is not what it was")
    if len({view["name"] for view in body["views"]}) != len(body["views"]):
        raise RuleError("camera-views", "two views have the same name")
    if len({zone["name"] for zone in body["zones"]}) != len(body["zones"]):
        raise RuleError("camera-zones", "two zones have the same name")
    for zone in body["zones"]:
        if not (zone["x0_permille"] < zone["x1_permille"] and zone["y0_permille"] < zone["y1_permille"]):
            raise RuleError("camera-zones", f"zone {zone['name']} has no area")
    history = known.retentions if known else []
    state.cameras[body["camera"]] = Camera(
        body["name"],
        body["revision"],
        streams,
        [*history, (entry.admitted_us, retention_us)],
        body["review_date"].isoformat(),
        tuple(view["name"] for view in body["views"]) or ("home",),
    )
    state.streams.update(dict.fromkeys(streams, body["camera"]))
    state.assurances.update(assurances)


def retentions_near(camera: Camera, at_us: int, margin_us: int) -> set[int]:
    """The retentions in force at some moment within a margin of an instant."""
    history = camera.retentions
    ends = [start for start, _ in history[1:]] + [None]
    return {
        retention_us
        for (start, retention_us), end in zip(history, ends, strict=True)
        if start <= at_us + margin_us and (end is None or end >= at_us - margin_us)
    }

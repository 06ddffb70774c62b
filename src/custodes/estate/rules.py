"""When a camera may record: the same limits that its entry is admitted by, said to who fills in the form.

Source: docs/formats/entries.md (camera).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from custodes.base.clock import DAY_US, HOUR_US, SECOND_US
from custodes.base.errors import InvalidError
from custodes.estate.model import Assignment, Camera

MIN_RETENTION_US = HOUR_US
MAX_RETENTION_US = 366 * DAY_US
JUSTIFIED_FROM_US = 72 * HOUR_US
MAX_REVIEW_DAYS = 1830
MAX_TEXT = 500
_REQUIRED = {
    "name": "name",
    "site": "site",
    "purpose": "purpose",
    "legal_basis": "legal basis",
    "responsible_body": "responsible body",
}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def check_camera(camera: Camera, now_us: int) -> None:
    """Refuse a camera without site, purpose, legal basis, responsible body, review date or lawful retention.

    Errors: InvalidError; it begins with the member's name.
    """
    for member, words in _REQUIRED.items():
        text = getattr(camera, member)
        if not text.strip():
            raise InvalidError(f"{member}: a camera without {words} is not recorded")
        _check_text(member, text)
    _check_text("justification", camera.justification)
    check_review(camera.review_date, now_us)
    check_retention(camera.retention_us, camera.justification)
    check_views(camera)
    for view in camera.views:
        _check_text("views", view.name)


def check_review(review_date: date, now_us: int) -> None:
    """The review must be ahead, by about five years at most. Errors: InvalidError."""
    today = utc_date(now_us)
    if not today < review_date <= today + timedelta(days=MAX_REVIEW_DAYS):
        raise InvalidError(f"review_date: must be after {today} and at most {MAX_REVIEW_DAYS} days on")


def check_retention(retention_us: int, justification: str) -> None:
    """From 1 hour to 366 days, and over 72 hours only with a reason. Errors: InvalidError."""
    if not MIN_RETENTION_US <= retention_us <= MAX_RETENTION_US:
        raise InvalidError("retention_us: must be from 1 hour to 366 days")
    if retention_us > JUSTIFIED_FROM_US and not justification:
        raise InvalidError("justification: a retention over 72 hours needs one")


def check_views(camera: Camera) -> None:
    """A view is known by its name. Errors: InvalidError."""
    if len({view.name for view in camera.views}) != len(camera.views):
        raise InvalidError("views: two have the same name")


def check_assignment(assignment: Assignment, camera: Camera) -> None:
    """Refuse an address that is not one of a camera, or holds a password. Errors: InvalidError."""
    if assignment.camera != camera.id or assignment.stream not in {stream.id for stream in camera.streams}:
        raise InvalidError("stream: is not one of this camera")
    _check_text("url", assignment.url)
    _check_text("username", assignment.username)
    try:
        parts = urlsplit(assignment.url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidError("url: is not one") from error
    if parts.scheme not in ("rtsp", "rtsps") or not host:
        raise InvalidError("url: must be rtsp://host/… or rtsps://host/…")
    if parts.username is not None or parts.password is not None:
        raise InvalidError("url: must not hold user name or password; they have members of their own")


def check_revision(before: Camera | None, camera: Camera, owners: Mapping[bytes, bytes]) -> None:
    """A revision follows the last, drops no stream and takes none of another camera.

    `owners`: camera by stream, of all cameras. Errors: InvalidError.
    """
    wanted = before.revision + 1 if before else 1
    if camera.revision != wanted:
        raise InvalidError(f"revision: must be {wanted}, is {camera.revision}")
    streams = {stream.id for stream in camera.streams}
    if before and not {stream.id for stream in before.streams} <= streams:
        raise InvalidError("streams: one is dropped; a stream stays with its camera")
    if any(owners.get(stream, camera.id) != camera.id for stream in streams):
        raise InvalidError("streams: one belongs to another camera")


def utc_date(when_us: int) -> date:
    """The UTC date of an instant."""
    return datetime.fromtimestamp(when_us // SECOND_US, UTC).date()


def _check_text(member: str, text: str) -> None:
    if len(text) > MAX_TEXT or _CONTROL.search(text):
        raise InvalidError(f"{member}: has at most {MAX_TEXT} characters, none of them a control character")

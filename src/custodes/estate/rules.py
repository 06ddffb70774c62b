"""When a camera may record: the same limits that its entry is admitted by, said to who fills in the form.

Source: docs/formats/entries.md (camera).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from custodes.base.clock import DAY_US, HOUR_US, SECOND_US
from custodes.base.errors import InvalidError
from custodes.estate.model import Assignment, Assurance, Camera, Stream

MIN_RETENTION_US = HOUR_US
MAX_RETENTION_US = 366 * DAY_US
JUSTIFIED_FROM_US = 72 * HOUR_US
MAX_REVIEW_DAYS = 1830
MAX_TEXT = 500
MIN_KEEP_FREE_BYTES = 1 << 30
_REQUIRED = {
    "name": "name",
    "site": "site",
    "purpose": "purpose",
    "legal_basis": "legal basis",
    "responsible_body": "responsible body",
}
PASSWORD_PLACE = "{password}"
_ASSURANCES: Mapping[str, Assurance] = {
    "rtsp": "full",
    "http": "lower",
    "https": "lower",
    "rtmp": "lower",
    "rtmps": "lower",
}
_SECRET_NAMES = frozenset(
    ("auth", "key", "pass", "passwd", "password", "pwd", "secret", "streamkey", "token")
)
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
    check_zones(camera)
    for zone in camera.zones:
        _check_text("zones", zone.name)


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


def check_keep_free(keep_free_bytes: int, volume_bytes: int) -> None:
    """How much of the store's volume may be kept free by shredding the oldest footage early; 0 is never.

    Under the least a pass a minute comes too late; over half, what the disk was bought for would be deleted.
    Errors: InvalidError.
    """
    most = volume_bytes // 2
    if keep_free_bytes and not MIN_KEEP_FREE_BYTES <= keep_free_bytes <= most:
        raise InvalidError(
            f"keep_free_bytes: must be 0, or from {MIN_KEEP_FREE_BYTES >> 30} GiB to half of the volume,"
            f" {most / (1 << 30):.1f} GiB; it is {keep_free_bytes / (1 << 30):.1f} GiB"
        )


def check_views(camera: Camera) -> None:
    """A view is known by its name. Errors: InvalidError."""
    if len({view.name for view in camera.views}) != len(camera.views):
        raise InvalidError("views: two have the same name")


def check_zones(camera: Camera) -> None:
    """A zone is known by its name. Errors: InvalidError."""
    if len({zone.name for zone in camera.zones}) != len(camera.zones):
        raise InvalidError("zones: two have the same name")


def check_assignment(assignment: Assignment, camera: Camera) -> None:
    """Refuse an address that is not one of a camera, or holds a password. Errors: InvalidError."""
    if assignment.camera != camera.id:
        raise InvalidError("stream: is not one of this camera")
    _check_text("username", assignment.username)
    check_assurance(assignment.url, assignment.stream, camera.streams)
    parts = urlsplit(assignment.url)
    if parts.username is not None or parts.password is not None:
        raise InvalidError("url: must not hold user name or password; they have members of their own")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name.lower() in _SECRET_NAMES and value != PASSWORD_PLACE and parts.scheme != "rtsp":
            raise InvalidError(
                f"url: must not hold a secret in {name}; write {name}={PASSWORD_PLACE}, and give it as password"
            )


def check_assurance(url: str, stream: bytes, streams: Iterable[Stream]) -> None:
    """Refuse an address that gives a stream another assurance than its camera's entry declares.

    Errors: InvalidError.
    """
    declared = {one.id: one.assurance for one in streams}.get(stream)
    if declared is None:
        raise InvalidError("stream: is not one of this camera")
    given = assurance_of(url)
    if given != declared:
        raise InvalidError(f"url: gives {given} assurance where the register says {declared}")


def assurance_of(url: str) -> Assurance:
    """What an address gives: full over RTSP, lower where FFmpeg takes the stream apart. Errors: InvalidError."""
    _check_text("url", url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidError("url: is not one") from error
    if parts.scheme not in _ASSURANCES or not host:
        raise InvalidError(f"url: must be {', '.join(f'{scheme}://' for scheme in _ASSURANCES)} and a host")
    return _ASSURANCES[parts.scheme]


def check_revision(before: Camera | None, camera: Camera, owners: Mapping[bytes, bytes]) -> None:
    """A revision follows the last, drops no stream, changes no assurance and takes no stream of another camera.

    `owners`: camera by stream, of all cameras. Errors: InvalidError.
    """
    wanted = before.revision + 1 if before else 1
    if camera.revision != wanted:
        raise InvalidError(f"revision: must be {wanted}, is {camera.revision}")
    streams = {stream.id: stream.assurance for stream in camera.streams}
    for stream in before.streams if before else ():
        if stream.id not in streams:
            raise InvalidError("streams: one is dropped; a stream stays with its camera")
        if streams[stream.id] != stream.assurance:
            raise InvalidError("streams: one changes its assurance; another way in is another stream")
    if any(owners.get(stream, camera.id) != camera.id for stream in streams):
        raise InvalidError("streams: one belongs to another camera")


def utc_date(when_us: int) -> date:
    """The UTC date of an instant."""
    return datetime.fromtimestamp(when_us // SECOND_US, UTC).date()


def _check_text(member: str, text: str) -> None:
    if len(text) > MAX_TEXT or _CONTROL.search(text):
        raise InvalidError(f"{member}: has at most {MAX_TEXT} characters, none of them a control character")

"""Recorded renditions against the manifests that name them: what is altered, missing too early, named by nobody.

Source: docs/formats/recorded.md, docs/formats/accounts.md.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from custodes_verify.errors import MalformedError
from custodes_verify.ledger import Ledger
from custodes_verify.report import Report, instant
from custodes_verify.schema import Body
from custodes_verify.source import Source

LIMIT = 64 * 1024 * 1024
_ID_NAME = re.compile(r"[0-9a-f]{32}")
_DAY_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OBJECT_NAME = re.compile(r"(0|[1-9][0-9]{0,15})\.mp4")
_DAY_US = 86_400_000_000


class Rendition(NamedTuple):
    """A manifest's row."""

    stream: bytes
    start_us: int
    end_us: int
    size: int
    hash: bytes

    @property
    def name(self) -> str:
        """Where it lies in the store."""
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=self.start_us // _DAY_US)
        return f"renditions/{self.stream.hex()}/{day.isoformat()}/{self.start_us}.mp4"


def row_of(body: Body) -> Rendition:
    """A manifest's row, read. Errors: MalformedError when it ends before it begins."""
    if body["end_us"] <= body["start_us"]:
        raise MalformedError("a rendition ends before it begins")
    return Rendition(body["stream"], body["start_us"], body["end_us"], body["bytes"], body["hash"])


def check_renditions(
    source: Source, ledger: Ledger, rows: list[Rendition], is_complete: bool, report: Report
) -> None:
    """Check every object that manifests name; `is_complete`: no manifest is missing or false."""
    originals = _Originals(ledger)
    there = set(_listed(source))
    lost: Counter[bytes] = Counter()
    proven = 0
    for row in rows:
        if row.name not in there:
            if originals.can_be_opened(row):
                lost[row.stream] += 1
            continue
        there.discard(row.name)
        fault = _fault(source, row)
        if fault:
            report.find("rendition", row.name, fault)
        else:
            proven += 1
    for stream, count in lost.items():
        what = f"{count} recorded renditions are not there, and the original of their time is kept"
        report.find("rendition", f"stream {stream.hex()}", what)
    if proven:
        report.prove(f"{proven} recorded renditions are those of the manifests")
    if is_complete:
        _find_unnamed(there, ledger, report)


def _fault(source: Source, row: Rendition) -> str:
    try:
        data = source.read(row.name, LIMIT)
    except MalformedError as error:
        return str(error)
    if data is None:
        return "is gone while being read"
    if (len(data), hashlib.sha256(data).digest()) != (row.size, row.hash):
        return "is not the object whose hash its recorder's manifest has"
    return ""


class _Originals:
    """The epochs of each camera that can be opened, by time."""

    def __init__(self, ledger: Ledger) -> None:
        self._cameras = ledger.state.streams
        self._epochs: dict[bytes, list[tuple[int, int]]] = {}
        self._longest = 0
        for epoch in ledger.state.epochs.values():
            if not epoch.shredded and ledger.as_of_us <= epoch.deadline_us:
                camera = self._cameras.get(epoch.stream, b"")
                self._epochs.setdefault(camera, []).append((epoch.utc0_us, epoch.end_us))
                self._longest = max(self._longest, epoch.end_us - epoch.utc0_us)
        for spans in self._epochs.values():
            spans.sort()

    def can_be_opened(self, row: Rendition) -> bool:
        """Whether anything of the camera's original of that time can be opened."""
        spans = self._epochs.get(self._cameras.get(row.stream, b""), [])
        first = bisect_right(spans, (row.start_us - self._longest - 1, 0))
        last = bisect_left(spans, (row.end_us, 0))
        return any(end_us > row.start_us for _, end_us in spans[first:last])


def _listed(source: Source) -> Iterator[str]:
    for stream in filter(_ID_NAME.fullmatch, source.listing("renditions") or []):
        for day in filter(_DAY_NAME.fullmatch, source.listing(f"renditions/{stream}") or []):
            for name in filter(_OBJECT_NAME.fullmatch, source.listing(f"renditions/{stream}/{day}") or []):
                yield f"renditions/{stream}/{day}/{name}"


def _find_unnamed(there: set[str], ledger: Ledger, report: Report) -> None:
    recent = 0
    for name in sorted(there):
        start_us = int(name.rpartition("/")[2].removesuffix(".mp4"))
        if start_us > ledger.as_of_us - _DAY_US:
            recent += 1
        else:
            report.find("rendition", name, f"of {instant(start_us)}, and no manifest names it")
    if recent:
        report.claim("recorders", f"{recent} recorded renditions of the last day that no account names yet")

"""What a recorder tells of itself once a second. Source: docs/design/0005-health.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from custodes.base.canon import canon
from custodes.base.clock import DAY_US, Clock
from custodes.base.fence.report import FenceReport
from custodes.custody.accounts import Gap, GapReason
from custodes.services.recorder.service import GAPS_SHOWN, RecorderService, Recording
from custodes.services.recorder.standing import StreamState

MAX_ALARMS = 50
MAX_TEXT = 500
# Why pictures that a camera sends are not recorded.
_LEFT_OUT: dict[GapReason | None, str] = {
    GapReason.STORAGE: "the disk takes nothing more: pictures are left out",
    GapReason.OVERLOAD: "the disk is too slow: pictures are left out",
    GapReason.WAITING_FOR_KEY_FRAME: "waiting for a key frame",
}


def health_document(service: RecorderService, fences: FenceReport | None = None) -> bytes:
    """Canonical JSON; ids in hex, gaps of the last day, newest first."""
    now_us = service.clock.utc_us()
    gaps = [gap for gap in reversed(service.recent_gaps) if gap.to_us > now_us - DAY_US]
    return _document(
        service.clock,
        service.alarms,
        fences or FenceReport(),
        [_gap(gap) for gap in gaps[:GAPS_SHOWN]],
        service.book.outbox.waiting,
        [_stream(recording) for recording in service.recordings.values()],
        service.veils.document() if service.veils is not None else [],
    )


def waiting_document(clock: Clock, alarms: Mapping[str, str], fences: FenceReport) -> bytes:
    """The same of a recorder that does not record yet."""
    return _document(clock, alarms, fences, [], 0, [], [])


def _document(
    clock: Clock,
    alarms: Mapping[str, str],
    fences: FenceReport,
    gaps: Sequence[Mapping[str, Any]],
    outbox: int,
    streams: Sequence[Mapping[str, Any]],
    renditions: Sequence[Mapping[str, Any]],
) -> bytes:
    return canon(
        {
            "alarms": [_plain(text) for text in alarms.values() if text][:MAX_ALARMS],
            "fences": fences.document(),
            "gaps": list(gaps),
            "outbox": outbox,
            "process": "recorder",
            "renditions": [
                {**one, "error": _plain(one["error"]), "learnt": _plain(one["learnt"])} for one in renditions
            ],
            "streams": list(streams),
            "time_us": clock.utc_us(),
        }
    )


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "from_us": gap.from_us,
        "reason": gap.reason.value,
        "stream": gap.stream.hex(),
        "to_us": gap.to_us,
    }


def _stream(recording: Recording) -> dict[str, Any]:
    stream, assignment = recording.stream, recording.assignment
    counts, state = stream.counts, stream.state
    return {
        "access_units": counts.access_units,
        "assurance": assignment.assurance,
        "bitrate_bps": recording.bitrate_bps,
        "camera": assignment.camera.hex(),
        "dropped": counts.dropped,
        "kind": assignment.kind,
        "last_picture_us": stream.last_picture_us,
        "lost_packets": counts.lost_packets,
        "name": _plain(assignment.name),
        "reason": _plain(_reason(recording, state)),
        "state": state.value,
        "stream": assignment.stream.hex(),
    }


def _reason(recording: Recording, state: StreamState) -> str:
    """Why it is not recording; while it is, a camera's fault that makes minutes hard to open alone."""
    if state is StreamState.CANNOT_SEAL:
        return recording.stream.trouble
    if state is StreamState.RECORDING:
        seconds = (recording.stream.gops.expected_us or 0) / 1_000_000
        return f"key frames {seconds:.0f} s apart" if recording.stream.gops.is_long else ""
    return _LEFT_OUT.get(recording.stream.missing_reason) or recording.connection.health.last_error


def _plain(text: str) -> str:
    """Without what a page or a log could take for anything but text, and short."""
    return "".join(character if character.isprintable() else " " for character in text[:MAX_TEXT])

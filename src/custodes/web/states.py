"""How each camera of the register is recorded now, and since when, from what recorders tell."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custodes.base.clock import SECOND_US, Clock
from custodes.estate.model import Camera, Mount
from custodes.services.following.commitments import Commitments
from custodes.web import wire
from custodes.web.board import HealthBoard, View
from custodes.web.health import Learning
from custodes.web.status import WORST_FIRST, ShownState

KEPT_US = SECOND_US // 2


@dataclass(frozen=True, slots=True)
class StreamNow:
    """A stream's state; `since_us` None where the change was not seen."""

    state: ShownState
    reason: str
    since_us: int | None
    recorder: str = ""


@dataclass(frozen=True, slots=True)
class ViewNow:
    """What a camera's de-identified view shows, and how long it was masked as a whole, by reason.

    `masked_by`: parts in a thousand of the time since `observed_from_us`.
    """

    state: wire.ViewState
    reason: str
    since_us: int
    masked_by: Mapping[str, int]
    observed_from_us: int

    def to_wire(self) -> wire.ViewNow:
        """As the API tells it."""
        return wire.ViewNow(state=self.state, reason=self.reason, since_us=self.since_us)


@dataclass(slots=True)
class _Seen:
    state: ShownState
    since_us: int | None


class CameraStates:
    """Looks at the board at most twice a second, however many ask; remembers when a state changed."""

    def __init__(self, board: HealthBoard, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._looked_us: int | None = None
        self._now: dict[str, StreamNow] = {}
        self._seen: dict[str, _Seen] = {}
        self._views: dict[str, ViewNow] = {}
        self._heard_any = False
        self._looking = threading.Lock()
        # Another number, other states.
        self.revision = 0

    def look(self) -> None:
        """Take in what the board shows now; called regularly, so that changes are seen when they are."""
        now_us = self._clock.boot_us()
        if self._looked_us is not None and now_us - self._looked_us < KEPT_US:
            return
        with self._looking:
            if self._looked_us is not None and now_us - self._looked_us < KEPT_US:
                return
            view = self._board.view()
            before = (self._heard_any, self._now, self._views)
            self._heard_any = bool(view.recorders)
            self._now = dict(self._streams(view))
            self._views = dict(self._seen_views(view))
            if (self._heard_any, self._now, self._views) != before:
                self.revision += 1
            # Last: who sees it sees the states that belong to it.
            self._looked_us = now_us

    def stream(self, stream: bytes) -> StreamNow:
        """The state of a stream."""
        self.look()
        known = self._now.get(stream.hex())
        if known is not None:
            return known
        if not self._heard_any:
            return StreamNow("unknown", "no recorder has been heard of", None)
        return StreamNow("not-assigned", "no recorder has this stream", None)

    def recorder_of(self, stream: bytes) -> str:
        """The id of the recorder that has a stream, "" where none says so."""
        self.look()
        known = self._now.get(stream.hex())
        return known.recorder if known is not None else ""

    def view(self, camera: Camera) -> ViewNow | None:
        """What the camera's view shows; None where no recorder that is heard of makes one."""
        self.look()
        return self._views.get(camera.id.hex())

    def learning(self, camera: Camera) -> list[tuple[Learning, str]]:
        """What is being learnt of a camera, and what became of the last time where that came to nothing."""
        return [
            (one.learning, one.learnt)
            for heard in self._board.view().recorders
            if not heard.stale
            for one in heard.document.renditions
            if one.camera == camera.id.hex() and (one.learning.wanted or one.learnt)
        ]

    def camera(self, camera: Camera) -> tuple[StreamNow, Mapping[bytes, StreamNow]]:
        """The worst of a camera's streams, and each of them."""
        streams = {stream.id: self.stream(stream.id) for stream in camera.streams}
        return min(streams.values(), key=lambda one: WORST_FIRST.index(one.state)), streams

    def _streams(self, view: View) -> Iterable[tuple[str, StreamNow]]:
        # While an assignment moves, two recorders name a stream; the one heard of last stands.
        for heard in sorted(view.recorders, key=lambda heard: -heard.age_us):
            recorder = heard.process.partition("-")[2]
            for stream in heard.document.streams:
                if heard.stale:
                    silent_s = heard.age_us // SECOND_US
                    state: ShownState = "unknown"
                    reason = f"its recorder has not been heard of for {silent_s} s"
                    began_us = view.time_us - heard.age_us
                else:
                    state, reason = stream.state, stream.reason
                    # What is away has been since its last picture; else since it was first seen so.
                    began_us = stream.last_picture_us if state == "away" else heard.document.time_us
                since_us = self._since(stream.stream, state, began_us)
                yield stream.stream, StreamNow(state, reason, since_us, recorder)

    def _seen_views(self, view: View) -> Iterable[tuple[str, ViewNow]]:
        for heard in view.recorders:
            if heard.stale:
                continue
            told_us = heard.document.time_us
            for one in heard.document.renditions:
                before = self._views.get(one.camera)
                same = before is not None and (before.state, before.reason) == (one.state, one.reason)
                since_us = before.since_us if before is not None and same else told_us
                observed_from_us = max(0, told_us - one.observed_us)
                yield one.camera, ViewNow(one.state, one.reason, since_us, one.masked_by, observed_from_us)

    def _since(self, stream: str, state: ShownState, began_us: int) -> int | None:
        seen = self._seen.get(stream)
        if seen is None:
            # First seen so: when it began is known of what ended with a picture, and of nothing else.
            since_us = began_us if state in ("away", "unknown") and began_us else None
            seen = self._seen[stream] = _Seen(state, since_us)
        elif seen.state != state:
            seen.state, seen.since_us = state, began_us or self._clock.utc_us()
        return seen.since_us


def camera_wire(camera: Camera, states: CameraStates, zone: str, commitments: Commitments) -> wire.Camera:
    """A camera as the API tells it."""
    worst, streams = states.camera(camera)
    view = states.view(camera)
    return wire.Camera(
        id=camera.id.hex(),
        name=camera.name,
        site=camera.site,
        zone=zone,
        purpose=camera.purpose,
        legal_basis=camera.legal_basis,
        responsible_body=camera.responsible_body,
        review_date=camera.review_date.isoformat(),
        retention_us=camera.retention_us,
        justification=camera.justification,
        streams=[
            wire.CameraStream(
                stream=stream.id.hex(),
                kind=stream.kind,
                assurance=stream.assurance,
                state=streams[stream.id].state,
                reason=streams[stream.id].reason,
                since_us=streams[stream.id].since_us,
            )
            for stream in camera.streams
        ],
        mount=_mount(camera.mount),
        views=[
            wire.View(
                name=view.name,
                bearing_cdeg=view.bearing_cdeg,
                angle_cdeg=view.angle_cdeg,
                range_m=view.range_m,
            )
            for view in camera.views
        ],
        zones=[
            wire.Zone(
                name=zone.name,
                kind=zone.kind,
                x0_permille=zone.x0_permille,
                y0_permille=zone.y0_permille,
                x1_permille=zone.x1_permille,
                y1_permille=zone.y1_permille,
            )
            for zone in camera.zones
        ],
        state=worst.state,
        reason=worst.reason,
        since_us=worst.since_us,
        view=view.to_wire() if view is not None else None,
        backgrounds=_backgrounds(camera, commitments),
    )


def _backgrounds(camera: Camera, commitments: Commitments) -> list[wire.CommittedView]:
    known = sorted(commitments.of_camera(camera.id), key=lambda one: one.entry)
    return [
        wire.CommittedView(
            view=name,
            committed=[
                wire.Commitment(
                    condition=one.committed.condition,
                    background=one.committed.background.hex(),
                    entry=one.entry,
                    since_us=one.since_us,
                )
                for one in known
                if one.committed.view == name
            ],
        )
        for name in camera.view_names
    ]


def _mount(mount: Mount | None) -> wire.Mount | None:
    if mount is None:
        return None
    return wire.Mount(
        latitude_e7=mount.latitude_e7, longitude_e7=mount.longitude_e7, height_cm=mount.height_cm
    )

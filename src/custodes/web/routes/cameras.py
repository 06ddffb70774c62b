"""The register as the user may see it, and what was recorded when."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from custodes.adapters.sql.index.index import SqlIndex
from custodes.base.canon import MAX_SAFE_INTEGER
from custodes.base.clock import Clock
from custodes.base.errors import NotFoundError
from custodes.estate.model import Camera
from custodes.estate.rights import Action
from custodes.services.following.commitments import Commitments
from custodes.services.following.timeline import Gap, masked_times, timeline
from custodes.web import wire
from custodes.web.encoded import Answers, Encoded, tag_of
from custodes.web.problems import PROBLEMS
from custodes.web.states import CameraStates, camera_wire
from custodes.web.visitors import Door, Visitor

# A browser may keep it, and asks each time whether it is still so.
REVALIDATED = "private, no-cache"


class CameraLists:
    """The list of cameras for each role and reach; a camera is encoded again when something of it is another."""

    def __init__(self, states: CameraStates, clock: Clock, zone: str, commitments: Commitments) -> None:
        self._states = states
        self._clock = clock
        self._zone = zone
        self._commitments = commitments
        self._answers = Answers()
        self._known: dict[bytes, tuple[object, bytes]] = {}

    def of(self, visitor: Visitor) -> Encoded:
        """What the visitor may see."""
        self._states.look()
        state = (visitor.register.revision, self._states.revision, self._commitments.newest)
        user = visitor.user

        def encode(before: Encoded | None) -> Encoded:
            cameras = b",".join(self._camera(camera) for camera in visitor.cameras())
            tag = tag_of(cameras)
            if before is not None and before.tag == tag:
                return before
            return Encoded.of(b'{"time_us":%d,"cameras":[%b]}' % (self._clock.utc_us(), cameras), tag)

        return self._answers.get((user.role, user.reach), state, encode)

    def _camera(self, camera: Camera) -> bytes:
        worst, streams = self._states.camera(camera)
        view = self._states.view(camera)
        seen = None if view is None else (view.state, view.reason, view.since_us)
        now = (camera, worst, streams, seen, self._commitments.of_camera(camera.id))
        known = self._known.get(camera.id)
        if known is None or known[0] != now:
            encoded = (
                camera_wire(camera, self._states, self._zone, self._commitments).model_dump_json().encode()
            )
            known = self._known[camera.id] = (now, encoded)
        return known[1]


def camera_routes(
    door: Door, states: CameraStates, index: SqlIndex, clock: Clock, zone: str, commitments: Commitments
) -> APIRouter:
    """GET /cameras, /cameras/{camera}, /cameras/{camera}/timeline."""
    router = APIRouter(tags=["cameras"], responses=PROBLEMS)
    see, replay = door.guarded(Action.SEE), door.guarded(Action.REPLAY)
    lists = CameraLists(states, clock, zone, commitments)

    @router.get("/cameras", operation_id="list_cameras", response_model=wire.Cameras)
    def list_cameras(request: Request, visitor: Visitor = Depends(see)) -> Response:
        """All cameras that the user may see."""
        return lists.of(visitor).response(request, REVALIDATED)

    @router.get("/cameras/{camera}", operation_id="read_camera")
    def read_camera(camera: str, visitor: Visitor = Depends(see)) -> wire.Camera:
        """A camera."""
        return camera_wire(visitor.camera(camera), states, zone, commitments)

    @router.get("/cameras/{camera}/timeline", operation_id="read_timeline")
    def read_timeline(
        camera: str,
        from_us: int = Query(ge=0, le=MAX_SAFE_INTEGER),
        to_us: int = Query(ge=0, le=MAX_SAFE_INTEGER),
        stream: str | None = Query(None, description="a stream of the camera; by default its main one"),
        visitor: Visitor = Depends(replay),
    ) -> wire.Timeline:
        """What was recorded, what was not and why, of at most 7 days."""
        seen = visitor.camera(camera, Action.REPLAY)
        id_ = _stream(seen, stream)
        found = timeline(index, id_, from_us, to_us)
        masked = masked_times(index, [one.id for one in seen.streams], from_us, to_us)
        return wire.Timeline(
            from_us=from_us,
            to_us=to_us,
            stream=id_.hex(),
            known_until_us=found.known_until_us,
            recorded=[wire.Span(from_us=start, to_us=end) for start, end in found.recorded],
            gaps=[_reasoned(gap) for gap in found.gaps],
            masked=[_reasoned(time) for time in masked] if masked is not None else None,
        )

    return router


def _reasoned(gap: Gap) -> wire.ReasonedSpan:
    return wire.ReasonedSpan(from_us=gap.from_us, to_us=gap.to_us, reason=gap.reason)


def _stream(camera: Camera, stream: str | None) -> bytes:
    if stream is None:
        return next((one.id for one in camera.streams if one.kind == "main"), camera.streams[0].id)
    for one in camera.streams:
        if one.id.hex() == stream:
            return one.id
    raise NotFoundError("the camera has no such stream")

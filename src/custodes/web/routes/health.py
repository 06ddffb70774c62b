"""What is not well: cameras within the user's reach; storage, processes and alarms for who reaches everything."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from custodes.base.clock import SECOND_US, Clock
from custodes.estate.model import Camera
from custodes.estate.rights import Action
from custodes.services.following.follower import Following
from custodes.web import wire
from custodes.web.board import HealthBoard
from custodes.web.encoded import Answers, Encoded, tag_of
from custodes.web.problems import PROBLEMS
from custodes.web.states import KEPT_US, CameraStates
from custodes.web.visitors import Door, Visitor
from custodes.web.volumes import Volume, storage_wire

MAX_REMEMBERED = 1000


class AlarmTimes:
    """Since when each alarm has been there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_us: dict[tuple[str, str], int] = {}

    def told(self, said: list[tuple[str, str]]) -> list[wire.Alarm]:
        """The alarms of now; those that ended are forgotten."""
        now_us = self._clock.utc_us()
        # A silent process's alarm counts seconds: by its words without figures it stays the same alarm.
        known = {
            (process, _without_figures(text)): (process, text) for process, text in said[:MAX_REMEMBERED]
        }
        self._since_us = {key: self._since_us.get(key, now_us) for key in known}
        return [
            wire.Alarm(process=process, text=text, since_us=self._since_us[key])
            for key, (process, text) in known.items()
        ]


def health_routes(
    door: Door,
    board: HealthBoard,
    states: CameraStates,
    standing: Callable[[], Following],
    volumes: Callable[[], list[Volume]],
    clock: Clock,
) -> APIRouter:
    """GET /health."""
    router = APIRouter(tags=["health"], responses=PROBLEMS)
    read = door.guarded(Action.READ_HEALTH)
    times = AlarmTimes(clock)

    answers = Answers()

    @router.get("/health", operation_id="read_health", response_model=wire.Health)
    def read_health(request: Request, visitor: Visitor = Depends(read)) -> Response:
        """How the network is."""
        states.look()
        half_second = clock.boot_us() // KEPT_US
        state = (visitor.register.revision, states.revision, board.revision, board.store_fault, half_second)

        def encode(before: Encoded | None) -> Encoded:
            plain = make_health(visitor).model_dump_json().encode()
            return Encoded.of(plain, tag_of(plain))

        answer = answers.get((visitor.user.role, visitor.user.reach), state, encode)
        return answer.response(request, "no-store")

    def make_health(visitor: Visitor) -> wire.Health:
        cameras = visitor.cameras()
        whole = visitor.user.reach.everything
        view, followed = board.view(), standing()
        rate_bps = sum(
            stream.bitrate_bps
            for heard in view.recorders
            if not heard.stale
            for stream in heard.document.streams
        )
        return wire.Health(
            time_us=clock.utc_us(),
            cameras=len(cameras),
            recording=sum(states.camera(camera)[0].state == "recording" for camera in cameras),
            troubles=[one for camera in cameras if (one := _trouble(camera, states)) is not None],
            masked=_masked(cameras, states),
            masked_from_us=_masked_from_us(cameras, states),
            storage=[storage_wire(volume, rate_bps) for volume in volumes()] if whole else [],
            processes=_processes(board, clock) if whole else [],
            # Alarms are words that may name any camera.
            alarms=times.told(board.said()) if whole else [],
            index=wire.Index(
                entries=followed.size, behind=followed.behind, missing_manifests=followed.missing
            ),
        )

    return router


def _trouble(camera: Camera, states: CameraStates) -> wire.Trouble | None:
    worst, _ = states.camera(camera)
    shown = states.view(camera)
    if worst.state == "recording" and shown is not None and shown.state == "live":
        return None
    return wire.Trouble(
        camera=camera.id.hex(),
        name=camera.name,
        site=camera.site,
        state=worst.state,
        reason=worst.reason,
        since_us=worst.since_us,
        view=shown.to_wire() if shown is not None else None,
    )


def _masked(cameras: list[Camera], states: CameraStates) -> list[wire.MaskedShare] | None:
    """The most masked first; None where no view is known."""
    shown = [(camera, view) for camera in cameras if (view := states.view(camera)) is not None]
    if not shown:
        return None
    shares = [
        wire.MaskedShare(
            camera=camera.id.hex(), name=camera.name, site=camera.site, reason=reason, permille=permille
        )
        for camera, view in shown
        for reason, permille in view.masked_by.items()
    ]
    return sorted(shares, key=lambda share: (-share.permille, share.name, share.reason))


def _masked_from_us(cameras: list[Camera], states: CameraStates) -> int | None:
    views = [view for camera in cameras if (view := states.view(camera)) is not None]
    return min((view.observed_from_us for view in views), default=None)


def _processes(board: HealthBoard, clock: Clock) -> list[wire.Process]:
    view, now_us = board.view(), clock.utc_us()
    heard = {one.process: one for one in (view.keeper, view.discloser, *view.recorders) if one}
    processes = []
    for name in board.names():
        one = heard.get(name)
        if one is None or one.stale:
            state = "silent"
        else:
            state = "alarm" if one.document.alarms else "well"
        heard_us = None if one is None else max(0, now_us - one.age_us) // SECOND_US * SECOND_US
        processes.append(wire.Process(name=name, state=state, heard_us=heard_us))  # type: ignore[arg-type]
    return processes


def _without_figures(text: str) -> str:
    return "".join(character for character in text if not character.isdigit())

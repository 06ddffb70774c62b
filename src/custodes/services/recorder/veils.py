"""All veilers of a recorder: which stream of a camera is veiled, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from custodes.adapters.rtsp.model import Sink
from custodes.adapters.rtsp.notices import Notice
from custodes.base.clock import Clock
from custodes.base.errors import NotFoundError
from custodes.custody.accounts import GapReason
from custodes.media.packets import AccessUnit, ParameterSets
from custodes.services.live import WHOLE_PERMILLE
from custodes.services.recorder.live import LiveDesk
from custodes.services.recorder.nursery import Nursery
from custodes.services.recorder.settings import StreamAssignment
from custodes.services.recorder.veiling import Veiling
from custodes.services.veiler.messages import Zone

# So many ticks in a row must say otherwise before a camera's recording stops or goes on.
OTHERWISE_TICKS = 2


def veiled_streams(assignments: Iterable[StreamAssignment]) -> dict[bytes, StreamAssignment]:
    """The stream of each camera that is veiled, by stream: its sub stream, else the main one."""
    by_camera: dict[bytes, StreamAssignment] = {}
    for one in assignments:
        known = by_camera.get(one.camera)
        if known is None or (known.kind != "sub" and one.kind == "sub"):
            by_camera[one.camera] = one
    return {one.stream: one for one in by_camera.values()}


class Recording(Sink, Protocol):
    """What records a stream."""

    def session_ended(self, reason: GapReason) -> None:
        """The segment closes, the next begins with a key frame; until then nothing is recorded, for this reason."""
        ...


class Tee:
    """Gives what a camera sends to the recorder's own stream first, then to its veiling, where it has one."""

    def __init__(self, first: Recording) -> None:
        self._first = first
        self._is_withheld = False
        self._sets: ParameterSets | None = None
        self._veiling: Veiling | None = None

    def join(self, veiling: Veiling | None) -> None:
        """From now on to this veiling, or to none."""
        self._veiling = veiling
        if veiling is not None and self._sets is not None:
            veiling.on_parameter_sets(self._sets)

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        """See Sink."""
        self._sets = sets
        self._first.on_parameter_sets(sets)
        if self._veiling is not None:
            self._veiling.on_parameter_sets(sets)

    def withhold(self, is_withheld: bool) -> None:
        """Record nothing from now on, for what the camera sends may not be recorded; or go on at a key frame."""
        if is_withheld and not self._is_withheld:
            self._first.session_ended(GapReason.CAMERA_MISBEHAVED)
        self._is_withheld = is_withheld

    def on_access_unit(self, unit: AccessUnit) -> None:
        """See Sink."""
        if not self._is_withheld:
            self._first.on_access_unit(unit)
        if self._veiling is not None:
            self._veiling.on_access_unit(unit)

    def on_notice(self, notice: Notice) -> None:
        """See Sink."""
        self._first.on_notice(notice)


class Veils:
    """Joins nursery, veilings and the live desk. Made and used on the loop."""

    def __init__(self, nursery: Nursery, desk: LiveDesk, clock: Clock) -> None:
        self._nursery = nursery
        self.desk = desk
        self._clock = clock
        self._tees: dict[bytes, Tee] = {}
        self._wanted: dict[bytes, StreamAssignment] = {}
        self._cameras: dict[bytes, bytes] = {}
        self._withheld: set[bytes] = set()
        self._seen_otherwise: dict[bytes, int] = {}
        self.veilings: dict[bytes, Veiling] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._grounds: Mapping[bytes, tuple[bytes, ...]] = {}

    def sink(self, stream: bytes, first: Recording) -> Sink:
        """What a session gives a stream's pictures to."""
        tee = self._tees[stream] = Tee(first)
        tee.withhold(self._cameras.get(stream) in self._withheld)
        tee.join(self.veilings.get(stream))
        return tee

    def assign(self, assignments: Iterable[StreamAssignment]) -> None:
        """Go by these assignments: a veiler for each camera, none for what is not assigned any more."""
        assignments = tuple(assignments)
        self._cameras = {one.stream: one.camera for one in assignments}
        wanted = veiled_streams(assignments)
        for stream, veiling in list(self.veilings.items()):
            if wanted.get(stream) != self._wanted.get(stream):
                del self.veilings[stream]
                self._end(veiling)
        self._wanted = wanted
        for stream, one in wanted.items():
            if stream not in self.veilings:
                keys_only = one.kind != "sub"
                self.veilings[stream] = Veiling(
                    stream, one.name, keys_only, self._nursery, self.desk, self._clock
                )
                self.veilings[stream].compare_with(self._grounds.get(stream, ()), _zones(one))
        for stream, tee in self._tees.items():
            tee.join(self.veilings.get(stream))

    def compare_with(self, grounds: Mapping[bytes, tuple[bytes, ...]]) -> None:
        """Compare each stream's view with its committed backgrounds; one that has none is masked."""
        self._grounds = grounds
        for stream, veiling in self.veilings.items():
            veiling.compare_with(grounds.get(stream, ()), _zones(self._wanted[stream]))

    def assignment(self, stream: bytes) -> StreamAssignment:
        """The assignment of a stream whose view is made here. Errors: NotFoundError."""
        found = self._wanted.get(stream)
        if found is None:
            raise NotFoundError("no view is made of this stream here")
        return found

    def tell_learnt(self, stream: bytes, text: str) -> None:
        """Say what became of the last learning of a stream."""
        if stream in self.veilings:
            self.veilings[stream].lesson.outcome = text

    def forget(self, stream: bytes) -> None:
        """A stream is recorded no more."""
        self._tees.pop(stream, None)

    def tick(self) -> None:
        """Once a second."""
        for stream, veiling in self.veilings.items():
            veiling.tick()
            self._look(self._wanted[stream], veiling.uncovered)

    def _look(self, one: StreamAssignment, uncovered: int | None) -> None:
        """Stop and go on with a camera's recording; what nobody has looked at stays as it was."""
        was = one.camera in self._withheld
        if not any(zone.kind == "original" for zone in one.zones):
            now, seen = False, OTHERWISE_TICKS
        elif uncovered is None or (uncovered > 0) == was:
            now, seen = was, 0
        else:
            now, seen = not was, self._seen_otherwise.get(one.camera, 0) + 1
        self._seen_otherwise[one.camera] = seen
        if now == was or seen < OTHERWISE_TICKS:
            return
        (self._withheld.add if now else self._withheld.discard)(one.camera)
        for stream, tee in self._tees.items():
            if self._cameras.get(stream) == one.camera:
                tee.withhold(now)

    @property
    def withheld(self) -> list[str]:
        """Names of the cameras that are not recorded since they do not mask what they must."""
        return sorted({one.name for one in self._wanted.values() if one.camera in self._withheld})

    @property
    def trouble(self) -> str:
        """Why there are no veilers at all, empty where there can be."""
        if self._nursery.is_gone:
            return "the nursery is gone: no camera can be viewed until the recorder is started again"
        return self._nursery.trouble

    async def close(self) -> None:
        """End all veilers, and what they made."""
        for veiling in self.veilings.values():
            self._end(veiling)
        self.veilings = {}
        for tee in self._tees.values():
            tee.join(None)
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self.desk.close()

    def _end(self, veiling: Veiling) -> None:
        task = veiling.end()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def document(self) -> list[Mapping[str, Any]]:
        """The views for health. Source: docs/design/0005-health.md."""
        return [_view(veiling, self._wanted[stream]) for stream, veiling in self.veilings.items()]


def _view(veiling: Veiling, assignment: StreamAssignment) -> Mapping[str, Any]:
    health = veiling.health
    masked_us = sum(health.masked_us.values())
    progress = veiling.lesson.progress
    return {
        "backgrounds": veiling.backgrounds,
        "camera": assignment.camera.hex(),
        "error": health.last_error,
        "exposure_permille": health.figures.exposure_permille,
        "fences": [fence.name for fence in health.fences.fences if fence.applied],
        "learning": {
            "pictures": progress.pictures if progress else 0,
            "wanted": progress.wanted if progress else 0,
        },
        "learnt": veiling.lesson.outcome,
        "keys_only": veiling.keys_only,
        "masked_by": {
            reason.value: us * WHOLE_PERMILLE // max(1, health.observed_us)
            for reason, us in health.masked_us.items()
        },
        "masked_permille": masked_us * WHOLE_PERMILLE // max(1, health.observed_us),
        "missing_fences": [fence.name for fence in health.fences.missing],
        "observed_us": health.observed_us,
        "rate_millihertz": health.rate_millihertz,
        "reason": veiling.state.reason.value,
        "sharpness_permille": health.figures.sharpness_permille,
        "skipped": health.skipped + health.figures.skipped,
        "starts": health.starts,
        "state": veiling.state.state.value,
        "stream": assignment.stream.hex(),
    }


def _zones(one: StreamAssignment) -> tuple[Zone, ...]:
    return tuple(
        Zone(
            zone.x0_permille,
            zone.y0_permille,
            zone.x1_permille,
            zone.y1_permille,
            original=zone.kind == "original",
        )
        for zone in one.zones
    )

"""From a camera and times, as people say them, to exact slots."""

from __future__ import annotations

from dataclasses import dataclass

from custodes.base.errors import InvalidError, NotFoundError
from custodes.cases.scope import Scope, Slot, scope_of
from custodes.ledger.rules.state import LedgerState
from custodes.services.ledger_view import LedgerView


@dataclass(frozen=True, slots=True)
class FoundScope:
    """The slots that overlap the times asked for, and what they really span. Units: the recorder's UTC."""

    stream: bytes
    scope: Scope
    from_us: int
    to_us: int


def scope_of_time(view: LedgerView, camera: str, kind: str, from_us: int, to_us: int) -> FoundScope:
    """The slots of a camera's stream that overlap [from_us, to_us).

    Errors: InvalidError for times in the wrong order; NotFoundError when nothing was recorded then, or it is
    deleted already, or no camera or several have that name.
    """
    if from_us >= to_us:
        raise InvalidError("the end is not after the beginning")
    stream = _stream(view.state, camera, kind)
    slot_us = view.state.genesis.periods.slot_us
    slots: list[Slot] = []
    spans: list[tuple[int, int]] = []
    for epoch in view.state.epochs_of(stream, from_us, to_us):
        for slot in range(epoch.slots):
            start_us = epoch.utc0_us + slot * slot_us
            if start_us < to_us and start_us + slot_us > from_us:
                slots.append(Slot(stream, epoch.id, slot))
                spans.append((start_us, start_us + slot_us))
    if not slots:
        raise NotFoundError(f"no footage of {camera} is held for that time: not recorded, or deleted already")
    return FoundScope(stream, scope_of(slots), min(spans)[0], max(end for _, end in spans))


def _stream(state: LedgerState, name: str, kind: str) -> bytes:
    cameras = [camera.described for camera in state.facts.cameras.values() if camera.described.name == name]
    if len(cameras) != 1:
        raise NotFoundError(f"{len(cameras)} cameras in the register are called {name!r}")
    for stream in cameras[0].streams:
        if stream.kind == kind:
            return stream.id
    raise NotFoundError(f"camera {name!r} has no {kind} stream")

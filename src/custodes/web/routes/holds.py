"""Keeping footage from its deletion: what a supervisor is to sign, and the way of what was signed to the keeper.

Web signs nothing: the statement is made in the page with the supervisor's own key, and the ledger's rules judge it.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Depends

from custodes.adapters.sql.index.index import SpanRow, SqlIndex
from custodes.base.canon import MAX_SAFE_INTEGER, b64u
from custodes.base.errors import InvalidError, NotFoundError, RefusedError
from custodes.base.ids import new_id
from custodes.base.keys import Signed
from custodes.cases.hold import HOLD_TYPE, HoldScope
from custodes.cases.scope import Slot, scope_of
from custodes.estate.model import Camera
from custodes.estate.rights import Action
from custodes.ledger.entries.bodies import BODIES
from custodes.services.following.register import Register
from custodes.services.office import Office
from custodes.services.parcels import Parcel, submit
from custodes.web import wire
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import Door, Visitor

MAX_KEPT_US = 24 * 3_600_000_000


def hold_routes(door: Door, index: SqlIndex, register: Register, network: bytes, office: Office) -> APIRouter:
    """POST /cameras/{camera}/holds/draft, POST /holds."""
    router = APIRouter(tags=["holds"], responses=PROBLEMS)
    hold = door.guarded(Action.HOLD)

    @router.post("/cameras/{camera}/holds/draft", operation_id="draft_hold")
    def draft_hold(camera: str, wish: wire.HoldWish, visitor: Visitor = Depends(hold)) -> wire.HoldDraft:
        """What is to be signed to keep these times of the camera's main stream."""
        found = visitor.camera(camera, Action.HOLD)
        if not wish.from_us < wish.to_us <= wish.from_us + MAX_KEPT_US:
            raise InvalidError("to_us: must be after from_us, by 24 hours at most")
        slots = _slots(index, _main_stream(found), wish.from_us, wish.to_us, register.slot_us)
        if not slots:
            raise NotFoundError("nothing of that time is there to be kept: not recorded, or deleted already")
        kept = HoldScope(new_id() + new_id(), scope_of(slots))
        body = {
            **kept.entry_members(),
            "hold": b64u(new_id()),
            "kind": "provisional",
            "network": b64u(network),
            "request": "",
            "until_us": wish.until_us,
        }
        return wire.HoldDraft(
            type=HOLD_TYPE,
            body=body,
            scope=[wire.ScopePart(**part) for part in kept.scope.to_json()],
            salt=b64u(kept.salt),
            from_us=min(slots.values()),
            to_us=max(slots.values()) + register.slot_us,
        )

    @router.post("/holds", operation_id="enter_hold")
    async def enter_hold(given: wire.SignedStatement, visitor: Visitor = Depends(hold)) -> wire.Entered:
        """Hand a signed provisional hold to the keeper."""
        signed = Signed.from_json(given.statement)
        if signed.type != HOLD_TYPE:
            raise InvalidError(f"statement: must be of type {HOLD_TYPE}")
        body = BODIES[HOLD_TYPE][1](signed.body)
        if body["kind"] != "provisional":
            raise RefusedError("a full hold rests on a case; it is not made here")
        _check_reach(visitor, index, body["epochs"])
        return wire.Entered(entry=await submit(office, Parcel(signed)))

    return router


def _main_stream(camera: Camera) -> bytes:
    return next((one.id for one in camera.streams if one.kind == "main"), camera.streams[0].id)


def _slots(index: SqlIndex, stream: bytes, from_us: int, to_us: int, slot_us: int) -> dict[Slot, int]:
    """The slots that reach into a time, each with its beginning."""
    if not 0 <= from_us < to_us <= MAX_SAFE_INTEGER or not slot_us:
        raise NotFoundError("the ledger has not been read yet")
    found: dict[Slot, int] = {}
    for span in index.epochs(stream, from_us, to_us):
        for slot, start_us in enumerate(range(span.begins_us, _end(span), slot_us)):
            if start_us < to_us and start_us + slot_us > from_us:
                found[Slot(stream, span.epoch, slot)] = start_us
    return found


def _end(span: SpanRow) -> int:
    """A closed epoch has nothing after its last envelope; of a running one all slots may still come."""
    return span.ends_us if span.closed else span.most_us


def _check_reach(visitor: Visitor, index: SqlIndex, epochs: Iterable[bytes]) -> None:
    """Errors: NotFoundError for an epoch of a camera that is out of the user's reach, or that is not there."""
    mine = {stream.id for camera in visitor.cameras(Action.HOLD) for stream in camera.streams}
    for epoch in epochs:
        span = index.span_of(epoch)
        if span is None or span.stream not in mine:
            raise NotFoundError("there is no such footage")

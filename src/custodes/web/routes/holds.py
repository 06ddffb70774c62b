"""Keeping footage from its deletion: what a supervisor is to sign, and the way of what was signed to the keeper.

Web signs nothing: the statement is made in the page with the supervisor's own key, and the ledger's rules judge it.
A scope and its commitment are spelt here, since web imports nothing that can open footage; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Depends

from custodes.adapters.sql.index.index import SpanRow, SqlIndex
from custodes.base.canon import MAX_SAFE_INTEGER, b64u, canon, typed_hash
from custodes.base.errors import InvalidError, NotFoundError, RefusedError
from custodes.base.ids import new_id
from custodes.base.keys import Signed
from custodes.estate.model import Camera
from custodes.estate.rights import Action
from custodes.ledger.entries.bodies import BODIES, entry_type
from custodes.services.following.register import Register
from custodes.services.office import Office
from custodes.services.parcels import Parcel, submit
from custodes.web import wire
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import Door, Visitor

HOLD_TYPE = entry_type("hold")
SCOPE_FORMAT = "custodes/hold-scope/v1"
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
        scope, salt = _scope(_main_stream(found), slots), new_id() + new_id()
        body = {
            "commitment": b64u(typed_hash(SCOPE_FORMAT, salt, canon(scope))),
            "count": len(slots),
            "epochs": [part["epoch"] for part in scope],
            "hold": b64u(new_id()),
            "kind": "provisional",
            "network": b64u(network),
            "request": "",
            "until_us": wish.until_us,
        }
        return wire.HoldDraft(
            type=HOLD_TYPE,
            body=body,
            scope=[wire.ScopePart(**part) for part in scope],
            salt=b64u(salt),
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


def _slots(
    index: SqlIndex, stream: bytes, from_us: int, to_us: int, slot_us: int
) -> dict[tuple[bytes, int], int]:
    """The slots (epoch, number) that reach into a time, each with its beginning."""
    if not 0 <= from_us < to_us <= MAX_SAFE_INTEGER or not slot_us:
        raise NotFoundError("the ledger has not been read yet")
    found: dict[tuple[bytes, int], int] = {}
    for span in index.epochs(stream, from_us, to_us):
        for slot, start_us in enumerate(range(span.begins_us, _end(span), slot_us)):
            if start_us < to_us and start_us + slot_us > from_us:
                found[span.epoch, slot] = start_us
    return found


def _scope(stream: bytes, slots: Iterable[tuple[bytes, int]]) -> list[dict[str, Any]]:
    """As docs/formats/open.md spells a scope: epochs ascending, each with its slots ascending."""
    by_epoch: dict[bytes, list[int]] = {}
    for epoch, slot in sorted(slots):
        by_epoch.setdefault(epoch, []).append(slot)
    return [
        {"epoch": b64u(epoch), "slots": numbers, "stream": b64u(stream)}
        for epoch, numbers in by_epoch.items()
    ]


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

"""What follows a Camera entry: how its streams are reached, signed by the administrator beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from custodes.adapters.sql.assignments import SqlAssignments
from custodes.adapters.sql.database import Database
from custodes.base.canon import parse_canon, unb64u
from custodes.base.errors import InvalidError, RefusedError
from custodes.base.ids import ID_BYTES
from custodes.base.keys import Signed
from custodes.estate.model import Assignment, Stream
from custodes.estate.rules import check_assurance
from custodes.ledger.rules.state import LedgerState
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.parcels import Parcel
from custodes.services.settings import ASSIGNMENT_TYPE

ATTACHMENT = "assignment"
_MEMBERS = {"camera", "network", "recorder", "streams"}
_STREAM = {"password", "priority", "stream", "transport", "url", "username"}


class CameraEffects:
    """Assigns the streams of an admitted camera, then tells who must know."""

    def __init__(
        self,
        ledger: LedgerThread,
        database: Database,
        assignments: SqlAssignments,
        changed: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._database = database
        self._assignments = assignments
        self._changed = changed

    async def assign(self, parcel: Parcel, index: int) -> None:
        """Take the assignment that came with a Camera entry; without one nothing is recorded of it."""
        data = parcel.attachments.get(ATTACHMENT)
        if data is None:
            return
        signed = Signed.from_json(parse_canon(data))
        assignments = parse_assignments(signed)
        camera = unb64u(parcel.statement.body["camera"], ID_BYTES)
        streams = [
            Stream(unb64u(one["stream"]), one["kind"], one["assurance"])
            for one in parcel.statement.body["streams"]
        ]
        if any(one.camera != camera for one in assignments):
            raise RefusedError("the assignment is of another camera or stream")
        for one in assignments:
            check_assurance(one.url, one.stream, streams)
        await self._ledger.ask(lambda state: _check_administrator(state, signed))
        await asyncio.to_thread(self._store, assignments)
        for recorder in {assignment.recorder for assignment in assignments}:
            await self._changed(recorder)

    async def tell(self, parcel: Parcel, _index: int) -> None:
        """Tell the recorder of a stream whose background was committed or withdrawn."""
        stream = unb64u(parcel.statement.body["stream"], ID_BYTES)
        for one in await asyncio.to_thread(self._assignments.all):
            if one.stream == stream:
                await self._changed(one.recorder)

    def _store(self, assignments: list[Assignment]) -> None:
        with self._database.writing() as connection:
            for assignment in assignments:
                self._assignments.assign(connection, assignment)


def parse_assignments(signed: Signed) -> list[Assignment]:
    """The assignments of a signed document. Errors: InvalidError."""
    body = signed.body
    if signed.type != ASSIGNMENT_TYPE or set(body) != _MEMBERS or not isinstance(body["streams"], list):
        raise InvalidError("not an assignment")
    camera, recorder = unb64u(body["camera"], ID_BYTES), unb64u(body["recorder"], ID_BYTES)
    return [_parse_stream(camera, recorder, member) for member in body["streams"]]


def _parse_stream(camera: bytes, recorder: bytes, member: Any) -> Assignment:
    if not isinstance(member, Mapping) or set(member) != _STREAM:
        raise InvalidError(f"a stream's assignment has exactly {', '.join(sorted(_STREAM))}")
    return Assignment(
        camera=camera,
        stream=unb64u(member["stream"], ID_BYTES),
        recorder=recorder,
        url=str(member["url"]),
        transport=member["transport"],
        username=str(member["username"]),
        password={unb64u(key): unb64u(sealed) for key, sealed in member["password"].items()},
        priority=member["priority"],
    )


def _check_administrator(state: LedgerState, signed: Signed) -> None:
    if unb64u(signed.body["network"]) != state.genesis.network or len(signed.signatures) != 1:
        raise RefusedError("an assignment is of this network and signed by one administrator")
    staff = state.staff(signed.signatures[0].key)
    if staff.role != "administrator":
        raise RefusedError("an assignment is signed by an administrator")
    signed.check_signed_by([staff.key])

"""Recorded de-identified views: which objects there are of a time, and their bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from custodes.adapters.sql.index.index import SqlIndex
from custodes.base.canon import MAX_SAFE_INTEGER
from custodes.base.errors import InvalidError, NotFoundError
from custodes.base.ids import parse_hex
from custodes.custody.renditions import Rendition
from custodes.estate.rights import Action
from custodes.services.following.timeline import MAX_REQUEST_US
from custodes.web import wire
from custodes.web.access import AccessCounter
from custodes.web.objects import StoredObjects
from custodes.web.problems import PROBLEMS, problem_response
from custodes.web.visitors import Door, Visitor

PART_BYTES = 1 << 20
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


def rendition_routes(door: Door, index: SqlIndex, objects: StoredObjects, access: AccessCounter) -> APIRouter:
    """GET /cameras/{camera}/renditions, /renditions/{stream}/{start_us}."""
    router = APIRouter(tags=["renditions"], responses=PROBLEMS)
    replay = door.guarded(Action.REPLAY)

    @router.get("/cameras/{camera}/renditions", operation_id="list_renditions")
    async def list_renditions(
        camera: str,
        from_us: int = Query(ge=0, le=MAX_SAFE_INTEGER),
        to_us: int = Query(ge=0, le=MAX_SAFE_INTEGER),
        visitor: Visitor = Depends(replay),
    ) -> wire.Renditions:
        """Objects that reach into a time of at most 7 days, by beginning; the last minutes are not among them."""
        if from_us >= to_us or to_us - from_us > MAX_REQUEST_US:
            raise InvalidError("from_us and to_us: ask for more than nothing and at most 7 days")
        found = visitor.camera(camera, Action.REPLAY)
        streams = [stream.id for stream in found.streams]
        named = await run_in_threadpool(
            lambda: [row for stream in streams for row in index.renditions(stream, from_us, to_us)]
        )
        there = await objects.listed(sorted({row.path.rpartition("/")[0] for row in named}))
        kept = sorted(row for row in named if row.path in there)
        return wire.Renditions(renditions=[_wire(row) for row in sorted(kept, key=lambda row: row.start_us)])

    @router.get("/renditions/{stream}/{start_us}", operation_id="read_rendition", response_class=Response)
    async def read_rendition(
        request: Request,
        stream: str,
        start_us: int = Path(ge=0, le=MAX_SAFE_INTEGER),
        visitor: Visitor = Depends(replay),
    ) -> Response:
        """An object's bytes, or a range of them."""
        id_ = _stream(visitor, stream)
        row = await run_in_threadpool(index.rendition, id_, start_us)
        if row is None:
            raise NotFoundError("there is no such rendition")
        # Counted first: what cannot be counted is not shown.
        await access.replayed(visitor.user.name, visitor.user.role, id_)
        return await _object(objects, row, request)

    return router


def _stream(visitor: Visitor, stream: str) -> bytes:
    """The stream of a hex id. Errors: NotFoundError where it is none of a camera that the user may see again."""
    try:
        wanted = parse_hex(stream)
    except InvalidError as error:
        raise NotFoundError("there is no such rendition") from error
    for camera in visitor.cameras(Action.REPLAY):
        if any(one.id == wanted for one in camera.streams):
            return wanted
    raise NotFoundError("there is no such rendition")


def _wire(row: Rendition) -> wire.Rendition:
    return wire.Rendition(
        stream=row.stream.hex(),
        start_us=row.start_us,
        end_us=row.end_us,
        bytes=row.size_bytes,
        codec=row.codec,
    )


async def _object(objects: StoredObjects, row: Rendition, request: Request) -> Response:
    size = await objects.size(row.path)
    etag = f'"{row.hash.hex()}"'
    # Asked for again each time: the right to see it may have ended, and its time may be over.
    headers = {"accept-ranges": "bytes", "cache-control": "private, no-cache", "etag": etag}
    known = {part.strip() for part in request.headers.get("if-none-match", "").split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    start, end, status = 0, size, 200
    wanted = request.headers.get("range", "")
    if (match := _RANGE.fullmatch(wanted)) and request.headers.get("if-range", etag) == etag:
        start, end = _range(match[1], match[2], size)
        if start >= end:
            refusal = problem_response(InvalidError(f"the object has {size} bytes"), 416)
            refusal.headers["content-range"] = f"bytes */{size}"
            return refusal
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        status = 206
    headers["content-length"] = str(end - start)
    return StreamingResponse(_parts(objects, row.path, start, end), status, headers, "video/mp4")


def _range(first: str, last: str, size: int) -> tuple[int, int]:
    """From and to, empty where nothing of the object is in it. Source: RFC 9110, 14.1.2."""
    if not first:
        return (max(0, size - int(last)), size) if last else (0, 0)
    return int(first), min(size, int(last) + 1) if last else size


async def _parts(objects: StoredObjects, path: str, start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, PART_BYTES):
        yield await objects.part(path, at, min(PART_BYTES, end - at))

"""The ledger's files and the sealed objects of cases."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from custodes.ledger.tiles import CHECKPOINT_PATH
from custodes.web.objects import PublicObjects
from custodes.web.ranges import beyond, part_of

PART_BYTES = 1 << 20
_BYTES = "application/octet-stream"


def store_routes(objects: PublicObjects) -> APIRouter:
    """GET /store/log/…, /store/cases/…, and /log/… for readers of C2SP tlog-tiles."""
    router = APIRouter()

    @router.get("/log/{path:path}", include_in_schema=False)
    @router.get("/store/log/{path:path}", include_in_schema=False)
    async def log(path: str) -> Response:
        return await _log_file(objects, f"log/{path}")

    @router.get("/store/{path:path}", include_in_schema=False)
    async def stored(path: str, request: Request) -> Response:
        return await _stored(objects, path, request.headers.get("range", ""))

    return router


async def _log_file(objects: PublicObjects, path: str) -> Response:
    data = await objects.whole(path)
    note = path == CHECKPOINT_PATH or path.startswith("log/checkpoints/")
    # Any page may read a public log.
    headers = {"cache-control": _caching(path), "access-control-allow-origin": "*"}
    return Response(data, headers=headers, media_type="text/plain; charset=utf-8" if note else _BYTES)


def _caching(path: str) -> str:
    if path == CHECKPOINT_PATH:
        return "no-store"
    if path.startswith("log/tile/") and ".p/" not in path:
        return "public, max-age=31536000, immutable"
    # A partial tile beyond the checkpoint may be written again; an archived checkpoint may gain cosignatures.
    return "no-cache"


async def _stored(objects: PublicObjects, path: str, wanted: str) -> Response:
    size = await objects.size(path)
    part = part_of(wanted, size)
    if part is None:
        return beyond(size)
    headers = {"cache-control": "no-store", **part.headers()}
    return StreamingResponse(_parts(objects, path, part.start, part.end), part.status, headers, _BYTES)


async def _parts(objects: PublicObjects, path: str, start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, PART_BYTES):
        yield await objects.part(path, at, min(PART_BYTES, end - at))

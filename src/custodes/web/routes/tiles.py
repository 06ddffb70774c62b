"""The offline map, one file that a page reads in parts."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from custodes.base.errors import NotFoundError
from custodes.web.ranges import Part, beyond, part_of

BASEMAP_PATH = "/tiles/basemap.pmtiles"
MEDIA_TYPE = "application/vnd.pmtiles"
# A new map shows after so long at the latest; by the tag a page sees that two parts are of two files.
CACHING = "public, max-age=3600"
PIECE_BYTES = 1 << 20


def tile_routes(basemap: Path) -> APIRouter:
    """GET /tiles/basemap.pmtiles: whole, a range, or nothing new; 404 where no map was made."""
    router = APIRouter()

    @router.api_route(BASEMAP_PATH, methods=["GET", "HEAD"], include_in_schema=False)
    async def read_basemap(request: Request) -> Response:
        file = await asyncio.to_thread(_open, basemap)
        found = os.fstat(file.fileno())
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"'
        headers = {"cache-control": CACHING, "etag": tag}
        part = None
        if request.headers.get("if-none-match", "") != tag:
            same = request.headers.get("if-range", tag) == tag
            part = part_of(request.headers.get("range", "") if same else "", found.st_size)
        if part is None or request.method == "HEAD":
            file.close()
        if request.headers.get("if-none-match", "") == tag:
            return Response(status_code=304, headers=headers)
        if part is None:
            return beyond(found.st_size)
        headers |= part.headers()
        if request.method == "HEAD":
            return Response(None, part.status, headers, MEDIA_TYPE)
        return StreamingResponse(_pieces(file, part), part.status, headers, MEDIA_TYPE)

    return router


def _open(basemap: Path) -> BinaryIO:
    """Open it once: what is read belongs together, even while a new map takes its place."""
    try:
        file = basemap.open("rb")
    except OSError as error:
        raise NotFoundError("this network has no basemap") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotFoundError("this network has no basemap")
    return file


async def _pieces(file: BinaryIO, part: Part) -> AsyncIterator[bytes]:
    with file:
        for at in range(part.start, part.end, PIECE_BYTES):
            yield await asyncio.to_thread(os.pread, file.fileno(), min(PIECE_BYTES, part.end - at), at)

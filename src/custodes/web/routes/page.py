"""The console where it was built, and the plain page with the files that it loads."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

FOLDER = Path(__file__).parent.parent / "static"
CONSOLE = FOLDER / "console"
# What a file of the console may be; others are not served.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".pbf": "application/x-protobuf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
# What a build names by its content, so that it never changes.
HASHED = "assets"
FILES = {
    "/plain": ("index.html", "text/html; charset=utf-8"),
    "/static/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/static/cards.js": ("cards.js", "text/javascript; charset=utf-8"),
    "/static/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/static/style.css": ("style.css", "text/css; charset=utf-8"),
    "/static/mark.svg": ("mark.svg", "image/svg+xml"),
}


def page_routes(console: Path = CONSOLE) -> APIRouter:
    """GET /: the console if it was built, else the plain page, which is at /plain in any case; held in memory."""
    router = APIRouter()
    if (console / "index.html").is_file():
        _add_console(router, console)
    else:
        name, media_type = FILES["/plain"]
        endpoint = _serve((FOLDER / name).read_bytes(), media_type)
        router.add_api_route("/", endpoint, methods=["GET", "HEAD"], include_in_schema=False)
    for path, (name, media_type) in FILES.items():
        endpoint = _serve((FOLDER / name).read_bytes(), media_type)
        router.add_api_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)
    return router


def _add_console(router: APIRouter, console: Path) -> None:
    for file in sorted(console.rglob("*")):
        media_type = TYPES.get(file.suffix)
        if media_type is None or not file.is_file():
            continue
        parts = file.relative_to(console).parts
        caching = "public, max-age=31536000, immutable" if parts[0] == HASHED else "no-cache"
        path = "/" if parts == ("index.html",) else "/" + "/".join(parts)
        endpoint = _serve(file.read_bytes(), media_type, caching)
        router.add_api_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)


def _serve(
    data: bytes, media_type: str, caching: str = "no-cache"
) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": caching}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=media_type)

    return serve

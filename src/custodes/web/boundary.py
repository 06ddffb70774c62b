"""The outermost layer: security headers on every answer, and an end for whatever no route caught."""

from __future__ import annotations

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from custodes.base.errors import BugError
from custodes.web.problems import problem_response

_LOG = structlog.get_logger("web")

# blob: is how a page plays what it got over its socket (Media Source Extensions) and draws what it made itself;
# everything else, map tiles and workers among it, comes from here. 'self' in connect-src is the socket's origin, too.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:;"
    " font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Boundary:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            try:
                await self._app(scope, receive, send)
            except Exception as error:
                # The server ends the socket; who watched comes back by itself.
                _LOG.error("socket failed", path=scope.get("path", "")[:200], exc_info=error)
                raise
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            return
        except Exception as error:
            _LOG.error("request failed", method=scope["method"], path=scope["path"][:200], exc_info=error)
            if started:
                # The length was promised; the server ends the connection, so that the cut is seen.
                raise
            response = problem_response(BugError("internal error"))
            await response(scope, receive, send_with_headers)

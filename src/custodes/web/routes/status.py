"""The state of the network as JSON."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from custodes.base.clock import SECOND_US, Clock
from custodes.web.status import Status

KEPT_US = SECOND_US // 2


def status_routes(make: Callable[[], Status], clock: Clock) -> APIRouter:
    """GET /api/status. Made at most twice a second, however many look."""
    router = APIRouter()
    kept: tuple[int, bytes] | None = None

    @router.get("/api/status", response_model=Status)
    async def status() -> Response:
        """The state of the network: cameras, gaps, ledger, openings, alarms."""
        nonlocal kept
        now_us = clock.boot_us()
        if kept is None or now_us - kept[0] > KEPT_US:
            kept = (now_us, make().model_dump_json().encode())
        return Response(kept[1], headers={"cache-control": "no-store"}, media_type="application/json")

    return router

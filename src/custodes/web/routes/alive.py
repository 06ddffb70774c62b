"""Whether this process answers, whether it is ready, and its numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response

from custodes.web.board import HealthBoard
from custodes.web.gauges import BoardCollector


def alive_routes(
    board: HealthBoard, registry: CollectorRegistry, missing: Callable[[], str] = lambda: ""
) -> APIRouter:
    """GET /healthz, /readyz, /metrics.

    healthz: this process alone, so that nobody restarts the web because the keeper is away. readyz: whether
    requests should come here yet; `missing` says what it still lacks.
    """
    router = APIRouter()
    registry.register(BoardCollector(board))

    @router.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def healthz() -> Response:
        return Response(b"ok\n", headers={"cache-control": "no-store"}, media_type="text/plain")

    @router.api_route("/readyz", methods=["GET", "HEAD"], include_in_schema=False)
    def readyz() -> Response:
        lacking = missing()
        text = f"not ready: {lacking}\n" if lacking else "ready\n"
        return Response(
            text.encode(),
            503 if lacking else 200,
            headers={"cache-control": "no-store"},
            media_type="text/plain",
        )

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return router

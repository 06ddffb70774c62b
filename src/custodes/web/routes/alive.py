"""Whether this process answers, and the board's numbers for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response

from custodes.web.board import HealthBoard
from custodes.web.gauges import BoardCollector


def alive_routes(board: HealthBoard) -> APIRouter:
    """GET /healthz: this process alone, so that nobody restarts the web because the keeper is away."""
    router = APIRouter()
    registry = CollectorRegistry()
    registry.register(BoardCollector(board))

    @router.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def healthz() -> Response:
        return Response(b"ok\n", headers={"cache-control": "no-store"}, media_type="text/plain")

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return router

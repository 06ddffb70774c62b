"""Which network this is: what every page says first, signed in or not."""

from __future__ import annotations

from fastapi import APIRouter

from custodes.services.following.register import Register
from custodes.web import wire


def network_routes(register: Register, network: bytes) -> APIRouter:
    """GET /network; public, as the genesis is."""
    router = APIRouter(tags=["network"])

    @router.get("/network", operation_id="read_network")
    def read_network() -> wire.Network:
        """Id and name, and whether its periods are a rehearsal's."""
        return wire.Network(id=network.hex(), name=register.name, rehearsal=register.rehearsal)

    return router

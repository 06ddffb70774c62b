"""Signing in, who is signed in, signing out."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from custodes.base.clock import Clock
from custodes.base.errors import CustodesError, UnauthenticatedError
from custodes.services.users import Session
from custodes.web import wire
from custodes.web.bounds import Gate
from custodes.web.figures import Figures
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import (
    Door,
    address_of,
    check_origin,
    check_token,
    clear_cookie,
    rights_of,
    set_cookie,
    token_of,
)

# A check of a password takes 64 MiB.
AT_ONCE, WAITING = 2, 30
_LOG = structlog.get_logger("web")


def session_routes(door: Door, clock: Clock, figures: Figures) -> APIRouter:
    """POST, GET, DELETE /session. Whoever may ask for the others has come through here."""
    router = APIRouter(tags=["session"], responses=PROBLEMS)
    gate = Gate("signing in", AT_ONCE, WAITING)

    def told(session: Session) -> wire.SignedIn:
        user = session.user
        return wire.SignedIn(
            name=user.name,
            role=user.role,  # type: ignore[arg-type]
            reach=reach_wire(session),
            rights=rights_of(user),
            csrf_token=session.csrf,
            expires_us=session.ends_us,
            time_us=clock.utc_us(),
            network=door.register.name,
        )

    @router.post("/session", operation_id="sign_in")
    async def sign_in(wish: wire.SignIn, request: Request, response: Response) -> wire.SignedIn:
        """Sign in; the answer to a false name and to a false password is the same."""
        check_origin(request)
        async with gate.entered():
            try:
                session = await asyncio.to_thread(
                    door.sessions.sign_in, wish.name, wish.password, address_of(request)
                )
            except CustodesError as error:
                figures.sign_ins.labels(error.kind.value).inc()
                _LOG.warning("sign-in refused", reason=error.kind.value)
                raise
            await asyncio.to_thread(_end_former, door, request)
        figures.sign_ins.labels("right").inc()
        _LOG.info("signed in", role=session.user.role)
        set_cookie(request, response, session)
        response.headers["cache-control"] = "no-store"
        return told(session)

    @router.get("/session", operation_id="who_am_i")
    def who_am_i(request: Request, response: Response) -> wire.SignedIn:
        """Who is signed in."""
        response.headers["cache-control"] = "no-store"
        return told(door.enter(request).session)

    @router.delete("/session", operation_id="sign_out", status_code=204)
    def sign_out(request: Request) -> Response:
        """End the session; its live pictures end with it."""
        check_origin(request)
        session = door.enter(request).session
        check_token(request, session)
        door.sessions.sign_out(session.token)
        answer = Response(status_code=204)
        clear_cookie(request, answer)
        return answer

    return router


def reach_wire(session: Session) -> wire.Reach:
    """The reach as the API tells it."""
    reach = session.user.reach
    return wire.Reach(
        everything=reach.everything,
        sites=sorted(reach.sites),
        cameras=sorted(camera.hex() for camera in reach.cameras),
    )


def _end_former(door: Door, request: Request) -> None:
    # Signing in again ends what the browser held before; a token that is none is no error.
    try:
        door.sessions.sign_out(token_of(request))
    except UnauthenticatedError:
        return

"""Who may sign in; for who manages users."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Depends
from starlette.responses import Response

from custodes.base.ids import parse_hex
from custodes.estate.rights import Action, Reach
from custodes.estate.users import User
from custodes.services.users import Users
from custodes.web import wire
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import Door, Visitor

_LOG = structlog.get_logger("web")


def user_routes(door: Door, users: Users) -> APIRouter:
    """GET, POST /users, PATCH, DELETE /users/{name}."""
    router = APIRouter(tags=["users"], responses=PROBLEMS)
    manage = door.guarded(Action.MANAGE_USERS)

    @router.get("/users", operation_id="list_users")
    def list_users(visitor: Visitor = Depends(manage)) -> wire.Users:
        """All users."""
        return wire.Users(users=[_told(user) for user in users.all()])

    @router.post("/users", operation_id="add_user", status_code=201)
    def add_user(wish: wire.NewUser, visitor: Visitor = Depends(manage)) -> wire.User:
        """Let somebody sign in."""
        user = User(wish.name, wish.role, _reach(wish.reach))
        users.add(user, wish.password)
        _LOG.info("user added", role=user.role)
        return _told(user)

    @router.patch("/users/{name}", operation_id="change_user")
    def change_user(name: str, change: wire.UserChange, visitor: Visitor = Depends(manage)) -> wire.User:
        """Give a user another role, reach or password; it holds at once, for what is open too."""
        before = users.get(name)
        role = before.role if change.role is None else change.role
        reach = before.reach if change.reach is None else _reach(change.reach)
        user = User(before.name, role, reach)
        users.change(user, change.password)
        _LOG.info("user changed", role=user.role)
        return _told(user)

    @router.delete("/users/{name}", operation_id="remove_user", status_code=204)
    def remove_user(name: str, visitor: Visitor = Depends(manage)) -> Response:
        """End a user's sessions and let the user sign in no more."""
        users.remove(name)
        _LOG.info("user removed")
        return Response(status_code=204)

    return router


def _reach(reach: wire.Reach) -> Reach:
    cameras = frozenset(parse_hex(camera) for camera in reach.cameras)
    return Reach(reach.everything, frozenset(reach.sites), cameras)


def _told(user: User) -> wire.User:
    reach = wire.Reach(
        everything=user.reach.everything,
        sites=sorted(user.reach.sites),
        cameras=sorted(camera.hex() for camera in user.reach.cameras),
    )
    return wire.User(name=user.name, role=user.role, reach=reach)  # type: ignore[arg-type]

"""A user's walls."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from custodes.adapters.sql.web.layouts import SqlLayouts, StoredLayout
from custodes.base.clock import Clock
from custodes.base.errors import CorruptError
from custodes.estate.rights import Action
from custodes.web import wire
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import Door, Visitor

MAX_LAYOUTS = 50


def layout_routes(door: Door, layouts: SqlLayouts, clock: Clock) -> APIRouter:
    """GET /layouts, GET, PUT, DELETE /layouts/{name}: each user's own alone."""
    router = APIRouter(tags=["layouts"], responses=PROBLEMS)
    keep = door.guarded(Action.KEEP_LAYOUTS)

    @router.get("/layouts", operation_id="list_layouts")
    def list_layouts(visitor: Visitor = Depends(keep)) -> wire.Layouts:
        """The user's walls."""
        return wire.Layouts(layouts=[_told(layout) for layout in layouts.all(visitor.user.name)])

    @router.get("/layouts/{name}", operation_id="read_layout")
    def read_layout(name: wire.LayoutName, visitor: Visitor = Depends(keep)) -> wire.Layout:
        """A wall."""
        return _told(layouts.get(visitor.user.name, name))

    @router.put("/layouts/{name}", operation_id="keep_layout")
    def keep_layout(
        name: wire.LayoutName, body: wire.LayoutBody, visitor: Visitor = Depends(keep)
    ) -> wire.Layout:
        """Keep a wall in place of the one of its name."""
        layout = StoredLayout(name, body.model_dump_json().encode(), clock.utc_us())
        layouts.put(visitor.user.name, layout, MAX_LAYOUTS)
        return _told(layout)

    @router.delete("/layouts/{name}", operation_id="remove_layout", status_code=204)
    def remove_layout(name: wire.LayoutName, visitor: Visitor = Depends(keep)) -> Response:
        """Remove a wall."""
        layouts.remove(visitor.user.name, name)
        return Response(status_code=204)

    return router


def _told(layout: StoredLayout) -> wire.Layout:
    try:
        body = wire.LayoutBody.model_validate_json(layout.document)
    except ValidationError as error:
        raise CorruptError(f"the layout {layout.name} is damaged") from error
    return wire.Layout(name=layout.name, changed_us=layout.changed_us, grid=body.grid, tiles=body.tiles)

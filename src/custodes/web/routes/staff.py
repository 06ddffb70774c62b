"""Who may sign, from the ledger."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from custodes.adapters.sql.index.index import SqlIndex
from custodes.base.keys import key_id
from custodes.estate.rights import Action
from custodes.web import wire
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import Door, Visitor


def staff_routes(door: Door, index: SqlIndex) -> APIRouter:
    """GET /staff."""
    router = APIRouter(tags=["staff"], responses=PROBLEMS)
    see = door.guarded(Action.SEE)

    @router.get("/staff", operation_id="list_staff")
    def list_staff(visitor: Visitor = Depends(see)) -> wire.Staff:
        """Pseudonyms, roles and ids of keys, public as they are in the ledger."""
        return wire.Staff(
            staff=[
                wire.StaffMember.model_validate(
                    {
                        "pseudonym": one.pseudonym,
                        "role": one.role,
                        "key": key_id(one.key).hex(),
                        "usable_from_us": one.usable_from_us,
                    }
                )
                for one in index.staff()
            ]
        )

    return router

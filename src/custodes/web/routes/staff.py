"""Who may sign, from the ledger."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from custodes.estate.rights import Action
from custodes.services.following.commitments import Commitments
from custodes.web import wire
from custodes.web.problems import PROBLEMS
from custodes.web.visitors import Door, Visitor


def staff_routes(door: Door, commitments: Commitments) -> APIRouter:
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
                        "key": id_.hex(),
                        "usable_from_us": one.usable_from_us,
                    }
                )
                for id_, one in commitments.staff.items()
            ]
        )

    return router

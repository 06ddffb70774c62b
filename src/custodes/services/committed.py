"""What a settings document proves of staff and of committed backgrounds. Source: docs/formats/settings.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from custodes.base.canon import unb64u
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import key_id
from custodes.estate.model import HOME_VIEW
from custodes.ledger.entries.bodies import BODIES, entry_type
from custodes.ledger.entries.wrapper import Entry
from custodes.ledger.rules.backgrounds import COMMITTING_ROLES
from custodes.services.backgrounds import Committed
from custodes.services.recorder.settings import StaffKey

_BACKGROUND = entry_type("background")
_STAFF = entry_type("staff")
_MEMBERS = (
    "background",
    "camera",
    "condition",
    "doubt_permille",
    "revision",
    "stream",
    "view",
    "withheld_permille",
)


def staff_keys(entries: Sequence[Entry], staff_wait_us: int) -> dict[bytes, StaffKey]:
    """Staff by key id: of genesis, and of Staff entries that such keys signed. Errors: UnverifiedError."""
    genesis = entries[0].statement.signed.body
    known = {
        key_id(unb64u(one["key"])): StaffKey(unb64u(one["key"]), one["role"], 0) for one in genesis["staff"]
    }
    for entry in entries[1:]:
        signed = entry.statement.signed
        if signed.type != _STAFF:
            continue
        signers = [known[signature.key] for signature in signed.signatures if signature.key in known]
        signed.check_signed_by([one.key for one in signers])
        roles = {one.role for one in signers}
        if "administrator" not in roles or len(roles) < 2:
            raise UnverifiedError("a Staff entry is not signed by an administrator and another role")
        key = unb64u(signed.body["key"])
        known[key_id(key)] = StaffKey(key, signed.body["role"], entry.admitted_us + staff_wait_us)
    return known


def committed_backgrounds(
    entries: Sequence[Entry], staff: Mapping[bytes, StaffKey], cameras: Mapping[bytes, Mapping[str, Any]]
) -> tuple[Committed, ...]:
    """The backgrounds of the document, each signed by two who may, of one view a stream.

    A stream has those of the view that comes first among its camera's. Errors: InvalidError, UnverifiedError.
    """
    found: dict[tuple[bytes, str, str], Committed] = {}
    order: dict[tuple[bytes, str, str], int] = {}
    for entry in entries[1:]:
        signed = entry.statement.signed
        if signed.type != _BACKGROUND:
            continue
        body = BODIES[_BACKGROUND][1](signed.body)
        signers = [staff.get(signature.key) for signature in signed.signatures]
        able = [one for one in signers if one is not None and _may_commit(one, entry.admitted_us)]
        if len(able) != 2 or len(signers) != 2:
            raise UnverifiedError("a Background entry is not signed by two of staff who may commit")
        signed.check_signed_by([one.key for one in able])
        one = Committed(**{name: body[name] for name in _MEMBERS})
        views = _view_names(cameras.get(one.camera), one.stream)
        if one.view not in views or not one.background:
            raise UnverifiedError("a Background entry is of no view that its camera has")
        if one.place in found:
            raise InvalidError("two Background entries are of the same view and condition")
        found[one.place], order[one.place] = one, views.index(one.view)
    return tuple(
        one
        for place, one in found.items()
        if order[place] == min(order[other] for other in found if other[0] == one.stream)
    )


def check_not_older(newer: Sequence[Committed], last: Sequence[Committed]) -> None:
    """Refuse a background that an earlier document had replaced. Errors: UnverifiedError."""
    revisions = {one.place: one.revision for one in last}
    if any(one.revision < revisions.get(one.place, 0) for one in newer):
        raise UnverifiedError("the settings go back to a background that was replaced")


def _may_commit(staff: StaffKey, at_us: int) -> bool:
    return staff.role in COMMITTING_ROLES and staff.usable_from_us <= at_us


def _view_names(camera: Mapping[str, Any] | None, stream: bytes) -> list[str]:
    if camera is None or stream not in {unb64u(one["stream"]) for one in camera["streams"]}:
        raise UnverifiedError("a Background entry is of a stream that its camera has not")
    return [view["name"] for view in camera["views"]] or [HOME_VIEW]

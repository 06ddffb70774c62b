"""Background: with which picture a view is compared before anything of it is shown."""

from __future__ import annotations

from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.state import Background, State

_ROLES = frozenset({"administrator", "supervisor"})


def background(state: State, entry: Entry) -> None:
    """A background of a view under a condition, the next one, or its withdrawal."""
    body = entry.body
    signers = state.signers(entry)
    roles = state.usable_roles(signers, entry.admitted_us)
    if len(roles) != 2 or not _ROLES.issuperset(roles):
        raise RuleError("signature", "not signed by two of staff, administrators or supervisors")
    camera = state.cameras.get(body["camera"])
    if camera is None or body["stream"] not in camera.streams:
        raise RuleError("background-camera", "no such camera, or it has no such stream")
    if body["view"] not in camera.views:
        raise RuleError("background-view", f"the camera has no view {body['view']!r}")
    place = (body["stream"], body["view"], body["condition"])
    last = state.backgrounds.get(place)
    if body["revision"] != (last.revision if last else 0) + 1:
        raise RuleError("background-revision", f"revision {body['revision']} does not follow")
    if not body["background"] and (last is None or not last.hash):
        raise RuleError("background-withdraw", "there is nothing to withdraw")
    state.backgrounds[place] = Background(
        body["camera"],
        body["background"],
        body["revision"],
        entry.admitted_us,
        tuple(sorted(signers)),
        body["doubt_permille"],
        body["withheld_permille"],
    )

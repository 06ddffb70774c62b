"""Background: which frozen picture a view is compared with, by whose two keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.people import staff_who_signed
from custodes.ledger.rules.refusal import refuse, unsigned

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts

COMMITTING_ROLES = ("administrator", "supervisor")


@dataclass(frozen=True, slots=True)
class Background:
    """The newest word on a stream's view under a condition; `background` is empty where it was withdrawn."""

    camera: bytes
    stream: bytes
    view: str
    condition: str
    background: bytes
    revision: int
    doubt_permille: int
    withheld_permille: int
    index: int
    admitted_us: int
    signers: frozenset[bytes]


def sign_background(facts: Facts, candidate: Candidate) -> list[bytes]:
    """Two of staff, each an administrator or a supervisor."""
    pair = staff_who_signed(facts, candidate, candidate.signers)
    if len(pair) != 2 or any(staff.role not in COMMITTING_ROLES for staff in pair):
        unsigned("needs two of staff, each an administrator or a supervisor")
    return [staff.key for staff in pair]


def admit_background(facts: Facts, candidate: Candidate) -> bool:
    """A background, its successor, or the end of it."""
    body = candidate.body
    camera = facts.cameras.get(body["camera"])
    if camera is None or facts.camera_of_stream.get(body["stream"]) != body["camera"]:
        refuse("background-camera", "the camera is unknown, or the stream is not its own")
    if body["view"] not in camera.described.view_names:
        refuse("background-view", f"{body['view']!r} is none of {', '.join(camera.described.view_names)}")
    place = (body["stream"], body["view"], body["condition"])
    before = facts.backgrounds.get(place)
    revision = before.revision + 1 if before else 1
    if body["revision"] != revision:
        refuse("background-revision", f"must be revision {revision}, is {body['revision']}")
    if not body["background"] and not (before and before.background):
        refuse("background-withdraw", "nothing is committed that could be withdrawn")
    facts.backgrounds[place] = Background(
        **{name: body[name] for name in _SAME_NAMES},
        index=candidate.index,
        admitted_us=candidate.admitted_us,
        signers=candidate.signers,
    )
    return False


def in_force(facts: Facts) -> list[Background]:
    """Those that are committed, not withdrawn, and of a view that their camera still has; the oldest first."""
    found = [
        one
        for one in facts.backgrounds.values()
        if one.background and one.view in facts.cameras[one.camera].described.view_names
    ]
    return sorted(found, key=lambda one: one.index)


_SAME_NAMES = (
    "background",
    "camera",
    "condition",
    "doubt_permille",
    "revision",
    "stream",
    "view",
    "withheld_permille",
)

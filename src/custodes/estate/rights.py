"""Who may do what with which camera: roles, actions, reach, and the one question `may`.

Pure. A face asks `may` and knows no role; what may not be seen does not exist for who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from custodes.base.errors import InvalidError
from custodes.base.ids import ID_BYTES

# The ledger's roles; docs/formats/genesis.md.
ROLES = ("administrator", "supervisor", "investigator", "data-protection", "operator")
MAX_REACH = 5000


class Action(Enum):
    """What may be done; a closed list. The first five are done to a camera, the others to none."""

    SEE = "see"
    WATCH = "watch"
    REPLAY = "replay"
    BACKGROUNDS = "backgrounds"
    HOLD = "hold"
    READ_HEALTH = "read-health"
    KEEP_LAYOUTS = "keep-layouts"
    MANAGE_USERS = "manage-users"

    @property
    def of_camera(self) -> bool:
        """Whether it is done to a camera, so that reach counts."""
        return self in _OF_CAMERA


_OF_CAMERA = frozenset({Action.SEE, Action.WATCH, Action.REPLAY, Action.BACKGROUNDS, Action.HOLD})

# A role's line holds what its work needs and nothing else. The administrator aims cameras, so sees what they
# show now, and has no business with what they showed before; an investigator finds the time to ask for.
_CONTROL_ROOM = {Action.SEE, Action.WATCH, Action.REPLAY, Action.READ_HEALTH, Action.KEEP_LAYOUTS}
RIGHTS: Mapping[str, frozenset[Action]] = {
    "operator": frozenset(_CONTROL_ROOM),
    "supervisor": frozenset(_CONTROL_ROOM | {Action.BACKGROUNDS, Action.HOLD}),
    "administrator": frozenset(
        {
            Action.SEE,
            Action.WATCH,
            Action.BACKGROUNDS,
            Action.READ_HEALTH,
            Action.KEEP_LAYOUTS,
            Action.MANAGE_USERS,
        }
    ),
    "investigator": frozenset({Action.SEE, Action.REPLAY, Action.KEEP_LAYOUTS}),
    "data-protection": frozenset(_CONTROL_ROOM),
}


class Standing(Protocol):
    """A camera, as far as rights look at it."""

    @property
    def id(self) -> bytes:
        """Its id."""
        ...

    @property
    def site(self) -> str:
        """The site that it stands on, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """The cameras that a user's rights are about: all of them, or those named and those of named sites."""

    everything: bool = False
    sites: frozenset[str] = frozenset()
    cameras: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        if self.everything and (self.sites or self.cameras):
            raise InvalidError("reach: everything, or sites and cameras by name, not both")
        if len(self.sites) + len(self.cameras) > MAX_REACH:
            raise InvalidError(f"reach: names at most {MAX_REACH} sites and cameras")
        if any(len(camera) != ID_BYTES for camera in self.cameras):
            raise InvalidError(f"reach: a camera's id has {ID_BYTES} bytes")

    def covers(self, camera: Standing) -> bool:
        """Whether the camera is within it."""
        return self.everything or camera.id in self.cameras or camera.site in self.sites


EVERYTHING = Reach(everything=True)
NOTHING = Reach()


class Grantee(Protocol):
    """A user, as far as rights look at it."""

    @property
    def role(self) -> str:
        """One of ROLES."""
        ...

    @property
    def reach(self) -> Reach:
        """The cameras that the role's rights are about."""
        ...


def may(user: Grantee, action: Action, camera: Standing | None = None) -> bool:
    """Whether the user may do this: to this camera where the action is done to one.

    An action of a camera without a camera asks whether there can be any. An unknown role may nothing.
    Errors: InvalidError when a camera is given to an action that is done to none.
    """
    if camera is not None and not action.of_camera:
        raise InvalidError(f"{action.value} is not done to a camera")
    if action not in RIGHTS.get(user.role, frozenset()):
        return False
    return camera is None or user.reach.covers(camera)

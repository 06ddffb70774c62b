"""The rights of each process, as the server's configuration wants them, made from the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from custodes.adapters.bus.subjects import LEASE_BUCKET, PLAN, Process, Role, Side, lease_of

ANSWER_WITHIN = "2m"
_BUCKET_STREAM = f"KV_{LEASE_BUCKET}"
_BUCKET_KEYS = f"$KV.{LEASE_BUCKET}"


@dataclass(frozen=True, slots=True)
class BusUser:
    """A process and the public half of its key."""

    process: Process
    public_key: str


def publishes(process: Process) -> list[str]:
    """Subjects that a process may send on; answers to what it was asked come on top."""
    planned = [route.seen_by(process, Side.SENDER) for route in PLAN]
    return sorted({subject for subject in planned if subject} | set(_lease_subjects(process)))


def subscribes(process: Process) -> list[str]:
    """Subjects that a process may listen to, its own inbox among them."""
    planned = [route.seen_by(process, Side.RECEIVER) for route in PLAN]
    return sorted({subject for subject in planned if subject} | {f"_INBOX.{process.name}.>"})


def user_document(user: BusUser) -> dict[str, Any]:
    """The server's entry for one user."""
    permissions: dict[str, Any] = {
        "publish": {"allow": publishes(user.process)},
        "subscribe": {"allow": subscribes(user.process)},
    }
    if any(route.answered and user.process.role in route.receivers for route in PLAN):
        permissions["allow_responses"] = {"max": 1, "expires": ANSWER_WITHIN}
    return {"nkey": user.public_key, "permissions": permissions}


def _lease_subjects(process: Process) -> list[str]:
    # Exact subjects of the API: a user allowed `$JS.API.>` could read, mirror and purge every stream.
    read = f"$JS.API.DIRECT.GET.{_BUCKET_STREAM}.{_BUCKET_KEYS}"
    subjects: list[str] = []
    if (lease := lease_of(process)) is not None:
        subjects += [f"{_BUCKET_KEYS}.{lease}", f"{read}.{lease}"]
    if process.role is Role.KEEPER:
        subjects += [f"{read}.*", f"$JS.API.STREAM.CREATE.{_BUCKET_STREAM}"]
    return subjects

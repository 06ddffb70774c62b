"""An error as it crosses a wire: its kind and message, nothing else."""

from __future__ import annotations

import json

from custodes.base.canon import canon
from custodes.base.errors import BugError, CustodesError, ErrorKind, InvalidError, by_kind

MAX_MESSAGE_CHARACTERS = 2000


def problem_bytes(error: CustodesError) -> bytes:
    """Canonical JSON of an error's kind and message."""
    return canon({"kind": error.kind.value, "message": str(error)[:MAX_MESSAGE_CHARACTERS]})


def problem_error(data: bytes) -> CustodesError:
    """The error that a problem tells of. Errors: InvalidError when it is no problem."""
    try:
        value = json.loads(data)
        return by_kind(ErrorKind(value["kind"]), str(value["message"])[:MAX_MESSAGE_CHARACTERS])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError("not a problem document") from error


def bug_problem(error: BaseException) -> bytes:
    """What is told of an error that has no name: its class, since its text may hold anything."""
    return problem_bytes(BugError(f"internal error: {type(error).__name__}"))

"""What all buses agree on: subject grammar, the size limit, how an error crosses the wire."""

from __future__ import annotations

import re

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import BugError, CustodesError, ErrorKind, InvalidError, by_kind

# As long as a question to a service may be; the server is told (NATS by itself takes 1 MiB).
MAX_MESSAGE_BYTES = 4 << 20
MAX_PROBLEM_CHARACTERS = 500

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_PATTERN = re.compile(r"(?:[A-Za-z0-9_-]+|\*)(?:\.(?:[A-Za-z0-9_-]+|\*))*(?:\.>)?")


def check_subject(subject: str) -> None:
    """Refuse what cannot be sent to. Errors: InvalidError."""
    if not _SUBJECT.fullmatch(subject):
        raise InvalidError(f"not a subject: {subject[:80]!r}")


def check_pattern(subject: str) -> None:
    """Refuse what cannot be listened to; `*` is any token, a last `>` one or more. Errors: InvalidError."""
    if not _PATTERN.fullmatch(subject):
        raise InvalidError(f"not a subject pattern: {subject[:80]!r}")


def check_token(name: str) -> None:
    """Refuse a name that is no single subject token. Errors: InvalidError."""
    if not _TOKEN.fullmatch(name):
        raise InvalidError(f"not a subject token: {name[:80]!r}")


def check_size(data: bytes) -> None:
    """Refuse a message over the limit of 4 MiB. Errors: InvalidError."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise InvalidError(f"a message holds {MAX_MESSAGE_BYTES} bytes at most, got {len(data)}")


def matches(pattern: str, subject: str) -> bool:
    """Whether a pattern stands for a subject."""
    wanted, got = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        if len(got) < len(wanted):
            return False
        wanted.pop()
        got = got[: len(wanted)]
    return len(wanted) == len(got) and all(w in ("*", g) for w, g in zip(wanted, got, strict=True))


def encode_problem(error: CustodesError) -> bytes:
    """An error as canonical JSON {kind, message}."""
    # A lone surrogate has no UTF-8 form; an error must cross whatever its message holds.
    message = str(error)[:MAX_PROBLEM_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    return canon({"kind": error.kind.value, "message": message})


def decode_problem(data: bytes) -> CustodesError:
    """The error of a problem document, by kind; what is not such a document becomes BugError."""
    try:
        body = parse_canon(data)
        if not isinstance(body, dict) or body.keys() != {"kind", "message"}:
            raise InvalidError("a problem has kind and message")
        return by_kind(ErrorKind(body["kind"]), str(body["message"]))
    except (InvalidError, ValueError) as error:
        return BugError(f"the other side failed and did not say how: {error}")

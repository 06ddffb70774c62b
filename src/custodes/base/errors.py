"""The one error tree.

    CustodesError
      InvalidError          input that breaks a rule; the message names the thing and the limit
      NotFoundError         what was asked for is not there
      ConflictError         somebody else changed it first (compare-and-swap lost, number used)
      UnauthenticatedError  no credential, or one that does not check
      RefusedError          understood and not allowed; the message is the reason
      PushbackError         too much at once; try again later
      UnavailableError      a peer, disk or network does not answer now
      ExhaustedError        a resource is used up (disk, pool, memory)
      UnverifiedError       a proof, signature or hash does not hold
      CorruptError          stored bytes are damaged
      BugError              cannot happen

The kind alone decides HTTP status, exit code, retry and log level.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class ErrorKind(Enum):
    """What sort of failure it is; a closed list."""

    INVALID = "invalid"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    UNAUTHENTICATED = "unauthenticated"
    REFUSED = "refused"
    PUSHBACK = "pushback"
    UNAVAILABLE = "unavailable"
    EXHAUSTED = "exhausted"
    UNVERIFIED = "unverified"
    CORRUPT = "corrupt"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class KindPolicy:
    """What follows from a kind: HTTP status, process exit code, whether a retry can help, log level."""

    http_status: int
    exit_code: int
    retry: bool
    log_level: str


POLICY: dict[ErrorKind, KindPolicy] = {
    ErrorKind.INVALID: KindPolicy(422, 2, False, "info"),
    ErrorKind.NOT_FOUND: KindPolicy(404, 4, False, "info"),
    ErrorKind.CONFLICT: KindPolicy(409, 5, True, "warning"),
    ErrorKind.UNAUTHENTICATED: KindPolicy(401, 6, False, "warning"),
    ErrorKind.REFUSED: KindPolicy(403, 7, False, "warning"),
    ErrorKind.PUSHBACK: KindPolicy(429, 8, True, "warning"),
    ErrorKind.UNAVAILABLE: KindPolicy(503, 9, True, "warning"),
    ErrorKind.EXHAUSTED: KindPolicy(507, 10, True, "error"),
    ErrorKind.UNVERIFIED: KindPolicy(422, 11, False, "error"),
    ErrorKind.CORRUPT: KindPolicy(500, 12, False, "error"),
    ErrorKind.BUG: KindPolicy(500, 70, False, "critical"),
}


class CustodesError(Exception):
    """Any failure that Custodes names. Messages hold no personal data and no key material."""

    kind: ClassVar[ErrorKind] = ErrorKind.BUG

    @property
    def policy(self) -> KindPolicy:
        """What follows from this error's kind."""
        return POLICY[self.kind]


class InvalidError(CustodesError):
    """Input that breaks a rule."""

    kind = ErrorKind.INVALID


class NotFoundError(CustodesError):
    """What was asked for is not there."""

    kind = ErrorKind.NOT_FOUND


class ConflictError(CustodesError):
    """Somebody else changed it first."""

    kind = ErrorKind.CONFLICT


class UnauthenticatedError(CustodesError):
    """No credential, or one that does not check."""

    kind = ErrorKind.UNAUTHENTICATED


class RefusedError(CustodesError):
    """Understood and not allowed."""

    kind = ErrorKind.REFUSED


class PushbackError(CustodesError):
    """Too much at once; try again later."""

    kind = ErrorKind.PUSHBACK


class UnavailableError(CustodesError):
    """A peer, disk or network does not answer now."""

    kind = ErrorKind.UNAVAILABLE


class ExhaustedError(CustodesError):
    """A resource is used up."""

    kind = ErrorKind.EXHAUSTED


class UnverifiedError(CustodesError):
    """A proof, signature or hash does not hold."""

    kind = ErrorKind.UNVERIFIED


class CorruptError(CustodesError):
    """Stored bytes are damaged."""

    kind = ErrorKind.CORRUPT


class BugError(CustodesError):
    """A state that the code holds to be impossible."""

    kind = ErrorKind.BUG


def by_kind(kind: ErrorKind, message: str) -> CustodesError:
    """The error of a kind that came over a wire."""
    for cls in CustodesError.__subclasses__():
        if cls.kind is kind:
            return cls(message)
    return BugError(message)

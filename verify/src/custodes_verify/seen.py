"""The largest checkpoint this reader has seen: what makes rollback and fork visible.

The file is Canon of `{"format": "custodes/verify-seen/v1", "network", "root", "size"}`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from custodes_verify.bytes import canon, parse_loosely, to_base64url
from custodes_verify.errors import MalformedError, UnreadableError
from custodes_verify.schema import HASH, fixed, integer, members

_SEEN = members(format=fixed("custodes/verify-seen/v1"), network=HASH, root=HASH, size=integer())
_LIMIT = 10_000


@dataclass(frozen=True)
class Seen:
    """A tree head of a network."""

    network: bytes
    size: int
    root: bytes


def read_seen(path: Path) -> Seen | None:
    """What was seen before; None where there is no file yet.

    Errors: UnreadableError.
    """
    try:
        body = _SEEN(parse_loosely(path.read_bytes()[:_LIMIT]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except MalformedError as error:
        raise UnreadableError(f"{path}: {error}") from error
    return Seen(body["network"], body["size"], body["root"])


def write_seen(path: Path, seen: Seen) -> None:
    """Remember a tree head.

    Errors: UnreadableError.
    Durability: the file is replaced as a whole and synchronised.
    """
    body = {
        "format": "custodes/verify-seen/v1",
        "network": to_base64url(seen.network),
        "root": to_base64url(seen.root),
        "size": seen.size,
    }
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(canon(body))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error

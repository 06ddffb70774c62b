"""A user of the console, and what a name and a password must be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from custodes.base.errors import InvalidError
from custodes.estate.rights import ROLES, Reach

MIN_PASSWORD_CHARACTERS = 12
MAX_PASSWORD_BYTES = 1024
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in to the console. A user signs nothing that the ledger knows."""

    name: str
    role: str
    reach: Reach

    def __post_init__(self) -> None:
        check_user_name(self.name)
        if self.role not in ROLES:
            raise InvalidError(f"role: must be one of {', '.join(ROLES)}")


def check_user_name(name: str) -> None:
    """Errors: InvalidError."""
    if not _NAME.fullmatch(name):
        raise InvalidError(
            "name: has 1 to 64 of a-z, 0-9, dot, dash and underscore, the first and last a letter or digit"
        )


def check_new_password(name: str, password: str) -> None:
    """Long, and not the name; nothing else is asked. Errors: InvalidError. Source: NIST SP 800-63B."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise InvalidError(f"password: has at least {MIN_PASSWORD_CHARACTERS} characters")
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
        raise InvalidError(f"password: has at most {MAX_PASSWORD_BYTES} bytes")
    if password.casefold() in (name, name[::-1]) or len(set(password)) < 4:
        raise InvalidError("password: must not be the name or a few characters over and over")

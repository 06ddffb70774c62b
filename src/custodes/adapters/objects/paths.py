"""What an object may be called; the same in every store."""

from __future__ import annotations

import re

from custodes.base.errors import InvalidError

MAX_COMPONENT = 255
MAX_DEPTH = 16
MAX_PATH = 1024  # S3's limit on a key

_COMPONENT = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,254}")


def is_component(name: str) -> bool:
    """Whether a name can be part of an object's path."""
    return _COMPONENT.fullmatch(name) is not None


def check_path(path: str) -> str:
    """The path itself, if an object may have it.

    Errors: InvalidError for anything but 1 to 16 components of `[a-z0-9._-]`, each of at most 255
    characters and without a leading dot, 1,024 characters in all.
    """
    components = path.split("/")
    if len(path) > MAX_PATH or len(components) > MAX_DEPTH or not all(map(is_component, components)):
        raise InvalidError(f"not an object's path: {path[:120]!r}")
    return path


def check_prefix(prefix: str) -> str:
    """A folder prefix without its last slash; "" is all.

    Errors: InvalidError.
    """
    folder = prefix.removesuffix("/")
    if folder or prefix:
        check_path(folder)
    return folder

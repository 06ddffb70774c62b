"""What a log line never says: values that are named like secrets, and passwords in addresses."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

HIDDEN = "(hidden)"
# Parts of a field's name, between underscores, under which a value is not written. A key's id or a count is no secret.
_SECRET = frozenset(
    {
        "authorization",
        "cookie",
        "csrf",
        "passphrase",
        "password",
        "passwords",
        "secret",
        "secrets",
        "seed",
        "token",
    }
)
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,15}://)[^/\s@]{0,512}@")


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A step of the log: the same event without secrets; a last line behind code that should not log any."""
    for name, value in event.items():
        if _SECRET.intersection(name.lower().replace("-", "_").split("_")):
            event[name] = HIDDEN
        elif isinstance(value, str) and "@" in value:
            event[name] = _ADDRESS.sub(rf"\g<scheme>{HIDDEN}@", value)
    return event

"""How the services are asked from outside: one question, one answer, by whatever carries them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

MAX_QUESTION_BYTES = 4 << 20

Desk = Callable[[bytes], Awaitable[bytes]]
Desks = Mapping[str, Desk]


class Office(Protocol):
    """Asks a service (`keeper`, `discloser`) under a subject of one word.

    Errors: what the service refused with, by kind; UnavailableError when it does not answer in time.
    """

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """The service's answer."""
        ...

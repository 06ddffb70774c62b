"""What the nouns and services need of the world, cut by the promise each needs kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Named objects that are durable when a call returns.

    Paths are relative, `/`-separated, of `[a-z0-9._-]` components; anything else is InvalidError.
    Every method blocks; services call them from threads.
    Errors: NotFoundError, ConflictError, ExhaustedError (disk full), UnavailableError (volume away, stalled,
    read-only, or not the volume that it was), CorruptError.
    """

    def put(self, path: str, data: bytes) -> None:
        """Store a new object. The same bytes again are accepted; other bytes are ConflictError."""
        ...

    def swap(self, path: str, data: bytes, expected: bytes | None) -> None:
        """Replace a small object by compare-and-swap; `expected` None means that it must be absent.

        Errors: ConflictError when what is stored is not `expected`; nothing is written then.
        """
        ...

    def adopt(self, file: Path, path: str) -> None:
        """Take a finished, flushed local file as a new object, by rename where it is on this volume."""
        ...

    def get(self, path: str) -> bytes:
        """The whole object. Errors: NotFoundError."""
        ...

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Errors: NotFoundError; InvalidError past the end."""
        ...

    def size(self, path: str) -> int:
        """Bytes of the object. Errors: NotFoundError."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of all finished objects under a folder prefix ("" for all), ascending."""
        ...

    def delete(self, path: str) -> None:
        """Remove an object; that it is absent already is no error."""
        ...

    def free_bytes(self) -> int | None:
        """Bytes that can still be written, None where the store does not know."""
        ...


class Subscription(Protocol):
    """What ends a subscription."""

    async def close(self) -> None:
        """Stop delivery; no handler starts after this returns."""
        ...


Handler = Callable[[bytes], Awaitable[bytes]]
Listener = Callable[[str, bytes], Awaitable[None]]


class Bus(Protocol):
    """Messages between processes. Neither trusted nor storing; what causes an act is signed by its author."""

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to whoever listens now. Errors: UnavailableError, InvalidError (over the size limit)."""
        ...

    async def subscribe(self, subject: str, listener: Listener) -> Subscription:
        """Call `listener(subject, data)` for each message; `*` and a last `>` stand for tokens."""
        ...

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """Ask and wait for the answer; an error of the other side is raised here with its own kind.

        Errors: UnavailableError when nobody answers in time, and whatever the other side raised.
        """
        ...

    async def serve(self, subject: str, handler: Handler) -> Subscription:
        """Answer requests one at a time a subject; a CustodesError raised becomes the asker's error."""
        ...

    async def close(self) -> None:
        """Leave the bus."""
        ...

"""Leases: who does a thing that one process at a time should do. A hint for placement, never a proof.

A lease is a value in a store that forgets it `ttl_s` after its last renewal. The holder counts from before it
sent the renewal, the store from after it got it, so the holder stops believing first. Every act that must not
be done twice is fenced by more than a lease; `token` grows from tenure to tenure for those that compare it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import Protocol

import structlog

from custodes.adapters.bus.wire import check_token
from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import ConflictError, CorruptError, InvalidError, UnavailableError
from custodes.base.ids import new_id

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease lives, how often it is renewed and, when that failed, tried again."""

    ttl_s: float = 15.0
    renew_s: float = 5.0
    retry_s: float = 1.0
    # Clocks of two machines run apart by less than this while a lease lives.
    margin_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.renew_s < self.ttl_s - self.margin_s:
            raise InvalidError(f"a lease of {self.ttl_s} s cannot be renewed every {self.renew_s} s")


USUAL_TIMES = LeaseTimes()


@dataclass(frozen=True, slots=True)
class Stored:
    """A lease as its store has it. Revisions grow over all leases of a store, for ever."""

    data: bytes
    revision: int


class LeaseStore(Protocol):
    """Small values that vanish by themselves. Errors, all methods: UnavailableError."""

    async def create(self, name: str, data: bytes) -> int:
        """Store where nothing is; the revision. Errors: ConflictError."""
        ...

    async def update(self, name: str, data: bytes, last: int) -> int:
        """Replace revision `last`; the new revision. Errors: ConflictError."""
        ...

    async def read(self, name: str) -> Stored | None:
        """What is stored, None when nothing is."""
        ...

    async def delete(self, name: str, last: int) -> None:
        """Remove revision `last`. Errors: ConflictError."""
        ...


class Lease:
    """A tenure that its holder keeps by renewing; once lost it is lost for good."""

    def __init__(self, store: LeaseStore, name: str, clock: Clock, times: LeaseTimes) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._times = times
        self._data = b""
        self._revision = 0
        self._until_us = 0
        self._lost = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self.token = 0

    @property
    def held(self) -> bool:
        """Whether nobody else can hold it now."""
        return not self._lost.is_set() and self._clock.boot_us() < self._until_us

    async def wait_lost(self) -> None:
        """Wait until it is held no more."""
        await self._lost.wait()

    async def release(self) -> None:
        """Give it up at once, or leave it to vanish when the store does not answer."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        if not self._lost.is_set():
            self._lost.set()
            with contextlib.suppress(ConflictError, UnavailableError):
                await self._store.delete(self._name, self._revision)

    async def begin(self, holder: str) -> None:
        """Take it for `holder`. Errors: ConflictError when it is held."""
        self._data = canon({"holder": holder, "tenure": b64u(new_id())})
        started_us = self._clock.boot_us()
        try:
            revision = await self._store.create(self._name, self._data)
        except (ConflictError, UnavailableError) as error:
            # An answer may be lost and the deed be done.
            found = await self._store.read(self._name)
            if found is None or found.data != self._data:
                if found is not None and isinstance(error, ConflictError):
                    raise ConflictError(f"{self._name} is held by {holder_of(found)}") from error
                raise
            revision = found.revision
        self._revision = self.token = revision
        self._count_from(started_us)
        self._renewing = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        wait_s = self._times.renew_s
        while True:
            left_s = (self._until_us - self._clock.boot_us()) / SECOND_US
            await asyncio.sleep(max(0.0, min(wait_s, left_s)))
            if not self.held:
                return self._lose("not renewed in time")
            started_us = self._clock.boot_us()
            try:
                await self._renew()
            except ConflictError:
                return self._lose("taken or vanished")
            except UnavailableError as error:
                _log.warning("lease not renewed", lease=self._name, error=str(error))
                wait_s = self._times.retry_s
            else:
                self._count_from(started_us)
                wait_s = self._times.renew_s

    async def _renew(self) -> None:
        try:
            self._revision = await self._store.update(self._name, self._data, self._revision)
        except ConflictError:
            # Ours under another revision: an earlier renewal landed and its answer was lost.
            found = await self._store.read(self._name)
            if found is None or found.data != self._data:
                raise
            self._revision = await self._store.update(self._name, self._data, found.revision)

    def _count_from(self, started_us: int) -> None:
        self._until_us = started_us + int((self._times.ttl_s - self._times.margin_s) * SECOND_US)

    def _lose(self, why: str) -> None:
        _log.warning("lease lost", lease=self._name, why=why)
        self._lost.set()


async def acquire(
    store: LeaseStore, name: str, holder: str, clock: Clock, times: LeaseTimes = USUAL_TIMES
) -> Lease:
    """Take a lease now. Errors: ConflictError naming the holder; UnavailableError."""
    check_token(name)
    lease = Lease(store, name, clock, times)
    await lease.begin(holder)
    return lease


async def wait_acquire(
    store: LeaseStore, name: str, holder: str, clock: Clock, times: LeaseTimes = USUAL_TIMES
) -> Lease:
    """Take a lease as soon as nobody holds it; waits for ever."""
    while True:
        try:
            return await acquire(store, name, holder, clock, times)
        except (ConflictError, UnavailableError):
            await asyncio.sleep(times.retry_s * random.uniform(0.5, 1.5))


def holder_of(stored: Stored) -> str:
    """Who holds it. Errors: CorruptError when it is no lease."""
    try:
        return str(parse_canon(stored.data)["holder"])
    except (InvalidError, KeyError, TypeError) as error:
        raise CorruptError(f"not a lease: {error}") from error

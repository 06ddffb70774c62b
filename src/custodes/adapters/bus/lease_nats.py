"""Leases in a JetStream key-value bucket; by exact subjects, so that each process has rights to its own.

Source: NATS ADR-8 (key-value on JetStream), ADR-31 (direct get).
"""

from __future__ import annotations

import json
from typing import Any

import nats.errors
import nats.js.errors
from nats.js.kv import KeyValue

from custodes.adapters.bus.lease import USUAL_TIMES, LeaseTimes, Stored
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.subjects import LEASE_BUCKET
from custodes.base.clock import Clock
from custodes.base.errors import ConflictError, UnavailableError

ANSWER_S = 2.0
_STREAM = f"KV_{LEASE_BUCKET}"
_PREFIX = f"$KV.{LEASE_BUCKET}."
_IN_USE = 10058
_NANOSECONDS = 1_000_000_000


class NatsLeases:
    """The store of leases that a bus leads to."""

    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus

    async def create(self, name: str, data: bytes) -> int:
        """Store where nothing is; the revision. Errors: ConflictError."""
        bucket = self._bucket()
        try:
            return int(await bucket.create(name, data))
        except nats.errors.Error as error:
            raise _translated(name, error) from error

    async def update(self, name: str, data: bytes, last: int) -> int:
        """Replace revision `last`; the new revision. Errors: ConflictError."""
        bucket = self._bucket()
        try:
            return int(await bucket.update(name, data, last=last))
        except nats.errors.Error as error:
            raise _translated(name, error) from error

    async def read(self, name: str) -> Stored | None:
        """What is stored, None when nothing is."""
        bucket = self._bucket()
        try:
            entry = await bucket.get(name)
        except nats.js.errors.KeyNotFoundError:
            return None
        except nats.errors.Error as error:
            raise _translated(name, error) from error
        return Stored(entry.value or b"", int(entry.revision or 0))

    async def delete(self, name: str, last: int) -> None:
        """Remove revision `last`. Errors: ConflictError."""
        bucket = self._bucket()
        try:
            await bucket.delete(name, last=last)
        except nats.errors.Error as error:
            raise _translated(name, error) from error

    def _bucket(self) -> KeyValue:
        # Made by hand: the library's own way asks for the stream's state, which only the keeper may.
        return KeyValue(_STREAM, _STREAM, _PREFIX, self._bus.live().jetstream(ANSWER_S), True)


async def ensure_bucket(
    bus: NatsBus, clock: Clock, times: LeaseTimes = USUAL_TIMES, replicas: int = 1
) -> None:
    """Make the bucket where there is none; the keeper does it at its start. Errors: UnavailableError."""
    document: dict[str, Any] = {
        "name": _STREAM,
        "subjects": [f"{_PREFIX}>"],
        "max_msgs_per_subject": 1,
        "max_age": int(times.ttl_s * _NANOSECONDS),
        "duplicate_window": min(int(times.ttl_s * _NANOSECONDS), 120 * _NANOSECONDS),
        "max_msg_size": 4096,
        "discard": "new",
        "storage": "file",
        "retention": "limits",
        "num_replicas": replicas,
        "allow_direct": True,
        # With rollup allowed, whoever may write one key may empty the bucket by a header.
        "allow_rollup_hdrs": False,
        "deny_delete": True,
        "deny_purge": True,
        # Revisions are fencing tokens: a bucket made anew after its disk was lost starts above the old one,
        # which grew by far less than one a millisecond.
        "first_seq": clock.utc_us() // 1000,
    }
    answer = await bus.live().request(
        f"$JS.API.STREAM.CREATE.{_STREAM}", json.dumps(document).encode(), ANSWER_S
    )
    failure = json.loads(answer).get("error")
    if failure is not None and failure.get("err_code") != _IN_USE:
        raise UnavailableError(f"no lease bucket: {failure.get('description')}")


def _translated(name: str, error: nats.errors.Error) -> ConflictError | UnavailableError:
    if isinstance(error, nats.js.errors.KeyWrongLastSequenceError):
        return ConflictError(f"{name} has another revision")
    if isinstance(error, nats.js.errors.APIError) and error.err_code in (10071, 10164):
        return ConflictError(f"{name} has another revision")
    return UnavailableError(f"the lease store did not take {name}: {error}")

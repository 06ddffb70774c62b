"""Forgetting on time: shred keys, then reels, share sets and rows; and making room when the store is nearly full.

Keys go before files, all that are due before the first file: the key is what ends the footage. A key is destroyed
and its Shred entry made in the ledger's thread, so that no hold comes between the decision and the deed.
Source: docs/design/0006-forgetting.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.base.canon import b64u
from custodes.base.clock import HOUR_US, MINUTE_US, SECOND_US, Clock
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnverifiedError,
)
from custodes.base.ids import ID_BYTES
from custodes.base.keys import SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.cases.hold import hold_key_id
from custodes.ledger.rules.holds import Hold
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import CHECKPOINT_PATH
from custodes.services.keeper.catalogue import SHRED_TYPE, catalogue_fault
from custodes.services.keeper.deletion import Deleted, delete_epochs
from custodes.services.keeper.due import (
    Backlog,
    DueKey,
    backlog,
    due_keys,
    ended_holds,
    keys_for_space,
    overtaken_keys,
)
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.holding import Holding, short_holds
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.keeper.trimming import trim_epoch
from custodes.services.keeper.views import ViewRetention

MAX_KEYS = 500
MAX_KEPT = 5000
NO_EPOCH = bytes(ID_BYTES)
MAX_LAG_US = HOUR_US
COMPARE_EVERY_US = 10 * MINUTE_US
STEP_US = 5 * MINUTE_US
WAIT_AFTER_STEP_US = 30 * MINUTE_US
WAIT_WITHOUT_ROOM_US = HOUR_US
_EPOCHS_AT_ONCE = 50
_LOG = structlog.get_logger("retention")


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What a pass did, and what it left. `lag_us`: for how long the longest due key has been due."""

    keys: int
    deleted: Deleted
    keys_for_space: int
    due: int
    lag_us: int
    alarms: tuple[str, ...]


class Retention:
    """Keeps the time limits. Passes may be broken off anywhere and are repeated.

    `keep_free_bytes`: below so much free space in the store the oldest footage goes before its deadline, by
    entries that say so; 0: never.
    """

    def __init__(
        self,
        ledger: LedgerThread,
        store: ObjectStore,
        keystore: KeyStore,
        catalogue: SqlCatalogue,
        database: Database,
        signing: SigningKey,
        clock: Clock,
        holding: Holding,
        keep_free_bytes: int = 0,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._keystore = keystore
        self._catalogue = catalogue
        self._database = database
        self._signing = signing
        self._clock = clock
        self._holding = holding
        self._keep_free_bytes = keep_free_bytes
        self._steps = StepGuard(clock)
        self._views = ViewRetention(store, catalogue.renditions, database, ledger, clock, self._slots_of)
        self._compared_us: int | None = None
        self._no_room_until_us = 0
        self.last: RetentionReport | None = None

    async def run_once(self, limit_s: float = 300.0) -> RetentionReport:
        """One pass, broken off between two batches once it has taken so long; also left in `last`.

        Errors: UnavailableError where nothing may be deleted now: store, key store or catalogue is away or
        another, or the clock was stepped; what store, key store and database raise.
        """
        until_us = self._clock.boot_us() + int(limit_s * SECOND_US)
        self._steps.check()
        await self._check_all_there()
        keys = await self._ledger.run(self._end_holds) + await self._shred_due(until_us)
        unused = await self._shred_all(
            "unused", until_us, lambda state: overtaken_keys(state, self._clock.utc_us(), MAX_KEYS)
        )
        deleted = await self._delete_shredded(until_us)
        trimmed, faults = await self._trim_kept(until_us)
        await self._delete_ended()
        deleted += await self._views.old()
        for_space, room, alarm = await self._make_room(until_us)
        report = await self._report(keys + unused, deleted + trimmed + room, for_space, [alarm, *faults])
        self.last = report
        if report.keys or report.deleted.epochs or report.deleted.renditions:
            gone = report.deleted
            _LOG.info(
                "forgotten",
                keys=report.keys,
                epochs=gone.epochs,
                reels=gone.reels,
                renditions=gone.renditions,
            )
        return report

    async def _check_all_there(self) -> None:
        """Nothing is concluded from what is absent. Errors: UnavailableError."""
        await asyncio.to_thread(self._check_store)
        await asyncio.to_thread(self._check_keystore, asyncio.get_running_loop())
        now_us = self._clock.boot_us()
        if self._compared_us is None or now_us >= self._compared_us + COMPARE_EVERY_US:
            self._compared_us = None
            await self._ledger.run(self._check_catalogue)
            self._compared_us = now_us

    def _check_store(self) -> None:
        self._store.free_bytes()
        try:
            self._store.size(CHECKPOINT_PATH)
        except NotFoundError as error:
            raise UnavailableError("the store does not hold the ledger; nothing is deleted") from error

    def _check_keystore(self, loop: asyncio.AbstractEventLoop) -> None:
        known: set[bytes] | None = None

        def is_shredded(key_id: bytes) -> bool:
            # Asked for only where a copy comes back.
            nonlocal known
            if known is None:
                asked = asyncio.run_coroutine_threadsafe(self._ledger.ask(shredded_ids), loop)
                known = asked.result()
            return key_id in known

        if not self._keystore.rejoin(is_shredded):
            raise UnavailableError("a copy of the key store is away; nothing is deleted until it is back")

    def _check_catalogue(self) -> None:
        fault = catalogue_fault(self._ledger.sequencer.state, self._catalogue.statuses())
        if fault:
            raise UnavailableError(f"{fault}; nothing is deleted until then")

    async def _shred_due(self, until_us: int) -> int:
        safe = await self._holding.safe(self._clock.utc_us())
        return await self._shred_all(
            "deadline", until_us, lambda state: due_keys(state, self._clock.utc_us(), MAX_KEYS, safe)
        )

    async def _shred_all(
        self, reason: str, until_us: int, choose: Callable[[LedgerState], list[DueKey]]
    ) -> int:
        total = 0
        while True:
            count = await self._ledger.run(lambda: self._shred(reason, choose))
            total += count
            if count < MAX_KEYS or self._clock.boot_us() >= until_us:
                return total

    def _shred(self, reason: str, choose: Callable[[LedgerState], list[DueKey]]) -> int:
        """Destroy the keys chosen, then enter it; in the ledger's thread, one batch."""
        state = self._ledger.sequencer.state
        keys = choose(state)
        if not keys:
            return 0
        self._keystore.destroy([shred_id(key.pool, key.index) for key in keys])
        items = [
            {
                "epoch": b64u(key.epochs[0] if key.epochs else NO_EPOCH),
                "index": key.index,
                "pool": b64u(key.pool),
            }
            for key in keys
        ]
        self._enter(items, reason)
        return len(keys)

    def _end_holds(self) -> int:
        """Destroy the pairs of full holds that are over, then enter it; in the ledger's thread."""
        holds = ended_holds(self._ledger.sequencer.state, self._clock.utc_us())[:MAX_KEYS]
        if holds:
            self._keystore.destroy([hold_key_id(hold) for hold in holds])
            self._enter([{"epoch": b64u(NO_EPOCH), "index": 0, "pool": b64u(hold)} for hold in holds], "hold")
        return len(holds)

    def _enter(self, items: list[dict[str, Any]], reason: str) -> None:
        network = self._ledger.sequencer.state.genesis.network
        body = {"items": items, "network": b64u(network), "reason": reason}
        (answer,) = self._ledger.sequencer.submit([sign_body(SHRED_TYPE, body, self._signing)])
        if isinstance(answer, CustodesError):
            raise answer

    async def _delete_shredded(self, until_us: int) -> Deleted:
        deleted = Deleted()
        while self._clock.boot_us() < until_us:
            epochs = await asyncio.to_thread(self._catalogue.epochs_with_status, "shredded", _EPOCHS_AT_ONCE)
            if not epochs:
                break
            # Before their rows, which name what is left to do.
            deleted += await self._views.after_epochs(epochs)
            deleted += await asyncio.to_thread(
                delete_epochs, self._store, self._catalogue, self._database, epochs
            )
        return deleted

    async def _trim_kept(self, until_us: int) -> tuple[Deleted, list[str]]:
        """Remove what lies outside the held slots of kept epochs; where a hold's slots are not known, nothing."""
        deleted, faults = Deleted(), set()
        for epoch in await asyncio.to_thread(self._catalogue.epochs_with_status, "kept", MAX_KEPT):
            if self._clock.boot_us() >= until_us:
                break
            holds = await self._ledger.ask(partial(_holds_of, epoch.epoch))
            try:
                deleted += await asyncio.to_thread(self._trim, epoch.epoch, holds)
                deleted += await self._views.after_epochs([epoch])
            except (NotFoundError, InvalidError, UnverifiedError) as error:
                faults.add(f"what is held is not known, all of it stays: {error}")
        return deleted, sorted(faults)

    def _trim(self, epoch: bytes, holds: Sequence[Hold]) -> Deleted:
        slots = self._slots_of(epoch, holds)
        return trim_epoch(self._store, self._catalogue, self._database, epoch, slots)

    def _slots_of(self, epoch: bytes, holds: Sequence[Hold]) -> set[int]:
        return {slot.slot for hold in holds for slot in self._holding.scope(hold) if slot.epoch == epoch}

    async def _delete_ended(self) -> None:
        ended = await self._ledger.ask(
            lambda state: {hold.id for hold in state.facts.holds.values() if hold.ended}
        )
        if ended:
            await asyncio.to_thread(self._holding.delete_ended, ended.__contains__)

    async def _make_room(self, until_us: int) -> tuple[int, Deleted, str]:
        free = await asyncio.to_thread(self._store.free_bytes)
        if not self._keep_free_bytes or free is None or free >= self._keep_free_bytes:
            self._no_room_until_us = 0
            return 0, Deleted(), ""
        if self._clock.boot_us() < self._no_room_until_us:
            return 0, Deleted(), _no_room(free, "deleting made no room: something else fills the volume")
        needed = self._keep_free_bytes - free
        keys = await self._ledger.run(lambda: self._shred("space", lambda state: self._oldest(state, needed)))
        if not keys:
            return 0, Deleted(), _no_room(free, "nothing older than a day is left that may go")
        deleted = await self._delete_shredded(until_us)
        after = await asyncio.to_thread(self._store.free_bytes) or 0
        _LOG.warning("made room before the deadline", keys=keys, freed_bytes=deleted.size_bytes)
        if after - free < deleted.size_bytes // 2:
            self._no_room_until_us = self._clock.boot_us() + WAIT_WITHOUT_ROOM_US
        return keys, deleted, ""

    def _oldest(self, state: LedgerState, needed_bytes: int) -> list[DueKey]:
        return keys_for_space(state, self._clock.utc_us(), self._size_of_epoch, needed_bytes, MAX_KEYS)

    def _size_of_epoch(self, epoch: bytes) -> int:
        return sum(reel.size_bytes for reel in self._catalogue.reels_of_epoch(epoch))

    async def _report(
        self, keys: int, deleted: Deleted, for_space: int, faults: Sequence[str]
    ) -> RetentionReport:
        now_us = self._clock.utc_us()
        left: Backlog = await self._ledger.ask(lambda state: backlog(state, now_us))
        lag_us = now_us - left.oldest_us if left.keys else 0
        alarms = [fault for fault in faults if fault]
        if lag_us > MAX_LAG_US:
            alarms.append(f"{left.keys} keys are due, the longest for {lag_us // MINUTE_US} minutes")
        alarms += await self._ledger.ask(lambda state: short_holds(state, now_us))
        return RetentionReport(keys, deleted, for_space, left.keys, lag_us, tuple(alarms))


class StepGuard:
    """Notices UTC stepped forward, after which everything could seem due, and waits for somebody to see it.

    A clock that is wrong from the start, or drifts, is not noticed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us = clock.utc_us() - clock.boot_us()
        self._wait_until_us = 0

    def check(self) -> None:
        """Errors: UnavailableError for half an hour after a step of more than 5 minutes."""
        boot_us = self._clock.boot_us()
        offset_us = self._clock.utc_us() - boot_us
        if offset_us > self._offset_us + STEP_US:
            self._wait_until_us = boot_us + WAIT_AFTER_STEP_US
        elif offset_us < self._offset_us - STEP_US:
            self._wait_until_us = 0
        self._offset_us = offset_us
        if boot_us < self._wait_until_us:
            left = (self._wait_until_us - boot_us) // MINUTE_US + 1
            raise UnavailableError(
                f"the clock was stepped forward: nothing is deleted for {left} minutes, unless it steps back"
            )


def shredded_ids(state: LedgerState) -> set[bytes]:
    """Ids in the key store of all keys that the ledger says are shredded, pairs of holds too."""
    keys = {
        shred_id(pool.id, index)
        for pool in state.facts.pools.values()
        for index, gone in enumerate(pool.shredded)
        if gone
    }
    return keys | {hold_key_id(hold.id) for hold in state.facts.holds.values() if hold.ended}


def _holds_of(epoch: bytes, state: LedgerState) -> list[Hold]:
    return state.holds_of(epoch)


def _no_room(free_bytes: int, why: str) -> str:
    return f"the store has only {free_bytes >> 20} MiB free: {why}"

"""Shred key pairs made ahead: seeds into the key store, public halves into a page and a Pool entry."""

from __future__ import annotations

import asyncio

import structlog

from custodes.adapters.keystore.store import KeyStore
from custodes.base.canon import b64u
from custodes.base.clock import HOUR_US
from custodes.base.ids import new_id
from custodes.base.keys import SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.base.sealing import SealingKey
from custodes.ledger import merkle
from custodes.ledger.rules.people import Periods
from custodes.ledger.rules.state import LedgerState
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.settings import pool_page, pool_path

POOL_ENTRY_TYPE = "custodes/entry/pool/v1"
POOL_KEYS = 256
AHEAD_US = 48 * HOUR_US
REHEARSAL_AHEAD_US = HOUR_US
_LOG = structlog.get_logger("pools")


def wanted_keys(streams: int, periods: Periods) -> int:
    """How many unused keys a recorder should have: for 48 hours of epochs, for one in a rehearsal."""
    epoch_us = periods.slot_us * periods.slots_per_epoch
    ahead_us = REHEARSAL_AHEAD_US if periods.rehearsal else AHEAD_US
    # An epoch after each start has fewer slots, and one made ready may go unused: a third more.
    return max(2 * streams, 4 * streams * -(-ahead_us // epoch_us) // 3)


class PoolMaker:
    """Tops a recorder's pools up."""

    def __init__(
        self, ledger: LedgerThread, store: ObjectStore, keystore: KeyStore, signing: SigningKey
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._keystore = keystore
        self._signing = signing

    async def top_up(self, recorder: bytes, streams: int) -> bool:
        """Make pools until there are enough keys; whether any was made."""
        missing = await self._ledger.ask(lambda state: _missing(state, recorder, streams))
        made = False
        while missing > 0:
            count = min(POOL_KEYS, max(missing, 16))
            await self._make(recorder, count)
            missing -= count
            made = True
        return made

    async def _make(self, recorder: bytes, count: int) -> None:
        network = await self._ledger.ask(lambda state: state.genesis.network)
        pool = new_id()
        keys = await asyncio.to_thread(self._store_keys, network, recorder, pool, count)
        body = {
            "count": count,
            "network": b64u(network),
            "pool": b64u(pool),
            "recorder": b64u(recorder),
            "root": b64u(merkle.root(keys)),
        }
        await self._ledger.submit(sign_body(POOL_ENTRY_TYPE, body, self._signing))
        _LOG.info("pool made", pool=pool.hex(), keys=count)

    def _store_keys(self, network: bytes, recorder: bytes, pool: bytes, count: int) -> list[bytes]:
        keys = [SealingKey.generate() for _ in range(count)]
        self._keystore.put_many([(shred_id(pool, index), key.seed()) for index, key in enumerate(keys)])
        publics = [key.public for key in keys]
        self._store.put(pool_path(pool), pool_page(network, recorder, pool, publics))
        return publics


def keys_ahead(state: LedgerState, recorder: bytes) -> int:
    """How many keys the recorder may still take: none that it has passed over, as after a long cut."""
    ahead, has_gone_on = 0, False
    for pool in reversed(state.pools_of(recorder)):
        if not (pool.begun_us and has_gone_on):
            ahead += pool.ahead
        has_gone_on = has_gone_on or bool(pool.begun_us)
    return ahead


def _missing(state: LedgerState, recorder: bytes, streams: int) -> int:
    return wanted_keys(streams, state.genesis.periods) - keys_ahead(state, recorder)

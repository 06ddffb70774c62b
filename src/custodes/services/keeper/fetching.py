"""The desk `fetch`: takes the shred key's wrap off for one custodian, for what an admitted purpose covers.

The keeper alone reads the key store. It sees each custodian's message only as sealed to that custodian.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from custodes.adapters.keystore.store import KeyStore
from custodes.base.canon import b64u, parse_canon, typed_hash
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import NotFoundError, RefusedError, UnverifiedError
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.base.sealing import SealingKey
from custodes.cases.bundle import file_path, open_file
from custodes.cases.fetch import Fetch, parse_fetch, seal_answer
from custodes.cases.scope import Scope, Slot
from custodes.custody.paths import share_set_path
from custodes.custody.share_set import parse_share_set, unwrap
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.holds import Hold
from custodes.ledger.rules.state import LedgerState
from custodes.services.case_index import CaseIndex
from custodes.services.keeper.holding import Held, Holding, held_messages
from custodes.services.keeper.ledger_thread import LedgerThread

UNWRAP_TYPE = "custodes/entry/unwrap/v1"
CLOCK_TOLERANCE_US = 300 * SECOND_US


def shred_id(pool: bytes, index: int) -> bytes:
    """Under which id the key store holds a pool's key. Shape: 16 bytes."""
    return typed_hash("custodes/shred-key/v1", pool, index.to_bytes(2, "big"))[:16]


@dataclass(frozen=True)
class _Wanted:
    """An epoch that is fetched, and what its custodian took out of it for holds that are not over."""

    epoch: Epoch
    held: tuple[Held, ...]


class Fetching:
    """Answers Fetches, each with an Unwrap entry before it."""

    def __init__(
        self,
        ledger: LedgerThread,
        store: ObjectStore,
        keystore: KeyStore,
        cases: CaseIndex,
        holding: Holding,
        signing: SigningKey,
        sealing: SealingKey,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._keystore = keystore
        self._cases = cases
        self._holding = holding
        self._signing = signing
        self._sealing = sealing
        self._clock = clock

    async def desk(self, question: bytes) -> bytes:
        """A signed Fetch; the answer sealed to its transport key."""
        signed = Signed.from_json(parse_canon(question))
        fetch = parse_fetch(signed)
        if abs(self._clock.utc_us() - fetch.made_us) > CLOCK_TOLERANCE_US:
            raise RefusedError("the fetch was made over 5 minutes ago or ahead, by the keeper's clock")
        identity = await self._ledger.ask(lambda state: _identity(state, fetch))
        signed.check_signed_by([identity])
        asked = await self._asked(fetch)
        now_us = self._clock.utc_us()
        wanted = await self._ledger.ask(lambda state: _wanted(state, fetch, identity, now_us))
        await self._ledger.submit(self._unwrap_entry(signed, fetch))
        return await asyncio.to_thread(self._answer, signed, wanted, asked)

    async def _asked(self, fetch: Fetch) -> Scope:
        """The slots that the purpose names. Errors: RefusedError when it does not cover the epochs."""
        if fetch.purpose_kind == "hold":
            hold = await self._ledger.ask(lambda state: _hold_covering(state, fetch))
            return await asyncio.to_thread(self._holding.scope, hold)
        return await asyncio.to_thread(self._asked_by_request, fetch)

    def _asked_by_request(self, fetch: Fetch) -> Scope:
        case = self._cases.case_of(fetch.purpose)
        sealed = self._store.get(file_path(case, fetch.purpose, self._sealing.id))
        file, _ = open_file(sealed, self._sealing, fetch.purpose)
        if not set(fetch.epochs) <= set(file.whole.epoch_ids):
            raise RefusedError("the fetch names an epoch that the request does not")
        return file.whole

    def _unwrap_entry(self, signed: Signed, fetch: Fetch) -> Signed:
        body = {
            "count": len(fetch.epochs),
            "custodian": fetch.custodian,
            "fetch": b64u(signed.statement_hash()),
            "network": b64u(fetch.network),
            "purpose": {"hash": b64u(fetch.purpose), "kind": fetch.purpose_kind},
        }
        return sign_body(UNWRAP_TYPE, body, self._signing)

    def _answer(self, signed: Signed, wanted: list[_Wanted], asked: Scope) -> bytes:
        custodian = parse_fetch(signed).custodian
        messages = {one.epoch.id: self._message(one, custodian, asked) for one in wanted}
        return seal_answer(signed, {epoch: message for epoch, message in messages.items() if message})

    def _message(self, wanted: _Wanted, custodian: int, asked: Scope) -> bytes:
        """The custodian's message of an epoch; where its key is shredded what was taken out, or nothing."""
        epoch = wanted.epoch
        try:
            seed = self._keystore.get(shred_id(epoch.pool, epoch.key_index))
        except NotFoundError:
            return self._taken_out(wanted, asked)
        share_set = parse_share_set(self._store.get(share_set_path(epoch.stream, epoch.utc0_us, epoch.id)))
        return unwrap(share_set, SealingKey(seed)).get(custodian, b"")

    def _taken_out(self, wanted: _Wanted, asked: Scope) -> bytes:
        """Of several holds the one that has most of the slots asked for."""
        slots = {slot for slot in asked if slot.epoch == wanted.epoch.id}
        found = max(wanted.held, key=lambda held: self._overlap(held, slots), default=None)
        return self._holding.message(found) if found is not None else b""

    def _overlap(self, held: Held, slots: set[Slot]) -> int:
        try:
            return len(slots.intersection(self._holding.scope(held.hold)))
        except (NotFoundError, UnverifiedError):
            return 0


def _identity(state: LedgerState, fetch: Fetch) -> bytes:
    if fetch.network != state.genesis.network:
        raise RefusedError("the fetch is of another network")
    identity = state.roster.identities.get(fetch.custodian)
    if identity is None:
        raise RefusedError(f"the roster has no custodian {fetch.custodian}")
    return identity


def _hold_covering(state: LedgerState, fetch: Fetch) -> Hold:
    hold = state.facts.hold_of_statement.get(fetch.purpose)
    if hold is None or hold.kind != "full" or not set(fetch.epochs) <= set(hold.epochs):
        raise RefusedError("there is no such full hold, or the fetch names an epoch that it does not")
    return hold


def _wanted(state: LedgerState, fetch: Fetch, identity: bytes, now_us: int) -> list[_Wanted]:
    live = state.facts.epochs.live
    return [
        _Wanted(live[epoch], tuple(held_messages(state, epoch, identity, now_us)))
        for epoch in fetch.epochs
        if epoch in live
    ]

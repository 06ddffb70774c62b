"""Full holds: made for staff from a decided case, and the messages that custodians take out for them.

The keeper wraps each message to the hold's own pair and sees it only as sealed to its custodian. One thing at a
time: a message lies in the store before its HoldShare is admitted, and no second one comes between.
Source: docs/formats/holds.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from custodes.adapters.keystore.store import KeyStore
from custodes.base.canon import b64u, canon, unb64u
from custodes.base.clock import DAY_US, Clock
from custodes.base.errors import InvalidError, NotFoundError, RefusedError, UnverifiedError
from custodes.base.ids import HASH_BYTES, new_id
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.bundle import file_path, open_file, open_opening, opening_path
from custodes.cases.decision import Decision, granted_together, parse_decision
from custodes.cases.hold import (
    HOLD_TYPE,
    HOLD_WISH_TYPE,
    HOLDS_FOLDER,
    MAX_HELD_BYTES,
    HeldPlace,
    HoldScope,
    held_hash,
    hold_key_id,
    hold_scope_path,
    open_hold_scope,
    unwrap_held,
    wrap_held,
)
from custodes.cases.request import RequestFile
from custodes.cases.scope import Scope, scope_of
from custodes.ledger.entries.bodies import BODIES
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.holds import Hold, is_taken
from custodes.ledger.rules.people import Staff
from custodes.ledger.rules.requests import Request
from custodes.ledger.rules.state import LedgerState
from custodes.services.case_index import CaseIndex
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.parcels import Parcel
from custodes.services.staff import asked_by_staff

SHORT_AFTER_US = 5 * DAY_US
_LOG = structlog.get_logger("holds")


@dataclass(frozen=True, slots=True)
class Held:
    """A message that is kept for a hold: where, and its hash as the ledger states it."""

    hold: Hold
    place: HeldPlace
    message: bytes


@dataclass(frozen=True)
class _Case:
    """What the ledger says of the request that a hold is to rest on."""

    request: Request
    decisions: tuple[int, ...]
    openable: frozenset[bytes]
    readers: tuple[bytes, ...]


class Holding:
    """Makes full holds, keeps what is taken out for them and gives it back, and says which epochs are safe."""

    def __init__(
        self,
        ledger: LedgerThread,
        store: ObjectStore,
        keystore: KeyStore,
        cases: CaseIndex,
        entry: Callable[[int], bytes],
        signing: SigningKey,
        sealing: SealingKey,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._keystore = keystore
        self._cases = cases
        self._entry = entry
        self._signing = signing
        self._sealing = sealing
        self._clock = clock
        self._lock = asyncio.Lock()
        self._scopes: dict[bytes, Scope] = {}

    # --- making ----------------------------------------------------------------------------------------

    async def desk(self, question: bytes) -> bytes:
        """Staff's wish for a full hold of what a request's custodians granted; the hold that was entered."""
        async with self._lock:
            now_us = self._clock.utc_us()
            wish, staff = await self._ledger.ask(
                lambda state: asked_by_staff(question, HOLD_WISH_TYPE, state, now_us, "keeper")
            )
            q = unb64u(wish.get("request", ""), HASH_BYTES)
            until_us = wish.get("until_us")
            if not isinstance(until_us, int):
                raise InvalidError("a wish for a hold says until when, in microseconds")
            case = await self._ledger.ask(lambda state: _case(state, q, staff, now_us))
            file, scope = await asyncio.to_thread(self._granted, case)
            kept = HoldScope(new_id() + new_id(), scope)
            hold = new_id()
            await asyncio.to_thread(self._store_scope, kept, hold, file, case.readers)
            body = {
                **kept.entry_members(),
                "hold": b64u(hold),
                "kind": "full",
                "network": b64u(file.network),
                "request": b64u(q),
                "until_us": until_us,
            }
            index = await self._ledger.submit(sign_body(HOLD_TYPE, body, self._signing))
            _LOG.info("full hold", hold=hold.hex(), slots=scope.count, epochs=len(scope.epochs))
            return canon({"count": scope.count, "hold": b64u(hold), "index": index})

    def _granted(self, case: _Case) -> tuple[RequestFile, Scope]:
        """What so many decisions grant as the request needs, of epochs that can still be opened."""
        q = case.request.hash
        folder = self._cases.case_of(q)
        file, _ = open_file(self._store.get(file_path(folder, q, self._sealing.id)), self._sealing, q)
        file.check_entry(parse_entry(self._entry(case.request.index)).statement.signed.body)
        decisions = [
            parse_decision(parse_entry(self._entry(index)).statement.signed.body) for index in case.decisions
        ]
        scopes = [scope for one in decisions if (scope := self._opened(file, one)) is not None]
        granted = scope_of(slot for slot in granted_together(file, scopes) if slot.epoch in case.openable)
        if not granted.count:
            raise RefusedError("no slot that can still be opened was granted by as many as the request needs")
        return file, granted

    def _opened(self, file: RequestFile, decision: Decision) -> Scope | None:
        path = opening_path(file.case, file.hash, decision.custodian, self._sealing.id)
        try:
            opening = open_opening(self._store.get(path), file.hash, decision.custodian, self._sealing)
            decision.check_opening(file, opening)
        except (NotFoundError, UnverifiedError):
            return None
        return opening.scope

    def _store_scope(self, kept: HoldScope, hold: bytes, file: RequestFile, readers: Sequence[bytes]) -> None:
        for key in map(PublicSealingKey, readers):
            path = hold_scope_path(file.case, file.hash, key.id)
            # One of a wish that was refused or broken off; a request that had its hold does not come here.
            self._store.delete(path)
            self._store.put(path, kept.seal(hold, key))

    # --- taking and giving back ------------------------------------------------------------------------

    async def take_share(self, parcel: Parcel) -> int:
        """Keep a held message and enter its HoldShare; the entry's index.

        Errors: the rule that refuses it; InvalidError, RefusedError when another message comes with it.
        """
        statement = parcel.statement
        body = BODIES[statement.type][1](statement.body)
        async with self._lock:
            place = await self._ledger.ask(
                lambda state: _place_of(state, statement, body, self._clock.utc_us())
            )
            if place is not None:
                message = parcel.attachments.get(place.path, b"")
                if len(parcel.attachments) != 1 or held_hash(message) != body["message"]:
                    raise RefusedError("a HoldShare comes with exactly the message that it names")
                if len(message) > MAX_HELD_BYTES:
                    raise InvalidError(f"a held message has at most {MAX_HELD_BYTES} bytes")
                await asyncio.to_thread(self._keep, place, message)
            # Where there is no place for it the ledger's own rules say why.
            return await self._ledger.submit(statement)

    def message(self, held: Held) -> bytes:
        """A held message, still sealed to its custodian. Blocks.

        Errors: NotFoundError when it or the hold's pair is gone; UnverifiedError.
        """
        pair = SealingKey(self._keystore.get(hold_key_id(held.place.hold)))
        return unwrap_held(self._store.get(held.place.path), held.place, held.message, pair)

    def _keep(self, place: HeldPlace, message: bytes) -> None:
        pair = self._pair(place.hold)
        try:
            unwrap_held(self._store.get(place.path), place, held_hash(message), pair)
        except NotFoundError:
            pass
        except UnverifiedError:
            # Another message, of an attempt that was never entered.
            self._store.delete(place.path)
        else:
            return
        self._store.put(place.path, wrap_held(message, place, pair))

    def _pair(self, hold: bytes) -> SealingKey:
        """The hold's pair, made before the first message. Errors: ConflictError once it is destroyed."""
        id_ = hold_key_id(hold)
        try:
            return SealingKey(self._keystore.get(id_))
        except NotFoundError:
            pair = SealingKey.generate()
            self._keystore.put_many([(id_, pair.seed())])
            return pair

    # --- what retention asks ---------------------------------------------------------------------------

    async def safe(self, now_us: int) -> frozenset[tuple[bytes, bytes]]:
        """(hold, epoch) of which a quorum's messages lie in the store, each opened up to its custodian's seal.

        Only epochs whose deadline is past are looked at.
        """
        waiting = await self._ledger.ask(lambda state: _waiting(state, now_us))
        return await asyncio.to_thread(self._check_all, waiting)

    def _check_all(self, waiting: Sequence[tuple[int, Sequence[Held]]]) -> frozenset[tuple[bytes, bytes]]:
        safe = set()
        for quorum, messages in waiting:
            if sum(self._is_whole(held) for held in messages) >= quorum:
                safe.add((messages[0].place.hold, messages[0].place.epoch))
        return frozenset(safe)

    def _is_whole(self, held: Held) -> bool:
        try:
            self.message(held)
        except (NotFoundError, UnverifiedError) as error:
            _LOG.error("a held message is lost", path=held.place.path, reason=str(error))
            return False
        return True

    def scope(self, hold: Hold) -> Scope:
        """The slots of a full hold. Blocks. Errors: NotFoundError, UnverifiedError."""
        if hold.id not in self._scopes:
            case = self._cases.case_of(hold.request)
            sealed = self._store.get(hold_scope_path(case, hold.request, self._sealing.id))
            found = open_hold_scope(sealed, hold.id, self._sealing)
            found.check(hold.commitment, hold.epochs)
            self._scopes[hold.id] = found.scope
        return self._scopes[hold.id]

    def delete_ended(self, ended: Callable[[bytes], bool]) -> int:
        """Remove the messages of holds whose pair is destroyed; how many. Blocks."""
        paths = [path for path in self._store.list(HOLDS_FOLDER) if _is_of(path, ended)]
        for path in paths:
            self._store.delete(path)
        return len(paths)


def held_messages(state: LedgerState, epoch: bytes, identity: bytes, now_us: int) -> list[Held]:
    """What a custodian took out of an epoch, for holds that are not over, of the one that ends last first."""
    return [
        _held(hold, state.facts.epochs.live[epoch], identity)
        for hold in state.holds_of(epoch)
        if hold.full_at(now_us) and identity in hold.shares_of(epoch)
    ]


def short_holds(state: LedgerState, now_us: int) -> list[str]:
    """Alarms of holds for which, some days after they began, too few custodians have taken their shares out."""
    alarms = []
    for hold in state.facts.holds.values():
        patience_us = min(SHORT_AFTER_US, (hold.until_us - hold.admitted_us) // 2)
        if not hold.full_at(now_us) or now_us < hold.admitted_us + patience_us:
            continue
        live = state.facts.epochs.live
        short = [live[epoch] for epoch in hold.epochs if epoch in live and not is_taken(hold, live[epoch])]
        if short:
            fewest = min(len(hold.shares_of(epoch.id)) for epoch in short)
            alarms.append(
                f"hold {hold.id.hex()}: of {len(short)} of its {len(hold.epochs)} epochs too few custodians have"
                f" taken their shares out, of one only {fewest} of {short[0].quorum}; when their weekly keys are"
                " destroyed, what is held is lost"
            )
    return alarms


def _case(state: LedgerState, q: bytes, staff: Staff, now_us: int) -> _Case:
    request = state.request(q)
    signers = {state.staff(key).key for key in request.staff}
    if staff.role != "supervisor" and staff.key not in signers:
        raise RefusedError("a supervisor asks for a full hold, or one of those who signed the request")
    if q in state.facts.requests_held:
        raise RefusedError("the request has had its hold; a further one needs a request of its own")
    certs = state.custodian_keys(now_us).values()
    return _Case(
        request=request,
        decisions=tuple(decision.index for decision in request.granting),
        openable=frozenset(epoch.id for epoch in state.facts.epochs.live.values() if not epoch.gone),
        readers=(*(cert.key for cert in certs), state.roster.keeper.sealing),
    )


def _place_of(state: LedgerState, statement: Signed, body: dict[str, Any], now_us: int) -> HeldPlace | None:
    """Where the message of a HoldShare goes; None where the rules would refuse it.

    Errors: UnverifiedError when the custodian has not signed it.
    """
    identity = state.roster.identities.get(body["custodian"])
    hold = state.facts.holds.get(body["hold"])
    if identity is None or hold is None or not hold.full_at(now_us):
        return None
    statement.check_signed_by([identity])
    live = state.facts.epochs.live
    for id_ in hold.epochs:
        if id_ in live and live[id_].header_hash == body["header"]:
            stated = hold.shares_of(id_).get(identity)
            is_other = stated is not None and stated.message != body["message"]
            if is_other or identity not in live[id_].sealed_to:
                return None
            return HeldPlace(hold.id, body["custodian"], id_, body["header"])
    return None


def _waiting(state: LedgerState, now_us: int) -> list[tuple[int, list[Held]]]:
    found = []
    for id_, holds in state.facts.full_holds.items():
        epoch = state.facts.epochs.live[id_]
        if epoch.shredded or epoch.deadline_us > now_us:
            continue
        for hold in holds:
            if hold.full_at(now_us) and is_taken(hold, epoch):
                found.append((epoch.quorum, [_held(hold, epoch, one) for one in hold.shares_of(id_)]))
    return found


def _held(hold: Hold, epoch: Epoch, identity: bytes) -> Held:
    share = hold.shares_of(epoch.id)[identity]
    return Held(hold, HeldPlace(hold.id, share.custodian, epoch.id, epoch.header_hash), share.message)


def _is_of(path: str, ended: Callable[[bytes], bool]) -> bool:
    try:
        return ended(bytes.fromhex(path.split("/")[1]))
    except ValueError:
        return False  # nobody's; `custodes check` names it

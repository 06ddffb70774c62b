"""A custodian's part in full holds: take the held slots' shares out, to a key of the hold alone.

Source: docs/formats/holds.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custodes.base.errors import CustodesError, RefusedError
from custodes.base.keys import sign_body
from custodes.cases.hold import HOLD_SHARE_TYPE, HeldPlace, seal_held
from custodes.cases.scope import EpochSlots, Scope
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.holds import Hold
from custodes.services.custodian import CustodianClient
from custodes.services.custodian_checks import decision_at, header_of, note_of
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, parcels_bytes, parse_answers

PARCELS_AT_ONCE = 16


@dataclass(frozen=True)
class ShownHold:
    """A full hold as a custodian sees it. `mine` of `epochs` has this custodian taken its shares of.

    `fewest`: how many custodians have taken out theirs of the epoch that has fewest, of `quorum`.
    """

    hold: bytes
    request: bytes
    until_us: int
    epochs: int
    mine: int
    fewest: int
    quorum: int


class HoldingClient(CustodianClient):
    """A custodian's client that also takes shares out for holds."""

    async def holds(self) -> list[ShownHold]:
        """Full holds that are not over and name an epoch sealed to this custodian, in ledger order."""
        view, _ = await self._view()
        now_us = self.clock.utc_us()
        found = [hold for hold in view.state.facts.holds.values() if hold.full_at(now_us)]
        return [shown for hold in found if (shown := self._shown_hold(view, hold)) is not None]

    async def hold(self, id_: bytes) -> int:
        """Take the shares out that are not taken yet; of how many slots.

        Errors: NotFoundError; RefusedError when the hold is over, or keeps what too few have granted, or nothing
        is left to be taken; UnverifiedError.
        """
        view, index = await self._view()
        hold = view.state.hold(id_)
        if not hold.full_at(self.clock.utc_us()):
            raise RefusedError("it is no full hold, or it is over")
        scope = await self._checked_scope(view, hold)
        mine = {epoch.id: epoch for epoch in self._sealed_to_me(view, hold)}
        identity = self.folder.identity.public
        items = [
            item for item in scope.epochs if item.epoch in mine and identity not in hold.shares_of(item.epoch)
        ]
        if not items:
            raise RefusedError(
                "your shares are taken out already, or none of the held minutes is sealed to you"
            )
        epochs = tuple(item.epoch for item in items)
        messages = await self._messages(view, index, "hold", hold.statement, epochs)
        parcels = [self._parcel(view, index, hold, item, messages[item.epoch]) for item in items]
        for start in range(0, len(parcels), PARCELS_AT_ONCE):
            await self._hand_in(parcels[start : start + PARCELS_AT_ONCE])
        await self._cosign(view, note_of(view), index)
        return sum(len(item.slots) for item in items)

    async def _checked_scope(self, view: LedgerView, hold: Hold) -> Scope:
        """The hold's slots, each of which as many decisions granted as its request needs."""
        request = view.state.request(hold.request)
        case, file = await self._file(view, request)
        scope = await self._scope_of_hold(view, hold)
        granting = [decision_at(view, decision.index) for decision in request.granting]
        granted = await self._granted_together(case, file, granting)
        if not set(scope) <= set(granted):
            raise RefusedError("the hold keeps a slot that too few custodians have granted")
        return scope

    def _parcel(self, view: LedgerView, index: int, hold: Hold, item: EpochSlots, message: bytes) -> Parcel:
        shares = self._shares(view, index, item, message)
        place = HeldPlace(hold.id, index, item.epoch, header_of(view, item.epoch).hash)
        # Durable in the folder before anything is sealed to it.
        held = seal_held(shares, place, self.folder.make_hold_key(hold.id, hold.until_us))
        body = place.entry_body(self.folder.network, held)
        return Parcel(sign_body(HOLD_SHARE_TYPE, body, self.folder.identity), {place.path: held})

    async def _hand_in(self, parcels: Sequence[Parcel]) -> None:
        """Errors: the first refusal, once all were handed in: what was entered stays so."""
        data = await self.office.ask("keeper", "submit", parcels_bytes(parcels))
        for answer in parse_answers(data, len(parcels)):
            if isinstance(answer, CustodesError):
                raise answer

    def _sealed_to_me(self, view: LedgerView, hold: Hold) -> list[Epoch]:
        live = view.state.facts.epochs.live
        identity = self.folder.identity.public
        return [live[epoch] for epoch in hold.epochs if epoch in live and identity in live[epoch].sealed_to]

    def _shown_hold(self, view: LedgerView, hold: Hold) -> ShownHold | None:
        epochs = self._sealed_to_me(view, hold)
        if not epochs:
            return None
        identity = self.folder.identity.public
        return ShownHold(
            hold=hold.id,
            request=hold.request,
            until_us=hold.until_us,
            epochs=len(epochs),
            mine=sum(identity in hold.shares_of(epoch.id) for epoch in epochs),
            fewest=min(len(hold.shares_of(epoch.id)) for epoch in epochs),
            quorum=epochs[0].quorum,
        )

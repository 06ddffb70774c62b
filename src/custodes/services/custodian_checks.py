"""What a custodian's client checks before it signs, and how it comes by its shares.

It trusts the network's id and its own folder; the keeper, the discloser and whatever carries their objects may lie.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.base.canon import canon
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import NotFoundError, RefusedError, UnverifiedError
from custodes.base.ids import ID_BYTES
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.bundle import Opening, file_path, open_file, open_opening, opening_path
from custodes.cases.decision import Decision, granted_together, parse_decision
from custodes.cases.fetch import Fetch, open_answer, sign_fetch
from custodes.cases.hold import HeldPlace, held_hash, hold_scope_path, open_held, open_hold_scope
from custodes.cases.release import ReleasedShare, build_set
from custodes.cases.request import RequestFile
from custodes.cases.scope import EpochSlots, Scope, Slot
from custodes.custody.header import Header
from custodes.custody.share_set import open_message
from custodes.ledger.checkpoint import SignedCheckpoint, cosign, custodian_name
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.holds import Hold
from custodes.ledger.rules.requests import Request
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.ledger_view import LedgerView, ReadObject
from custodes.services.office import Office

_GONE = "nothing opens it any more"


@dataclass
class CheckingClient:
    """The folder, the ways to the network, and the checks. Each stops at the first that fails, with the reason."""

    folder: CustodianFolder
    office: Office
    read: ReadObject
    clock: Clock

    # --- checks ----------------------------------------------------------------------------------------

    async def _view(self) -> tuple[LedgerView, int]:
        """The ledger, fresh and consistent with the largest checkpoint seen; and the own index."""
        kept = LedgerSnapshot(self.folder.path / "ledger", self.folder.network, self.folder.identity)
        view = LedgerView(self.folder.network, self.read, snapshot=kept)
        await asyncio.to_thread(view.refresh)
        seen = self.folder.seen
        view.check_seen(seen.checkpoint_size, seen.checkpoint_root)
        view.check_fresh(self.clock.utc_us())
        identity = self.folder.identity.public
        for index, listed in view.state.roster.identities.items():
            if listed == identity:
                self._check_own_keys(view, index)
                # The clock was just compared with the ledger's, so that none is destroyed before its time.
                self.folder.destroy_ended_holds(self.clock.utc_us())
                self.folder.remember_checkpoint(note_of(view).checkpoint)
                return view, index
        raise RefusedError("this custodian is not in the roster in force")

    def _check_own_keys(self, view: LedgerView, index: int) -> None:
        for cert in view.state.key_certs(index):
            if cert.id not in self.folder.key_ids():
                raise UnverifiedError(f"the ledger lists a key {cert.id.hex()} for you that is not yours")

    def _check_open(self, request: Request) -> None:
        if not request.open_at(self.clock.utc_us()):
            raise RefusedError("the request has expired or was withdrawn")

    def _check_quorum(self, view: LedgerView, request: Request) -> None:
        identity = self.folder.identity.public
        if not request.quorums(identity, view.state.roster.installed_clients):
            raise RefusedError(
                f"{len(request.granting)} granting decisions of {request.decisions_needed} that are needed,"
                " your own among them; shares leave only then"
            )

    async def _file(self, view: LedgerView, request: Request) -> tuple[bytes, RequestFile]:
        """The request file, opened with whichever of the own keys it is sealed to, and checked."""
        case = await self._case(request.hash)
        for key in self._live_keys():
            try:
                sealed = await asyncio.to_thread(self.read, file_path(case, request.hash, key.id))
            except NotFoundError:
                continue
            file, entry = open_file(sealed, key, request.hash)
            ledger_entry = parse_entry(view.entries[request.index]).statement.signed
            if entry != ledger_entry:
                raise UnverifiedError("the request's bundle is not what was entered in the ledger")
            file.check_roster(view.state.roster_of(file.roster))
            if case != file.case:
                raise UnverifiedError("the request lies in another case's folder")
            return case, file
        raise NotFoundError("the request is sealed to none of your keys that are left")

    async def _granted_together(self, case: bytes, file: RequestFile, granting: Iterable[Decision]) -> Scope:
        """The slots that as many of the decisions grant as the request needs; false openings grant nothing."""
        openings = [await self._opening(case, file, decision) for decision in granting]
        return granted_together(file, [opening.scope for opening in openings if opening is not None])

    async def _case(self, request: bytes) -> bytes:
        case = await self.office.ask("keeper", "case", request)
        if len(case) != ID_BYTES:
            raise UnverifiedError("the keeper does not say where the request lies")
        return case

    async def _opening(self, case: bytes, file: RequestFile, decision: Decision) -> Opening | None:
        """Another's opening, None where it is missing or false: it then counts as no grant."""
        for key in self._live_keys():
            path = opening_path(case, file.hash, decision.custodian, key.id)
            try:
                sealed = await asyncio.to_thread(self.read, path)
                opening = open_opening(sealed, file.hash, decision.custodian, key)
                decision.check_opening(file, opening)
            except NotFoundError:
                continue
            except UnverifiedError:
                return None
            return opening
        return None

    # --- shares ----------------------------------------------------------------------------------------

    async def _fetch(
        self, view: LedgerView, index: int, file: RequestFile, scope: Scope | None = None
    ) -> tuple[ReleasedShare, ...]:
        """The own shares of the slots asked for, each checked against the header's root, in order of scope."""
        wanted = file.whole if scope is None else scope
        for item in wanted.epochs:
            await self._check_in_time(view, item)
        messages = await self._messages(view, index, "request", file.hash, wanted.epoch_ids)
        return tuple(
            share for item in wanted.epochs for share in self._shares(view, index, item, messages[item.epoch])
        )

    async def _messages(
        self, view: LedgerView, index: int, kind: str, purpose: bytes, epochs: tuple[bytes, ...]
    ) -> Mapping[bytes, bytes]:
        """The own message of each epoch, as the keeper gives them out for that purpose."""
        transport = SealingKey.generate()
        fetch = Fetch(
            network=self.folder.network,
            custodian=index,
            epochs=epochs,
            made_us=self.clock.utc_us(),
            nonce=os.urandom(ID_BYTES),
            purpose_kind=kind,
            purpose=purpose,
            transport=transport.public,
        )
        signed = sign_fetch(fetch, self.folder.identity)
        answer = await self.office.ask("keeper", "fetch", canon(signed.to_json()))
        return open_answer(answer, signed, transport)

    def _shares(
        self, view: LedgerView, index: int, item: EpochSlots, message: bytes
    ) -> tuple[ReleasedShare, ...]:
        """Shares of an epoch with their paths, from its own message or from one taken out for a hold.

        Errors: RefusedError where nothing opens a slot any more; UnverifiedError.
        """
        if not message:
            raise RefusedError(f"the key of epoch {item.epoch.hex()} is destroyed: nothing opens it any more")
        header = header_of(view, item.epoch)
        held = self._taken_out(view, item.epoch, message)
        if held is None:
            key = self.folder.sealing_key(header.of(index).key)
            shares = {item.epoch: open_message(header, index, message, key)}
            return build_set(Scope((item,)), index, {item.epoch: header}, shares)
        kept = {
            share.slot: share for share in open_held(message, held, header, self.folder.hold_key(held.hold))
        }
        lacking = [slot for slot in item.slots if slot not in kept]
        if lacking:
            raise RefusedError(f"slot {lacking[0]} of epoch {item.epoch.hex()} was not held: {_GONE}")
        return tuple(kept[slot] for slot in item.slots)

    def _taken_out(self, view: LedgerView, epoch: bytes, message: bytes) -> HeldPlace | None:
        """Where the ledger says that this custodian took this message out, None for one of a share set."""
        for hold in view.state.holds_of(epoch):
            share = hold.shares_of(epoch).get(self.folder.identity.public)
            if share is not None and share.message == held_hash(message):
                return HeldPlace(hold.id, share.custodian, epoch, header_of(view, epoch).hash)
        return None

    async def _check_in_time(self, view: LedgerView, item: EpochSlots) -> None:
        """Past an epoch's deadline only what is held may be opened, and of a full hold only its slots.

        Errors: RefusedError.
        """
        epoch = view.state.epoch(item.epoch)
        now_us = self.clock.utc_us()
        if now_us <= epoch.deadline_us:
            return
        holds = [
            hold
            for hold in view.state.facts.holds.values()
            if now_us <= hold.until_us and item.epoch in hold.epochs
        ]
        if not holds:
            raise RefusedError(f"epoch {item.epoch.hex()} is past its deadline")
        if epoch.shredded or any(hold.kind == "provisional" for hold in holds):
            # Of what is shredded only what was taken out is left; the slots of a provisional hold nobody is told.
            return
        held = {slot for hold in holds for slot in await self._scope_of_hold(view, hold)}
        for slot in item.slots:
            if Slot(item.stream, item.epoch, slot) not in held:
                raise RefusedError(
                    f"slot {slot} of epoch {item.epoch.hex()} is past its deadline and not held"
                )

    async def _scope_of_hold(self, view: LedgerView, hold: Hold) -> Scope:
        """The slots of a full hold, opened with whichever of the own keys they are sealed to, and checked."""
        case = await self._case(hold.request)
        for key in self._live_keys():
            try:
                sealed = await asyncio.to_thread(self.read, hold_scope_path(case, hold.request, key.id))
            except NotFoundError:
                continue
            found = open_hold_scope(sealed, hold.id, key)
            found.check(hold.commitment, hold.epochs)
            return found.scope
        raise NotFoundError(f"the scope of hold {hold.id.hex()} is sealed to none of your keys that are left")

    # --- others ----------------------------------------------------------------------------------------

    def _live_keys(self) -> Iterable[SealingKey]:
        for id_ in self.folder.key_ids():
            try:
                yield self.folder.sealing_key(id_)
            except NotFoundError:
                continue  # destroyed when its time had come

    def _readers(self, view: LedgerView) -> list[PublicSealingKey]:
        """Who reads a decision's opening: every custodian, the discloser, the keeper."""
        certs = view.state.custodian_keys(self.clock.utc_us()).values()
        roster = view.state.roster
        publics = [cert.key for cert in certs] + [roster.discloser.sealing, roster.keeper.sealing]
        return [PublicSealingKey(public) for public in publics]

    async def _cosign(self, view: LedgerView, note: SignedCheckpoint, index: int) -> None:
        name = custodian_name(view.state.genesis.origin, index)
        line = cosign(note.checkpoint, name, self.folder.identity, self.clock.utc_us() // SECOND_US)
        await self.office.ask("keeper", "cosign", note.with_signature(line).encode())


def decision_at(view: LedgerView, index: int) -> Decision:
    """A Decision by its place in the ledger."""
    return parse_decision(parse_entry(view.entries[index]).statement.signed.body)


def header_of(view: LedgerView, epoch: bytes) -> Header:
    """The header in an epoch's entry. Errors: NotFoundError."""
    body = parse_entry(view.entries[view.state.epoch(epoch).index]).statement.signed.body
    return Header.from_json(body["header"])


def note_of(view: LedgerView) -> SignedCheckpoint:
    """The checkpoint that was read. Errors: UnverifiedError."""
    if view.note is None:
        raise UnverifiedError("no checkpoint was read")
    return view.note

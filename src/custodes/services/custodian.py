"""A custodian's side of opening: check everything, then decide; check again, then release.

Runs on the custodian's own device. It trusts the network's id and its own folder; the keeper, the discloser and
whatever carries their objects may lie.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.adapters.durable_file import replace_file
from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import NotFoundError, RefusedError, UnverifiedError
from custodes.base.ids import ID_BYTES
from custodes.base.keys import sign_body
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.bundle import (
    Opening,
    file_path,
    open_file,
    open_opening,
    opening_path,
    release_path,
    seal_opening,
)
from custodes.cases.decision import (
    DECISION_TYPE,
    Client,
    Decision,
    decide,
    granted_together,
    parse_decision,
)
from custodes.cases.fetch import Fetch, open_answer, sign_fetch
from custodes.cases.release import RELEASE_TYPE, build_set, decisions_hash, seal_release
from custodes.cases.request import RequestFile
from custodes.cases.scope import Scope
from custodes.custody.header import Header
from custodes.custody.share_set import open_message
from custodes.ledger.checkpoint import SignedCheckpoint, cosign, custodian_name
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.requests import Request
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.ledger_view import LedgerView, ReadObject
from custodes.services.office import Office
from custodes.services.parcels import Parcel, parcel_bytes, submit

KEY_CERT_TYPE = "custodes/entry/key-cert/v1"
DESTROYED_TYPE = "custodes/entry/destroyed/v1"
AHEAD_KEYS = 5


@dataclass(frozen=True)
class ShownRequest:
    """A request as a custodian sees it, all of it checked.

    `starts_us`: when each slot of `file.whole` begins, by the recorder's UTC, 0 for one whose key is destroyed.
    `decided`: the own verdict so far, or "".
    """

    request: bytes
    case: bytes
    file: RequestFile
    starts_us: tuple[int, ...]
    decided: str
    granting: int
    released: bool
    disclosed: bool


@dataclass
class CustodianClient:
    """Acts for one custodian. Every method stops at the first check that fails, with the reason."""

    folder: CustodianFolder
    office: Office
    read: ReadObject
    clock: Clock

    # --- looking ---------------------------------------------------------------------------------------

    async def requests(self) -> list[ShownRequest]:
        """Every request that is open and can be read with the own keys, in ledger order."""
        view, _ = await self._view()
        open_now = [request for request in view.state.requests() if request.open_at(self.clock.utc_us())]
        return [await self._shown(view, request) for request in open_now]

    async def request(self, q: bytes) -> ShownRequest:
        """One request, to be judged. Errors: NotFoundError."""
        view, _ = await self._view()
        return await self._shown(view, view.state.request(q))

    async def _shown(self, view: LedgerView, request: Request) -> ShownRequest:
        case, file = await self._file(view, request)
        mine = request.decisions.get(self.folder.identity.public)
        return ShownRequest(
            request=request.hash,
            case=case,
            file=file,
            starts_us=_starts_us(view, file),
            decided=mine.verdict if mine else "",
            granting=len(request.granting),
            released=self.folder.identity.public in request.releases,
            disclosed=request.disclosed,
        )

    # --- deciding --------------------------------------------------------------------------------------

    async def decide(self, q: bytes, granted: Scope | None, reason: str) -> Decision:
        """Sign a decision: `granted` None refuses, else those slots. No share leaves.

        The whole of a request is granted with `file.whole`; shares are fetched and checked before a grant.
        """
        await self._send_again(q, "decision")
        view, index = await self._view()
        request = view.state.request(q)
        self._check_open(request)
        case, file = await self._file(view, request)
        if granted is not None:
            await self._fetch(view, index, file)
        note = _note(view)
        decision, opening = decide(
            file,
            index,
            granted if granted is not None else Scope(),
            reason,
            Client.INSTALLED,
            (note.checkpoint.size, note.checkpoint.root),
            self.clock.utc_us(),
        )
        statement = sign_body(DECISION_TYPE, decision.body(), self.folder.identity)
        self.folder.remember_decision(q, statement.statement_hash(), note.checkpoint)
        attachments = {
            opening_path(case, q, index, key.id): seal_opening(opening, q, index, key)
            for key in self._readers(view)
        }
        await self._send(q, "decision", Parcel(statement, attachments))
        await self._cosign(view, note, index)
        return decision

    # --- releasing -------------------------------------------------------------------------------------

    async def release(self, q: bytes) -> int:
        """Release the shares of the slots that enough decisions granted; how many slots.

        Errors: RefusedError while there are too few granting decisions.
        """
        await self._send_again(q, "release")
        view, index = await self._view()
        request = view.state.request(q)
        self._check_open(request)
        case, file = await self._file(view, request)
        self._check_quorum(view, request)
        granting = [_decision(view, decision.index) for decision in request.granting]
        scopes = [
            opening.scope
            for decision in granting
            if (opening := await self._opening(case, file, decision)) is not None
        ]
        scope = granted_together(file, scopes)
        if not scope.count:
            raise RefusedError("no slot was granted by as many custodians as the request needs")
        headers, shares = await self._fetch(view, index, file, scope)
        acted_on = decisions_hash(decision.hash() for decision in granting)
        sealed, release = seal_release(file, index, acted_on, build_set(scope, index, headers, shares))
        note = _note(view)
        self.folder.remember_release(q, release.set, note.checkpoint)
        statement = sign_body(RELEASE_TYPE, release.body(), self.folder.identity)
        await self._send(q, "release", Parcel(statement, {release_path(case, q, index): sealed}))
        await self._cosign(view, note, index)
        return scope.count

    # --- keys ------------------------------------------------------------------------------------------

    async def rotate(self, period_us: int) -> tuple[int, int]:
        """Certify new weekly keys up to five weeks ahead, destroy those due; how many of each."""
        view, index = await self._view()
        now_us = self.clock.utc_us()
        made = self.folder.made
        # The next key may end at most five periods from now, by the rule of KeyCerts.
        room = (now_us + AHEAD_KEYS * period_us - made[-1].seals_until_us) // period_us
        if room > 0:
            self.folder.make_weekly_keys(room, period_us)
        listed = {cert.id for cert in view.state.key_certs(index)}
        new = [key for key in self.folder.made if key.id not in listed]
        for key in new:
            body = key.cert_body(self.folder.network, index)
            await submit(self.office, Parcel(sign_body(KEY_CERT_TYPE, body, self.folder.identity)))
        self.folder.destroy_due(now_us)
        live = set(self.folder.live_keys())
        gone = [cert.id for cert in view.state.key_certs(index) if cert.id not in live and not cert.destroyed]
        if gone:
            body = {
                "custodian": index,
                "keys": [b64u(id_) for id_ in gone],
                "network": b64u(self.folder.network),
            }
            await submit(self.office, Parcel(sign_body(DESTROYED_TYPE, body, self.folder.identity)))
        return len(new), len(gone)

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
                self.folder.remember_checkpoint(_note(view).checkpoint)
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
        case = await self.office.ask("keeper", "case", request.hash)
        if len(case) != ID_BYTES:
            raise UnverifiedError("the keeper does not say where the request lies")
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
    ) -> tuple[Mapping[bytes, Header], Mapping[bytes, tuple[bytes, ...]]]:
        """Headers and own shares of the epochs asked for, each share set checked against its root."""
        epochs = (scope or file.whole).epoch_ids
        headers = {epoch: self._header(view, epoch) for epoch in epochs}
        transport = SealingKey.generate()
        fetch = Fetch(
            network=file.network,
            custodian=index,
            epochs=epochs,
            made_us=self.clock.utc_us(),
            nonce=os.urandom(ID_BYTES),
            purpose_kind="request",
            purpose=file.hash,
            transport=transport.public,
        )
        signed = sign_fetch(fetch, self.folder.identity)
        answer = await self.office.ask("keeper", "fetch", canon(signed.to_json()))
        messages = open_answer(answer, signed, transport)
        shares = {}
        for epoch, header in headers.items():
            if not messages[epoch]:
                raise RefusedError(f"the key of epoch {epoch.hex()} is destroyed: nothing opens it any more")
            key = self.folder.sealing_key(header.of(index).key)
            shares[epoch] = open_message(header, index, messages[epoch], key)
        return headers, shares

    def _header(self, view: LedgerView, epoch: bytes) -> Header:
        found = view.state.epoch(epoch)
        if self.clock.utc_us() > found.deadline_us:
            raise RefusedError(f"epoch {epoch.hex()} is past its deadline")
        body = parse_entry(view.entries[found.index]).statement.signed.body
        return Header.from_json(body["header"])

    # --- sending ---------------------------------------------------------------------------------------

    async def _send(self, q: bytes, what: str, parcel: Parcel) -> None:
        """Keep what is sent until it is taken: a second attempt sends the same bytes, never others."""
        path = self._outgoing(q, what)
        await asyncio.to_thread(replace_file, path, parcel_bytes(parcel))
        await submit(self.office, parcel)
        path.unlink()

    async def _send_again(self, q: bytes, what: str) -> None:
        path = self._outgoing(q, what)
        if path.exists():
            await submit(self.office, Parcel.from_json(parse_canon(path.read_bytes())))
            path.unlink()

    def _outgoing(self, q: bytes, what: str) -> Path:
        return self.folder.path / "outgoing" / f"{q.hex()}.{what}"

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


def _decision(view: LedgerView, index: int) -> Decision:
    return parse_decision(parse_entry(view.entries[index]).statement.signed.body)


def _starts_us(view: LedgerView, file: RequestFile) -> tuple[int, ...]:
    live = view.state.facts.epochs.live
    slot_us = view.state.genesis.periods.slot_us
    return tuple(
        live[slot.epoch].utc0_us + slot.slot * slot_us
        if slot.epoch in live and not live[slot.epoch].shredded
        else 0
        for slot in file.whole
    )


def _note(view: LedgerView) -> SignedCheckpoint:
    if view.note is None:
        raise UnverifiedError("no checkpoint was read")
    return view.note

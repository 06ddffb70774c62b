"""A custodian's side of opening: check everything, then decide; check again, then release.

Runs on the custodian's own device. It trusts the network's id and its own folder; the keeper, the discloser and
whatever carries their objects may lie.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.durable_file import replace_file
from custodes.base.canon import b64u, parse_canon
from custodes.base.errors import RefusedError
from custodes.base.keys import sign_body
from custodes.cases.bundle import (
    opening_path,
    release_path,
    seal_opening,
)
from custodes.cases.decision import (
    DECISION_TYPE,
    Client,
    Decision,
    decide,
)
from custodes.cases.release import RELEASE_TYPE, decisions_hash, seal_release
from custodes.cases.request import RequestFile
from custodes.cases.scope import Scope
from custodes.ledger.rules.requests import Request
from custodes.services.custodian_checks import CheckingClient, decision_at, note_of
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, parcel_bytes, submit

KEY_CERT_TYPE = "custodes/entry/key-cert/v1"
DESTROYED_TYPE = "custodes/entry/destroyed/v1"
AHEAD_KEYS = 5


@dataclass(frozen=True)
class ShownRequest:
    """A request as a custodian sees it, all of it checked.

    `starts_us`: when each slot of `file.whole` begins, by the recorder's UTC, 0 for one whose key is destroyed.
    `decided`: the own verdict so far, or "". `lower`: the streams of lower assurance, by the ledger.
    """

    request: bytes
    case: bytes
    file: RequestFile
    starts_us: tuple[int, ...]
    lower: frozenset[bytes]
    decided: str
    granting: int
    released: bool
    disclosed: bool


class CustodianClient(CheckingClient):
    """Acts for one custodian. Every method stops at the first check that fails, with the reason."""

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
            lower=view.lower_assurance(file.whole),
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
            await self._fetch(view, index, file, granted)
        note = note_of(view)
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
        granting = [decision_at(view, decision.index) for decision in request.granting]
        scope = await self._granted_together(case, file, granting)
        if not scope.count:
            raise RefusedError("no slot was granted by as many custodians as the request needs")
        shares = await self._fetch(view, index, file, scope)
        acted_on = decisions_hash(decision.hash() for decision in granting)
        sealed, release = seal_release(file, index, acted_on, shares)
        note = note_of(view)
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


def _starts_us(view: LedgerView, file: RequestFile) -> tuple[int, ...]:
    live = view.state.facts.epochs.live
    slot_us = view.state.genesis.periods.slot_us
    return tuple(
        live[slot.epoch].utc0_us + slot.slot * slot_us
        if slot.epoch in live and not live[slot.epoch].gone
        else 0
        for slot in file.whole
    )

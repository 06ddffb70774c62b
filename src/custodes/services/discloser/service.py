"""The discloser: takes cases in, asks custodians by a Request entry, opens what enough of them released.

Alone with its keys in its folder; resumable at every step.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.clock import DAY_US, Clock
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    RefusedError,
    UnavailableError,
)
from custodes.base.ids import HASH_BYTES, ID_BYTES, new_id
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.bundle import file_path, package_path, seal_file
from custodes.cases.disclosure import DISCLOSURE_TYPE, FAILED_TYPE, Disclosure, failed_body
from custodes.cases.release import BlamedError
from custodes.cases.request import REQUEST_ENTRY_TYPE, RequestFile, Shown
from custodes.cases.scope import Scope
from custodes.ledger.rules.requests import Request
from custodes.services.discloser.drafts import Draft, DraftFolder
from custodes.services.discloser.opening import CaseOpening
from custodes.services.discloser.package_file import hash_object, write_hashed
from custodes.services.discloser.reel_closing import Ask, ReelClosing
from custodes.services.ledger_view import LedgerView
from custodes.services.office import Desk, Office
from custodes.services.parcels import Parcel, submit
from custodes.services.staff import asked_by_staff, usable_staff

WISH_TYPE = "custodes/case-wish/v1"
VIEW_TYPE = "custodes/case-view/v1"
LOOK_S = 0.5
CLOSE_REELS_S = 2.0
LATE_US = DAY_US
_LOG = structlog.get_logger("discloser")


@dataclass
class Discloser:
    """The desks `draft`, `sign`, `view`, `status`, and the loops that open cases and have reels closed for them.

    `ask_recorder(recorder, question)`: a recorder's answer to the discloser's word that reels are waited for.
    """

    clock: Clock
    view: LedgerView
    store: ObjectStore
    office: Office
    signing: SigningKey
    sealing: SealingKey
    folder: Path
    ask_recorder: Ask
    alarms: dict[str, str] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.drafts = DraftFolder(self.folder / "cases")
        self.closing = ReelClosing(self.signing, self.ask_recorder, self.alarms)

    def desks(self) -> Mapping[str, Desk]:
        """What can be asked, by subject."""
        return {"draft": self.draft, "sign": self.sign, "view": self.view_draft, "status": self.status}

    # --- desks -----------------------------------------------------------------------------------------

    async def draft(self, question: bytes) -> bytes:
        """A wish for footage, signed by staff, becomes a request file and its entry, signed by the discloser."""
        async with self._lock:
            await asyncio.to_thread(self.view.refresh)
            wish = self._asked_by_staff(question, WISH_TYPE)
            opening = SealingKey.generate()
            file = self._file(wish["wish"], opening)
            file.check_roster(self.view.state.roster)
            draft = Draft(file, sign_body(REQUEST_ENTRY_TYPE, file.entry_body(), self.signing))
            await asyncio.to_thread(self.drafts.create, draft, opening)
            return draft.encode()

    async def view_draft(self, question: bytes) -> bytes:
        """The draft of a request, for the member of staff who asks for it to sign it.

        What a case is about is nobody else's to read: the ledger has its hash alone.
        """
        async with self._lock:
            await asyncio.to_thread(self.view.refresh)
            asked = self._asked_by_staff(question, VIEW_TYPE)
            return (await asyncio.to_thread(self.drafts.read, unb64u(asked["request"], HASH_BYTES))).encode()

    async def sign(self, question: bytes) -> bytes:
        """Take a staff signature in; with two of two roles the request is entered."""
        signed = Signed.from_json(parse_canon(question))
        request = unb64u(signed.body.get("request", ""), HASH_BYTES)
        async with self._lock:
            draft = await asyncio.to_thread(self.drafts.read, request)
            if signed.type != REQUEST_ENTRY_TYPE or signed.body != draft.entry.body:
                raise RefusedError("what is signed is not the request")
            await asyncio.to_thread(self.view.refresh)
            entry = draft.entry.with_signatures(signed.signatures)
            roles = self._roles(entry)
            await asyncio.to_thread(self.drafts.save, Draft(draft.file, entry))
            if len(set(roles.values())) < 2:
                return canon({"waiting": "another signature, by staff of another role"})
            return canon({"index": await self._enter(Draft(draft.file, self._two_of_two(entry, roles)))})

    async def status(self, question: bytes) -> bytes:
        """Where a request stands."""
        request = _hash(question)
        async with self._lock:
            await asyncio.to_thread(self.view.refresh)
            draft = await asyncio.to_thread(self.drafts.read, request)
            known = self.view.state.facts.requests.get(request)
            return canon(self._status(draft, known))

    # --- the loop --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Open what was released, until cancelled."""
        while True:
            for request in await asyncio.to_thread(self.drafts.requests):
                try:
                    await self._advance(request)
                except UnavailableError as error:
                    self.alarms[f"waits {request.hex()}"] = f"a case waits: {error}"
                except CustodesError as error:
                    self.alarms[f"case {request.hex()}"] = f"a case cannot be opened: {error}"
            await asyncio.sleep(LOOK_S)

    async def close_reels(self) -> None:
        """Have recorders close the reels that open requests name, until cancelled."""
        while True:
            for request in await asyncio.to_thread(self.drafts.requests):
                try:
                    await self._close_reels(request)
                except CustodesError as error:
                    _LOG.warning("reels are not closed for a case", request=request.hex(), reason=str(error))
            await asyncio.sleep(CLOSE_REELS_S)

    async def _close_reels(self, request: bytes) -> None:
        async with self._lock:
            if self.closing.is_settled(request):
                return
            await asyncio.to_thread(self.view.refresh)
            known = self.view.state.facts.requests.get(request)
            if known is None or known.disclosed or not known.open_at(self.clock.utc_us()):
                return
            draft = await asyncio.to_thread(self.drafts.read, request)
            wanted = self.closing.wanted(self.view.state, request, draft.file.whole)
        for one in wanted:
            await self.closing.tell(one)

    async def _advance(self, request: bytes) -> None:
        async with self._lock:
            await asyncio.to_thread(self.view.refresh)
            known = self.view.state.facts.requests.get(request)
            if known is None:
                return
            if known.disclosed:
                await asyncio.to_thread(self.drafts.destroy_opening_key, request)
                return
            quorum = self.view.state.roster.quorum
            if len(known.releases) < max(quorum, known.decisions_needed) or known.withdrawn:
                return
            draft = await asyncio.to_thread(self.drafts.read, request)
            await self._disclose(draft.file)
            self.alarms.pop(f"waits {request.hex()}", None)
            self.alarms.pop(f"case {request.hex()}", None)

    async def _disclose(self, file: RequestFile) -> None:
        key = self.drafts.opening_key(file.hash)
        opening = CaseOpening(self.view, self.store, file, self.sealing, key)
        try:
            body = await asyncio.to_thread(self._write_package, opening, file)
        except BlamedError as error:
            failed = failed_body(file.network, file.hash, error.custodian, error.reason[:500])
            await submit(self.office, Parcel(sign_body(FAILED_TYPE, failed, self.signing)))
            raise
        await submit(self.office, Parcel(sign_body(DISCLOSURE_TYPE, body, self.signing)))
        _LOG.info("disclosed", request=file.hash.hex(), slots=body["count"], envelopes=body["envelopes"])
        await asyncio.to_thread(self.drafts.destroy_opening_key, file.hash)

    def _write_package(self, opening: CaseOpening, file: RequestFile) -> dict[str, Any]:
        """Write the sealed package into the store; a package that is there from before a crash stands."""
        path = package_path(file.case, file.hash)
        part = self.folder / "cases" / file.hash.hex() / "package.part"
        scope, segments = opening.granted.scope, opening.segments
        if path not in self.store.list(path.rpartition("/")[0]):
            digest = write_hashed(part, opening.package(PublicSealingKey(file.recipient_key)))
            self.store.adopt(part, path)
        else:
            digest = hash_object(self.store, path)
        return Disclosure(file.network, file.hash, scope.count, len(segments), digest).body()

    # --- parts -----------------------------------------------------------------------------------------

    def _file(self, wish: Any, opening: SealingKey) -> RequestFile:
        if not isinstance(wish, dict) or set(wish) != _WISH:
            raise InvalidError(f"a wish for footage has exactly {', '.join(sorted(_WISH))}")
        now_us = self.clock.utc_us()
        state = self.view.state
        return RequestFile(
            network=state.genesis.network,
            case=new_id(),
            roster=state.roster.hash,
            kind=wish["kind"],
            legal_basis=wish["legal_basis"],
            necessity=wish["necessity"],
            recipient_name=wish["recipient_name"],
            recipient_key=unb64u(wish["recipient_key"]),
            opening_key=opening.public,
            created_us=now_us,
            expiry_us=now_us + wish["expires_in_us"],
            decisions_needed=wish["decisions_needed"] or state.roster.quorum,
            scope=Scope.from_json(wish["scope"]),
            run_in=Scope.from_json(wish["run_in"]),
            shown=tuple(
                Shown(one["camera"], unb64u(one["stream"], ID_BYTES), one["from_us"], one["to_us"])
                for one in wish["shown"]
            ),
            salt=os.urandom(HASH_BYTES),
        )

    def _asked_by_staff(self, question: bytes, type_: str) -> Mapping[str, Any]:
        return asked_by_staff(question, type_, self.view.state, self.clock.utc_us(), "discloser")[0]

    def _roles(self, entry: Signed) -> dict[bytes, str]:
        """The role of each member of staff that signed, by key id. Errors: RefusedError for a key that is none's."""
        return {
            signature.key: usable_staff(self.view.state, signature.key, self.clock.utc_us()).role
            for signature in entry.signatures
            if signature.key != self.signing.id
        }

    def _two_of_two(self, entry: Signed, roles: Mapping[bytes, str]) -> Signed:
        """The entry with the discloser's signature and those of two people of two roles, whoever else signed."""
        chosen: dict[str, bytes] = {}
        for key, role in roles.items():
            chosen.setdefault(role, key)
        kept = {self.signing.id, *sorted(chosen.values())[:2]}
        return Signed(entry.type, entry.body, tuple(one for one in entry.signatures if one.key in kept))

    async def _enter(self, draft: Draft) -> int:
        """Seal the file to every reader and enter the request."""
        state, file = self.view.state, draft.file
        certs = state.custodian_keys(self.clock.utc_us()).values()
        publics = [cert.key for cert in certs] + [state.roster.keeper.sealing, self.sealing.public]
        readers = [PublicSealingKey(public) for public in publics]
        attachments = {
            file_path(file.case, file.hash, key.id): seal_file(file, draft.entry.signatures, key)
            for key in readers
        }
        return await submit(self.office, Parcel(draft.entry, attachments))

    def _status(self, draft: Draft, known: Request | None) -> dict[str, Any]:
        value: dict[str, Any] = {
            "case": b64u(draft.file.case),
            "request": b64u(draft.file.hash),
            "slots": draft.file.whole.count,
            "expiry_us": draft.file.expiry_us,
            "needed": draft.file.decisions_needed,
        }
        if known is None:
            return {
                **value,
                "state": "waiting for a second signature",
                "granting": 0,
                "refusing": 0,
                "released": 0,
            }
        return {
            **value,
            "state": self._state(known),
            "granting": len(known.granting),
            "refusing": len(known.decisions) - len(known.granting),
            "released": len(known.releases),
        }

    def _state(self, known: Request) -> str:
        if known.disclosed:
            return "disclosed"
        if known.withdrawn:
            return "withdrawn"
        if not known.open_at(self.clock.utc_us()):
            return "expired"
        custodians = len(self.view.state.roster.custodians)
        refusing = len(known.decisions) - len(known.granting)
        if custodians - refusing < known.decisions_needed:
            return "refused"
        if len(known.granting) < known.decisions_needed:
            return "waiting for decisions"
        if len(known.releases) < known.decisions_needed:
            return "waiting for releases"
        return "being opened"


_WISH = {
    "decisions_needed",
    "expires_in_us",
    "kind",
    "legal_basis",
    "necessity",
    "recipient_key",
    "recipient_name",
    "run_in",
    "scope",
    "shown",
}


def _hash(question: bytes) -> bytes:
    if len(question) != HASH_BYTES:
        raise InvalidError("a request is named by its hash, 32 bytes")
    return question

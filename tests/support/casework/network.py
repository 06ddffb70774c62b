"""Keeper, discloser and three custodians in one process, over a folder; footage of one camera, sealed without RTSP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.clock import HOUR_US, SECOND_US, SystemClock
from custodes.base.errors import CustodesError
from custodes.base.keys import sign_body
from custodes.base.sealing import SealingKey
from custodes.cases.hold import HOLD_WISH_TYPE
from custodes.cases.request import REQUEST_ENTRY_TYPE
from custodes.cli.options import periods_of
from custodes.custody.accounts import AccountChain, AccountLeaf, Closed
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.epoch import make_epoch
from custodes.custody.key_choice import choose_keys
from custodes.custody.paths import manifest_path, reel_path, share_set_path
from custodes.custody.records import KEY
from custodes.custody.reel import ReelWriter
from custodes.custody.segment import SegmentHeader
from custodes.custody.slots import new_cells
from custodes.deploy.enlisting import CameraWish, camera_parcel, leave_for_start
from custodes.deploy.enrolment import enroll
from custodes.deploy.founding import Founding, found_network
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes import keeper as keeper_process
from custodes.media.nal import join_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.services.custodian_holds import HoldingClient
from custodes.services.discloser.drafts import Draft, parse_draft
from custodes.services.discloser.service import VIEW_TYPE, WISH_TYPE, Discloser
from custodes.services.facts import join_facts, reel_fact
from custodes.services.keeper.service import Keeper
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, submit
from custodes.services.recorder.epochs import plan_epoch
from custodes.services.recorder.pools import take_key
from custodes.services.recorder.settings import RecorderSettings
from custodes.services.recorder.start import (
    RecorderIdentity,
    RecorderPlace,
    RecorderProcess,
    keeper_routes,
)
from custodes.services.scoping import scope_of_time
from custodes.services.settings import check_settings, pool_path, pools_named

PASSPHRASE = "for tests alone"
CAMERA = "Market Square"
SLOTS = 4
UNITS = 6
SETS = ParameterSets(
    Codec.H264,
    (),
    (bytes.fromhex("6764001eacd940a02ff9610000030001000003003c8f162d96"),),
    (bytes.fromhex("68ebecb22c"),),
)


@dataclass
class OffsetClock:
    """The machine's clock, moved on by the test."""

    offset_us: int = 0

    def utc_us(self) -> int:
        """UTC."""
        return int(datetime.now(UTC).timestamp() * SECOND_US) + self.offset_us

    def boot_us(self) -> int:
        """Since some start."""
        return self.utc_us()


class LocalOffice:
    """Asks the desks directly. `tampered`: by (service, subject), what becomes of an answer."""

    def __init__(self, network: CaseNetwork) -> None:
        self._network = network
        self.tampered: dict[tuple[str, str], Callable[[bytes, bytes], bytes]] = {}

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """The service's answer."""
        desks = self._network.keeper.desks() if service == "keeper" else self._network.discloser.desks()
        answer = await desks[subject](question)
        change = self.tampered.get((service, subject))
        return change(question, answer) if change else answer


@dataclass
class CaseNetwork:
    """A network whose ledger holds one epoch of four slots, sealed, accounted for and closed.

    `main`: where the camera's main stream is; by itself nothing is fetched from there.
    `is_recording`: that epoch is not closed yet. `told`: what the discloser said to recorders; each word is
    answered with the next of `recorder_answers`.
    """

    root: Path
    main: str = "rtsp://192.0.2.1/main"
    periods: str = "slot=10s,slots=4,reel=30s"
    clock: OffsetClock = field(default_factory=OffsetClock)
    keeper_clock: OffsetClock = field(default_factory=OffsetClock)
    keeper: Keeper = field(init=False)
    discloser: Discloser = field(init=False)
    custodians: list[CustodianFolder] = field(default_factory=list)
    units: list[list[bytes]] = field(default_factory=list)
    is_recording: bool = False
    told: list[tuple[bytes, bytes]] = field(default_factory=list)
    recorder_answers: list[bytes | CustodesError] = field(default_factory=list)

    @property
    def folder(self) -> NetworkFolder:
        """The network's folder."""
        return NetworkFolder(self.root / "town")

    @property
    def id(self) -> bytes:
        """The network's id."""
        return read_settings(self.folder).network

    async def found(self) -> None:
        """Found, enroll, add a camera, start keeper and discloser, record."""
        await self.begin()
        await self.record()

    async def begin(self) -> None:
        """The same without any footage."""
        self._found()
        self.start()
        await keeper_process._found(self.folder, self.keeper)
        recorder = read_settings(self.folder).recorder
        await self.keeper.pools.top_up(recorder, 1)

    def _found(self) -> None:
        cards = []
        for number in (1, 2, 3):
            path = self.root / f"custodian-{number}"
            since_us = self.clock.utc_us() - 120 * SECOND_US
            folder = CustodianFolder.create(
                path, PASSPHRASE, f"Custodian {number}", since_us, 7 * 24 * HOUR_US
            )
            self.custodians.append(folder)
            cards.append(path / "card.json")
        staff = (
            ("admin", "administrator"),
            ("super", "supervisor"),
            ("super2", "supervisor"),
            ("inv", "investigator"),
        )
        founding = Founding(
            name="Case Town", quorum=2, cards=tuple(cards), origin=None, staff=staff, witnesses={},
            witnesses_needed=0, periods=periods_of(self.periods), http_port=0,
        )  # fmt: skip
        found_network(self.folder.root, founding, self.clock)
        for custodian in self.custodians:
            enroll(self.folder.root, custodian, lambda _: None)
        wish = CameraWish(
            name=CAMERA, site="square", purpose="safety", legal_basis="act", responsible_body="town",
            review_date=datetime.now(UTC).date() + timedelta(days=90), retention_us=24 * HOUR_US, justification="",
            streams={"main": self.main}, transport="tcp", username="u", priority=5, password="p" * 8,
        )  # fmt: skip
        key = read_signing_key(self.folder.staff_key("admin"))
        settings = read_settings(self.folder)
        _, parcel = camera_parcel(self.folder, settings, wish, key, self.clock.utc_us())
        leave_for_start(self.folder, "camera-1", parcel)

    def start(self) -> None:
        """Keeper and discloser, from the folder."""

        async def ignore(_: bytes) -> None:
            return

        self.keeper = keeper_process.open_keeper(
            self.folder, keeper_process._Tell(ignore, ignore), self.keeper_clock
        )
        self.start_discloser()

    def start_discloser(self) -> None:
        """The discloser, from its folder, as after a crash."""
        store = self.keeper.fetching._store
        self.discloser = Discloser(
            clock=self.clock,
            view=LedgerView(self.id, store.get),
            store=store,
            office=LocalOffice(self),
            signing=read_signing_key(self.folder.discloser / "signing"),
            sealing=read_sealing_key(self.folder.discloser / "sealing"),
            folder=self.folder.discloser,
            ask_recorder=self._answer_as_recorder,
        )

    async def _answer_as_recorder(self, recorder: bytes, question: bytes) -> bytes:
        self.told.append((recorder, question))
        answer = self.recorder_answers.pop(0)
        if isinstance(answer, CustodesError):
            raise answer
        return answer

    def close(self) -> None:
        """Let go of files and locks."""
        self.keeper.ledger.close()
        self.keeper.keystore.close()
        for custodian in self.custodians:
            custodian.close()

    async def advance(self, us: int) -> None:
        """Let time pass for all; the keeper tends its ledger, as it does all the time."""
        self.clock.offset_us += us
        self.keeper_clock.offset_us += us
        await self.keeper.ledger.run(self.keeper.sequencer.tend)

    # --- footage ---------------------------------------------------------------------------------------

    async def record(self) -> None:
        """One epoch, begun a minute ago."""
        settings = read_settings(self.folder)
        store = self.keeper.fetching._store
        own = self.folder.recorder(settings.recorder)
        document = await self.keeper.settings.make(settings.recorder)
        pages = {pool: store.get(pool_path(pool)) for pool in pools_named(document)}
        known = check_settings(
            document, settings.network, settings.recorder, read_sealing_key(own / "sealing"), pages
        )
        signing = read_signing_key(own / "signing")
        sealed, reel = self._seal(known)
        header = sealed.header
        store.put(share_set_path(header.stream, header.utc0_us, header.epoch), sealed.share_set)
        office = LocalOffice(self)
        await submit(office, Parcel(sign_body("custodes/entry/epoch/v1", sealed.entry_body(), signing)))
        writer, data = reel
        path = reel_path(header.stream, header.utc0_us, header.epoch, 0)
        store.put(path, data + writer.finish().encode())
        await self.keeper.reels.desk(join_facts([reel_fact(path)]))
        chain = AccountChain(settings.network, settings.recorder, 1, 0, known.entry)
        leaves = [AccountLeaf(header.stream, header.epoch, n, h) for n, h in enumerate(self._hashes)]
        closed = [] if self.is_recording else [Closed(header.epoch, len(leaves), self._hashes[-1])]
        account, manifest, _ = chain.next(self.clock.utc_us(), leaves, (), (), closed)
        store.put(manifest_path(settings.recorder, 1), manifest.encode())
        await submit(office, Parcel(sign_body(account.type, account.body(), signing)))
        self.epoch = header.epoch

    def recorder(self) -> RecorderProcess:
        """The recorder itself, which asks the keeper directly."""
        settings = read_settings(self.folder)
        own = self.folder.recorder(settings.recorder)
        identity = RecorderIdentity(
            settings.network,
            settings.recorder,
            read_signing_key(own / "signing"),
            read_sealing_key(own / "sealing"),
        )
        store = self.keeper.fetching._store
        place = RecorderPlace(own, self.folder.spool, settings.spool_volume, store)
        return RecorderProcess(
            identity,
            place,
            SystemClock(),
            lambda: self.keeper.settings.make(settings.recorder),
            keeper_routes(LocalOffice(self), identity.signing),
        )

    def _seal(self, known: RecorderSettings) -> Any:
        (assignment,) = known.assignments
        utc0_us = self.clock.utc_us() - 60 * SECOND_US
        shred, _ = take_key(known.pools, {})
        choice = choose_keys(known.custodian_keys, known.indices, 2, utc0_us)
        keys = {index: one.key for index, one in choice.keys.items()}
        plan = plan_epoch(known, assignment, 1, utc0_us, SLOTS, keys, shred)
        cells = new_cells(SLOTS)
        sealed = make_epoch(plan, cells)
        writer, data, previous = ReelWriter(sealed.header, 0), bytearray(), sealed.header.hash
        self._hashes: list[bytes] = []
        for slot in range(SLOTS):
            start_us = slot * 10 * SECOND_US
            segment = SegmentHeader(
                self.id,
                assignment.stream,
                sealed.header.epoch,
                slot,
                slot,
                slot,
                previous,
                Codec.H264,
                start_us,
            )
            sealer = EnvelopeSealer(segment, bytes(cells[slot]), SETS)
            data += sealer.header_frame
            self.units.append([])
            for number in range(UNITS):
                unit = join_nals([(b"\x65" if number == 0 else b"\x41") + os.urandom(400)])
                self.units[-1].append(unit)
                at_us = start_us + number * 1_500_000
                data += sealer.add_access_unit(unit, at_us, at_us * 9 // 100, 0, 0 if number else KEY)
            data += sealer.close()
            writer.add(segment, sealer.length, sealer.hash, (UNITS - 1) * 1_500_000)
            previous = sealer.hash
            self._hashes.append(previous)
        return sealed, (writer, bytes(data))

    # --- cases -----------------------------------------------------------------------------------------

    def client(self, number: int) -> HoldingClient:
        """A custodian's client, from 1."""
        return HoldingClient(
            self.custodians[number - 1], LocalOffice(self), self.keeper.fetching._store.get, self.clock
        )

    def signed(self, who: str, type_: str, body: dict[str, Any]) -> bytes:
        """A question that staff signs."""
        key = read_signing_key(self.folder.staff_key(who))
        full = {**body, "made_us": self.clock.utc_us(), "network": b64u(self.id)}
        return canon(sign_body(type_, full, key).to_json())

    async def draft(self, recipient: SealingKey, who: str = "inv", slots: int = 3, **changes: Any) -> Draft:
        """A wish for the first three slots, or so many."""
        view = LedgerView(self.id, self.keeper.fetching._store.get)
        await asyncio.to_thread(view.refresh)
        epoch = view.state.epoch(self.epoch)
        found = scope_of_time(
            view, CAMERA, "main", epoch.utc0_us + 1, epoch.utc0_us + (10 * slots - 1) * SECOND_US
        )
        shown = {
            "camera": CAMERA,
            "from_us": found.from_us,
            "stream": b64u(found.stream),
            "to_us": found.to_us,
        }
        wish = {
            "decisions_needed": 0, "expires_in_us": HOUR_US, "kind": "incident", "legal_basis": "code",
            "necessity": "collision", "recipient_key": b64u(recipient.public), "recipient_name": "police",
            "run_in": [], "scope": found.scope.to_json(), "shown": [shown], **changes,
        }  # fmt: skip
        question = self.signed(who, WISH_TYPE, {"wish": wish})
        return parse_draft(await self.discloser.desks()["draft"](question))

    async def sign(self, draft: Draft, who: str) -> dict[str, Any]:
        """A member of staff signs the request."""
        signed = sign_body(
            REQUEST_ENTRY_TYPE, draft.file.entry_body(), read_signing_key(self.folder.staff_key(who))
        )
        answer: dict[str, Any] = parse_canon(await self.discloser.desks()["sign"](canon(signed.to_json())))
        return answer

    async def ask(self, recipient: SealingKey, slots: int = 3) -> bytes:
        """A request that two people signed; its hash."""
        draft = await self.draft(recipient, slots=slots)
        await self.sign(draft, "inv")
        assert "index" in await self.sign(draft, "super")
        return draft.file.hash

    async def disclose(self, request: bytes) -> None:
        """Let the discloser do its work once."""
        await self.discloser._advance(request)

    async def hold(self, request: bytes, for_us: int, who: str = "super") -> bytes:
        """A full hold of what was granted; its id."""
        until_us = self.clock.utc_us() + for_us
        wish = self.signed(who, HOLD_WISH_TYPE, {"request": b64u(request), "until_us": until_us})
        return unb64u(parse_canon(await self.keeper.desks()["hold"](wish))["hold"])

    def view_question(self, who: str, request: bytes) -> bytes:
        """Asks for a draft to read."""
        return self.signed(who, VIEW_TYPE, {"request": b64u(request)})

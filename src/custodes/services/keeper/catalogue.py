"""The catalogue, written by the keeper alone: epochs with their entries, reels when they are announced.

What follows an entry is written in the entry's own transaction, so that ledger and catalogue agree after any
crash; where they do not, the database was deleted or restored, and is rebuilt by `custodes catalogue rebuild`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import structlog
from sqlalchemy import Connection

from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import Change
from custodes.adapters.sql.rows import EpochStatus
from custodes.base.errors import (
    ConflictError,
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnverifiedError,
)
from custodes.base.keys import Signed
from custodes.base.ports import ObjectStore
from custodes.custody.header import Header
from custodes.custody.reel import Footer
from custodes.custody.renditions import Rendition
from custodes.ledger.checkpoint import SignedCheckpoint
from custodes.ledger.entries.bodies import BODIES, entry_type
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.state import LedgerState
from custodes.services.facts import parse_facts
from custodes.services.keeper.catalogue_rows import (
    epoch_of_reel,
    epoch_row,
    read_reel,
    reel_row,
    status_of,
)
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.keeper.views import catalogue_rendition, check_rendition
from custodes.services.parcels import Answer, answers_bytes

EPOCH_TYPE = entry_type("epoch")
SHRED_TYPE = entry_type("shred")
_FOLLOWED = (EPOCH_TYPE, SHRED_TYPE, entry_type("account"), entry_type("restart"))
REBUILD = "run `custodes catalogue rebuild` with the network stopped"
_LOG = structlog.get_logger("catalogue")


class ChangingSequencer(Protocol):
    """The sequencer, which writes changes with the entries that they follow."""

    @property
    def state(self) -> LedgerState:
        """The ledger so far."""
        ...

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """The newest checkpoint."""
        ...

    def submit(
        self, statements: Sequence[Signed], changes: Mapping[int, Change] | None = None
    ) -> list[int | CustodesError]:
        """Each one's index, or why not."""
        ...


class CataloguingSequencer:
    """The sequencer as the ledger's thread uses it: each entry with what follows in the catalogue."""

    def __init__(self, sequencer: ChangingSequencer, catalogue: SqlCatalogue) -> None:
        self._sequencer = sequencer
        self._catalogue = catalogue

    @property
    def state(self) -> LedgerState:
        """The ledger so far."""
        return self._sequencer.state

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """The newest checkpoint."""
        return self._sequencer.checkpoint

    def submit(self, statements: list[Signed]) -> list[int | CustodesError]:
        """Each one's index, or why not; entries and catalogue in one transaction."""
        state = self._sequencer.state
        found = {at: self._change(state, signed) for at, signed in enumerate(statements)}
        changes = {at: change for at, change in found.items() if change is not None}
        return self._sequencer.submit(statements, changes)

    def _change(self, state: LedgerState, signed: Signed) -> Change | None:
        """What the catalogue is to hold once the entry is admitted."""
        if signed.type not in _FOLLOWED:
            return None
        try:
            body = BODIES[signed.type][1](signed.body)
        except InvalidError:
            return None  # and the rules refuse it
        if signed.type == EPOCH_TYPE:
            return lambda connection: self._open(connection, state, body["header"]["epoch"])
        if signed.type == SHRED_TYPE:
            # The key's epochs are known now; the rules take them off the pool.
            epochs = _epochs_of_items(state, body["items"])
            return lambda connection: self._advance_as(connection, state, epochs)
        closed = [one["epoch"] for one in body["closed"]]
        return lambda connection: self._advance(connection, closed, "closed")

    def _open(self, connection: Connection, state: LedgerState, epoch: bytes) -> None:
        # The state has moved on to the end of its batch; what else the batch does to the epoch follows.
        self._catalogue.add_epoch(connection, replace(epoch_row(state.epoch(epoch)), status="open"))

    def _advance_as(self, connection: Connection, state: LedgerState, epochs: Sequence[bytes]) -> None:
        # The state is at the end of its batch, and so is the transaction; which epochs are kept it knows.
        for epoch in epochs:
            live = state.facts.epochs.live.get(epoch)
            status = status_of(live) if live is not None else "shredded"
            if status in ("kept", "shredded"):
                self._advance(connection, [epoch], status)

    def _advance(self, connection: Connection, epochs: Iterable[bytes], status: EpochStatus) -> None:
        for epoch in epochs:
            # One that is deleted, or that a restored database lacks: the ledger goes on all the same.
            with suppress(NotFoundError):
                self._catalogue.advance_epoch(connection, epoch, status)


def catalogue_fault(state: LedgerState, statuses: Sequence[tuple[bytes, EpochStatus]]) -> str:
    """Why the catalogue is not that of this ledger; "" where it is. Cost: some 1 µs an epoch."""
    live = state.facts.epochs.live
    known, behind, strange = 0, 0, 0
    for id_, status in statuses:
        epoch = live.get(id_)
        if epoch is None:
            strange += id_ not in state.facts.epochs.gone
            behind += id_ in state.facts.epochs.gone and status != "shredded"
            continue
        known += not epoch.gone
        behind += status != status_of(epoch)
    missing = sum(not epoch.gone for epoch in live.values()) - known
    parts = [
        f"{count} epochs {what}"
        for count, what in ((missing, "are missing"), (behind, "are behind"), (strange, "are in no entry"))
        if count
    ]
    return f"the catalogue is not that of the ledger: {', '.join(parts)}; {REBUILD}" if parts else ""


@dataclass(frozen=True, slots=True)
class _Announced:
    """A reel by its path's word and its footer's, or why it could not be read."""

    path: str
    epoch: bytes
    error: CustodesError | None
    footer: Footer | None = None
    size: int = 0


_Judgement: TypeAlias = Epoch | CustodesError | None


@dataclass(frozen=True, slots=True)
class _View:
    """An announced rendition, or why it cannot be taken; its camera once that is known."""

    rendition: Rendition
    error: CustodesError | None = None
    camera: bytes = b""


class ReelDesk:
    """Takes announcements of reels and renditions into the catalogue."""

    def __init__(
        self, store: ObjectStore, catalogue: SqlCatalogue, database: Database, ledger: LedgerThread
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._database = database
        self._ledger = ledger

    async def desk(self, question: bytes) -> bytes:
        """An announcement of reels and renditions; for each a number, or why it is not in the catalogue.

        Durability: those with a number are committed. The same again has the same answer.
        """
        facts = parse_facts(question)
        paths = {place: fact for place, fact in enumerate(facts) if isinstance(fact, str)}
        views = {place: fact for place, fact in enumerate(facts) if isinstance(fact, Rendition)}
        found = [await asyncio.to_thread(self._read, path) for path in paths.values()]
        seen = [await asyncio.to_thread(self._look, view) for view in views.values()]
        reels = await self._ledger.ask(lambda state: [_judge(state, reel) for reel in found])
        known = await self._ledger.ask(lambda state: [_with_camera(state, view) for view in seen])
        answers = dict(zip(paths, await asyncio.to_thread(self._take, reels), strict=True))
        answers |= zip(views, await asyncio.to_thread(self._take_views, known), strict=True)
        return answers_bytes([answers[place] for place in range(len(facts))])

    def _look(self, rendition: Rendition) -> _View:
        try:
            check_rendition(self._store, rendition)
        except CustodesError as error:
            return _View(rendition, error)
        return _View(rendition)

    def _take_views(self, views: Sequence[_View]) -> list[Answer]:
        answers: list[Answer] = []
        with self._database.writing() as connection:
            for place, view in enumerate(views):
                answer: Answer = place if view.error is None else view.error
                if view.error is None:
                    try:
                        self._catalogue.renditions.add(
                            connection, catalogue_rendition(view.rendition, view.camera)
                        )
                    except ConflictError as error:
                        answer = error
                answers.append(answer)
        return answers

    def _read(self, path: str) -> _Announced:
        try:
            epoch = epoch_of_reel(path)
        except InvalidError as error:
            return _Announced(path, b"", error)
        try:
            footer, size = read_reel(self._store, path)
        except CustodesError as error:
            return _Announced(path, epoch, error)
        return _Announced(path, epoch, None, footer, size)

    def _take(self, reels: Sequence[tuple[_Announced, _Judgement]]) -> list[Answer]:
        answers: list[Answer] = []
        for place, (reel, judgement) in enumerate(reels):
            try:
                answers.append(self._dismiss(reel, judgement) or place)
            except CustodesError as error:
                answers.append(error)
        with self._database.writing() as connection:
            for place, (reel, judgement) in enumerate(reels):
                if not isinstance(judgement, Epoch):
                    continue
                try:
                    self._note(connection, reel, judgement)
                except ConflictError as error:
                    answers[place] = error
        return answers

    def _dismiss(self, reel: _Announced, judgement: _Judgement) -> CustodesError | None:
        if judgement is None:
            # It came out of a spool after its key was shredded: nobody can open it, and it gets no row.
            self._store.delete(reel.path)
            _LOG.info("reel of a shredded epoch deleted", path=reel.path)
        return judgement if isinstance(judgement, CustodesError) else None

    def _note(self, connection: Connection, reel: _Announced, epoch: Epoch) -> None:
        assert reel.footer is not None
        self._catalogue.add_epoch(connection, epoch_row(epoch))
        self._catalogue.add_reel(connection, reel_row(reel.path, reel.footer, reel.size))


def _with_camera(state: LedgerState, view: _View) -> _View:
    camera = state.facts.camera_of_stream.get(view.rendition.stream)
    if view.error is not None or camera is not None:
        return replace(view, camera=camera or b"")
    return replace(view, error=RefusedError(f"{view.rendition.path}: the ledger has no such stream"))


def _judge(state: LedgerState, reel: _Announced) -> tuple[_Announced, _Judgement]:
    return reel, _epoch_of(state, reel)


def _epoch_of(state: LedgerState, reel: _Announced) -> _Judgement:
    """The ledger's epoch of a reel; None where it is shredded, an error where it does not fit."""
    epoch = state.facts.epochs.live.get(reel.epoch)
    if reel.epoch in state.facts.epochs.gone or (epoch is not None and epoch.gone):
        return None
    if reel.error is not None or reel.footer is None:
        return reel.error
    header = reel.footer.header
    if epoch is None:
        return _why_unknown(state, header)
    if epoch.header_hash != header.hash:
        return UnverifiedError(f"reel {reel.path} is of another epoch than the ledger's of that id")
    return epoch


def _why_unknown(state: LedgerState, header: Header) -> CustodesError:
    pool = state.facts.pools.get(header.shred.pool)
    shredded = pool is not None and header.shred.index < pool.count and pool.shredded[header.shred.index]
    if state.facts.admitted_us > header.deadline_us or shredded:
        # Its entry was refused for good; repeating would only hold up what waits behind it.
        return RefusedError(f"epoch {header.epoch.hex()} can no longer be entered: its deadline has passed")
    return UnavailableError(f"the ledger has no epoch {header.epoch.hex()} yet")


def _epochs_of_items(state: LedgerState, items: Sequence[Mapping[str, Any]]) -> list[bytes]:
    epochs: list[bytes] = []
    for item in items:
        pool = state.facts.pools.get(item["pool"])
        hold = state.facts.holds.get(item["pool"])
        if pool is not None:
            epochs += pool.epochs.get(item["index"], ())
        elif hold is not None:
            epochs += hold.epochs
    return epochs

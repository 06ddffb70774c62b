"""The keeper's database made anew: entries from the old one or the ledger's files, the rest from the store.

Epochs and reels come from reels, recorded renditions from the manifests that name them.

The keeper must be stopped. The new database is filled beside the old one and put in its place in one step; until
then nothing is changed, and breaking it off leaves what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from custodes.adapters.sql.assignments import SqlAssignments
from custodes.adapters.sql.beside import beside, put_in_place, remove
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import OutboxRow, SqlOutbox
from custodes.adapters.sql.rows import CatalogueEpoch
from custodes.base.canon import parse_canon, unb64u
from custodes.base.errors import (
    BugError,
    ConflictError,
    CorruptError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnverifiedError,
)
from custodes.base.ids import ID_BYTES
from custodes.base.keys import Signed
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import parse_manifest
from custodes.custody.header import Header
from custodes.custody.renditions import FOLDER, Rendition, parse_rendition_path
from custodes.estate.model import Assignment
from custodes.ledger.checkpoint import parse_checkpoint
from custodes.ledger.entries.bodies import entry_type
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import CHECKPOINT_PATH
from custodes.services.checking.findings import Progress
from custodes.services.keeper.catalogue_rows import epoch_of_reel, epoch_row, read_reel, reel_row
from custodes.services.keeper.views import catalogue_rendition, check_rendition
from custodes.services.sequencer.recovery import check_published, replay_outbox, restore_from_tiles

_PAGE = 1000
_EPOCH_TYPE = entry_type("epoch")


@dataclass
class Rebuilt:
    """What the new database holds; `notes` tells what could not be taken, and where it came from instead."""

    entries: int = 0
    assignments: int = 0
    epochs: int = 0
    reels: int = 0
    renditions: int = 0
    notes: list[str] = field(default_factory=list)


def rebuild_database(
    store: ObjectStore,
    network: bytes,
    file: Path,
    assigned_elsewhere: Callable[[], Sequence[Assignment]],
    progress: Progress,
) -> Rebuilt:
    """Put a new database in the place of `file`; the old one stays beside it as `<name>.before`.

    `assigned_elsewhere`: what recorders were last told, for when the old database cannot be read.
    Errors: NotFoundError without a ledger in the store; UnverifiedError when it is another network's;
    CorruptError when its files do not lead to its checkpoint; UnavailableError, ExhaustedError.
    """
    rebuilt = Rebuilt()
    with beside(file) as new:
        with _opened(new) as database:
            state, assignments = _take_entries(store, database, file, rebuilt)
        if state is None:
            remove(new)
            with _opened(new) as database:
                state = _restore(store, SqlOutbox(database), LedgerState(), rebuilt)
        with _opened(new) as database:
            _check_network(state, network)
            _take_assignments(database, assignments or assigned_elsewhere(), rebuilt)
            _Filling(store, database, state, progress, rebuilt).run()
        put_in_place(new, file)
    return rebuilt


def assignments_of_settings(data: bytes) -> list[Assignment]:
    """The assignments of the settings that a recorder was given. Errors: InvalidError."""
    body = Signed.from_json(parse_canon(data)).body
    recorder = unb64u(body["recorder"], ID_BYTES)
    return [_assignment(recorder, member) for member in body["assignments"]]


def _take_entries(
    store: ObjectStore, database: Database, file: Path, rebuilt: Rebuilt
) -> tuple[LedgerState | None, list[Assignment]]:
    """Entries and assignments of the old database, brought up to the ledger; no state where they are not its."""
    assignments: list[Assignment] = []
    try:
        old = Database.open_to_read(file)
        try:
            assignments = SqlAssignments(old).all()
            _copy(SqlOutbox(old), SqlOutbox(database))
        finally:
            old.close()
        state = replay_outbox(SqlOutbox(database), LedgerState())
        return _restore(store, SqlOutbox(database), state, rebuilt), assignments
    except (UnavailableError, CorruptError, BugError, ConflictError, InvalidError) as error:
        rebuilt.notes.append(f"entries were taken from the ledger's files alone: {error}")
        return None, assignments


def _copy(old: SqlOutbox, new: SqlOutbox) -> None:
    rows: list[OutboxRow] = []
    for place, data in enumerate(old.entries()):
        entry = parse_entry(data)
        rows.append(OutboxRow(place, entry.statement.hash, entry.admitted_us, data))
        if len(rows) == _PAGE:
            new.append(rows)
            rows = []
    new.append(rows)


def _restore(store: ObjectStore, outbox: SqlOutbox, state: LedgerState, rebuilt: Rebuilt) -> LedgerState:
    note = parse_checkpoint(store.get(CHECKPOINT_PATH))
    if state.size < note.checkpoint.size:
        restore_from_tiles(store, outbox, state, note.checkpoint)
    check_published(state, note.checkpoint)
    note.check_log(state.genesis.origin, state.genesis.log_key)
    rebuilt.entries = state.size
    return state


def _check_network(state: LedgerState, network: bytes) -> None:
    if state.genesis.network != network:
        raise UnverifiedError("the store holds the ledger of another network")


def _take_assignments(database: Database, assignments: Sequence[Assignment], rebuilt: Rebuilt) -> None:
    table = SqlAssignments(database)
    with database.writing() as connection:
        for assignment in assignments:
            table.assign(connection, assignment)
    rebuilt.assignments = len(assignments)


class _Filling:
    """Epochs of the ledger and reels of the store, a page of folders in one transaction."""

    def __init__(
        self,
        store: ObjectStore,
        database: Database,
        state: LedgerState,
        progress: Progress,
        rebuilt: Rebuilt,
    ) -> None:
        self._store = store
        self._database = database
        self._catalogue = SqlCatalogue(database)
        self._state = state
        self._progress = progress
        self._rebuilt = rebuilt
        # Of epochs that are shredded and no longer in the state, what is still in the store.
        self._left: dict[bytes, str] = {}

    def run(self) -> None:
        """Fill in everything."""
        live = [epoch for epoch in self._state.facts.epochs.live.values() if not epoch.gone]
        for start in range(0, len(live), _PAGE):
            with self._database.writing() as connection:
                for epoch in live[start : start + _PAGE]:
                    self._add_epoch(connection, epoch_row(epoch))
        found = groupby(self._store.list("streams"), lambda path: path.rpartition("/")[0])
        for done, (folder, paths) in enumerate(found):
            self._progress("reels", done, 0)
            with self._database.writing() as connection:
                self._take_folder(connection, folder, list(paths))
        self._take_left()
        self._take_renditions()

    def _take_renditions(self) -> None:
        """What manifests name and is in the store; what is there and named by none is told."""
        there = set(self._store.list(FOLDER))
        for done, path in enumerate(self._store.list("accounts")):
            self._progress("manifests", done, 0)
            try:
                named = parse_manifest(self._store.get(path)).renditions
            except InvalidError as error:
                self._note(path, str(error))
                continue
            found = [rendition for rendition in named if rendition.path in there]
            there.difference_update(rendition.path for rendition in found)
            with self._database.writing() as connection:
                for rendition in found:
                    self._take_rendition(connection, rendition)
        for path in sorted(there):
            self._note(path, "no manifest names it" if _is_rendition(path) else "no rendition lies there")

    def _take_rendition(self, connection: Connection, rendition: Rendition) -> None:
        camera = self._state.facts.camera_of_stream.get(rendition.stream)
        if camera is None:
            self._note(rendition.path, "the ledger has no such stream")
            return
        try:
            check_rendition(self._store, rendition)
            self._catalogue.renditions.add(connection, catalogue_rendition(rendition, camera))
        except (NotFoundError, UnverifiedError, ConflictError) as error:
            self._note(rendition.path, str(error))
        else:
            self._rebuilt.renditions += 1

    def _take_folder(self, connection: Connection, folder: str, paths: Sequence[str]) -> None:
        try:
            id_ = epoch_of_reel(f"{folder}/0000.reel")
        except InvalidError:
            self._note(folder, "no epoch lies there")
            return
        epoch = self._state.facts.epochs.live.get(id_)
        if id_ in self._state.facts.epochs.gone:
            self._left[id_] = folder
        elif epoch is None:
            self._note(folder, "the ledger has no such epoch")
        elif epoch.gone:
            self._add_epoch(connection, epoch_row(epoch))
        else:
            for path in paths:
                if path.endswith(".reel"):
                    self._take_reel(connection, epoch, path)

    def _take_reel(self, connection: Connection, epoch: Epoch, path: str) -> None:
        try:
            epoch_of_reel(path)
            footer, size = read_reel(self._store, path)
            if footer.header.hash != epoch.header_hash:
                raise UnverifiedError("it is of another epoch than the ledger's of that id")
            self._catalogue.add_reel(connection, reel_row(path, footer, size))
        except (InvalidError, NotFoundError, UnverifiedError) as error:
            self._note(path, str(error))
        else:
            self._rebuilt.reels += 1

    def _take_left(self) -> None:
        """Give retention back what it had not deleted yet."""
        if not self._left:
            return
        found: list[CatalogueEpoch] = []
        for index, data in enumerate(SqlOutbox(self._database).entries()):
            if _EPOCH_TYPE.encode() in data:
                row = self._row_of_left(index, data)
                found += [row] if row else []
        with self._database.writing() as connection:
            for row in found:
                self._add_epoch(connection, row)

    def _row_of_left(self, index: int, data: bytes) -> CatalogueEpoch | None:
        signed = parse_entry(data).statement.signed
        if signed.type != _EPOCH_TYPE:
            return None
        header = Header.from_json(signed.body["header"])
        if header.epoch not in self._left:
            return None
        return CatalogueEpoch(
            epoch=header.epoch,
            stream=header.stream,
            camera=header.camera,
            recorder=header.recorder,
            run=header.run,
            utc0_us=header.utc0_us,
            slots=header.slots,
            deadline_us=header.deadline_us,
            pool=header.shred.pool,
            key_index=header.shred.index,
            entry=index,
            status="shredded",
        )

    def _add_epoch(self, connection: Connection, row: CatalogueEpoch) -> None:
        self._catalogue.add_epoch(connection, row)
        self._rebuilt.epochs += 1

    def _note(self, where: str, what: str) -> None:
        self._rebuilt.notes.append(f"{where}: {what}")


def _is_rendition(path: str) -> bool:
    try:
        parse_rendition_path(path)
    except InvalidError:
        return False
    return True


def _assignment(recorder: bytes, member: Mapping[str, Any]) -> Assignment:
    try:
        return Assignment(
            camera=unb64u(member["camera"], ID_BYTES),
            stream=unb64u(member["stream"], ID_BYTES),
            recorder=recorder,
            url=str(member["url"]),
            transport=member["transport"],
            username=str(member["username"]),
            password={unb64u(key): unb64u(sealed) for key, sealed in member["password"].items()},
            priority=member["priority"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidError("the settings' assignments are not as they should be") from error


@contextmanager
def _opened(file: Path) -> Iterator[Database]:
    database = Database.open_file(file)
    try:
        yield database
    finally:
        database.close()

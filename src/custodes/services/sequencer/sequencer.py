"""Admits statements in one order and makes them durable, then public.

The order of steps, each repeatable: rules, database (order and time are fixed), entry bundles, tiles, archive of
the checkpoint before, checkpoint. A crash between any two leads, at the next start, to what it would have led to.
Source: docs/formats/ledger.md (Entry, Publication).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from custodes.adapters.sql.outbox import Change, OutboxRow, SqlOutbox
from custodes.base.canon import b64u
from custodes.base.clock import Clock
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnverifiedError,
)
from custodes.base.keys import Signed, SigningKey
from custodes.base.ports import ObjectStore
from custodes.ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from custodes.ledger.entries.people import GENESIS_TYPE
from custodes.ledger.entries.wrapper import Statement
from custodes.ledger.rules.refusal import malformed
from custodes.ledger.rules.state import LedgerState
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.sequencer.kept import KeptState
from custodes.services.sequencer.others import check_against, known_lines
from custodes.services.sequencer.publisher import Publisher
from custodes.services.sequencer.recovery import check_published, restore_from_tiles


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start found: entries that the database lacked, and entries that were not yet public.

    Where the database lacked entries it was deleted or restored: the catalogue beside it is behind, too.
    `replayed`: entries of the database that were replayed. `kept_refused`: see KeptState.
    """

    restored: int
    published: int
    replayed: int = 0
    kept_refused: str = ""


class Sequencer:
    """The ledger's only writer. Its methods block; they may be called from several threads.

    Errors of every method: ConflictError when another sequencer has taken the log over, and from then on
    for ever; UnavailableError, ExhaustedError: what was admitted stays so and is published later.
    """

    def __init__(
        self,
        store: ObjectStore,
        outbox: SqlOutbox,
        log_key: SigningKey,
        keeper: SigningKey,
        clock: Clock,
        kept: LedgerSnapshot | None = None,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._log_key = log_key
        self._keeper = keeper
        self._clock = clock
        self._publisher = Publisher(store, log_key, keeper, clock)
        self._kept = KeptState(kept)
        self._lock = threading.RLock()
        self._state = LedgerState()
        self._stale = False
        self._stopped: CustodesError | None = None
        self.recovered = Recovered(0, 0)

    @classmethod
    def open(
        cls,
        store: ObjectStore,
        outbox: SqlOutbox,
        log_key: SigningKey,
        keeper: SigningKey,
        clock: Clock,
        known: Iterable[bytes] = (),
        kept: LedgerSnapshot | None = None,
    ) -> Sequencer:
        """Bring database, tiles and checkpoint together, and take the log over from any other sequencer.

        `known`: checkpoints that witnesses and mirrors hold; one larger than what is here is a refusal.
        `kept`: where what was replayed is kept, signed with a key that nobody else has.
        Errors: CorruptError, RefusedError, UnverifiedError.
        """
        sequencer = cls(store, outbox, log_key, keeper, clock, kept)
        sequencer._recover(known)
        return sequencer

    @property
    def state(self) -> LedgerState:
        """The ledger so far; rebuilt from the database when a transaction failed after rules had moved it."""
        with self._lock:
            if self._stale:
                self._state = self._kept.rebuild(self._outbox)
                self._stale = False
            return self._state

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """What is public. Errors: NotFoundError before the first entry is."""
        if self._publisher.current is None:
            raise NotFoundError("the ledger has no checkpoint yet")
        return self._publisher.current

    def inclusion_path(self, index: int) -> list[bytes]:
        """An entry's path under `checkpoint`. Errors: InvalidError when it is not public yet."""
        return self.state.tree.inclusion_path(index, self._publisher.size)

    def submit(
        self, statements: Sequence[Signed], changes: Mapping[int, Change] | None = None
    ) -> list[int | CustodesError]:
        """Each statement's index, or the rule that refuses it; the same statement again has its first index.

        `changes`, by position: what is written to the database with that entry, all or nothing, when it is new.
        Durability: entries are in the database and public when this returns.
        """
        with self._lock:
            self._check_running()
            state = self.state
            prepared = [_prepare(signed) for signed in statements]
            places = self._outbox.places(one.hash for one in prepared if isinstance(one, Statement))
            results: list[int | CustodesError] = []
            rows: list[OutboxRow] = []
            wanted: list[Change] = []
            now_us = max(self._clock.utc_us(), state.facts.admitted_us)
            self._stale = True
            for position, statement in enumerate(prepared):
                result = self._admit(state, statement, now_us, places, rows)
                if isinstance(result, int) and rows and rows[-1].sequence == result and changes:
                    wanted += [changes[position]] if position in changes else []
                results.append(result)
            self._append(rows, wanted)
            self._stale = False
            self._publish(state)
            return results

    def tend(self) -> None:
        """Publish what is not public yet, let the keeper cosign anew every 5 minutes, keep a state now and then."""
        with self._lock:
            self._check_running()
            self._publish(self.state)
            self._fenced(self._publisher.tend)
            self._kept.keep(self.state, self._publisher.size)

    def add_cosignature(self, note: bytes) -> None:
        """Take cosignatures of witnesses and custodians on this or an earlier checkpoint.

        Errors: UnverifiedError when none is a known cosigner's; as `compare`.
        """
        with self._lock:
            self._check_running()
            found = parse_checkpoint(note)
            self._compare(found)
            lines = known_lines(self.state, found, self._clock.utc_us())
            if not lines:
                raise UnverifiedError("no cosignature of a known witness or custodian")
            self._fenced(lambda: self._publisher.add(found.checkpoint, lines))

    def compare(self, note: bytes) -> None:
        """Compare with a checkpoint that somebody else holds; stop for good where it shows a fork.

        Errors: RefusedError when it is larger than this ledger, CorruptError when its root is another;
        UnverifiedError when this log's key has not signed that.
        """
        with self._lock:
            self._compare(parse_checkpoint(note))

    def _recover(self, known: Iterable[bytes]) -> None:
        note = self._publisher.read()
        state = self._state = self._kept.rebuild(self._outbox)
        restored = 0
        if note is not None:
            if state.size < note.checkpoint.size:
                restored = restore_from_tiles(self._store, self._outbox, state, note.checkpoint)
            check_published(state, note.checkpoint)
        unpublished = state.size - self._publisher.size
        if state.size:
            self._check_keys()
        for other in map(parse_checkpoint, known):
            self._compare(other)
        if state.size:
            self._publisher.claim(state.genesis.origin)
            self._publish(state)
        self.recovered = Recovered(restored, unpublished, self._kept.replayed, self._kept.refused)

    def _check_keys(self) -> None:
        if self._state.genesis.log_key != self._log_key.public:
            raise RefusedError("the log key here is not the one that genesis names")
        if self._state.roster.keeper.signing != self._keeper.public:
            raise RefusedError("the keeper's key here is not the one that the roster in force names")

    def _admit(
        self,
        state: LedgerState,
        statement: Statement | CustodesError,
        now_us: int,
        places: dict[bytes, int],
        rows: list[OutboxRow],
    ) -> int | CustodesError:
        if isinstance(statement, CustodesError):
            return statement
        if statement.hash in places:
            return places[statement.hash]
        try:
            if state.size == 0:
                self._check_genesis(statement)
            admitted = state.admit_statement(statement, now_us, state.size)
        except (InvalidError, RefusedError, UnverifiedError) as error:
            return error
        rows.append(OutboxRow(admitted.index, statement.hash, now_us, admitted.entry))
        places[statement.hash] = admitted.index
        return admitted.index

    def _check_genesis(self, statement: Statement) -> None:
        body = statement.signed.body
        if statement.signed.type != GENESIS_TYPE:
            return
        named = {name: body.get(name) for name in ("log", "keeper")}
        own = {"log": ("key", self._log_key), "keeper": ("signing", self._keeper)}
        for name, (member, key) in own.items():
            value = named[name]
            if isinstance(value, Mapping) and value.get(member) != b64u(key.public):
                raise RefusedError(f"genesis names another {name} key than the one here")

    def _append(self, rows: list[OutboxRow], changes: list[Change]) -> None:
        if not rows:
            return
        try:
            self._outbox.append(rows, changes)
        except ConflictError as error:
            # A change may have met a conflict of its own; only another's entries end this sequencer.
            if self._outbox.size() != rows[0].sequence:
                self._stopped = error
            raise

    def _publish(self, state: LedgerState) -> None:
        if state.size == self._publisher.size:
            return
        if self._publisher.current is None:
            self._fenced(lambda: self._publisher.claim(state.genesis.origin))
        self._fenced(
            lambda: self._publisher.publish(
                state.tree, lambda start, stop: list(self._outbox.entries(start, stop)), state.size
            )
        )

    def _fenced(self, step: Callable[[], None]) -> None:
        try:
            step()
        except ConflictError as error:
            self._stopped = error
            raise

    def _compare(self, note: SignedCheckpoint) -> None:
        try:
            check_against(self.state, self._log_key.public, note)
        except (RefusedError, CorruptError) as error:
            self._stopped = error
            raise

    def _check_running(self) -> None:
        if self._stopped is not None:
            raise ConflictError(f"this sequencer has stopped: {self._stopped}")


def _prepare(signed: Signed) -> Statement | CustodesError:
    try:
        try:
            return Statement.of(signed)
        except InvalidError as error:
            malformed("members", str(error))
    except InvalidError as error:
        return error

"""What the sequencer keeps of its own state, so that a start need not replay the whole ledger.

The rules' facts alone are taken from there: the tree is built anew from the database's entries, all of them, and must
be the kept one. So a database that is not of this ledger is found as by a replay. Whatever does not fit is said,
deleted, and all is replayed. Source: docs/design/0011-kept-ledger.md. Blocking.
"""

from __future__ import annotations

import structlog

from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.errors import CorruptError, CustodesError, UnverifiedError
from custodes.ledger.growing import GrowingTree
from custodes.ledger.rules.state import LedgerState
from custodes.services.ledger_snapshot import LedgerSnapshot, OtherCodeError, is_worth_keeping
from custodes.services.sequencer.recovery import replay_outbox

_LOG = structlog.get_logger("ledger")


class KeptState:
    """The sequencer's own snapshot; without one, everything is replayed each time.

    `refused`: why the one that was there was not gone on from, to be shown; empty where there was none, or one of
    other code, which every update leaves behind.
    """

    def __init__(self, snapshot: LedgerSnapshot | None) -> None:
        self._snapshot = snapshot
        self._size = 0
        self.refused = ""
        self.replayed = 0

    def rebuild(self, outbox: SqlOutbox) -> LedgerState:
        """The state that the database's entries lead to, from the kept one on. Errors: CorruptError."""
        kept = self._take(outbox)
        if kept is not None:
            self._size = start = kept.size
            try:
                return self._count(replay_outbox(outbox, kept), start)
            except CorruptError as error:
                self._refuse(error)
        return self._count(replay_outbox(outbox, LedgerState()), 0)

    def keep(self, state: LedgerState, public_size: int) -> None:
        """Keep a state that is public as a whole, when it has come far enough. Cost: 11 s at a million entries."""
        if self._snapshot is None or state.size != public_size:
            return
        if is_worth_keeping(state.size, self._size):
            self._snapshot.save(state)
            self._size = state.size

    def _take(self, outbox: SqlOutbox) -> LedgerState | None:
        if self._snapshot is None:
            return None
        try:
            kept = self._snapshot.read()
            if kept is not None:
                _check(kept, outbox)
        except OtherCodeError:
            _LOG.info("the ledger is replayed from its beginning: what was kept is of other code")
        except CustodesError as error:
            self._refuse(error)
        else:
            return kept
        return None

    def _refuse(self, error: CustodesError) -> None:
        assert self._snapshot is not None
        self._size = 0
        self.refused = (
            f"the ledger was replayed from its beginning, what was kept of it is of no use: {error}"
        )
        _LOG.warning("the kept ledger is thrown away and all is replayed", reason=str(error))
        self._snapshot.forget()

    def _count(self, state: LedgerState, start: int) -> LedgerState:
        self.replayed = state.size - start
        return state


def _check(kept: LedgerState, outbox: SqlOutbox) -> None:
    """Errors: UnverifiedError where the database's entries are not those that led to it."""
    size = outbox.size()
    if kept.size > size:
        raise UnverifiedError(
            f"it is of {kept.size} entries and the database has {size}; the database was put back from before"
        )
    tree = GrowingTree()
    for entry in outbox.entries(0, kept.size):
        tree.append(entry)
    if tree.rows() != kept.tree.rows():
        raise UnverifiedError(f"the first {kept.size} entries of the database are not those that led to it")

"""What others know of this ledger: their checkpoints and their cosignatures."""

from __future__ import annotations

from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.base.errors import CorruptError, RefusedError, UnverifiedError
from custodes.ledger.checkpoint import NoteSignature, SignedCheckpoint, custodian_name
from custodes.ledger.rules.state import LedgerState

_MAX_AHEAD_US = 5 * MINUTE_US


def check_against(state: LedgerState, log_key: bytes, note: SignedCheckpoint) -> None:
    """Check that a checkpoint is one of this ledger's own past.

    Errors: RefusedError when this log's key has signed a larger tree, CorruptError when it has signed another
    one; either ends a sequencer. UnverifiedError when it has not signed what differs, which says nothing.
    """
    found = note.checkpoint
    # Without any entry the origin is not known; what this log's key has signed is this log's all the same.
    origin = state.genesis.origin if state.size else found.origin
    if found.origin != origin:
        raise UnverifiedError(f"the checkpoint is of {found.origin!r}, not of {origin!r}")
    if found.size > state.size:
        note.check_log(origin, log_key)
        raise RefusedError(
            f"somebody knows this ledger at size {found.size}; here it has {state.size} entries"
        )
    if state.tree.root(found.size) != found.root:
        note.check_log(origin, log_key)
        raise CorruptError(f"this log's key has signed another root at size {found.size}")


def known_lines(state: LedgerState, note: SignedCheckpoint, now_us: int) -> list[NoteSignature]:
    """The cosignatures of witnesses and custodians of the roster in force.

    Errors: UnverifiedError when one of them does not check.
    """
    origin, roster = state.genesis.origin, state.roster
    cosigners = dict(roster.witnesses)
    cosigners.update((custodian_name(origin, index), key) for index, key in roster.identities.items())
    lines = []
    for name, key in cosigners.items():
        line, seconds = note.cosignature(name, key), note.cosigned_s(name, key)
        # One of the future would have every reader refuse the checkpoint.
        if line is not None and seconds is not None and seconds * SECOND_US <= now_us + _MAX_AHEAD_US:
            lines.append(line)
    return lines

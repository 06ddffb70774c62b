"""Since when the ledger holds what a package shows: the first checkpoint that each sort of cosigner has cosigned.

Blocking. Source: docs/formats/package.md, ledger.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.ledger.checkpoint import SignedCheckpoint, custodian_name, keeper_name, parse_checkpoint
from custodes.ledger.tiles import archive_path
from custodes.services.ledger_view import LedgerView

_LOG = structlog.get_logger("discloser")


def first_checkpoints(view: LedgerView, store: ObjectStore, size: int) -> list[SignedCheckpoint]:
    """The first of at least that size that an outside witness, a custodian and the keeper cosigned.

    By size; one may be the first of several sorts, and where the present checkpoint is, it is left out, as a
    package has it anyway. Cost: a list of the archive, and what lies there between that size and the last of these.
    Errors: UnverifiedError when the log's key has signed a tree that is not this one.
    """
    wanted = _sorts(view)
    found: dict[int, SignedCheckpoint] = {}
    for note in _candidates(view, store, size):
        cosigned = {sort for sort, cosigners in wanted.items() if _is_cosigned(note, cosigners)}
        if cosigned and note is not view.note:
            found[note.checkpoint.size] = note
            wanted = {sort: cosigners for sort, cosigners in wanted.items() if sort not in cosigned}
        if not wanted:
            break
    return [found[one] for one in sorted(found)]


def _sorts(view: LedgerView) -> dict[str, dict[str, bytes]]:
    """The cosigners of the roster in force, name to key, by sort; without the sorts that nobody is of."""
    roster, origin = view.state.roster, view.state.genesis.origin
    custodians = {custodian_name(origin, index): key for index, key in roster.identities.items()}
    sorts = {
        "witness": dict(roster.witnesses),
        "custodian": custodians,
        "keeper": {keeper_name(origin): roster.keeper.signing},
    }
    return {sort: cosigners for sort, cosigners in sorts.items() if cosigners}


def _candidates(view: LedgerView, store: ObjectStore, size: int) -> Iterator[SignedCheckpoint]:
    """Checkpoints of at least that size, in order, the present one last."""
    present = view.note
    if present is None:
        raise UnverifiedError("no checkpoint was read")
    last = present.checkpoint.size
    for path in sorted(store.list("log/checkpoints")):
        if not archive_path(size) <= path <= archive_path(last):
            continue
        try:
            note = parse_checkpoint(store.get(path))
            note.check_log(view.state.genesis.origin, view.state.genesis.log_key)
        except (NotFoundError, InvalidError, UnverifiedError) as error:
            _LOG.warning("an archived checkpoint is of no use", path=path, reason=str(error))
            continue
        checkpoint = note.checkpoint
        if checkpoint.size > last or view.state.tree.root(checkpoint.size) != checkpoint.root:
            raise UnverifiedError(f"the log's key has signed another tree of {checkpoint.size} entries")
        if checkpoint.size >= size:
            yield note
    yield present


def _is_cosigned(note: SignedCheckpoint, cosigners: dict[str, bytes]) -> bool:
    for name, key in cosigners.items():
        try:
            if note.cosigned_s(name, key) is not None:
                return True
        except UnverifiedError as error:
            _LOG.warning("a false cosignature", cosigner=name, reason=str(error))
    return False

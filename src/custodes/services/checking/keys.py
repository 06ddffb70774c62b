"""The copies of the key store, read beside the keeper: every key that should be there, and none that should not.

Seeds pass through memory and are looked at by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from custodes.adapters.keystore.copy import BLOCK_RECORDS, FILE_NAME
from custodes.adapters.keystore.record import RECORD_BYTES, Header, RecordState, decode, decode_header
from custodes.base.errors import CorruptError
from custodes.cases.hold import hold_key_id
from custodes.ledger.rules.pools import Pool
from custodes.ledger.rules.state import LedgerState
from custodes.services.checking.findings import Finding, FindingKind
from custodes.services.keeper.fetching import shred_id

_BLOCK_BYTES = BLOCK_RECORDS * RECORD_BYTES


@dataclass
class _Copy:
    header: Header
    live: set[bytes] = field(default_factory=set)
    destroyed: set[bytes] = field(default_factory=set)
    torn: int = 0


def check_keys(folders: Sequence[Path], state: LedgerState) -> Iterator[Finding]:
    """What is wrong with the copies, and between them and the ledger."""
    copies: list[tuple[Path, _Copy]] = []
    for folder in folders:
        try:
            copies.append((folder, _read(folder / FILE_NAME)))
        except (OSError, CorruptError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            yield Finding(FindingKind.KEYS, str(folder), f"the copy cannot be read: {reason}")
    if len({copy.header.store_id for _, copy in copies}) > 1:
        yield Finding(FindingKind.KEYS, str(folders[0]), "the copies are of two key stores")
        return
    # A copy that was made anew has no trace of what the other says is destroyed.
    destroyed = set().union(*(copy.destroyed for _, copy in copies))
    for folder, copy in copies:
        copy.destroyed |= destroyed
        if copy.torn:
            yield Finding(FindingKind.KEYS, str(folder), f"{copy.torn} records are torn")
        yield from _check_copy(folder, copy, state)


def _check_copy(folder: Path, copy: _Copy, state: LedgerState) -> Iterator[Finding]:
    for pool in state.facts.pools.values():
        missing, pending, alive = _count(pool, copy)
        where = f"{folder}, pool {pool.id.hex()}"
        if missing:
            what = f"{missing} keys are not there, of which {_used(pool)} epochs depend on the pool"
            yield Finding(FindingKind.KEYS, where, what)
        if alive:
            yield Finding(
                FindingKind.KEYS, where, f"{alive} keys are there that the ledger says are shredded"
            )
        if pending:
            yield Finding(FindingKind.PENDING, where, f"{pending} keys are destroyed and not yet entered")
    yield from _check_holds(folder, copy, state)


def _check_holds(folder: Path, copy: _Copy, state: LedgerState) -> Iterator[Finding]:
    for hold in state.facts.holds.values():
        id_ = hold_key_id(hold.id)
        where = f"{folder}, hold {hold.id.hex()}"
        if hold.ended and id_ in copy.live:
            yield Finding(FindingKind.KEYS, where, "its pair is there, which the ledger says is shredded")
        elif hold.shares and not hold.ended and id_ not in copy.live:
            if id_ in copy.destroyed:
                yield Finding(FindingKind.PENDING, where, "its pair is destroyed and not yet entered")
            else:
                what = f"its pair is not there, and nothing of {len(hold.shares)} epochs opens by it"
                yield Finding(FindingKind.KEYS, where, what)


def _count(pool: Pool, copy: _Copy) -> tuple[int, int, int]:
    missing, pending, alive = 0, 0, 0
    for index, gone in enumerate(pool.shredded):
        id_ = shred_id(pool.id, index)
        if gone:
            alive += id_ in copy.live
        elif id_ not in copy.live:
            pending += id_ in copy.destroyed
            missing += id_ not in copy.destroyed
    return missing, pending, alive


def _used(pool: Pool) -> int:
    return sum(len(epochs) for epochs in pool.epochs.values())


def _read(file: Path) -> _Copy:
    with file.open("rb", buffering=0) as source:
        block = source.read(_BLOCK_BYTES)
        copy = _Copy(decode_header(block[:RECORD_BYTES]))
        block = block[RECORD_BYTES:]
        while block:
            _take(copy, block)
            block = source.read(_BLOCK_BYTES)
    copy.live -= copy.destroyed
    return copy


def _take(copy: _Copy, block: bytes) -> None:
    for at in range(0, len(block), RECORD_BYTES):
        try:
            record = decode(block[at : at + RECORD_BYTES])
        except CorruptError:
            copy.torn += 1
            continue
        if record is not None:
            (copy.live if record.state is RecordState.LIVE else copy.destroyed).add(record.id)

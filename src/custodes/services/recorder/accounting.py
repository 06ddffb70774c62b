"""A recorder's account chain: each minute a statement of what is durable, what is missing, what ended.

Blocking; runs in the registrar's thread. Order: manifest, state with the statement in it, outbox: no number
is signed twice, and no statement is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from custodes.base.keys import SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import AccountChain, AccountLeaf, Closed, Cut, Gap
from custodes.custody.paths import manifest_path
from custodes.services.parcels import Parcel, parcel_bytes
from custodes.services.recorder.outbox import Outbox
from custodes.services.recorder.state import EpochState, RecorderState, StateFile

EPOCH_TYPE = "custodes/entry/epoch/v1"
MAX_GAPS = 400
MAX_CLOSED = 250


@dataclass(frozen=True)
class Minute:
    """What one account speaks of; `ended`: epochs that get no further envelope."""

    minute_us: int
    leaves: tuple[AccountLeaf, ...]
    gaps: tuple[Gap, ...] = ()
    ended: frozenset[bytes] = frozenset()
    cuts: tuple[Cut, ...] = ()


@dataclass
class Ledgerbook:
    """The state of one recorder and what changes it; every change is durable when its method returns."""

    network: bytes
    recorder: bytes
    key: SigningKey
    store: ObjectStore
    file: StateFile
    outbox: Outbox
    state: RecorderState

    def register_epoch(
        self, epoch: bytes, opened: EpochState, pools: dict[bytes, int], body: Mapping[str, Any]
    ) -> list[str]:
        """Know an epoch before its first chunk, and that its shred key is taken; its entry waits.

        The outbox items' names, to be put in line.
        """
        state = replace(self.state, epochs={**self.state.epochs, epoch: opened}, pools=pools)
        return self._commit(state, EPOCH_TYPE, body)

    def repeat_pending(self) -> list[str]:
        """After a crash: statements that may not have reached the outbox; the keeper takes each once."""
        return [self.outbox.store("submit", parcel) for parcel in self.state.pending]

    def account(self, minute: Minute, new_run: int | None = None) -> list[str]:
        """State a minute, or with `new_run` a restart; names of the outbox items.

        Several accounts where one would be too long for an entry.
        """
        names: list[str] = []
        gaps, ended = sorted(set(minute.gaps)), sorted(minute.ended)
        part = replace(minute, gaps=tuple(gaps[:MAX_GAPS]), ended=frozenset(ended[:MAX_CLOSED]))
        names += self._account(part, new_run)
        rest = replace(
            minute, leaves=(), cuts=(), gaps=tuple(gaps[MAX_GAPS:]), ended=frozenset(ended[MAX_CLOSED:])
        )
        if rest.gaps or rest.ended:
            names += self.account(rest)
        return names

    def _account(self, minute: Minute, new_run: int | None) -> list[str]:
        state = self.state
        chain = AccountChain(self.network, self.recorder, state.run, state.number, state.head)
        epochs = advance(state.epochs, minute.leaves)
        closed = [Closed(id_, epochs[id_].accounted, epochs[id_].last) for id_ in minute.ended]
        account, manifest, after = chain.next(
            minute.minute_us, minute.leaves, minute.gaps, minute.cuts, closed, new_run
        )
        self.store.put(manifest_path(self.recorder, account.number), manifest.encode())
        kept = {id_: epoch for id_, epoch in epochs.items() if id_ not in minute.ended}
        state = replace(state, run=after.run, number=after.number, head=after.previous, epochs=kept)
        return self._commit(state, account.type, account.body())

    def _commit(self, state: RecorderState, type_: str, body: Mapping[str, Any]) -> list[str]:
        parcel = parcel_bytes(Parcel(sign_body(type_, body, self.key)))
        state = replace(state, pending=(parcel,))
        self.file.write(state)
        self.state = state
        return [self.outbox.store("submit", parcel)]


def advance(epochs: dict[bytes, EpochState], leaves: Iterable[AccountLeaf]) -> dict[bytes, EpochState]:
    """The epochs after an account of these envelopes, which follow those already accounted for."""
    after = dict(epochs)
    for leaf in sorted(leaves):
        epoch = after[leaf.epoch]
        after[leaf.epoch] = replace(epoch, accounted=leaf.sequence + 1, last=leaf.hash)
    return after

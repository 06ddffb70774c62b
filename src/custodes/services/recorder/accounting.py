"""A recorder's account chain: each minute a statement of what is durable, what is missing, what ended.

Blocking; runs in the registrar's thread. The state is written ahead, with the statement and its manifest in
it; `settle` then stores the manifest and lays the statement into the outbox. So no number is signed twice, no
statement is lost, and a manifest is durable before its account leaves, wherever a crash falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from custodes.base.errors import ConflictError, NotFoundError
from custodes.base.keys import SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import AccountChain, AccountLeaf, Closed, Cut, Gap, parse_manifest
from custodes.custody.paths import manifest_path
from custodes.custody.renditions import Masked, Rendition, open_rendition_path
from custodes.services.facts import rendition_fact
from custodes.services.parcels import Parcel, parcel_bytes
from custodes.services.recorder.outbox import Outbox
from custodes.services.recorder.state import EpochState, Pending, RecorderState, StateFile

EPOCH_TYPE = "custodes/entry/epoch/v1"
# An entry holds 65,000 bytes: of closed epochs (about 120 each), cuts (190), and reasons of streams (70).
MAX_CLOSED = 150
MAX_CUTS = 100
MAX_REASONS = 300
_LOG = structlog.get_logger("accounting")


@dataclass(frozen=True)
class Minute:
    """What one account speaks of; `ended`: epochs that get no further envelope."""

    minute_us: int
    leaves: tuple[AccountLeaf, ...]
    gaps: tuple[Gap, ...] = ()
    ended: frozenset[bytes] = frozenset()
    cuts: tuple[Cut, ...] = ()
    renditions: tuple[Rendition, ...] = ()
    masked: tuple[Masked, ...] = ()

    def parts(self) -> Iterator[Minute]:
        """The same in as many minutes as make one entry each; the first is not empty of leaves that are cut.

        An epoch is closed in the last of them, when all its envelopes have been told of.
        """
        gaps, cuts, ended = sorted(set(self.gaps)), sorted(self.cuts), sorted(self.ended)
        groups = list(_groups(gaps)) or [()]
        later = cuts[MAX_CUTS:]
        held = {cut[:3] for cut in later}
        leaves = tuple(leaf for leaf in self.leaves if leaf[:3] not in held)
        first = replace(
            self,
            leaves=leaves,
            gaps=groups[0],
            cuts=tuple(cuts[:MAX_CUTS]),
            ended=frozenset() if later else frozenset(ended[:MAX_CLOSED]),
        )
        yield first
        rest_of = replace(self, renditions=(), masked=())
        while later:
            now, later = later[:MAX_CUTS], later[MAX_CUTS:]
            yield replace(
                rest_of,
                leaves=tuple(AccountLeaf(*cut[:3], cut.hash) for cut in now),
                gaps=(),
                cuts=tuple(now),
                ended=frozenset(),
            )
        for group in groups[1:]:
            yield replace(rest_of, leaves=(), cuts=(), gaps=group, ended=frozenset())
        rest = [id_ for id_ in ended if id_ not in first.ended]
        for start in range(0, len(rest), MAX_CLOSED):
            yield replace(
                rest_of, leaves=(), cuts=(), gaps=(), ended=frozenset(rest[start : start + MAX_CLOSED])
            )


@dataclass
class Ledgerbook:
    """The state of one recorder and what changes it; every change is durable when its method returns.

    A method that raised has changed nothing and may be called again. `spool`: where rendition reels lie until an
    account has named them.
    """

    network: bytes
    recorder: bytes
    key: SigningKey
    store: ObjectStore
    spool: Path
    file: StateFile
    outbox: Outbox
    state: RecorderState
    _settled: list[str] = field(default_factory=list)

    def register_epoch(
        self, epoch: bytes, opened: EpochState, pools: dict[bytes, int], body: Mapping[str, Any]
    ) -> None:
        """Know an epoch before its first chunk, and that its shred key is taken; `settle` sends its entry."""
        state = replace(self.state, epochs={**self.state.epochs, epoch: opened}, pools=pools)
        self._commit(state, Pending(self._parcel(EPOCH_TYPE, body)))

    def account(self, minute: Minute, new_run: int | None = None) -> None:
        """State a minute, or with `new_run` a restart; `settle` sends it. One part that makes one entry."""
        state = self.state
        chain = AccountChain(self.network, self.recorder, state.run, state.number, state.head)
        epochs = advance(state.epochs, minute.leaves)
        closed = [Closed(id_, epochs[id_].accounted, epochs[id_].last) for id_ in minute.ended]
        account, manifest, after = chain.next(
            minute.minute_us,
            minute.leaves,
            minute.gaps,
            minute.cuts,
            closed,
            new_run,
            minute.renditions,
            minute.masked,
        )
        kept = {id_: epoch for id_, epoch in epochs.items() if id_ not in minute.ended}
        state = replace(
            state,
            run=after.run,
            number=after.number,
            head=after.previous,
            epochs=kept,
            minute_us=minute.minute_us,
        )
        parcel = self._parcel(account.type, account.body())
        self._commit(state, Pending(parcel, account.number, manifest.encode()))

    def settle(self) -> list[str]:
        """Store what waiting accounts name and their manifests, lay statements and announcements into the outbox.

        The items' names, to be admitted.
        After a crash what had reached the outbox comes again; the keeper takes each statement once.
        """
        while self.state.pending:
            first = self.state.pending[0]
            named = parse_manifest(first.manifest).renditions if first.manifest else ()
            there = [rendition for rendition in named if self._take_in(rendition)]
            if first.manifest:
                self.store.put(manifest_path(self.recorder, first.number), first.manifest)
            self._settled.append(self.outbox.store("submit", first.parcel))
            for rendition in there:
                self._settled.append(self.outbox.store("reel", rendition_fact(rendition)))
            # In the file it goes with the next change; to find it there again does no harm.
            self.state = replace(self.state, pending=self.state.pending[1:])
        names, self._settled = self._settled, []
        return names

    def _take_in(self, rendition: Rendition) -> bool:
        """Move a reel from the spool to the store; whether it is there, then or since before."""
        file = self.spool / open_rendition_path(rendition.stream, rendition.start_us)
        try:
            self.store.adopt(file, rendition.path)
        except NotFoundError:
            if not file.is_file():
                return self._is_stored(rendition)
            raise
        except ConflictError as error:
            _LOG.error("a rendition reel has no place in the store", path=rendition.path, reason=str(error))
            return False
        return True

    def _is_stored(self, rendition: Rendition) -> bool:
        try:
            return self.store.size(rendition.path) == rendition.size_bytes
        except NotFoundError:
            # Taken in before a crash and forgotten since, or lost; the next check of the store tells which.
            _LOG.warning("a rendition reel is nowhere", path=rendition.path)
            return False

    def _parcel(self, type_: str, body: Mapping[str, Any]) -> bytes:
        return parcel_bytes(Parcel(sign_body(type_, body, self.key)))

    def _commit(self, state: RecorderState, pending: Pending) -> None:
        state = replace(state, pending=(*state.pending, pending))
        self.file.write(state)
        self.state = state


def advance(epochs: dict[bytes, EpochState], leaves: Iterable[AccountLeaf]) -> dict[bytes, EpochState]:
    """The epochs after an account of these envelopes, which follow those already accounted for."""
    after = dict(epochs)
    for leaf in sorted(leaves):
        epoch = after[leaf.epoch]
        after[leaf.epoch] = replace(epoch, accounted=leaf.sequence + 1, last=leaf.hash)
    return after


def _groups(gaps: list[Gap]) -> Iterator[tuple[Gap, ...]]:
    """Gaps, which ascend by stream, in groups of so many different streams and reasons."""
    group: list[Gap] = []
    pairs: set[tuple[bytes, str]] = set()
    for gap in gaps:
        if len(pairs | {(gap.stream, gap.reason)}) > MAX_REASONS:
            yield tuple(group)
            group, pairs = [], set()
        group.append(gap)
        pairs.add((gap.stream, gap.reason))
    if group:
        yield tuple(group)

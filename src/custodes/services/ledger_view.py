"""The ledger as somebody reads it who trusts nothing but the network's id: replayed rule by rule.

Blocking; reads through a function, so that a folder and a web address are alike. What was replayed can be kept
in the reader's own folder. Entries are read again when they are asked for, and compared with their leaf hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from custodes.base.errors import CorruptError, NotFoundError, UnverifiedError
from custodes.cases.scope import Scope
from custodes.ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from custodes.ledger.merkle import leaf_hash
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, bundle_path, decode_bundle
from custodes.services.ledger_snapshot import LedgerSnapshot, is_worth_keeping

ReadObject = Callable[[str], bytes]
BUNDLES_HELD = 16


class LedgerEntries(Sequence[bytes]):
    """The entries of a replayed ledger, each read when it is asked for and the one that was replayed.

    Errors: UnverifiedError where another stands there now; what the reader raises.
    """

    def __init__(self, view: LedgerView) -> None:
        self._view = view
        self._held: dict[tuple[int, int], list[bytes]] = {}

    def __len__(self) -> int:
        return self._view.state.size

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        size = len(self)
        at = index if index >= 0 else size + index
        if not 0 <= at < size:
            raise IndexError(f"the ledger has {size} entries")
        bundle, place = divmod(at, TILE_WIDTH)
        return self._bundle(bundle, min(TILE_WIDTH, size - bundle * TILE_WIDTH))[place]

    def _bundle(self, index: int, width: int) -> list[bytes]:
        found = self._held.pop((index, width), None)
        if found is None:
            try:
                found = self._view.read_bundle(index, width)
            except CorruptError as error:
                raise UnverifiedError(f"entries from {index * TILE_WIDTH} on: {error}") from error
            tile = self._view.state.tree.tile(0, index, width)
            if b"".join(map(leaf_hash, found)) != tile:
                raise UnverifiedError(
                    f"entries from {index * TILE_WIDTH} on are not those that were replayed"
                )
        self._held[index, width] = found
        while len(self._held) > BUNDLES_HELD:
            del self._held[next(iter(self._held))]
        return found


@dataclass
class LedgerView:
    """A replayed ledger, brought up to date by `refresh`; `entries` are the leaves' bytes.

    `snapshot`: where what was replayed is kept, by who has a folder of its own.
    """

    network: bytes
    read: ReadObject
    state: LedgerState = field(default_factory=LedgerState)
    note: SignedCheckpoint | None = None
    snapshot: LedgerSnapshot | None = None
    _kept_size: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.entries = LedgerEntries(self)

    def refresh(self) -> SignedCheckpoint:
        """Read what is new and replay it.

        Errors: UnverifiedError when the log goes back, forks, is another network's, or breaks a rule;
        RefusedError with the rule's name; what the reader raises.
        """
        self._begin()
        note = parse_checkpoint(self.read(CHECKPOINT_PATH))
        checkpoint = note.checkpoint
        if checkpoint.size < self.state.size:
            raise UnverifiedError(
                f"the log went back from {self.state.size} to {checkpoint.size} entries: it is not append-only"
            )
        for data in self._read_entries(self.state.size, checkpoint.size):
            self._replay(data)
        genesis = self.state.genesis
        note.check_log(genesis.origin, genesis.log_key)
        if self.state.tree.root() != checkpoint.root:
            raise UnverifiedError(f"the log's entries do not lead to its root at size {checkpoint.size}")
        self.note = note
        self._keep()
        return note

    def check_seen(self, size: int, root: bytes) -> None:
        """Check that the ledger continues the largest checkpoint that somebody saw.

        Errors: UnverifiedError.
        """
        if size > self.state.size:
            raise UnverifiedError(f"the log has {self.state.size} entries, {size} were seen before")
        if size and self.state.tree.root(size) != root:
            raise UnverifiedError(f"the log is a fork: at {size} entries it was another one")

    def lower_assurance(self, scope: Scope) -> frozenset[bytes]:
        """The streams of lower assurance that slots of a scope are of, whatever the scope calls them."""
        live = self.state.facts.epochs.live
        # A slot of an epoch that is gone opens nothing.
        streams = {live[slot.epoch].stream for slot in scope if slot.epoch in live}
        return frozenset(one for one in streams if self.state.stream(one).assurance == "lower")

    def check_fresh(self, now_us: int) -> None:
        """Errors: UnverifiedError when the checkpoint is not fresh by the roster's policy."""
        if self.note is None:
            raise UnverifiedError("no checkpoint was read")
        self.state.roster.policy(self.state.genesis).check_fresh(self.note, now_us)

    def _replay(self, data: bytes) -> None:
        index = self.state.size
        self.state.replay(data, index)
        if index == 0 and self.state.genesis.network != self.network:
            raise UnverifiedError("the log's genesis is not that of the pinned network")

    def _begin(self) -> None:
        """Go on from what was kept, the first time."""
        if self.snapshot is not None and not self.state.size and (kept := self.snapshot.load()) is not None:
            self.state, self._kept_size = kept, kept.size

    def _keep(self) -> None:
        if self.snapshot is not None and is_worth_keeping(self.state.size, self._kept_size):
            self.snapshot.save(self.state)
            self._kept_size = self.state.size

    def _read_entries(self, start: int, end: int) -> Iterator[bytes]:
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            width = min(TILE_WIDTH, end - index * TILE_WIDTH)
            yield from self.read_bundle(index, width)[max(0, start - index * TILE_WIDTH) :]

    def read_bundle(self, index: int, width: int) -> list[bytes]:
        """The first entries of a bundle; once the full one is there, the partial one may be gone."""
        try:
            return decode_bundle(self.read(bundle_path(index, width)), width)
        except NotFoundError:
            if width == TILE_WIDTH:
                raise
            return decode_bundle(self.read(bundle_path(index)), TILE_WIDTH)[:width]

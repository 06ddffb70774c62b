"""The ledger as somebody reads it who trusts nothing but the network's id: replayed rule by rule.

Blocking; reads through a function, so that a folder and a web address are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from custodes.base.errors import NotFoundError, UnverifiedError
from custodes.cases.scope import Scope
from custodes.ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, bundle_path, decode_bundle

ReadObject = Callable[[str], bytes]


@dataclass
class LedgerView:
    """A replayed ledger, brought up to date by `refresh`; `entries` are the leaves' bytes."""

    network: bytes
    read: ReadObject
    state: LedgerState = field(default_factory=LedgerState)
    entries: list[bytes] = field(default_factory=list)
    note: SignedCheckpoint | None = None

    def refresh(self) -> SignedCheckpoint:
        """Read what is new and replay it.

        Errors: UnverifiedError when the log goes back, forks, is another network's, or breaks a rule;
        RefusedError with the rule's name; what the reader raises.
        """
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
        self.entries.append(data)

    def _read_entries(self, start: int, end: int) -> list[bytes]:
        entries: list[bytes] = []
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            width = min(TILE_WIDTH, end - index * TILE_WIDTH)
            entries += self._bundle(index, width)[max(0, start - index * TILE_WIDTH) :]
        return entries

    def _bundle(self, index: int, width: int) -> list[bytes]:
        """The first entries of a bundle; once the full one is there, the partial one may be gone."""
        try:
            return decode_bundle(self.read(bundle_path(index, width)), width)
        except NotFoundError:
            if width == TILE_WIDTH:
                raise
            return decode_bundle(self.read(bundle_path(index)), TILE_WIDTH)[:width]

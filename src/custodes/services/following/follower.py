"""Takes the ledger into the index, entry by entry, from where it stood.

It is no verifier: it checks that the entries lead to the root which the log key of the pinned genesis signed, and
leaves the rules to who admits entries and to who verifies them. So it needs no replayed state, whose memory
grows with the ledger, and goes on after a restart where it was.

Blocking; runs in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from custodes.adapters.sql.index.index import IndexWriter, Position, SqlIndex
from custodes.base.canon import parse_canon, unb64u
from custodes.base.clock import DAY_US, Clock
from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from custodes.ledger.entries.people import GENESIS_TYPE
from custodes.ledger.entries.wrapper import Entry, parse_entry
from custodes.ledger.frontier import Frontier, decode_frontier
from custodes.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, bundle_path, decode_bundle
from custodes.services.following.commitments import KEPT_TYPES, Commitments
from custodes.services.following.intake import Intake
from custodes.services.following.register import Register

BUNDLES_AT_ONCE = 8
# Longer than any footage is kept.
GAPS_KEPT_US = 400 * DAY_US
_LOG = structlog.get_logger("web")

ReadObject = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Following:
    """Where the follower stands beside the ledger, and what it could not read."""

    size: int = 0
    ledger_size: int = 0
    missing: int = 0

    @property
    def behind(self) -> int:
        """Entries that are not taken in yet."""
        return self.ledger_size - self.size


class LedgerFollower:
    """Follows one network's ledger into its index and register."""

    def __init__(self, network: bytes, read: ReadObject, index: SqlIndex, clock: Clock) -> None:
        self._network = network
        self._read = read
        self._index = index
        self._clock = clock
        self._position = Position(network)
        self._frontier = Frontier()
        self._pruned_us = 0
        self.register = Register()
        self.commitments = Commitments()
        self.standing = Following()

    def open(self) -> None:
        """Take up where it stood; an index of another network is made anew."""
        position = self._index.position()
        if position is not None and position.network != self._network:
            self._index.clear()
            position = None
        if position is None:
            return
        self._take_up(position)
        for body in self._index.cameras():
            self.register.put(parse_canon(body))
        for index, leaf in self._index.kept():
            self.commitments.take(parse_entry(leaf), index)

    def step(self) -> bool:
        """Take in the next stretch; whether there is more at once.

        Errors: UnverifiedError when the log went back, forked or is another's: the index is then empty, and the
        next step begins anew; what the reader raises.
        """
        note = parse_checkpoint(self._read(CHECKPOINT_PATH))
        try:
            return self._step(note)
        except UnverifiedError:
            self._begin_anew()
            raise

    def _step(self, note: SignedCheckpoint) -> bool:
        size, start = note.checkpoint.size, self._position.size
        if size < start:
            raise UnverifiedError(f"the log went back from {start} to {size} entries")
        self.standing = replace(self.standing, ledger_size=size)
        if size == start:
            if size and note.checkpoint.root != self._frontier.root():
                raise UnverifiedError(f"the log is a fork: at {size} entries it was another one")
            return False
        end = min(size, (start // TILE_WIDTH + BUNDLES_AT_ONCE) * TILE_WIDTH)
        self._take_in(self._entries(start, end), note)
        return end < size

    def _take_in(self, entries: Sequence[bytes], note: SignedCheckpoint) -> None:
        frontier = decode_frontier(self._frontier.size, self._frontier.encode())
        genesis = self._position.genesis
        now_us = self._clock.utc_us()
        with self._index.writing() as writer:
            intake = Intake(self._read, writer, now_us)
            kept: list[tuple[int, Entry]] = []
            for data in entries:
                entry = parse_entry(data)
                if frontier.size == 0:
                    genesis = self._genesis(
                        entry.statement.signed.type, entry.statement.hash, entry.statement.body
                    )
                intake.take(entry)
                if entry.statement.signed.type in KEPT_TYPES:
                    kept.append((frontier.size, entry))
                    writer.keep(frontier.size, data)
                frontier.append(data)
            if frontier.size == note.checkpoint.size:
                _check_root(note, genesis, frontier)
                self._prune(writer, now_us)
            position = Position(
                self._network,
                frontier.size,
                frontier.encode(),
                genesis,
                self._position.missing + intake.missing,
            )
            writer.stand_at(position)
        self._take_up(position)
        for body in intake.cameras:
            self.register.put(body)
        for index, entry in kept:
            self.commitments.take(entry, index)

    def _genesis(self, type_: str, hash_: bytes, body: bytes) -> bytes:
        if type_ != GENESIS_TYPE or hash_ != self._network:
            raise UnverifiedError("the log's first entry is not the genesis of the pinned network")
        return body

    def _entries(self, start: int, end: int) -> list[bytes]:
        entries: list[bytes] = []
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            width = min(TILE_WIDTH, end - index * TILE_WIDTH)
            entries += self._bundle(index, width)[max(0, start - index * TILE_WIDTH) :]
        return entries

    def _bundle(self, index: int, width: int) -> list[bytes]:
        """The first entries of a bundle; once the full one is there, the partial one may be gone."""
        try:
            return decode_bundle(self._read(bundle_path(index, width)), width)
        except NotFoundError:
            if width == TILE_WIDTH:
                raise
            return decode_bundle(self._read(bundle_path(index)), TILE_WIDTH)[:width]

    def _prune(self, writer: IndexWriter, now_us: int) -> None:
        if now_us - self._pruned_us > DAY_US:
            writer.prune_gaps(now_us - GAPS_KEPT_US)
            self._pruned_us = now_us

    def _take_up(self, position: Position) -> None:
        try:
            self._frontier = decode_frontier(position.size, position.frontier)
        except InvalidError as error:
            raise UnverifiedError("the index does not know where it stands") from error
        self._position = position
        if position.genesis:
            genesis = parse_canon(position.genesis)
            self.register.begin(genesis)
            if not self.commitments.staff:
                self.commitments.begin(genesis)
        self.standing = replace(
            self.standing,
            size=position.size,
            ledger_size=max(self.standing.ledger_size, position.size),
            missing=position.missing,
        )

    def _begin_anew(self) -> None:
        _LOG.error("the index of the ledger is made anew")
        self._index.clear()
        self.register.clear()
        self.commitments.clear()
        self.standing = Following()
        self._position, self._frontier = Position(self._network), Frontier()


def _check_root(note: SignedCheckpoint, genesis: bytes, frontier: Frontier) -> None:
    log = parse_canon(genesis)["log"]
    note.check_log(log["origin"], unb64u(log["key"]))
    if frontier.root() != note.checkpoint.root:
        raise UnverifiedError(f"the log's entries do not lead to its root at size {frontier.size}")

"""The ledger's files: every tile, bundle and checkpoint, each named where it is damaged; entries replayed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias

from custodes.base.canon import unb64u
from custodes.base.errors import CorruptError, CustodesError, InvalidError, NotFoundError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.ledger import tiles
from custodes.ledger.checkpoint import (
    SignedCheckpoint,
    custodian_name,
    keeper_name,
    parse_checkpoint,
)
from custodes.ledger.entries.people import GENESIS_TYPE
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.merkle import HASH_BYTES, leaf_hash
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, bundle_path, decode_bundle, tile_path
from custodes.services.checking.findings import Finding, FindingKind, Progress
from custodes.services.checking.known import Known, check_manifest
from custodes.services.checking.tree import StoredTree, bad_file

_PLACE = re.compile(
    r"log/tile/(?P<level>entries|[0-9])/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)
_FIRST = re.compile(r"log/tile/entries/000(?:\.p/[0-9]+)?$")
_ARCHIVED = re.compile(r"log/checkpoints/[0-9]{12}")

# (start, stop) -> those entries that are known, in order.
SpareEntries: TypeAlias = Callable[[int, int], Iterable[bytes]]


class LogCheck:
    """Reads the log once for its hashes and once for its entries; `state` is as far as these could be replayed.

    `spare`: the same entries from elsewhere, for a bundle that is damaged.
    """

    def __init__(
        self, store: ObjectStore, network: bytes, spare: SpareEntries, quick: bool, progress: Progress
    ) -> None:
        self._store = store
        self._network = network
        self._spare = spare
        self._quick = quick
        self._progress = progress
        self.state = LedgerState()
        self.known = Known()
        self.size = 0
        self._tree = StoredTree(store, 0, progress)

    def run(self) -> Iterator[Finding]:
        """All that is wrong with the log, and with the manifests that its accounts name."""
        genesis = self._genesis()
        if genesis is None:
            yield Finding(FindingKind.LEDGER, "log", "its first entry is not this network's genesis")
            return
        note = None
        for path in (CHECKPOINT_PATH, *sorted(self._store.list("log/checkpoints"), reverse=True)):
            try:
                note = parse_checkpoint(self._store.get(path))
                note.check_log(genesis["log"]["origin"], unb64u(genesis["log"]["key"]))
                break
            except (NotFoundError, InvalidError, UnverifiedError) as error:
                note = None
                if path == CHECKPOINT_PATH:
                    yield Finding(FindingKind.FLIPPED, path, str(error))
        if note is None:
            return
        self.size = note.checkpoint.size
        self._tree = StoredTree(self._store, self.size, self._progress)
        yield from self._tree.read(note.checkpoint)
        yield from self._replay()
        if self.state.size:
            yield from self._check_note(path, note)
            yield from self._check_listed()

    def _genesis(self) -> Any:
        """The body of entry 0, if it is this network's; nothing else is trusted before it is found."""
        candidates = [
            self._store.get(path) for path in self._store.list("log/tile/entries") if _FIRST.match(path)
        ]
        found = [data[2 : 2 + int.from_bytes(data[:2], "big")] for data in candidates]
        for data in (*found, *self._spare(0, 1)):
            try:
                statement = parse_entry(data).statement
            except InvalidError:
                continue
            if statement.signed.type == GENESIS_TYPE and statement.hash == self._network:
                return statement.signed.body
        return None

    @property
    def is_whole(self) -> bool:
        """Whether all entries could be read."""
        return 0 < self.size == self.state.size

    def _replay(self) -> Iterator[Finding]:
        for index, width in tiles.bundles_between(0, self.size):
            entries = self._entries(index, width)
            if entries is None:
                left = self.size - self.state.size
                what = f"{left} entries from here on are not checked, nor what they speak of"
                yield Finding(FindingKind.LEDGER, bundle_path(index, width), what)
                return
            for data in entries:
                self._progress("ledger, entries and accounts", self.state.size, self.size)
                try:
                    self._replay_entry(data)
                except CustodesError as error:
                    what = f"entry {self.state.size}: {error}; what follows is not checked"
                    yield Finding(FindingKind.LEDGER, bundle_path(index, width), what)
                    return
                account = self.known.take(parse_entry(data))
                if account is not None:
                    yield from check_manifest(self._store, account, self.known, self._quick)

    def _entries(self, index: int, width: int) -> list[bytes] | None:
        if index not in self._tree.wrong_bundles:
            return self._tree.entries(index, width)
        first = index * TILE_WIDTH
        spare = list(self._spare(first, first + width))
        hashes = b"".join(leaf_hash(entry) for entry in spare)
        return spare if hashes == self._tree.hashes(0, index, width) else None

    def _replay_entry(self, data: bytes) -> None:
        self.state.replay(data, self.state.size, signatures=not self._quick)

    def _check_note(self, path: str, note: SignedCheckpoint) -> Iterator[Finding]:
        genesis = self.state.genesis
        try:
            note.check_log(genesis.origin, genesis.log_key)
            known = sum(note.cosigned_s(name, key) is not None for name, key in _cosigners(self.state))
        except UnverifiedError as error:
            yield Finding(FindingKind.FLIPPED, path, str(error))
            return
        if known + 1 != len(note.signatures):
            yield Finding(FindingKind.FLIPPED, path, "it has a line of somebody whom no roster names")

    def _check_listed(self) -> Iterator[Finding]:
        found: set[str] = set()
        for path in self._store.list("log"):
            self._progress("ledger, files", len(found), 0)
            found.add(path)
            yield from self._check_file(path)
        for level, index, width in tiles.tiles_between(0, self.size):
            yield from self._check_there(found, width, partial(tile_path, level, index))
            if level == 0:
                yield from self._check_there(found, width, partial(bundle_path, index))

    def _check_there(self, found: set[str], width: int, path: Callable[[int], str]) -> Iterator[Finding]:
        if path(width) not in found and not self._tree.read_any(path, width)[0]:
            yield Finding(FindingKind.MISSING, path(width), "a file of the ledger")

    def _check_file(self, path: str) -> Iterator[Finding]:
        if path == CHECKPOINT_PATH:
            return
        if _ARCHIVED.fullmatch(path):
            yield from self._check_archived(path)
            return
        match = _PLACE.fullmatch(path)
        width = int(match["width"] or TILE_WIDTH) if match else 0
        if match is None or not 0 < width <= TILE_WIDTH:
            yield Finding(FindingKind.ORPHAN, path, "no file of the ledger has this name")
            return
        index = int("".join(filter(str.isdigit, match["index"])))
        if match["level"] == "entries":
            yield from self._check_hashes(path, 0, index, width, True)
        else:
            yield from self._check_hashes(path, int(match["level"]), index, width, False)

    def _check_hashes(
        self, path: str, level: int, index: int, width: int, is_bundle: bool
    ) -> Iterator[Finding]:
        wanted = self._tree.hashes(level, index, width)
        if len(wanted) < width * HASH_BYTES:
            return  # beyond the checkpoint: written for the next one
        if level == 0 and self._tree.is_edge(level, index, width):
            return  # named already where it is wrong
        try:
            data = self._store.get(path)
            if is_bundle:
                data = b"".join(leaf_hash(entry) for entry in decode_bundle(data, width))
        except NotFoundError:
            return
        except CorruptError:
            data = b""
        if data != wanted:
            yield bad_file(path, data)

    def _check_archived(self, path: str) -> Iterator[Finding]:
        try:
            note = parse_checkpoint(self._store.get(path))
        except InvalidError as error:
            yield Finding(FindingKind.FLIPPED, path, str(error))
            return
        checkpoint = note.checkpoint
        yield from self._check_note(path, note)
        if checkpoint.size > self.state.size:
            return
        if checkpoint.size != int(path.rpartition("/")[2]):
            yield Finding(FindingKind.SWAPPED, path, f"it is the checkpoint of size {checkpoint.size}")
        elif self.state.tree.root(checkpoint.size) != checkpoint.root:
            yield Finding(FindingKind.LEDGER, path, "the ledger had another root at that size")


def _cosigners(state: LedgerState) -> set[tuple[str, bytes]]:
    origin = state.genesis.origin
    found: set[tuple[str, bytes]] = set()
    for roster in state.facts.rosters:
        found.add((keeper_name(origin), roster.keeper.signing))
        found.update(roster.witnesses.items())
        found.update((custodian_name(origin, index), key) for index, key in roster.identities.items())
    return found

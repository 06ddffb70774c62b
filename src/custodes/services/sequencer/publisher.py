"""The folder `log/` in the object store: tiles, bundles, the checkpoint and its archive.

Fencing: whoever would write first replaces the checkpoint by compare-and-swap, and nothing but a compare-and-swap
of what this publisher itself wrote last makes a larger tree public. Tiles are put, never overwritten; only
`claim` deletes, and only what lies beyond the checkpoint that it has just taken.
Source: docs/formats/ledger.md (Publication).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from custodes.base.clock import MINUTE_US, SECOND_US, Clock
from custodes.base.errors import ConflictError, CustodesError, NotFoundError
from custodes.base.keys import SigningKey
from custodes.base.ports import ObjectStore
from custodes.ledger import publication
from custodes.ledger.checkpoint import (
    Checkpoint,
    NoteSignature,
    SignedCheckpoint,
    cosign,
    custodian_names,
    keeper_name,
    parse_checkpoint,
    sign_checkpoint,
)
from custodes.ledger.growing import GrowingTree
from custodes.ledger.publication import EntrySource
from custodes.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, archive_path

RECOSIGN_US = 5 * MINUTE_US
# Of checkpoints that the keeper or an outside witness cosigned, one is archived so often; of a custodian's all.
ARCHIVE_KEEPERS_US = 10 * MINUTE_US
ARCHIVE_WITNESSES_US = 5 * MINUTE_US


class Publisher:
    """Makes one log's tree public, as its only writer.

    Errors of every method that writes: ConflictError when another has written: this one must stop;
    UnavailableError, ExhaustedError: the call may be repeated.
    """

    def __init__(self, store: ObjectStore, log_key: SigningKey, keeper: SigningKey, clock: Clock) -> None:
        self._store = store
        self._log_key = log_key
        self._keeper = keeper
        self._clock = clock
        self._stored: bytes | None = None
        self._doubtful: bytes | None = None
        self._archived_us: dict[str, int] = {}
        self._owed: SignedCheckpoint | None = None
        self._owed_size = 0
        self._untidy: list[str] = []
        self.current: SignedCheckpoint | None = None

    @property
    def size(self) -> int:
        """The size that is public."""
        return self.current.checkpoint.size if self.current else 0

    def read(self) -> SignedCheckpoint | None:
        """The checkpoint in the store; None where the log has not begun.

        Errors: UnverifiedError when it is not this log key's; InvalidError when it is none.
        """
        try:
            self._stored = self._store.get(CHECKPOINT_PATH)
        except NotFoundError:
            return None
        self.current = parse_checkpoint(self._stored)
        self.current.check_log(self.current.checkpoint.origin, self._log_key.public)
        return self.current

    def claim(self, origin: str) -> None:
        """Become the log's writer: any other's next swap fails from here on; then clear what others left."""
        if self.current is None:
            self._swap(self._note(Checkpoint(origin, 0, GrowingTree().root())))
        else:
            self.recosign()
        # From the far end, so that what is deleted half is found whole again.
        for path in reversed(list(self._left_over())):
            self._store.delete(path)
        self._untidy += publication.partial_folders_at(self.size)
        self._tidy()

    def publish(self, tree: GrowingTree, entries: EntrySource, new_size: int) -> None:
        """Make the tree public up to `new_size`. Errors: as the class says."""
        assert self.current is not None
        old_size = self.size
        if new_size == old_size:
            return
        for path, data in publication.objects_to_write(tree, entries, old_size, new_size):
            self._store.put(path, data)
        self._archive_owed()
        if self.size and self._is_archived_now(self.current):
            self._archive(self.current)
        self._swap(self._note(Checkpoint(self.current.checkpoint.origin, new_size, tree.root(new_size))))
        self._untidy += publication.partial_folders_done(old_size, new_size)
        self._tidy()

    def tend(self) -> None:
        """Cosign anew what the keeper has not for 5 minutes, and finish tidying."""
        if self.current is None:
            return
        name = keeper_name(self.current.checkpoint.origin)
        cosigned_s = self.current.cosigned_s(name, self._keeper.public)
        since_us = self._clock.utc_us() - (cosigned_s or 0) * SECOND_US
        if not -2 * SECOND_US <= since_us < RECOSIGN_US:
            self.recosign()
        self._archive_owed()
        self._tidy()

    def recosign(self) -> None:
        """Let the keeper say now that it sees the checkpoint; what it said before is archived."""
        before = self.current
        assert before is not None
        self._swap(before.with_signature(self._cosignature(before.checkpoint)))
        if before.checkpoint.size and self._owed_size != before.checkpoint.size:
            self._owed, self._owed_size = before, before.checkpoint.size

    def add(self, checkpoint: Checkpoint, lines: Iterable[NoteSignature]) -> None:
        """Add outsiders' cosignatures to the checkpoint, or to an earlier one in the archive."""
        current = self.current
        if current is not None and current.checkpoint == checkpoint:
            for line in lines:
                current = current.with_signature(line)
            self._swap(current)
            return
        lines = (*sign_checkpoint(checkpoint, self._log_key).signatures, *lines)
        earlier = SignedCheckpoint(checkpoint, lines)
        if self._is_archived_now(earlier):
            self._archive(earlier)

    def _note(self, checkpoint: Checkpoint) -> SignedCheckpoint:
        return sign_checkpoint(checkpoint, self._log_key).with_signature(self._cosignature(checkpoint))

    def _cosignature(self, checkpoint: Checkpoint) -> NoteSignature:
        name = keeper_name(checkpoint.origin)
        seconds = self._clock.utc_us() // SECOND_US
        # The same second again would give the same bytes, and a swap for the same bytes fences nobody.
        if self.current and self.current.cosigned_s(name, self._keeper.public) == seconds:
            seconds += 1
        return cosign(checkpoint, name, self._keeper, seconds)

    def _swap(self, note: SignedCheckpoint) -> None:
        self._settle_doubt()
        data = note.encode()
        try:
            self._store.swap(CHECKPOINT_PATH, data, self._stored)
        except ConflictError:
            raise
        except CustodesError:
            # It may have landed all the same.
            self._doubtful = data
            raise
        self._take(note, data)

    def _settle_doubt(self) -> None:
        if self._doubtful is None:
            return
        try:
            stored = self._store.get(CHECKPOINT_PATH)
        except NotFoundError:
            stored = None
        if stored == self._doubtful:
            self._take(parse_checkpoint(self._doubtful), self._doubtful)
        elif stored != self._stored:
            raise ConflictError("another sequencer has replaced the checkpoint")
        self._doubtful = None

    def _take(self, note: SignedCheckpoint, data: bytes) -> None:
        self.current, self._stored = note, data

    def _is_archived_now(self, note: SignedCheckpoint) -> bool:
        """Whether the archive wants it: nobody's cosignature more often than is of use."""
        now_us, origin = self._clock.utc_us(), note.checkpoint.origin
        for name in {line.name for line in note.signatures} - {origin}:
            if name.startswith(custodian_names(origin)):
                return True
            every_us = ARCHIVE_KEEPERS_US if name == keeper_name(origin) else ARCHIVE_WITNESSES_US
            if not 0 <= now_us - self._archived_us.get(name, -every_us) < every_us:
                return True
        return False

    def _archive_owed(self) -> None:
        if self._owed is not None:
            self._archive(self._owed)
            self._owed = None

    def _archive(self, note: SignedCheckpoint) -> None:
        """Keep it, with what is there; of two cosignatures of one cosigner the earlier says more."""
        path = archive_path(note.checkpoint.size)
        try:
            before: bytes | None = self._store.get(path)
        except NotFoundError:
            before = None
        if before is not None:
            merged = parse_checkpoint(before)
            for line in note.signatures:
                merged = merged.with_earlier(line)
            note = merged
        if note.encode() != before:
            self._store.swap(path, note.encode(), before)
        now_us = self._clock.utc_us()
        self._archived_us.update((line.name, now_us) for line in note.signatures)

    def _tidy(self) -> None:
        while self._untidy:
            for path in list(self._store.list(self._untidy[-1])):
                self._store.delete(path)
            self._untidy.pop()

    def _left_over(self) -> Iterable[str]:
        for path, index, width in publication.edge(self.size):
            yield from self._row_left_over(path, index, width)

    def _row_left_over(self, path: Callable[[int, int], str], index: int, width: int) -> Iterable[str]:
        while True:
            full = path(index, TILE_WIDTH)
            found = [
                partial
                for partial in self._store.list(f"{full}.p")
                if int(partial.rpartition("/")[2]) > width
            ]
            if self._exists(full):
                found.append(full)
            if not found:
                return
            yield from found
            index, width = index + 1, 0

    def _exists(self, path: str) -> bool:
        try:
            self._store.size(path)
        except NotFoundError:
            return False
        return True

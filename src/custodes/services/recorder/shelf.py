"""All open reels of a recorder, and what becomes of finished ones: into the store, announced, told of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from custodes.adapters.spool.spool import SpoolVolume
from custodes.adapters.spool.state import SpoolState
from custodes.base.errors import CustodesError
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import GapReason
from custodes.services.facts import reel_fact
from custodes.services.recorder.epochs import Epoch
from custodes.services.recorder.outbox import Outbox
from custodes.services.recorder.reels import OpenReel, spool_path
from custodes.services.recorder.registrar import Registrar

# What the spool must let a stream queue: pressed at the first, and one access unit more.
STREAM_PRESSED_BYTES = 6 << 20
STREAM_LIMIT_BYTES = 24 << 20
RELIEVED_BYTES = 1 << 20
TOTAL_PRESSED_BYTES = 256 << 20
HIGHEST_PRIORITY = 9
_LOG = structlog.get_logger("reels")


@dataclass(slots=True)
class Pressure:
    """How much of the queues' memory is in use, of all streams together; renewed each second."""

    queued_bytes: int = 0

    def limit_bytes(self, priority: int) -> int:
        """What a stream may queue before whole groups of pictures are left out, by how much it matters.

        Until half of all memory is used it is the same for all; nothing is left when all is.
        """
        spare = max(0.0, 1.0 - self.queued_bytes / TOTAL_PRESSED_BYTES)
        share = 2.0 * spare * (1.0 + 3.0 * priority / HIGHEST_PRIORITY) if spare < 0.5 else 1.0
        return int(STREAM_PRESSED_BYTES * min(1.0, share))


@dataclass
class ReelShelf:
    """Opens reels, counts what waits for the disk, takes finished reels into the store.

    `porter`: the thread that moves reels. `lost(reel, error)` tells whoever must know.
    """

    spool: SpoolVolume
    store: ObjectStore
    outbox: Outbox
    porter: Registrar
    lost: Callable[[OpenReel, CustodesError], None]
    pressure: Pressure = field(default_factory=Pressure)
    lost_count: int = 0
    _reels: dict[bytes, list[OpenReel]] = field(default_factory=dict)
    _unfinished: dict[bytes, int] = field(default_factory=dict)
    _lost_epochs: set[bytes] = field(default_factory=set)
    _reason: GapReason = GapReason.OVERLOAD

    @property
    def is_empty(self) -> bool:
        """Whether every reel is in the store, or lost."""
        return not self._reels

    def is_done(self, epoch: bytes) -> bool:
        """Whether all reels of an epoch are in the store."""
        return epoch not in self._unfinished and epoch not in self._lost_epochs

    def renew(self) -> None:
        """Once a second: look how the disk does."""
        health = self.spool.health()
        self.pressure.queued_bytes = health.queued_bytes
        well = health.state in (SpoolState.OK, SpoolState.STALLED)
        self._reason = GapReason.OVERLOAD if well else GapReason.STORAGE

    # --- for streams -----------------------------------------------------------------------------------

    def open_reel(self, epoch: Epoch, number: int, reel_us: int) -> OpenReel:
        """The reel of that number of an epoch. Errors: UnavailableError once the spool is closed."""
        stream = epoch.sealed.header.stream
        file = self.spool.open(spool_path(stream, epoch.id, number), stream.hex())
        reel = OpenReel(epoch, number, file, reel_us, self)
        self._reels.setdefault(stream, []).append(reel)
        self._unfinished[epoch.id] = self._unfinished.get(epoch.id, 0) + 1
        return reel

    def is_pressed(self, stream: bytes, priority: int) -> bool:
        """Whether so much of a stream waits for the disk that pictures must be left out."""
        return self._queued_bytes(stream) > self.pressure.limit_bytes(priority)

    def is_relieved(self, stream: bytes) -> bool:
        """Whether the disk has caught up with a stream."""
        return self._queued_bytes(stream) < RELIEVED_BYTES

    def _queued_bytes(self, stream: bytes) -> int:
        return sum(reel.queued_bytes for reel in self._reels.get(stream, ()))

    @property
    def pressed_reason(self) -> GapReason:
        """Why pictures are left out now."""
        return self._reason

    # --- for reels (Shelf) -----------------------------------------------------------------------------

    def finished(self, reel: OpenReel, file: Path) -> None:
        """Take it into the store and announce it."""
        if not reel.writer.count:
            # The segment that it was opened for never got a whole chunk.
            self.porter.submit(lambda: file.unlink(missing_ok=True), lambda _: self._done(reel), _LOG.error)
            return

        def failed(reason: str) -> None:
            self._lose(reel, reason)

        def moved(_: None) -> None:
            self.announce(reel.path, lambda: self._done(reel))

        self.porter.submit(lambda: self.store.adopt(file, reel.path), moved, failed)

    def announce(self, path: str, done: Callable[[], None] = lambda: None) -> None:
        """Tell the keeper of a reel in the store; `done` once that cannot be forgotten."""

        def announced(name: str) -> None:
            self.outbox.admit(name)
            done()

        self.porter.submit(lambda: self.outbox.store("reel", reel_fact(path)), announced, _LOG.error)

    def failed(self, reel: OpenReel, error: CustodesError) -> None:
        """Its epoch stays open in the state; the next start ends it with what is found."""
        self._lose(reel, str(error))
        self.lost(reel, error)

    def _lose(self, reel: OpenReel, reason: str) -> None:
        _LOG.error("reel lost for now", reel=reel.path, reason=reason)
        self.lost_count += 1
        self._lost_epochs.add(reel.epoch.id)
        self._done(reel)

    def _done(self, reel: OpenReel) -> None:
        header = reel.epoch.sealed.header
        reels = self._reels[header.stream]
        reels.remove(reel)
        if not reels:
            del self._reels[header.stream]
        self._unfinished[reel.epoch.id] -= 1
        if not self._unfinished[reel.epoch.id]:
            del self._unfinished[reel.epoch.id]
            self.spool.tidy(f"{header.stream.hex()}/{header.epoch.hex()}")

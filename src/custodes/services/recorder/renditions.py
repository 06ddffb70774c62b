"""All recorded renditions of a recorder: reels in the spool, closed ones until an account names them.

They yield: what a disk cannot take at once is left out here long before a sealed stream is pressed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import structlog

from custodes.adapters.spool.spool import SpoolFile, SpoolVolume
from custodes.adapters.spool.state import SpoolState
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import CustodesError, PushbackError
from custodes.custody.renditions import Masked, Rendition, open_rendition_path
from custodes.services.live import LiveMessage
from custodes.services.recorder.gathering import Gatherer
from custodes.services.recorder.registrar import Registrar
from custodes.services.recorder.shelf import TOTAL_PRESSED_BYTES

STREAM_BYTES = 1 << 20
TOTAL_BYTES = TOTAL_PRESSED_BYTES // 8
ROOM_EVERY_US = 10 * SECOND_US
ROOM_SHARE = 50
MOST_ROOM_BYTES = 1 << 30
_LOG = structlog.get_logger("renditions")


@dataclass
class OpenRendition:
    """A reel that is being written; see RenditionReel."""

    shelf: RenditionShelf
    stream: bytes
    start_us: int
    codec: str
    file: SpoolFile
    size_bytes: int = 0
    is_lost: bool = False

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    def append(self, data: bytes) -> bool:
        """Queue bytes; False when the reel is given up."""
        try:
            self.file.append(data)
        except CustodesError as error:
            self._give_up(error)
            return False
        self._digest.update(data)
        self.size_bytes += len(data)
        return True

    def finish(self, duration_us: int) -> None:
        """It lasts so long and gets nothing more; when all is durable it is to be stated."""
        rendition = Rendition(
            stream=self.stream,
            start_us=self.start_us,
            end_us=self.start_us + duration_us,
            size_bytes=self.size_bytes,
            codec=self.codec,
            hash=self._digest.digest(),
        )
        try:
            self.file.finish(lambda _path: self.shelf.finished(self, rendition), self._give_up)
        except CustodesError as error:
            self._give_up(error)

    def _give_up(self, error: CustodesError) -> None:
        if not self.is_lost:
            self.is_lost = True
            self.file.leave()
            self.shelf.lost(self, error)


@dataclass
class RenditionShelf:
    """Takes what the live desk takes, of every stream. On the loop; never blocks.

    `porter`: the thread that looks how much room there is. `reel_us`: how long a reel is to be. `lost_count`: reels
    of which what is whole is found by the next start.
    """

    clock: Clock
    spool: SpoolVolume
    porter: Registrar
    reel_us: int
    lost_count: int = 0
    _gatherers: dict[bytes, Gatherer] = field(default_factory=dict)
    _open: dict[bytes, list[OpenRendition]] = field(default_factory=dict)
    _closed: list[Rendition] = field(default_factory=list)
    _masked: list[Masked] = field(default_factory=list)
    _is_well: bool = True
    _is_roomy: bool = True
    _looked_us: int = -ROOM_EVERY_US

    # --- from the live desk ----------------------------------------------------------------------------

    def take(self, stream: bytes, message: LiveMessage) -> None:
        """Errors: InvalidError for what no veiler may send."""
        gatherer = self._gatherers.get(stream)
        if gatherer is None:
            gatherer = Gatherer(stream, self.reel_us, self, self.clock.utc_us())
            self._gatherers[stream] = gatherer
        gatherer.take(message)

    def end(self, stream: bytes) -> None:
        """A stream has no view any more."""
        gatherer = self._gatherers.pop(stream, None)
        if gatherer is not None:
            now_us = self.clock.utc_us()
            gatherer.end(now_us)
            self._masked += gatherer.times.take(now_us)

    # --- from the service ------------------------------------------------------------------------------

    def tick(self) -> None:
        """Once a second: end what got no picture for too long, look how the disk does."""
        now_us = self.clock.utc_us()
        for gatherer in self._gatherers.values():
            gatherer.tick(now_us)
        health = self.spool.health()
        queued = sum(map(self._queued_bytes, self._open))
        self._is_well = health.state is SpoolState.OK and queued < TOTAL_BYTES
        boot_us = self.clock.boot_us()
        if boot_us - self._looked_us >= ROOM_EVERY_US:
            self._looked_us = boot_us
            self.porter.submit(self.spool.room_bytes, self._looked, self._not_looked)

    def close(self) -> None:
        """End every reel."""
        for stream in list(self._gatherers):
            self.end(stream)

    @property
    def is_empty(self) -> bool:
        """Whether every reel that was ended is durable, or lost."""
        return not self._open

    @property
    def dropped(self) -> int:
        """Pictures left out for want of a disk."""
        return sum(gatherer.dropped for gatherer in self._gatherers.values())

    def take_closed(self) -> tuple[Rendition, ...]:
        """The reels that are durable and not yet stated."""
        closed, self._closed = self._closed, []
        return tuple(closed)

    def take_masked(self, now_us: int) -> tuple[Masked, ...]:
        """The masked times that are not yet stated."""
        masked, self._masked = self._masked, []
        for gatherer in self._gatherers.values():
            masked += gatherer.times.take(now_us)
        return tuple(sorted(set(masked)))

    # --- for gatherers (RenditionReels) ----------------------------------------------------------------

    def has_room(self, stream: bytes) -> bool:
        """Whether the disk can take more of a stream."""
        if not (self._is_well and self._is_roomy):
            return False
        return self._queued_bytes(stream) < STREAM_BYTES

    def begin(self, stream: bytes, start_us: int, codec: str, init: bytes) -> OpenRendition | None:
        """A new reel that holds its beginning; None when there can be none now."""
        path = open_rendition_path(stream, start_us)
        try:
            file = self.spool.open(path, f"renditions/{stream.hex()}")
        except CustodesError as error:
            _LOG.warning("no rendition reel can be opened", path=path, reason=str(error))
            return None
        reel = OpenRendition(self, stream, start_us, codec, file)
        self._open.setdefault(stream, []).append(reel)
        return reel if reel.append(init) else None

    # --- for reels -------------------------------------------------------------------------------------

    def finished(self, reel: OpenRendition, rendition: Rendition) -> None:
        """A reel is durable."""
        self._leave(reel)
        self._closed.append(rendition)

    def lost(self, reel: OpenRendition, error: CustodesError) -> None:
        """A reel takes nothing more."""
        self._leave(reel)
        self.lost_count += 1
        if not isinstance(error, PushbackError):
            _LOG.error("rendition reel lost for now", start_us=reel.start_us, reason=str(error))

    def _leave(self, reel: OpenRendition) -> None:
        reels = self._open[reel.stream]
        reels.remove(reel)
        if not reels:
            del self._open[reel.stream]

    def _queued_bytes(self, stream: bytes) -> int:
        return sum(reel.file.queued_bytes for reel in self._open.get(stream, ()))

    def _looked(self, room: tuple[int, int]) -> None:
        free, total = room
        self._is_roomy = free > min(MOST_ROOM_BYTES, total // ROOM_SHARE)

    def _not_looked(self, _reason: str) -> None:
        self._is_roomy = False

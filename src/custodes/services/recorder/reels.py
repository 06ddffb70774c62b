"""Open reels: envelopes appended to the spool, finished, taken into the store, announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.spool.spool import SpoolFile, SpoolVolume
from custodes.base.errors import CustodesError
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.paths import open_reel_path, reel_path
from custodes.custody.reel import ReelWriter, reel_is_full, segment_must_close
from custodes.services.recorder.epochs import Epoch

STREAM_PRESSED_BYTES = 6 << 20
RELIEVED_BYTES = 1 << 20
TOTAL_PRESSED_BYTES = 256 << 20
HIGHEST_PRIORITY = 9


@dataclass(frozen=True, slots=True)
class ClosedEnvelope:
    """An envelope that an account is to speak of, once it is durable."""

    stream: bytes
    epoch: bytes
    sequence: int
    hash: bytes
    reel: OpenReel
    end: int

    @property
    def is_durable(self) -> bool:
        """Whether a power cut could no longer take it."""
        return self.reel.durable_bytes >= self.end


@dataclass(slots=True)
class Pressure:
    """How much of the queues' memory is in use, of all streams together; renewed each second."""

    queued_bytes: int = 0

    def limit_bytes(self, priority: int) -> int:
        """What a stream may queue before whole groups of pictures are left out, by how much it matters."""
        spare = 1.0 - min(1.0, self.queued_bytes / TOTAL_PRESSED_BYTES)
        if spare > 0.5:
            return STREAM_PRESSED_BYTES
        return int(STREAM_PRESSED_BYTES * max(2.0 * spare, priority / HIGHEST_PRIORITY))


class OpenReel:
    """A reel that is being written; on the loop alone."""

    def __init__(
        self,
        epoch: Epoch,
        number: int,
        file: SpoolFile,
        reel_us: int,
        limit_bytes: Callable[[], int],
        finished: Callable[[OpenReel, Path], None],
        failed: Callable[[OpenReel, CustodesError], None],
    ) -> None:
        self.epoch = epoch
        self.number = number
        self.writer = ReelWriter(epoch.sealed.header, number)
        self._file = file
        self._reel_us = reel_us
        self._limit_bytes = limit_bytes
        self._finished = finished
        self._failed = failed
        self._appended = 0
        self._is_done = False

    @property
    def path(self) -> str:
        """Where it goes in the store."""
        header = self.epoch.sealed.header
        return reel_path(header.stream, header.utc0_us, header.epoch, self.number)

    @property
    def durable_bytes(self) -> int:
        """Bytes from the start that are flushed."""
        if self._is_done:
            return self._appended
        return 0 if self._file.error else self._appended - self._file.queued_bytes

    @property
    def is_pressed(self) -> bool:
        """Whether so much waits for the disk that pictures must be left out."""
        return self._file.queued_bytes > self._limit_bytes()

    @property
    def is_relieved(self) -> bool:
        """Whether the disk has caught up."""
        return self._file.queued_bytes < RELIEVED_BYTES

    def append(self, frames: bytes) -> None:
        """Queue frames. Errors: PushbackError, the file's own."""
        self._file.append(frames)
        self._appended += len(frames)

    def add(self, sealer: EnvelopeSealer, duration_us: int) -> ClosedEnvelope:
        """Note an envelope that was closed."""
        header = sealer.header
        self.writer.add(header, sealer.length, sealer.hash, duration_us)
        return ClosedEnvelope(header.stream, header.epoch, header.sequence, sealer.hash, self, self._appended)

    def is_full(self, next_elapsed_us: int) -> bool:
        """Whether the segment that begins now goes into a new reel."""
        first_us = self.writer.first_elapsed_us
        return first_us is not None and reel_is_full(
            self.writer.length, first_us, next_elapsed_us, self._reel_us
        )

    def must_close(self, sealer: EnvelopeSealer) -> bool:
        """Whether the open segment must end that the reel keeps within its limit."""
        return segment_must_close(self.writer.length, sealer.length, sealer.pending_bytes)

    def finish(self) -> None:
        """Append the footer; when all is durable the reel is taken into the store."""
        try:
            if self.writer.count:
                self.append(self.writer.finish().encode())
            self._file.finish(self._is_finished, self._has_failed)
        except CustodesError as error:
            self._has_failed(error)

    def _is_finished(self, path: Path) -> None:
        self._is_done = True
        self._finished(self, path)

    def _has_failed(self, error: CustodesError) -> None:
        self._failed(self, error)


def spool_path(stream: bytes, epoch: bytes, number: int) -> str:
    """Where an open reel lies in the spool's own folder."""
    return open_reel_path(stream, epoch, number).removeprefix("spool/")


def open_reel(
    volume: SpoolVolume,
    epoch: Epoch,
    number: int,
    reel_us: int,
    limit_bytes: Callable[[], int],
    finished: Callable[[OpenReel, Path], None],
    failed: Callable[[OpenReel, CustodesError], None],
) -> OpenReel:
    """A new reel in the spool. Errors: UnavailableError once the spool is closed."""
    header = epoch.sealed.header
    file = volume.open(spool_path(header.stream, header.epoch, number), header.stream.hex())
    return OpenReel(epoch, number, file, reel_us, limit_bytes, finished, failed)

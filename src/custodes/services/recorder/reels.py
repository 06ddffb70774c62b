"""Open reels: envelopes appended to the spool and finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from custodes.adapters.spool.spool import SpoolFile
from custodes.base.errors import CustodesError
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.paths import open_reel_path, reel_path
from custodes.custody.reel import ReelWriter, reel_is_full, segment_must_close
from custodes.services.recorder.epochs import Epoch


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


class Shelf(Protocol):
    """Where a reel goes when no more is appended to it."""

    def finished(self, reel: OpenReel, file: Path) -> None:
        """All of it is durable."""
        ...

    def failed(self, reel: OpenReel, error: CustodesError) -> None:
        """It can take nothing more, and what is not durable of it is lost."""
        ...


class OpenReel:
    """A reel that is being written; on the loop alone."""

    def __init__(self, epoch: Epoch, number: int, file: SpoolFile, reel_us: int, shelf: Shelf) -> None:
        self.epoch = epoch
        self.number = number
        self.writer = ReelWriter(epoch.sealed.header, number)
        self._file = file
        self._reel_us = reel_us
        self._shelf = shelf
        self._appended = 0
        self._is_durable = False
        self._is_failed = False

    @property
    def path(self) -> str:
        """Where it goes in the store."""
        header = self.epoch.sealed.header
        return reel_path(header.stream, header.utc0_us, header.epoch, self.number)

    @property
    def durable_bytes(self) -> int:
        """Bytes from the start that are flushed."""
        if self._is_durable:
            return self._appended
        return 0 if self._is_failed or self._file.error else self._appended - self._file.queued_bytes

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the disk."""
        return 0 if self._is_durable or self._is_failed else self._file.queued_bytes

    def append(self, frames: bytes | bytearray) -> None:
        """Queue frames. Errors: PushbackError, the file's own; the reel is then to be given up."""
        self._file.append(frames)
        self._appended += len(frames)

    def add(self, sealer: EnvelopeSealer, duration_us: int) -> ClosedEnvelope:
        """Note an envelope that was closed."""
        header = sealer.header
        self.writer.add(header, sealer.length, sealer.hash, duration_us)
        return ClosedEnvelope(header.stream, header.epoch, header.sequence, sealer.hash, self, self._appended)

    def is_full(self, next_elapsed_us: int, next_bytes: int) -> bool:
        """Whether the segment that begins now, with an access unit of that size, goes into a new reel."""
        first_us, length = self.writer.first_elapsed_us, self.writer.length
        return first_us is not None and (
            reel_is_full(length, first_us, next_elapsed_us, self._reel_us)
            or segment_must_close(length, 0, next_bytes)
        )

    def must_close(self, sealer: EnvelopeSealer, more_bytes: int = 0) -> bool:
        """Whether the open segment must end that the reel keeps within its limit."""
        return segment_must_close(self.writer.length, sealer.length, sealer.pending_bytes + more_bytes)

    def finish(self) -> None:
        """Append the footer; when all is durable the shelf takes the reel."""
        try:
            if self.writer.count:
                self.append(self.writer.finish().encode())
            self._file.finish(self._is_finished, self.give_up)
        except CustodesError as error:
            self.give_up(error)

    def give_up(self, error: CustodesError) -> None:
        """Nothing more comes of it; again is no error."""
        if not self._is_failed:
            self._is_failed = True
            self._file.leave()
            self._shelf.failed(self, error)

    def _is_finished(self, path: Path) -> None:
        self._is_durable = True
        self._shelf.finished(self, path)


def spool_path(stream: bytes, epoch: bytes, number: int) -> str:
    """Where an open reel lies in the spool's own folder."""
    return open_reel_path(stream, epoch, number).removeprefix("spool/")

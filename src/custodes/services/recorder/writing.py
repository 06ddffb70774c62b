"""The envelopes of one epoch: records sealed into chunks, chunks into reels."""

from __future__ import annotations

from collections.abc import Callable

from custodes.base.errors import CustodesError
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.segment import SegmentHeader
from custodes.media.packets import ParameterSets
from custodes.media.segmenter import GRACE_US, Cut
from custodes.services.recorder.epochs import Epoch
from custodes.services.recorder.reels import ClosedEnvelope, OpenReel
from custodes.services.recorder.wishes import ReelWishes

NewReel = Callable[[Epoch, int], OpenReel]


class EnvelopeWriter:
    """Writes one envelope after the other; on the loop alone, and never blocks.

    `closed` is told each envelope; `failed`, at most once, that the open reel takes nothing more: the writer
    is then of no more use. `last_us`: elapsed time of the last access unit. `buffer`: the open chunk's clear
    bytes, of which one writer after the other makes use. `early_reels`: how many reels may be closed because
    somebody waits for them.
    """

    __slots__ = (
        "_buffer", "_closed", "_failed", "_last_slot", "_new_reel", "_previous", "_reel_number", "_slot",
        "_start_us", "epoch", "last_us", "reel", "sealer", "wishes",
    )  # fmt: skip

    def __init__(
        self,
        epoch: Epoch,
        buffer: bytearray,
        new_reel: NewReel,
        closed: Callable[[ClosedEnvelope], None],
        failed: Callable[[CustodesError], None],
        early_reels: int,
    ) -> None:
        self.epoch = epoch
        self.sealer: EnvelopeSealer | None = None
        self.reel: OpenReel | None = None
        self.last_us = 0
        self.wishes = ReelWishes(early_reels)
        self._buffer = buffer
        self._new_reel = new_reel
        self._closed = closed
        self._failed = failed
        self._previous = epoch.sealed.header.hash
        self._reel_number = 0
        self._slot = 0
        self._last_slot = 0
        self._start_us = 0

    def open(self, cut: Cut, sets: ParameterSets, elapsed_us: int, first_bytes: int) -> None:
        """Begin the segment that the segmenter decided on; the one before is closed.

        `first_bytes`: size of its first access unit.
        """
        self.close()
        epoch = self.epoch
        header = SegmentHeader(
            network=epoch.sealed.header.network,
            stream=epoch.sealed.header.stream,
            epoch=epoch.id,
            slot=cut.slot,
            sequence=cut.sequence,
            key_sequence=cut.key_sequence,
            previous=self._previous,
            codec=sets.codec,
            elapsed_us=elapsed_us,
        )
        if cut.slot > self._slot:
            epoch.wipe_before(cut.slot)
            self._slot = cut.slot
        self._start_us = self.last_us = elapsed_us
        if self.reel is not None and self.reel.is_full(elapsed_us, first_bytes):
            self._close_reel()
        try:
            if self.reel is None:
                self.reel = self._new_reel(epoch, self._reel_number)
                self._reel_number += 1
            self.sealer = EnvelopeSealer(header, epoch.cells[cut.slot], sets, self._buffer)
        except CustodesError as error:
            self._fail(error)
        else:
            self.append(self.sealer.header_frame)

    def close(self) -> None:
        """End the open segment, if there is one."""
        sealer = self.sealer
        if sealer is None:
            return
        self.append(sealer.close())
        if self.sealer is not None and self.reel is not None:
            self.sealer = None
            self._previous = sealer.hash
            self._last_slot = sealer.header.slot
            self._closed(self.reel.add(sealer, self.last_us - self._start_us))
            self.close_wished()

    def close_wished(self) -> None:
        """Between two segments: finish the reel if somebody waits for it and it shows the slot whole."""
        if self.sealer is None and self.reel is not None and self.wishes.take(self._last_slot):
            self._close_reel()

    def is_waited_for_in_vain(self, elapsed_us: int, slot_us: int) -> bool:
        """Whether a slot that somebody waits for is over, and no picture comes that would close its reel."""
        slot = self.wishes.earliest
        if slot is None or self.sealer is not None:
            return False
        return elapsed_us >= max((slot + 1) * slot_us, self.last_us) + GRACE_US

    def cut_if_idle(self, elapsed_us: int, idle_us: int) -> None:
        """Seal what is pending of a stream that sent nothing for so long."""
        if self.sealer is not None and self.sealer.pending_bytes and elapsed_us - self.last_us >= idle_us:
            self.append(self.sealer.cut())

    def end(self) -> None:
        """Close everything."""
        self.close()
        self._close_reel()

    def append(self, frames: bytes | bytearray) -> None:
        """Queue frames of the open segment."""
        if self.reel is None or not frames:
            return
        try:
            # The sealer does not touch again what it gave: no copy is needed.
            self.reel.append(frames)
        except CustodesError as error:
            self._fail(error)

    def has_room(self, more_bytes: int) -> bool:
        """Whether so many bytes more fit the open segment's reel."""
        return self.reel is None or self.sealer is None or not self.reel.must_close(self.sealer, more_bytes)

    def _close_reel(self) -> None:
        reel, self.reel = self.reel, None
        if reel is not None:
            reel.finish()
            self.wishes.closed(self._last_slot)

    def _fail(self, error: CustodesError) -> None:
        reel, self.reel, self.sealer = self.reel, None, None
        if reel is not None:
            reel.give_up(error)
        self._failed(error)

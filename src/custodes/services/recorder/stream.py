"""One stream from access units to sealed, queued chunks: the recorder's hot path.

Called from the event loop alone; never blocks. What must be durable first is the registrar's work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import structlog

from custodes.adapters.rtsp.notices import Notice, NoticeKind
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import CustodesError, PushbackError
from custodes.custody.accounts import GapReason
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.records import KEY, LOSS_BEFORE, OPEN_KEY
from custodes.custody.segment import SegmentHeader
from custodes.media.gop import GopStatistics, KeyPolicy
from custodes.media.packets import AccessUnit, ParameterSets
from custodes.media.segmenter import Cut, Segmenter, Step
from custodes.services.recorder.epochs import Epoch
from custodes.services.recorder.gaps import GapKeeper
from custodes.services.recorder.reels import ClosedEnvelope, OpenReel
from custodes.services.recorder.settings import StreamAssignment

EARLY_LIMIT_BYTES = 8 << 20
CLOCK_TOLERANCE_US = SECOND_US
_LOG = structlog.get_logger("stream")


class StreamState(Enum):
    """What a stream is doing, as health shows it."""

    CONNECTING = "connecting"
    RECORDING = "recording"
    AWAY = "away"
    CANNOT_SEAL = "cannot-seal"


class EpochSource(Protocol):
    """Makes epochs ready. `ready` is called on the loop, with None when none can be made now."""

    def prepare(
        self,
        assignment: StreamAssignment,
        boot0_us: int,
        first: bool,
        ready: Callable[[Epoch | None, str], None],
    ) -> None:
        """Make the epoch durable that begins at that boot time."""
        ...


class ReelSource(Protocol):
    """Opens reels in the spool."""

    def open_reel(self, epoch: Epoch, number: int, priority: int) -> OpenReel:
        """The reel of that number of an epoch."""
        ...


@dataclass(slots=True)
class StreamCounts:
    """What health and statistics say of a stream."""

    access_units: int = 0
    bytes: int = 0
    dropped: int = 0
    lost_packets: int = 0
    foreign_packets: int = 0
    last_unit_us: int = 0


class StreamRecorder:
    """Takes what a camera sends and leaves sealed envelopes; `closed` collects them for the account.

    An epoch begins with the first picture there is; one that follows is made ready a slot ahead. Pictures
    that come while an epoch is being made wait, at most 8 MiB of them.
    """

    def __init__(
        self, assignment: StreamAssignment, clock: Clock, epochs: EpochSource, reels: ReelSource, slot_us: int
    ) -> None:
        self.assignment = assignment
        self.counts = StreamCounts()
        self.gops = GopStatistics()
        self.gaps = GapKeeper(assignment.stream, clock.utc_us(), GapReason.RESTART)
        self.closed: list[ClosedEnvelope] = []
        self.ended_epochs: list[Epoch] = []
        self.trouble = ""
        self._clock = clock
        self._epochs = epochs
        self._reels = reels
        self._slot_us = slot_us
        self._keys = KeyPolicy()
        self._sets: ParameterSets | None = None
        self._sets_changed = False
        self._early: deque[AccessUnit] = deque()
        self._early_bytes = 0
        self._preparing = False
        self._is_first = True
        self._next: Epoch | None = None
        self._epoch: Epoch | None = None
        self._segmenter = Segmenter(slot_us)
        self._sealer: EnvelopeSealer | None = None
        self._slot = 0
        self._segment_start_us = 0
        self._last_elapsed_us = 0
        self._reel: OpenReel | None = None
        self._reel_number = 0
        self._previous = b""
        self._overloaded = False
        self._buffer = bytearray(1 << 16)
        self._stopped = False

    # --- what the camera sends -------------------------------------------------------------------------

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        """They hold for the access units that follow."""
        self._sets_changed = (self._sets is not None and sets != self._sets) or self._sets_changed
        self._sets = sets

    def on_access_unit(self, unit: AccessUnit) -> None:
        """Seal a picture, or keep it while an epoch is made ready."""
        if self._stopped:
            return
        if self._epoch is None or self._early:
            self._keep_early(unit)
        else:
            self._record(unit)

    def on_notice(self, notice: Notice) -> None:
        """Count what evidence should know of; losses become gaps where the next picture shows them."""
        if notice.kind is NoticeKind.LOSS:
            self.counts.lost_packets += notice.count
        elif notice.kind is NoticeKind.FOREIGN_SOURCE:
            self.counts.foreign_packets += notice.count

    # --- the course of things --------------------------------------------------------------------------

    @property
    def state(self) -> StreamState:
        """What the stream is doing now."""
        if self.trouble:
            return StreamState.CANNOT_SEAL
        if self.gaps.from_us is None:
            return StreamState.RECORDING
        return StreamState.AWAY if self.counts.access_units else StreamState.CONNECTING

    def session_ended(self, reason: GapReason) -> None:
        """The camera's session is over: the segment closes, the next begins with a key frame."""
        self._close_segment()
        self._segmenter.interrupt()
        self._keys.restart()
        self.gops.interrupted()
        self._early.clear()
        self._early_bytes = 0
        self.gaps.missing(self._last_utc_us(), reason)

    def tick(self) -> None:
        """Once a second: seal what is pending, end what is due, make the next epoch ready, wipe keys."""
        now_us = self._clock.boot_us()
        epoch = self._epoch
        if epoch is None:
            return
        epoch.wipe_due(now_us)
        elapsed_us = now_us - epoch.boot0_us
        if self._sealer is not None and elapsed_us - self._last_elapsed_us >= SECOND_US:
            self._append(self._sealer.cut())
        if self._segmenter.close_if_due(elapsed_us):
            self._close_segment()
        if abs(self._clock.utc_us() - epoch.utc_us(now_us)) > CLOCK_TOLERANCE_US:
            self._end_epoch(GapReason.CLOCK)
        elif now_us >= epoch.end_us + 2 * self._slot_us:
            self._end_epoch(None)
        elif now_us >= epoch.end_us - self._slot_us and self._next is None and self._sealer is not None:
            self._prepare(epoch.end_us)

    def stop(self, reason: GapReason) -> None:
        """Close all; nothing is taken any more."""
        self._stopped = True
        self._end_epoch(None)
        if self._next is not None:
            self._retire(self._next)
            self._next = None
        self.gaps.missing(self._last_utc_us(), reason)

    def reel_failed(self, error: CustodesError) -> None:
        """The open reel can take nothing more: the epoch ends with what is durable, another begins."""
        _LOG.error("reel given up", stream=self.assignment.stream.hex(), reason=str(error))
        self._sealer = None
        self._reel = None
        self._end_epoch(GapReason.STORAGE)

    # --- recording -------------------------------------------------------------------------------------

    def _record(self, unit: AccessUnit) -> None:
        epoch = self._epoch
        if epoch is None or self._sets is None:
            self._drop(unit, GapReason.WAITING_FOR_KEY_FRAME)
            return
        is_key = self._keys.counts(unit.boot_us, unit.is_key, unit.is_open_key)
        if self._overloaded and not self._relieved(is_key):
            self._drop(unit, GapReason.OVERLOAD)
            return
        elapsed_us = max(unit.boot_us - epoch.boot0_us, self._last_elapsed_us)
        decision = self._segmenter.decide(elapsed_us, is_key, self._sets_changed)
        if decision is not Step.APPEND:
            if decision is Step.DROP:
                self._drop(unit, GapReason.WAITING_FOR_KEY_FRAME)
                return
            if decision is Step.NEXT_EPOCH:
                self._next_epoch(unit)
                return
            assert isinstance(decision, Cut)
            self._open_segment(epoch, decision, elapsed_us)
        self._last_elapsed_us = elapsed_us
        sealer = self._sealer
        if sealer is None:
            self._drop(unit, GapReason.STORAGE)
            return
        flags = (
            (KEY if unit.is_key else 0)
            | (OPEN_KEY if unit.is_open_key else 0)
            | (LOSS_BEFORE if unit.loss_before else 0)
        )
        frames = sealer.add_access_unit(
            unit.data, elapsed_us, unit.media_90k, max(0, unit.camera_utc_us), flags
        )
        if frames:
            self._append(frames)
            if self._reel is not None and self._reel.must_close(sealer):
                self._sets_changed = True  # what begins another segment at the next picture
        self._count(unit, epoch, is_key)

    def _count(self, unit: AccessUnit, epoch: Epoch, is_key: bool) -> None:
        counts = self.counts
        if unit.loss_before and counts.last_unit_us:
            self.gaps.hole(epoch.utc_us(counts.last_unit_us), epoch.utc_us(unit.boot_us), GapReason.LOSS)
        if self.gaps.from_us is not None:
            self.gaps.recorded(epoch.utc_us(unit.boot_us))
        if is_key:
            self.gops.key_frame(unit.boot_us)
        counts.access_units += 1
        counts.bytes += len(unit.data)
        counts.last_unit_us = unit.boot_us

    def _drop(self, unit: AccessUnit, reason: GapReason) -> None:
        self.counts.dropped += 1
        self.gaps.missing(self._clock.utc_us(), reason)

    # --- segments --------------------------------------------------------------------------------------

    def _open_segment(self, epoch: Epoch, cut: Cut, elapsed_us: int) -> None:
        self._close_segment()
        assert self._sets is not None
        self._sets_changed = False
        header = SegmentHeader(
            network=epoch.sealed.header.network,
            stream=self.assignment.stream,
            epoch=epoch.id,
            slot=cut.slot,
            sequence=cut.sequence,
            key_sequence=cut.key_sequence,
            previous=self._previous,
            codec=self._sets.codec,
            elapsed_us=elapsed_us,
        )
        if cut.slot > self._slot:
            epoch.wipe_before(cut.slot)
        self._slot = cut.slot
        self._segment_start_us = elapsed_us
        if self._reel is not None and self._reel.is_full(elapsed_us):
            self._close_reel()
        if self._reel is None:
            self._reel = self._reels.open_reel(epoch, self._reel_number, self.assignment.priority)
            self._reel_number += 1
        self._sealer = EnvelopeSealer(header, epoch.cells[cut.slot], self._sets, self._buffer)
        self._append(self._sealer.header_frame)

    def _close_segment(self) -> None:
        sealer, reel, epoch = self._sealer, self._reel, self._epoch
        if sealer is None or reel is None or epoch is None:
            return
        self._append(sealer.close())
        if self._sealer is None:
            return
        self._sealer = None
        self._previous = sealer.hash
        duration_us = self._last_elapsed_us - self._segment_start_us
        self.closed.append(reel.add(sealer, duration_us))

    def _append(self, frames: bytes | bytearray) -> None:
        if not frames or self._reel is None:
            return
        try:
            # The queue is pressed below its limit, and then whole groups of pictures are left out; what is
            # between the two is room to close the envelope.
            self._reel.append(bytes(frames))
        except CustodesError as error:
            self._overloaded = isinstance(error, PushbackError)
            self.reel_failed(error)
        else:
            if self._reel.is_pressed:
                self._overloaded = True

    def _relieved(self, is_key: bool) -> bool:
        """Whether recording goes on after an overload: at a key frame, once the queue has gone down."""
        if self._sealer is not None:
            self._close_segment()
            self._segmenter.interrupt()
        if is_key and (self._reel is None or self._reel.is_relieved):
            self._overloaded = False
        return not self._overloaded

    def _close_reel(self) -> None:
        if self._reel is not None:
            self._reel.finish()
            self._reel = None

    # --- epochs ----------------------------------------------------------------------------------------

    def _keep_early(self, unit: AccessUnit) -> None:
        if not self._early and not unit.is_key and not unit.is_open_key:
            self._drop(unit, GapReason.WAITING_FOR_KEY_FRAME)
            return
        self._early.append(unit)
        self._early_bytes += len(unit.data)
        while self._early_bytes > EARLY_LIMIT_BYTES:
            dropped = self._early.popleft()
            self._early_bytes -= len(dropped.data)
            self._drop(dropped, GapReason.CANNOT_SEAL)
        if self._next is not None:
            self._switch()
        elif not self._preparing:
            self._prepare(self._early[0].boot_us)

    def _prepare(self, boot0_us: int) -> None:
        if self._preparing:
            return
        self._preparing = True
        self._epochs.prepare(self.assignment, boot0_us, self._is_first, self._prepared)
        self._is_first = False

    def _prepared(self, epoch: Epoch | None, trouble: str) -> None:
        self._preparing = False
        self.trouble = trouble
        if epoch is None:
            return
        if self._stopped:
            self._retire(epoch)
            return
        self._next = epoch
        if self._epoch is None and self._early:
            self._switch()

    def _next_epoch(self, unit: AccessUnit) -> None:
        self._end_epoch(None)
        self._keep_early(unit)

    def _switch(self) -> None:
        """Begin the epoch that is ready, unless its time is past or the clock was set meanwhile."""
        epoch, self._next = self._next, None
        if epoch is None:
            return
        now_us = self._clock.boot_us()
        stepped = abs(self._clock.utc_us() - epoch.utc_us(now_us)) > CLOCK_TOLERANCE_US
        first_us = self._early[0].boot_us if self._early else now_us
        if stepped or first_us >= epoch.end_us:
            self._retire(epoch)
            self._prepare(first_us)
            return
        self._epoch = epoch
        self._segmenter = Segmenter(self._slot_us, epoch.sealed.header.slots)
        self._previous = epoch.sealed.header.hash
        self._reel_number = 0
        self._slot = 0
        self._last_elapsed_us = 0
        while self._early and self._epoch is epoch:
            unit = self._early.popleft()
            self._early_bytes -= len(unit.data)
            self._record(unit)

    def _end_epoch(self, reason: GapReason | None) -> None:
        epoch = self._epoch
        if epoch is None:
            return
        if reason is not None:
            self.gaps.missing(self._last_utc_us(), reason)
        self._close_segment()
        self._close_reel()
        self._epoch = None
        self._retire(epoch)

    def _retire(self, epoch: Epoch) -> None:
        epoch.wipe_all()
        self.ended_epochs.append(epoch)

    def _last_utc_us(self) -> int:
        """When the last picture was recorded, now if none was."""
        now_us, last_us = self._clock.boot_us(), self.counts.last_unit_us
        return self._clock.utc_us() - (now_us - last_us if last_us else 0)

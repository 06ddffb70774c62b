"""One stream from access units to sealed, queued chunks: the recorder's hot path.

Called from the event loop alone; never blocks. What must be durable first is the registrar's work.
One module: all of it is the way of one picture, whose steps share the epoch, the writer and the gap of now.
"""

from __future__ import annotations

import structlog

from custodes.adapters.rtsp.notices import Notice, NoticeKind
from custodes.base.clock import SECOND_US
from custodes.custody.accounts import Gap, GapReason
from custodes.custody.records import KEY, LOSS_BEFORE, OPEN_KEY
from custodes.media.gop import GopStatistics, KeyPolicy
from custodes.media.packets import AccessUnit, ParameterSets
from custodes.media.segmenter import GRACE_US, Cut, Segmenter, Step
from custodes.services.recorder.early import EarlyUnits
from custodes.services.recorder.epochs import Epoch
from custodes.services.recorder.gaps import GapKeeper
from custodes.services.recorder.ports import StreamParts
from custodes.services.recorder.settings import StreamAssignment
from custodes.services.recorder.standing import SessionTimes, StreamCounts, StreamState
from custodes.services.recorder.wishes import early_reels
from custodes.services.recorder.writing import EnvelopeWriter

CLOCK_TOLERANCE_US = SECOND_US
# With the second between ticks and half a second to flush, what came is durable within two.
IDLE_US = 400_000
STALE_US = 10 * SECOND_US
RETRY_US = SECOND_US
LARGE_UNIT_BYTES = 4 << 20
_LOG = structlog.get_logger("stream")


class StreamRecorder:
    """Takes what a camera sends and leaves sealed envelopes.

    An epoch begins with the first picture there is; one that follows is made ready a slot ahead. Pictures
    that come while an epoch is being made wait, at most 8 MiB of them. Of a camera whose key frames are more
    than ten seconds apart an epoch ends at the last one from which the next would come too late, for what
    follows without a key frame can belong to no other epoch.
    `since_us`: since when nothing of the stream is recorded (UTC), and why.
    """

    def __init__(
        self, assignment: StreamAssignment, parts: StreamParts, since_us: int, reason: GapReason
    ) -> None:
        self.assignment = assignment
        self.counts = StreamCounts()
        self.session = SessionTimes()
        self.gops = GopStatistics()
        self.trouble = ""
        self._clock = parts.clock
        self._parts = parts
        self._gaps = GapKeeper(assignment.stream, since_us, reason)
        self._keys = KeyPolicy()
        self._sets: ParameterSets | None = None
        self._sets_changed = False
        self._early = EarlyUnits()
        self._preparing = False
        self._retry_us = 0
        self._is_first = True
        self._next: Epoch | None = None
        self._writer: EnvelopeWriter | None = None
        self._segmenter = Segmenter(parts.slot_us)
        self._turn_by_us = 0
        self._ended_for_case_us = 0
        self._overloaded = False
        self._has_failed = False
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
        session = self.session
        session.last_unit_us = unit.boot_us
        if not session.first_unit_us:
            session.first_unit_us = unit.boot_us
        if self._writer is None or self._early:
            self._wait(unit)
        else:
            self._record(self._writer, unit)

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
        if not self.counts.access_units:
            return StreamState.AWAY if self._has_failed else StreamState.CONNECTING
        is_stale = self._clock.boot_us() - self.counts.last_unit_us > STALE_US
        return StreamState.AWAY if is_stale or self._gaps.from_us is not None else StreamState.RECORDING

    def session_ended(self, reason: GapReason) -> None:
        """The camera's session is over: the segment closes, the next begins with a key frame."""
        if self._writer is not None:
            self._writer.close()
        self._segmenter.interrupt()
        self._keys.restart()
        self.gops.interrupted()
        self.session = SessionTimes()
        self._has_failed = True
        self.counts.dropped += self._early.clear()
        self._miss(reason)

    def tick(self) -> None:
        """Once a second: seal what is pending, end what is due, make the next epoch ready, wipe keys."""
        now_us = self._clock.boot_us()
        if self._next is not None:
            self._next.wipe_due(now_us)
            if now_us >= self._next.end_us:
                self._retire(self._next)
                self._next = None
        writer = self._writer
        if writer is None:
            return
        epoch = writer.epoch
        epoch.wipe_due(now_us)
        elapsed_us = now_us - epoch.boot0_us
        writer.cut_if_idle(elapsed_us, IDLE_US)
        if self._segmenter.close_if_due(elapsed_us):
            writer.close()
        writer.close_wished()
        if self._writer is not None:
            self._tend_epoch(writer, now_us)

    def close_after(self, epoch: bytes, slot: int) -> bool:
        """Somebody waits for that slot of an epoch; whether the reel that shows it whole is yet to be closed."""
        writer = self._writer
        if writer is not None and writer.epoch.id == epoch:
            return writer.wishes.add(min(slot, writer.epoch.sealed.header.slots - 1))
        return self._next is not None and self._next.id == epoch

    def stop(self, reason: GapReason) -> None:
        """Close all; nothing is taken any more."""
        self._stopped = True
        self._end_epoch()
        if self._next is not None:
            self._retire(self._next)
            self._next = None
        self._miss(reason)

    def take_gaps(self) -> list[Gap]:
        """The gaps since the last call, one still open told up to now."""
        return self._gaps.take(self._clock.utc_us())

    @property
    def missing_reason(self) -> GapReason | None:
        """Why nothing is recorded now; None while something is."""
        return self._gaps.reason if self._gaps.from_us is not None else None

    @property
    def last_picture_us(self) -> int:
        """UTC of the last recorded picture, by the clock of now; 0 without any."""
        return self._last_utc_us() if self.counts.last_unit_us else 0

    def reel_lost(self, epoch: Epoch) -> None:
        """A reel can take nothing more: its epoch ends with what is durable, another begins."""
        if self._writer is not None and self._writer.epoch is epoch:
            self._miss(GapReason.STORAGE)
            self._end_epoch()

    # --- recording -------------------------------------------------------------------------------------

    def _record(self, writer: EnvelopeWriter, unit: AccessUnit) -> None:
        boot_us, data = unit.boot_us, unit.data
        is_key = False
        if unit.is_key or unit.is_open_key:
            is_key = self._keys.counts(boot_us, unit.is_key, unit.is_open_key)
        if is_key:
            self.gops.key_frame(boot_us)
            self.session.key_us = boot_us
            if self._must_turn(writer.epoch, boot_us):
                self._turn(unit)
                return
        if self._overloaded and not self._relieved(writer, is_key):
            self._drop(1, self._parts.reels.pressed_reason)
            return
        if self._sets is None:
            self._drop(1, GapReason.WAITING_FOR_KEY_FRAME)
            return
        elapsed_us = boot_us - writer.epoch.boot0_us
        if elapsed_us < writer.last_us:
            elapsed_us = writer.last_us
        if len(data) > LARGE_UNIT_BYTES and not writer.has_room(len(data)):
            self._sets_changed = True
        decision = self._segmenter.decide(elapsed_us, is_key, self._sets_changed)
        if decision is not Step.APPEND:
            if not isinstance(decision, Cut):
                self._leave_out(decision, unit)
                return
            self._sets_changed = False
            writer.open(decision, self._sets, elapsed_us, len(data))
        sealer = writer.sealer
        if sealer is None:
            self._drop(1, GapReason.STORAGE)
            return
        writer.last_us = elapsed_us
        flags = KEY if unit.is_key else OPEN_KEY if unit.is_open_key else 0
        if unit.loss_before:
            flags |= LOSS_BEFORE
        claim_us = unit.camera_utc_us if unit.camera_utc_us > 0 else 0
        frames = sealer.add_access_unit(data, elapsed_us, unit.media_90k, claim_us, flags)
        if frames:
            self._append(writer, frames)
        self._count(writer.epoch, unit)

    def _leave_out(self, step: Step, unit: AccessUnit) -> None:
        """A picture that belongs to no segment of this epoch."""
        if step is Step.NEXT_EPOCH:
            self._turn(unit)
        else:
            self._drop(1, GapReason.WAITING_FOR_KEY_FRAME)

    def _append(self, writer: EnvelopeWriter, frames: bytes | bytearray) -> None:
        # Pressed by what came before, not by a picture however large, nor by those that waited and come at once.
        # The limit is well below what the spool takes: what is between the two is room for this, and to close.
        if not self._early and self._parts.reels.is_pressed(self.assignment.stream, self.assignment.priority):
            self._overloaded = True
        writer.append(frames)
        if not writer.has_room(0):
            # What begins another segment at the next picture.
            self._sets_changed = True

    def _relieved(self, writer: EnvelopeWriter, is_key: bool) -> bool:
        """Whether recording goes on after an overload: at a key frame, once the queue has gone down."""
        if writer.sealer is not None:
            writer.close()
            self._segmenter.interrupt()
        if is_key and self._parts.reels.is_relieved(self.assignment.stream):
            self._overloaded = False
        return not self._overloaded

    def _count(self, epoch: Epoch, unit: AccessUnit) -> None:
        counts, gaps = self.counts, self._gaps
        if gaps.from_us is not None:
            gaps.recorded(epoch.utc_us(unit.boot_us))
        elif unit.loss_before:
            gaps.hole(epoch.utc_us(counts.last_unit_us), epoch.utc_us(unit.boot_us), GapReason.LOSS)
        counts.access_units += 1
        counts.bytes += len(unit.data)
        counts.last_unit_us = unit.boot_us

    def _drop(self, count: int, reason: GapReason) -> None:
        self.counts.dropped += count
        self._miss(reason)

    def _miss(self, reason: GapReason) -> None:
        self._gaps.missing(self._last_utc_us(), self._clock.utc_us(), reason)

    def _last_utc_us(self) -> int:
        """When the last picture was recorded, now if none was."""
        last_us = self.counts.last_unit_us
        return self._clock.utc_us() - (self._clock.boot_us() - last_us if last_us else 0)

    # --- epochs ----------------------------------------------------------------------------------------

    def _tend_epoch(self, writer: EnvelopeWriter, now_us: int) -> None:
        epoch = writer.epoch
        away_us = self._clock.utc_us() - epoch.utc_us(now_us)
        if abs(away_us) > CLOCK_TOLERANCE_US:
            if not self._turn_by_us:
                _LOG.warning("UTC stepped", stream=self.assignment.name, by_us=away_us)
                # Closing can wait for a key frame: slots are counted by the other clock.
                self._turn_by_us = now_us + GRACE_US
            if writer.sealer is None or now_us >= self._turn_by_us:
                self._end_epoch()
        elif now_us >= epoch.end_us + max(GRACE_US, 2 * self._parts.slot_us):
            self._end_epoch()
        elif (
            now_us >= epoch.end_us - self._parts.slot_us
            and self._next is None
            and writer.sealer is not None
            and not self.gops.is_long
        ):
            self._prepare(epoch.end_us)
        elif self._is_waited_for_in_vain(writer, now_us):
            # Only once in the time of an epoch: a flickering camera must not use up shred keys.
            self._ended_for_case_us = epoch.end_us
            self._end_epoch()

    def _is_waited_for_in_vain(self, writer: EnvelopeWriter, now_us: int) -> bool:
        if self._overloaded or now_us < self._ended_for_case_us:
            return False
        return writer.is_waited_for_in_vain(now_us - writer.epoch.boot0_us, self._parts.slot_us)

    def _must_turn(self, epoch: Epoch, boot_us: int) -> bool:
        """Whether the epoch ends at this key frame though it has slots left."""
        if self._turn_by_us:
            return True
        if not self.gops.is_long or boot_us <= epoch.boot0_us:
            return False
        # Without another key frame pictures have this one's slot for ten seconds, then the running one.
        slot_us = self._parts.slot_us
        slot_end_us = epoch.boot0_us + ((boot_us - epoch.boot0_us) // slot_us + 1) * slot_us
        return boot_us + (self.gops.expected_us or 0) > max(epoch.end_us, slot_end_us + GRACE_US)

    def _turn(self, unit: AccessUnit) -> None:
        """The epoch is over; the next begins with this picture, if it is one to begin with."""
        self._end_epoch()
        dropped = self._early.put_back(unit)
        if dropped:
            self._drop(dropped, GapReason.WAITING_FOR_KEY_FRAME)
        self._go_on()

    def _wait(self, unit: AccessUnit) -> None:
        dropped = self._early.add(unit)
        if dropped:
            too_many = len(self._early) > 0 or dropped > 1
            self._drop(dropped, GapReason.CANNOT_SEAL if too_many else GapReason.WAITING_FOR_KEY_FRAME)
        self._go_on()

    def _go_on(self) -> None:
        if not self._early:
            return
        if self._next is not None:
            self._switch()
        else:
            self._prepare(self._early.first_us)

    def _prepare(self, boot0_us: int) -> None:
        if self._preparing or self._clock.boot_us() < self._retry_us:
            return
        self._preparing = True
        self._parts.epochs.prepare(self.assignment, boot0_us, self._is_first, self._prepared)

    def _prepared(self, epoch: Epoch | None, trouble: str) -> None:
        self._preparing = False
        self.trouble = trouble
        if epoch is None:
            self._retry_us = self._clock.boot_us() + RETRY_US
            return
        self._is_first = False
        if self._stopped:
            self._retire(epoch)
            return
        self._next = epoch
        if self._writer is None and self._early:
            self._switch()

    def _switch(self) -> None:
        """Begin the epoch that is ready, unless it is of another time or the clock was set meanwhile."""
        epoch, self._next = self._next, None
        if epoch is None:
            return
        now_us, first_us = self._clock.boot_us(), self._early.first_us
        stepped = abs(self._clock.utc_us() - epoch.utc_us(now_us)) > CLOCK_TOLERANCE_US
        if stepped or not epoch.boot0_us <= first_us < epoch.end_us:
            self._retire(epoch)
            self._prepare(first_us)
            return
        parts = self._parts
        self._segmenter = Segmenter(parts.slot_us, epoch.sealed.header.slots)
        self._segmenter.close_if_due(epoch.first_open_us)
        writer = self._writer = EnvelopeWriter(
            epoch,
            self._buffer,
            lambda epoch, number: parts.reels.open_reel(epoch, number, parts.reel_us),
            parts.register.closed,
            lambda _: self.reel_lost(epoch),
            early_reels(epoch.sealed.header.slots * parts.slot_us, parts.reel_us),
        )
        for unit in self._early.drain():
            self._record(writer, unit)
            if self._writer is not writer:
                break

    def _end_epoch(self) -> None:
        writer = self._writer
        if writer is None:
            return
        writer.end()
        if self._turn_by_us:
            self._turn_by_us = 0
            # Between the time of this epoch and that of the next there may be hours in which nothing is missing.
            last_us = writer.epoch.utc_us(self.counts.last_unit_us or writer.epoch.boot0_us)
            self._gaps.hole(last_us, self._last_utc_us(), GapReason.CLOCK)
        self._writer = None
        self._retire(writer.epoch)

    def _retire(self, epoch: Epoch) -> None:
        epoch.wipe_all()
        self._parts.register.ended(epoch)

"""The recorder: cameras in, sealed reels, accounts and entries out. One asyncio process.

It goes by its last good settings and by nothing else; what cannot be delivered waits in the outbox.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from custodes.adapters.rtsp.client import DEFAULT_LIMITS, SessionLimits
from custodes.adapters.spool.spool import SpoolVolume
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import CustodesError
from custodes.base.fence.memory import KeyArena
from custodes.base.ports import ObjectStore
from custodes.cases.closing import CloseReels
from custodes.custody.accounts import Gap, GapReason
from custodes.services.recorder.accounting import Ledgerbook, Minute
from custodes.services.recorder.camera import CameraConnection
from custodes.services.recorder.epochs import Epoch, first_slots
from custodes.services.recorder.minutes import MinuteKeeper
from custodes.services.recorder.outbox import Route
from custodes.services.recorder.pools import keys_left
from custodes.services.recorder.ports import StreamParts
from custodes.services.recorder.preparing import EpochMaker, EpochWish
from custodes.services.recorder.reception import receive
from custodes.services.recorder.reels import OpenReel
from custodes.services.recorder.registrar import Registrar
from custodes.services.recorder.renditions import RenditionShelf
from custodes.services.recorder.resting import MANY, rest
from custodes.services.recorder.settings import RecorderSettings, StreamAssignment
from custodes.services.recorder.shelf import ReelShelf
from custodes.services.recorder.standing import StreamState
from custodes.services.recorder.stream import StreamRecorder
from custodes.services.recorder.veils import Veils
from custodes.services.recorder.watchdog import why_reconnect

TICK_S = 1.0
START_SPREAD_S = 0.05
REELS_WITHIN_S = 5.0
JOBS_WITHIN_S = 4.0
SPOOL_WITHIN_S = 2.0
GAPS_SHOWN = 50
LATE_TICK_US = 3_000_000
PATIENCE_US = 20_000_000
_LOG = structlog.get_logger("recorder")


@dataclass
class Recording:
    """One stream being recorded."""

    assignment: StreamAssignment
    stream: StreamRecorder
    connection: CameraConnection
    task: asyncio.Task[None]
    shown_bytes: int = 0
    bitrate_bps: int = 0


@dataclass
class RecorderService:
    """Joins the parts; made on the loop. `away_since`: since when each stream is not recorded (UTC).

    `unannounced`: reels in the store of which the keeper may not know. `alarms`: what somebody must see to.
    `veils`: who makes the de-identified view; without any there is none.
    """

    clock: Clock
    settings: RecorderSettings
    book: Ledgerbook
    store: ObjectStore
    spool: SpoolVolume
    arena: KeyArena
    limits: SessionLimits = DEFAULT_LIMITS
    away_since: Mapping[bytes, int] = field(default_factory=dict)
    unannounced: tuple[str, ...] = ()
    recordings: dict[bytes, Recording] = field(default_factory=dict)
    recent_gaps: deque[Gap] = field(default_factory=lambda: deque(maxlen=GAPS_SHOWN))
    alarms: dict[str, str] = field(default_factory=dict)
    veils: Veils | None = None

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.registrar = Registrar(loop, "registrar")
        self.porter = Registrar(loop, "porter")
        self.shelf = ReelShelf(self.spool, self.store, self.book.outbox, self.porter, self._reel_lost)
        self.renditions = RenditionShelf(self.clock, self.spool, self.porter, self.settings.periods.reel_us)
        if self.veils is not None:
            self.veils.desk.recorded = self.renditions
        self._minutes = MinuteKeeper(self.shelf.is_done)
        self._maker = EpochMaker(self.book, self.store, self.arena)
        self._leaving: set[asyncio.Task[None]] = set()
        self._stating = 0
        self._ticked_us = self.clock.boot_us()
        self._patient_until_us = 0
        self._owed: list[Minute] = []
        self._held: list[str] = []

    # --- life ------------------------------------------------------------------------------------------

    async def run(self, routes: Mapping[str, Route] | None = None) -> None:
        """Record until cancelled; then end all segments and reels, and account for them.

        `routes`: how the outbox is delivered meanwhile; without any it is kept.
        """
        helpers = [asyncio.ensure_future(rest(self._has_many))]
        if routes is not None:
            helpers.append(asyncio.ensure_future(self.book.outbox.run(routes)))
        self._settle()
        for path in self.unannounced:
            self.shelf.announce(path)
        self.assign(self.settings)
        next_account_us = self.clock.boot_us() + self.settings.periods.slot_us
        try:
            while True:
                await asyncio.sleep(TICK_S)
                self._tick()
                if self.clock.boot_us() >= next_account_us:
                    next_account_us += self.settings.periods.slot_us
                    self._account()
        finally:
            helpers[0].cancel()
            await self._stop()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    def assign(self, settings: RecorderSettings) -> None:
        """Go by new settings: streams come, go, or begin anew where what they go by has changed."""
        self.settings = settings
        wanted = {assignment.stream: assignment for assignment in settings.assignments}
        for stream, recording in list(self.recordings.items()):
            if wanted.get(stream) != recording.assignment:
                self._end(recording, GapReason.RESTART if stream in wanted else GapReason.NOT_ASSIGNED)
        new = [assignment for stream, assignment in wanted.items() if stream not in self.recordings]
        for position, assignment in enumerate(new):
            self.recordings[assignment.stream] = self._record(assignment, position * START_SPREAD_S)
        if self.veils is not None:
            self.veils.assign(settings.assignments)

    def close_reels(self, wanted: CloseReels) -> int:
        """Let reels that a case waits for go to the store; of how many epochs one is yet to be closed.

        What is not being recorded any more is closed already.
        """
        waiting = 0
        for slot in wanted.after:
            recording = self.recordings.get(slot.stream)
            if recording is not None and recording.stream.close_after(slot.epoch, slot.slot):
                waiting += 1
        return waiting

    def _record(self, assignment: StreamAssignment, delay_s: float) -> Recording:
        periods = self.settings.periods
        parts = StreamParts(self.clock, self, self.shelf, self._minutes, periods.slot_us, periods.reel_us)
        now_us = self.clock.utc_us()
        since_us = min(now_us, self.away_since.get(assignment.stream, now_us))
        stream = StreamRecorder(assignment, parts, since_us, GapReason.RESTART)
        sink = stream if self.veils is None else self.veils.sink(assignment.stream, stream)
        connection = CameraConnection(
            assignment.name,
            lambda: receive(assignment, sink, self.clock, self.limits),
            self.clock,
            delay_s,
        )
        task = asyncio.get_running_loop().create_task(connection.run(stream.session_ended))
        return Recording(assignment, stream, connection, task)

    def _end(self, recording: Recording, reason: GapReason) -> None:
        recording.task.cancel()
        self._leaving.add(recording.task)
        recording.task.add_done_callback(self._leaving.discard)
        recording.stream.stop(reason)
        self._minutes.missed(recording.stream.take_gaps())
        stream = recording.assignment.stream
        self.away_since = {**self.away_since, stream: self.clock.utc_us()}
        del self.recordings[stream]
        if self.veils is not None:
            self.veils.forget(stream)

    def _has_many(self) -> bool:
        """Whether so many streams come in that pauses pay, and none that they would harm."""
        recordings = self.recordings.values()
        if any(recording.assignment.transport == "udp" for recording in recordings):
            return False
        return sum(recording.bitrate_bps > 0 for recording in recordings) >= MANY

    async def _stop(self) -> None:
        tasks = [recording.task for recording in self.recordings.values()]
        for recording in list(self.recordings.values()):
            self._end(recording, GapReason.RESTART)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.veils is not None:
            await self.veils.close()
        self.renditions.close()
        await self._reels_done(REELS_WITHIN_S)
        self._account()
        await self.porter.drain(1.0)
        await self.registrar.drain(JOBS_WITHIN_S)
        await self.spool.close(SPOOL_WITHIN_S)
        self.arena.close()

    async def _reels_done(self, within_s: float) -> None:
        """Wait until every finished reel is in the store; what is not by then the next start takes in."""
        deadline_us = self.clock.boot_us() + int(within_s * 1_000_000)
        while not (self.shelf.is_empty and self.renditions.is_empty):
            if self.clock.boot_us() >= deadline_us:
                return
            await asyncio.sleep(0.05)

    # --- every second ----------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.shelf.renew()
        now_us = self.clock.boot_us()
        if now_us - self._ticked_us > LATE_TICK_US:
            # This process, or the machine, stood still: cameras get time to be heard again.
            self._patient_until_us = now_us + PATIENCE_US
        self._ticked_us = now_us
        for recording in self.recordings.values():
            stream, connection = recording.stream, recording.connection
            stream.tick()
            why = why_reconnect(stream.session, stream.gops, connection.health.began_us, now_us)
            if why and now_us >= self._patient_until_us:
                connection.reconnect(why)
            received = stream.counts.bytes
            recording.bitrate_bps = int(8 * (received - recording.shown_bytes) / TICK_S)
            recording.shown_bytes = received
        if self.veils is not None:
            self.veils.tick()
        self.renditions.tick()
        self._watch()

    def _watch(self) -> None:
        """Start and end alarms."""
        left = keys_left(self.settings.pools, self.book.state.pools)
        self._alarm(
            "pool", "" if left else "no shred key is left: keys are used again, deletion will be late"
        )
        refused = self.book.outbox.refused_count
        self._alarm("refused", refused and f"{refused} statements were refused by the keeper")
        self._alarm("disk", self.registrar.trouble or self.porter.trouble)
        lost = self.shelf.lost_count
        self._alarm("reels", lost and f"{lost} reels could not be stored; the next start looks at them")
        if self.veils is not None:
            self._alarm("nursery", self.veils.trouble)
            withheld = ", ".join(self.veils.withheld)
            self._alarm(
                "zones", withheld and f"not recorded, for they do not mask what they must: {withheld}"
            )
        state = self.shelf.spool.health()
        self._alarm("spool", state.reason and f"spool {state.state.value}: {state.reason}")

    def _alarm(self, name: str, text: str | int) -> None:
        if text:
            if name not in self.alarms:
                _LOG.error("alarm", alarm=text)
            self.alarms[name] = str(text)
        elif self.alarms.pop(name, ""):
            _LOG.info("alarm over", alarm=name)

    def raise_alarm(self, name: str, text: str) -> None:
        """Start an alarm, or with an empty text end it."""
        self._alarm(name, text)

    # --- accounts --------------------------------------------------------------------------------------

    def _account(self) -> None:
        if self._stating:
            # The disk is behind: what happened meanwhile goes into the next account.
            return
        now_us = self.clock.utc_us()
        for recording in self.recordings.values():
            self._minutes.missed(recording.stream.take_gaps())
        minute = replace(
            self._minutes.take(now_us),
            renditions=self.renditions.take_closed(),
            masked=self.renditions.take_masked(now_us),
        )
        self.recent_gaps.extend(minute.gaps)
        owed, self._owed = self._owed, []
        for part in (*owed, *minute.parts()):
            self._state(part)

    def _state(self, minute: Minute) -> None:
        self._stating += 1

        def stated(_: None) -> None:
            self._stating -= 1
            self._alarm("account", "")

        def not_stated(reason: str) -> None:
            self._stating -= 1
            self._owed.append(minute)
            self._alarm("account", f"no account can be made: {reason}")

        self.registrar.submit(lambda: self.book.account(minute), stated, not_stated)
        self._settle()

    def _settle(self, patience_s: float = 0.0) -> None:
        self.registrar.submit(
            self.book.settle, lambda names: self._settled(names, patience_s), self._not_settled
        )

    def _settled(self, names: list[str], patience_s: float) -> None:
        self._held += names
        if not patience_s:
            self._release()
        elif names:
            asyncio.get_running_loop().call_later(patience_s, self._release)
        self._alarm("settle", "")

    def _release(self) -> None:
        held, self._held = self._held, []
        for name in held:
            self.book.outbox.admit(name)

    def _not_settled(self, reason: str) -> None:
        self._alarm("settle", f"statements cannot be laid out: {reason}")

    # --- epochs (EpochSource) --------------------------------------------------------------------------

    def prepare(
        self,
        assignment: StreamAssignment,
        boot0_us: int,
        first: bool,
        ready: Callable[[Epoch | None, str], None],
    ) -> None:
        """Make the epoch durable that begins at that boot time; see EpochSource."""
        per_epoch = self.settings.periods.slots_per_epoch
        wish = EpochWish(
            self.settings,
            assignment,
            boot0_us,
            self.clock.utc_us() + boot0_us - self.clock.boot_us(),
            first_slots(assignment.stream, per_epoch) if first else per_epoch,
        )
        self.registrar.submit(
            self._maker.job(wish), lambda epoch: ready(epoch, ""), lambda reason: ready(None, reason)
        )
        # Made a slot ahead, its entry leaves with the minute's account, before the epoch begins.
        ahead_s = (boot0_us - self.clock.boot_us()) / SECOND_US
        self._settle(0.0 if first else max(0.0, ahead_s))

    def _reel_lost(self, reel: OpenReel, error: CustodesError) -> None:
        recording = self.recordings.get(reel.epoch.sealed.header.stream)
        if recording is not None:
            recording.stream.reel_lost(reel.epoch)

    # --- health ----------------------------------------------------------------------------------------

    def is_recording(self) -> bool:
        """Whether every assigned stream is recorded now."""
        return all(r.stream.state is StreamState.RECORDING for r in self.recordings.values())

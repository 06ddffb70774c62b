"""The recorder: cameras in, sealed reels, accounts and entries out. One asyncio process.

It goes by its last good settings and by nothing else; what cannot be delivered waits in the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from custodes.adapters.rtsp.client import CameraSource, run_session
from custodes.adapters.spool.spool import SpoolVolume
from custodes.base.clock import Clock
from custodes.base.errors import CustodesError
from custodes.base.fence.memory import KeyArena
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import AccountLeaf, Gap, GapReason
from custodes.custody.epoch import SealedEpoch, make_epoch
from custodes.custody.key_choice import choose_keys
from custodes.custody.paths import epoch_folder, share_set_path
from custodes.services.facts import reel_fact
from custodes.services.recorder.accounting import Ledgerbook, Minute
from custodes.services.recorder.camera import CameraConnection
from custodes.services.recorder.cells import ArenaCells
from custodes.services.recorder.epochs import Epoch, first_slots, plan_epoch
from custodes.services.recorder.pools import keys_left, take_key
from custodes.services.recorder.reels import ClosedEnvelope, OpenReel, Pressure, open_reel
from custodes.services.recorder.registrar import Registrar
from custodes.services.recorder.settings import RecorderSettings, StreamAssignment
from custodes.services.recorder.state import EpochState
from custodes.services.recorder.stream import StreamRecorder, StreamState

TICK_S = 1.0
START_SPREAD_S = 0.05
STOP_WITHIN_S = 8.0
GAPS_SHOWN = 50
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
    """Joins the parts; `settings` is replaced when the keeper has newer ones."""

    clock: Clock
    settings: RecorderSettings
    book: Ledgerbook
    store: ObjectStore
    spool: SpoolVolume
    registrar: Registrar
    arena: KeyArena
    recordings: dict[bytes, Recording] = field(default_factory=dict)
    pressure: Pressure = field(default_factory=Pressure)
    recent_gaps: list[Gap] = field(default_factory=list)
    alarms: dict[str, str] = field(default_factory=dict)
    _leaves: list[ClosedEnvelope] = field(default_factory=list)
    _ended: dict[bytes, Epoch] = field(default_factory=dict)
    _unfinished: dict[bytes, int] = field(default_factory=dict)
    _given_up: set[bytes] = field(default_factory=set)
    _gaps: list[Gap] = field(default_factory=list)

    # --- life ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Record until cancelled; then end all segments and reels, and account for them."""
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
            await self._stop()

    def assign(self, settings: RecorderSettings) -> None:
        """Go by new settings: streams come, go, or are reconnected where their address changed."""
        self.settings = settings
        wanted = {assignment.stream: assignment for assignment in settings.assignments}
        for stream, recording in list(self.recordings.items()):
            if wanted.get(stream) != recording.assignment:
                recording.task.cancel()
                recording.stream.stop(GapReason.NOT_ASSIGNED)
                self._collect(recording.stream)
                del self.recordings[stream]
        for position, assignment in enumerate(a for s, a in wanted.items() if s not in self.recordings):
            self.recordings[assignment.stream] = self._record(assignment, position * START_SPREAD_S)

    def _record(self, assignment: StreamAssignment, delay_s: float) -> Recording:
        stream = StreamRecorder(assignment, self.clock, self, self, self.settings.periods.slot_us)
        source = CameraSource(assignment.url, assignment.username, assignment.password, assignment.transport)
        connection = CameraConnection(
            assignment.name, lambda: run_session(source, stream, self.clock), self.clock, delay_s
        )
        task = asyncio.get_running_loop().create_task(connection.run(stream.session_ended))
        return Recording(assignment, stream, connection, task)

    async def _stop(self) -> None:
        tasks = [recording.task for recording in self.recordings.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for recording in self.recordings.values():
            recording.stream.stop(GapReason.RESTART)
            self._collect(recording.stream)
        await self._reels_done(STOP_WITHIN_S)
        self._account()
        await self.registrar.drain(STOP_WITHIN_S)
        await self.spool.close()
        self.arena.close()

    async def _reels_done(self, within_s: float) -> None:
        """Wait until every finished reel is in the store; what is not by then the next start takes in."""
        deadline_us = self.clock.boot_us() + int(within_s * 1_000_000)
        while self._unfinished and self.clock.boot_us() < deadline_us:  # noqa: ASYNC110 - a shutdown
            await asyncio.sleep(0.05)

    # --- every second ----------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.pressure.queued_bytes = self.spool.health().queued_bytes
        for recording in self.recordings.values():
            stream = recording.stream
            stream.tick()
            self._collect(stream)
            received = stream.counts.bytes
            recording.bitrate_bps = int(8 * (received - recording.shown_bytes) / TICK_S)
            recording.shown_bytes = received
        left = keys_left(self.settings.pools, self.book.state.pools)
        self._alarm(
            "pool", "" if left else "no shred key is left: keys are used again, deletion will be late"
        )
        self._alarm(
            "refused",
            f"{self.book.outbox.refused_count} statements were refused by the keeper"
            if self.book.outbox.refused_count
            else "",
        )
        self._alarm("disk", self.registrar.trouble)
        state = self.spool.health()
        self._alarm("spool", state.reason and f"spool {state.state.value}: {state.reason}")

    def _alarm(self, name: str, text: str) -> None:
        if text:
            if name not in self.alarms:
                _LOG.error("alarm", alarm=text)
            self.alarms[name] = text
        elif self.alarms.pop(name, ""):
            _LOG.info("alarm over", alarm=name)

    def _collect(self, stream: StreamRecorder) -> None:
        self._leaves += stream.closed
        stream.closed = []
        for epoch in stream.ended_epochs:
            self._ended[epoch.id] = epoch
        stream.ended_epochs = []

    # --- accounts --------------------------------------------------------------------------------------

    def _account(self) -> None:
        now_us = self.clock.utc_us()
        for recording in self.recordings.values():
            self._collect(recording.stream)
            self._gaps += recording.stream.gaps.take(now_us)
        due, self._leaves = _durable_prefix(self._leaves)
        waiting = {envelope.epoch for envelope in self._leaves}
        ended = frozenset(
            id_
            for id_ in self._ended
            if id_ not in waiting and id_ not in self._unfinished and id_ not in self._given_up
        )
        gaps, self._gaps = self._gaps, []
        self.recent_gaps = (self.recent_gaps + gaps)[-GAPS_SHOWN:]
        leaves = tuple(AccountLeaf(e.stream, e.epoch, e.sequence, e.hash) for e in due)
        minute = Minute(now_us, leaves, tuple(gaps), ended)
        for id_ in ended:
            del self._ended[id_]
        self.registrar.submit(lambda: self.book.account(minute), self._stated, self._not_stated)

    def _stated(self, names: list[str]) -> None:
        self.alarms.pop("account", None)
        for name in names:
            self.book.outbox.admit(name)

    def _not_stated(self, reason: str) -> None:
        self._alarm("account", f"no account can be made: {reason}")

    # --- epochs (EpochSource) --------------------------------------------------------------------------

    def prepare(
        self,
        assignment: StreamAssignment,
        boot0_us: int,
        first: bool,
        ready: Callable[[Epoch | None, str], None],
    ) -> None:
        """Make the epoch durable that begins at that boot time; see EpochSource."""
        utc0_us = self.clock.utc_us() + boot0_us - self.clock.boot_us()
        per_epoch = self.settings.periods.slots_per_epoch
        slots = first_slots(assignment.stream, per_epoch) if first else per_epoch
        settings = self.settings

        def job() -> tuple[Epoch, list[str]]:
            return self._make_epoch(settings, assignment, boot0_us, utc0_us, slots)

        def done(result: tuple[Epoch, list[str]]) -> None:
            epoch, names = result
            for name in names:
                self.book.outbox.admit(name)
            ready(epoch, "")

        self.registrar.submit(job, done, lambda reason: ready(None, reason))

    def _make_epoch(
        self,
        settings: RecorderSettings,
        assignment: StreamAssignment,
        boot0_us: int,
        utc0_us: int,
        slots: int,
    ) -> tuple[Epoch, list[str]]:
        shred, pools = take_key(settings.pools, self.book.state.pools)
        choice = choose_keys(settings.custodian_keys, settings.indices, settings.quorum, utc0_us)
        keys = {index: term.key for index, term in choice.keys.items()}
        plan = plan_epoch(settings, assignment, self.book.state.run, utc0_us, slots, keys, shred)
        cells = ArenaCells(self.arena, slots)
        try:
            sealed = make_epoch(plan, cells)
            names = self._register(assignment, sealed, pools)
        except CustodesError:
            cells.wipe_before(slots)
            raise
        folder = epoch_folder(assignment.stream, utc0_us, plan.epoch)
        return Epoch(sealed, cells, boot0_us, folder), names

    def _register(
        self, assignment: StreamAssignment, sealed: SealedEpoch, pools: dict[bytes, int]
    ) -> list[str]:
        header = sealed.header
        self.store.put(share_set_path(header.stream, header.utc0_us, header.epoch), sealed.share_set)
        opened = EpochState(
            assignment.stream, epoch_folder(header.stream, header.utc0_us, header.epoch), 0, header.hash
        )
        return self.book.register_epoch(header.epoch, opened, pools, sealed.entry_body())

    # --- reels (ReelSource) ----------------------------------------------------------------------------

    def open_reel(self, epoch: Epoch, number: int, priority: int) -> OpenReel:
        """The reel of that number of an epoch, in the spool."""
        self._unfinished[epoch.id] = self._unfinished.get(epoch.id, 0) + 1
        return open_reel(
            self.spool,
            epoch,
            number,
            self.settings.periods.reel_us,
            lambda: self.pressure.limit_bytes(priority),
            self._reel_finished,
            self._reel_failed,
        )

    def _reel_finished(self, reel: OpenReel, file: Path) -> None:
        if not reel.writer.count:
            self.registrar.submit(file.unlink, lambda _: self._reel_done(reel), _LOG.error)
            return

        def job() -> str:
            self.store.adopt(file, reel.path)
            return self.book.outbox.store("reel", reel_fact(reel.path))

        def done(name: str) -> None:
            self.book.outbox.admit(name)
            self._reel_done(reel)

        self.registrar.submit(job, done, lambda reason: self._reel_lost(reel, reason))

    def _reel_done(self, reel: OpenReel) -> None:
        left = self._unfinished[reel.epoch.id] - 1
        if left:
            self._unfinished[reel.epoch.id] = left
        else:
            del self._unfinished[reel.epoch.id]

    def _reel_failed(self, reel: OpenReel, error: CustodesError) -> None:
        self._reel_lost(reel, str(error))
        stream = self.recordings.get(reel.epoch.sealed.header.stream)
        if stream is not None:
            stream.stream.reel_failed(error)

    def _reel_lost(self, reel: OpenReel, reason: str) -> None:
        """Its epoch stays open in the state; the next start ends it with what is found."""
        self._given_up.add(reel.epoch.id)
        self._leaves = [envelope for envelope in self._leaves if envelope.reel is not reel]
        self._alarm(f"reel {reel.path}", f"a reel could not be stored: {reason}")
        self._reel_done(reel)

    # --- health ----------------------------------------------------------------------------------------

    def is_recording(self) -> bool:
        """Whether every assigned stream is recorded now."""
        return all(r.stream.state is StreamState.RECORDING for r in self.recordings.values())


def _durable_prefix(leaves: list[ClosedEnvelope]) -> tuple[list[ClosedEnvelope], list[ClosedEnvelope]]:
    """Of each epoch the envelopes up to the first that is not durable; and the rest, in order."""
    blocked: set[bytes] = set()
    due: list[ClosedEnvelope] = []
    rest: list[ClosedEnvelope] = []
    for envelope in leaves:
        if envelope.epoch in blocked or not envelope.is_durable:
            blocked.add(envelope.epoch)
            rest.append(envelope)
        else:
            due.append(envelope)
    return due, rest

"""One camera's way through its veiler, kept up for ever: packets in, fragments out, the state in between.

Called on the loop; it never waits for the veiler, and what the veiler does harms no other camera.
"""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import structlog

from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import InvalidError, UnavailableError
from custodes.base.fence.report import FenceReport
from custodes.media.gop import KeyPolicy
from custodes.media.mp4.fragments import check_boxes
from custodes.media.packets import AccessUnit, ParameterSets
from custodes.services.live import (
    AWAY,
    LiveKind,
    LiveMessage,
    LiveState,
    Reason,
    ViewState,
    masked,
    parse_state,
    split_init,
)
from custodes.services.recorder.camera import STEADY_AFTER_US, retry_delay_s
from custodes.services.recorder.lesson import Learnt, Lesson
from custodes.services.recorder.live import LiveDesk
from custodes.services.recorder.nursery import Nursery
from custodes.services.veiler.frames import MAX_TO_VEILER_BYTES, Frame, FrameKind, FrameReader
from custodes.services.veiler.messages import (
    RATES_HZ,
    Figures,
    Learn,
    VeilUnit,
    Zone,
    ground_frame,
    join_sets,
    learn_frame,
    pace_frame,
    parse_candidate,
    parse_ended,
    parse_fenced,
    parse_figures,
    parse_progress,
)

# Half a second of a sub stream of 8 Mbit/s; beyond it a veiler is late anyway.
WAITING_BYTES = 512 << 10
NURSERY_RETRY_S = 1.0
DIES_WITHIN_S = 5.0
SILENT_US = 3 * SECOND_US
STUCK_US = 10 * SECOND_US
NO_PICTURES_US = 10 * SECOND_US
WATCHED_HZ, UNWATCHED_HZ = RATES_HZ[0], RATES_HZ[-1]
_LOG = structlog.get_logger("veiling")


@dataclass
class VeilingHealth:
    """What health shows. `observed_us`: how long there has been a view; `masked_us`: of it, by reason."""

    starts: int = 0
    skipped: int = 0
    rate_millihertz: int = 0
    observed_us: int = 0
    masked_us: dict[Reason, int] = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    fences: FenceReport = field(default_factory=FenceReport)
    last_error: str = ""


class Veiling:
    """The recorder's side of one veiler.

    `keys_only`: the camera has no sub stream; key frames of its main stream alone are passed on.
    """

    def __init__(
        self, stream: bytes, name: str, keys_only: bool, nursery: Nursery, desk: LiveDesk, clock: Clock
    ) -> None:
        self.stream = stream
        self.name = name
        self.keys_only = keys_only
        self.health = VeilingHealth()
        self.state: LiveState = masked(Reason.STARTING)
        self._nursery = nursery
        self._desk = desk
        self._clock = clock
        self._keys = KeyPolicy()
        self._sets: ParameterSets | None = None
        self._sets_sent = False
        self._line: VeilerLine | None = None
        self._serial = 0
        self._skipping = False
        self._rate_hz = UNWATCHED_HZ
        self._unit_us = self._ticked_us = clock.boot_us()
        self._unheard_since_us = 0
        self._made_before = 0
        self._ground: tuple[bytes, ...] = ()
        self._zones: tuple[Zone, ...] = ()
        self.lesson = Lesson()
        desk.open(stream)
        self._task = asyncio.get_running_loop().create_task(self._keep())

    # --- what the camera sends -------------------------------------------------------------------------

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        """They hold for the access units that follow."""
        if sets != self._sets:
            self._sets, self._sets_sent = sets, False

    def on_access_unit(self, unit: AccessUnit) -> None:
        """Pass a picture on, or leave it out with all up to the next key frame."""
        self._unit_us = unit.boot_us
        is_key = (unit.is_key or unit.is_open_key) and self._keys.counts(
            unit.boot_us, unit.is_key, unit.is_open_key
        )
        line = self._line
        if line is None or self._sets is None or (self.keys_only and not is_key):
            return
        if (self._skipping and not is_key) or line.is_full or len(unit.data) > MAX_TO_VEILER_BYTES // 2:
            self._skipping = True
            self.health.skipped += 1
            return
        if not self._sets_sent:
            self._send_sets(line, self._sets)
        passed = VeilUnit(
            unit.data, unit.boot_us, is_key, bool(unit.loss_before), self._skipping, self.keys_only
        )
        self._skipping = False
        now_us = self._clock.boot_us()
        self._unheard_since_us = self._unheard_since_us or now_us
        line.write(passed.head(self._clock.utc_us() - max(0, now_us - unit.boot_us)))
        line.write(unit.data)

    # --- backgrounds -----------------------------------------------------------------------------------

    @property
    def backgrounds(self) -> int:
        """With how many committed backgrounds it is compared."""
        return len(self._ground)

    def compare_with(self, files: tuple[bytes, ...], zones: tuple[Zone, ...] = ()) -> None:
        """Compare the view with these committed backgrounds from now on; with none it is masked.

        `zones`: never shown; those of the original are looked at, too (see `uncovered`).
        """
        if (files, zones) != (self._ground, self._zones):
            self._ground, self._zones = files, zones
            if self._line is not None:
                self._line.write(ground_frame(files, zones).encode())

    @property
    def uncovered(self) -> int | None:
        """How many zones the camera does not mask although it must; None while nobody has looked."""
        is_known = self.health.figures.decoded > 0 and self._line is not None
        return self.health.figures.uncovered if is_known else None

    def learn(self, learn: Learn, learnt: Learnt) -> None:
        """Learn a candidate, in place of one under way; `learnt` is called once, unless the veiler dies before.

        Errors: UnavailableError when there is no veiler now.
        """
        if self._line is None:
            raise UnavailableError("the camera has no veiler at this moment; ask again")
        self._line.write(learn_frame(learn).encode())
        self.lesson.begin(learn, learnt)

    def _send_sets(self, line: VeilerLine, sets: ParameterSets) -> None:
        try:
            line.write(Frame(FrameKind.SETS, 0, join_sets(sets)).encode())
        except InvalidError as error:
            self.health.last_error = str(error)
        self._sets_sent = True

    # --- what the veiler sends -------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """Check and pass on. Errors: InvalidError; such a veiler is ended."""
        self._unheard_since_us = 0
        if frame.kind is FrameKind.FENCED:
            self.health.fences = parse_fenced(frame.body)
        elif not self.health.fences.fences and frame.kind is not FrameKind.ENDED:
            raise InvalidError("a veiler that has not proven its fence sends something")
        elif frame.kind is FrameKind.CANDIDATE:
            self.lesson.take(parse_candidate(frame.body))
        elif frame.kind is FrameKind.PROGRESS:
            self.lesson.progressed(parse_progress(frame.body))
        elif frame.kind is FrameKind.FIGURES:
            self.health.figures = parse_figures(frame.body)
        elif frame.kind is FrameKind.ENDED:
            self._refused(parse_ended(frame.body))
        elif frame.kind is FrameKind.STATE:
            state = parse_state(frame.body)
            if state.state is ViewState.AWAY:
                raise InvalidError("a veiler says that its camera is away")
            self._become(state, frame)
        else:
            _check_pictures(frame)
            self.health.last_error = ""
            self._desk.take(self.stream, LiveMessage(LiveKind(frame.kind), frame.at_us, frame.body))

    def _refused(self, reason: str) -> None:
        self.health.last_error = reason
        self._become(masked(Reason.NO_FENCE))
        _LOG.error("veiler ended by itself", camera=self.name, reason=reason)

    def _become(self, state: LiveState, frame: Frame | None = None) -> None:
        self.state = state
        if frame is None:
            self._desk.tell(self.stream, state)
        else:
            self._desk.take(self.stream, LiveMessage(LiveKind.STATE, frame.at_us, frame.body))

    # --- every second ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Count, ask for the rate that is wanted, and notice a veiler or a camera that has fallen silent."""
        now_us = self._clock.boot_us()
        passed_us, self._ticked_us = max(1, now_us - self._ticked_us), now_us
        health = self.health
        health.observed_us += passed_us
        if self.state.state is not ViewState.LIVE:
            health.masked_us[self.state.reason] = health.masked_us.get(self.state.reason, 0) + passed_us
        made = max(0, health.figures.made - self._made_before)
        self._made_before = health.figures.made
        health.rate_millihertz = made * 1000 * SECOND_US // passed_us
        line = self._line
        if line is not None:
            is_wanted = self.lesson.is_under_way or self._desk.is_watched(self.stream)
            rate_hz = WATCHED_HZ if is_wanted else UNWATCHED_HZ
            if rate_hz != self._rate_hz:
                self._rate_hz = rate_hz
                line.write(pace_frame(rate_hz).encode())
        if now_us - self._unit_us > NO_PICTURES_US:
            self._become(AWAY)
        elif line is not None and self._unheard_since_us and now_us - self._unheard_since_us > SILENT_US:
            self._become(masked(Reason.LATE))
            if now_us - self._unheard_since_us > STUCK_US:
                self._end_veiler()
        elif line is None:
            # Said every second, so that a viewer knows that somebody is there to say it.
            self._become(self.state if self.state.state is ViewState.MASKED else masked(Reason.STARTING))

    def _end_veiler(self) -> None:
        try:
            self._nursery.end(self._serial)
        except UnavailableError:
            if self._line is not None:
                self._line.abort()

    # --- the course of things --------------------------------------------------------------------------

    async def _keep(self) -> None:
        failures = 0
        while True:
            if not self._nursery.is_ready:
                reason = Reason.NO_NURSERY if self._nursery.is_gone else Reason.STARTING
                self._become(masked(reason))
                await asyncio.sleep(NURSERY_RETRY_S)
                continue
            began_us = self._clock.boot_us()
            try:
                await self._one_veiler()
            except Exception as error:  # noqa: BLE001 - one camera's defect must not stop the others
                self.health.last_error = f"internal error: {type(error).__name__}: {error}"
                _LOG.error("no veiler", camera=self.name, exc_info=error)
                self._become(masked(Reason.VEILER_ENDED))
            lived = self._clock.boot_us() - began_us >= STEADY_AFTER_US
            failures = 1 if lived else failures + 1
            await asyncio.sleep(retry_delay_s(failures, random.random()))

    async def _one_veiler(self) -> None:
        """From birth to death of a veiler."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        died: asyncio.Future[int] = loop.create_future()

        def ended(status: int) -> None:
            if not died.done():
                died.set_result(status)

        self.health.fences = FenceReport()
        self.health.figures = Figures()
        self._made_before = 0
        try:
            self._serial = self._nursery.begin(theirs, ended)
        except UnavailableError as error:
            ours.close()
            self.health.last_error = str(error)
            return
        line = VeilerLine(self.take, self._broken)
        try:
            await loop.create_unix_connection(lambda: line, sock=ours)
            self._begin(line)
            await line.closed
        finally:
            self._line = None
            line.abort()
            ours.close()
        try:
            self._lost(await asyncio.wait_for(died, DIES_WITHIN_S))
        except TimeoutError:
            # It closed its line and lives on.
            self._nursery.end(self._serial)
            self._lost(-signal.SIGKILL)

    def _begin(self, line: VeilerLine) -> None:
        self.health.starts += 1
        self._sets_sent = False
        self._skipping = True
        self._unheard_since_us = 0
        self._rate_hz = UNWATCHED_HZ
        self._line = line
        line.write(ground_frame(self._ground, self._zones).encode())

    def _broken(self, error: InvalidError) -> None:
        self.health.last_error = f"the veiler sent what is no message: {error}"
        self._end_veiler()

    def _lost(self, status: int) -> None:
        self.lesson.lost()
        how = f"by signal {-status}" if status < 0 else f"with {status}"
        if self.state.reason is not Reason.NO_FENCE:
            self._become(masked(Reason.VEILER_ENDED))
            self.health.last_error = self.health.last_error or f"the veiler ended {how}"
        _LOG.warning("veiler ended", camera=self.name, status=how)

    def end(self) -> asyncio.Task[None]:
        """End the veiler; nothing is kept of what it made. Done when the task is."""
        self._task.cancel()
        self._desk.close_stream(self.stream)
        return self._task


class VeilerLine(asyncio.Protocol):
    """Our end of a veiler's socket pair. `closed` is done when the veiler's end is."""

    def __init__(self, take: Callable[[Frame], None], broken: Callable[[InvalidError], None]) -> None:
        self._take = take
        self._broken = broken
        self._reader = FrameReader(from_veiler=True)
        self._transport: asyncio.WriteTransport | None = None
        self._is_broken = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that pictures must be left out."""
        transport = self._transport
        return transport is None or transport.get_write_buffer_size() > WAITING_BYTES

    def write(self, data: bytes) -> None:
        """Send, or keep until there is room; never waits."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """Close, at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is there."""
        # uvloop's transports are none of asyncio's classes, though they do the same.
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what the veiler sends, until it is none of what it may."""
        if self._is_broken:
            return
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except InvalidError as error:
            self._is_broken = True
            self._broken(error)

    def connection_lost(self, _error: Exception | None) -> None:
        """The veiler is gone."""
        if not self.closed.done():
            self.closed.set_result(None)


def _check_pictures(frame: Frame) -> None:
    if frame.kind is FrameKind.INIT:
        _, segment = split_init(frame.body)
        check_boxes(segment, b"ftyp", b"moov")
    else:
        check_boxes(frame.body, b"moof", b"mdat")

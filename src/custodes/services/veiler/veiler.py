"""One camera's veiler: access units in, masked pictures out. What is not known to be seen is not shown.

Called by one thread with one message at a time; everything it sends goes through `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from custodes.adapters.av.pictures import DecodedPicture, Picture, PictureDecoder, fit
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import BugError, CorruptError, CustodesError, InvalidError
from custodes.media.packets import ParameterSets
from custodes.media.sps import sequence_info
from custodes.rendition.cover import Rectangle, is_covered, painted
from custodes.rendition.quality import Quality
from custodes.services.live import (
    WHOLE_PERMILLE,
    LiveState,
    Reason,
    ViewState,
    masked,
)
from custodes.services.veiler.frames import Frame, FrameKind
from custodes.services.veiler.messages import (
    Candidate,
    Figures,
    Ground,
    VeilUnit,
    Zone,
    candidate_frame,
    parse_ground,
    parse_learn,
    parse_pace,
    parse_unit,
    progress_frame,
    split_sets,
)
from custodes.services.veiler.output import FragmentMaker
from custodes.services.veiler.pace import Pace
from custodes.services.veiler.ports import Arrival, Learner, Veil, Veiled
from custodes.services.veiler.whole import flat

LONGEST_PX = 704
LATE_US = SECOND_US
TELL_EVERY_US = SECOND_US
# More access units than any decoder holds back.
REMEMBERED = 64
_MAX_PARTIAL = WHOLE_PERMILLE - 1


class Veiler:
    """Decodes every picture, masks and encodes those that are due.

    While pictures are missing, damaged or late it goes on with flat ones, at most one a second, until a key
    frame: the state says why.
    """

    def __init__(self, veil: Veil, learner: Learner, clock: Clock, send: Callable[[Frame], None]) -> None:
        self._veil = veil
        self._learner = learner
        self._clock = clock
        self._send = send
        self._output = FragmentMaker(send)
        self._pace = Pace()
        self._sets: ParameterSets | None = None
        self._decoder: PictureDecoder | None = None
        self._waits: Reason = Reason.STARTING
        self._ground_fault = False
        self._zones: tuple[Rectangle, ...] = ()
        self._covered_by_camera: tuple[Rectangle, ...] = ()
        self._figures = Figures()
        self._state: LiveState | None = None
        self._told_us = 0
        self._flat_us = 0
        self._looked_us = -TELL_EVERY_US
        self._was_whole = False
        # Of the last two pictures; what a veil kept back may be of the one before.
        self._shapes: tuple[tuple[int, ...], ...] = ((),)
        self._number = 0
        self._arrivals: dict[int, Arrival] = {}

    def take(self, frame: Frame) -> None:
        """Do as a message says. Errors: InvalidError for one that does not hold together: the recorder's fault."""
        if frame.kind is FrameKind.UNIT:
            self._unit(parse_unit(frame.body), frame.at_us)
        elif frame.kind is FrameKind.SETS:
            sets = split_sets(frame.body)
            if sets != self._sets:
                self._sets, self._decoder = sets, None
        elif frame.kind is FrameKind.PACE:
            self._pace.want(parse_pace(frame.body))
        elif frame.kind is FrameKind.GROUND:
            self._ground(frame.body)
        elif frame.kind is FrameKind.LEARN:
            self._learner.begin(parse_learn(frame.body))

    def _ground(self, data: bytes) -> None:
        try:
            ground = parse_ground(data)
            self._zones = tuple(map(_rectangle, ground.zones))
            self._covered_by_camera = tuple(_rectangle(zone) for zone in ground.zones if zone.original)
            self._veil.configure(ground)
        except (CorruptError, InvalidError):
            # What it went by before is no longer meant to hold, and what is to hold is not known.
            self._ground_fault = True
            # So that what it went by is another ground when it comes again, and the hold runs first.
            with suppress(CustodesError):
                self._veil.configure(Ground())
        else:
            self._ground_fault = False

    # --- a picture -------------------------------------------------------------------------------------

    def _unit(self, unit: VeilUnit, utc_us: int) -> None:
        reason = self._must_wait(unit)
        if reason is Reason.NONE:
            reason = self._decode(unit, utc_us)
        if reason is not Reason.NONE:
            self._waits = reason
            self._figures = replace(self._figures, skipped=self._figures.skipped + 1)
            self._blank(reason, Arrival(utc_us, unit.boot_us))
        self._tell()

    def _must_wait(self, unit: VeilUnit) -> Reason:
        """Why a picture is not decoded; none where it is, and a key frame ends the waiting."""
        late = self._clock.boot_us() - unit.boot_us > LATE_US
        if late or unit.skipped_before:
            self._waits = Reason.LATE
        elif unit.loss_before and not unit.is_key:
            self._waits = Reason.DAMAGED
        if late or (self._waits is not Reason.NONE and not unit.is_key):
            return self._waits
        if self._waits is not Reason.NONE and self._decoder is not None:
            self._decoder.restart()
        self._waits = Reason.NONE
        return Reason.NONE

    def _decode(self, unit: VeilUnit, utc_us: int) -> Reason:
        if self._sets is None:
            return Reason.STARTING
        try:
            if self._decoder is None:
                self._decoder = PictureDecoder(self._sets)
            self._number += 1
            self._arrivals[self._number] = Arrival(utc_us, unit.boot_us)
            self._arrivals.pop(self._number - REMEMBERED, None)
            pictures = self._decoder.decode(unit.data, unit.is_key, self._number)
            if unit.is_alone:
                pictures += self._decoder.finish()
        except InvalidError:
            self._decoder = None
            return Reason.DAMAGED
        for picture in pictures:
            self._figures = replace(self._figures, decoded=self._figures.decoded + 1)
            arrival = self._arrivals[picture.tag]
            if self._pace.is_due(arrival.boot_us):
                self._show(picture, arrival)
        return Reason.NONE

    def _show(self, decoded: DecodedPicture, arrival: Arrival) -> None:
        picture = decoded.array(LONGEST_PX)
        if not decoded.is_damaged:
            self._look(picture, arrival)
        for veiled in self._veiled(decoded, picture, arrival):
            self._make(veiled)
        now_us = self._clock.boot_us()
        self._pace.finished(arrival.boot_us, now_us)
        self._figures = replace(self._figures, late_us=max(0, now_us - arrival.boot_us))

    def _look(self, picture: Picture, arrival: Arrival) -> None:
        """What is told of the clear picture: figures, and what is learnt. It is not changed and not kept."""
        if arrival.boot_us - self._looked_us >= TELL_EVERY_US:
            self._looked_us = arrival.boot_us
            quality = Quality.of(picture)
            self._figures = replace(
                self._figures,
                sharpness_permille=quality.sharpness_permille,
                exposure_permille=quality.exposure_permille,
                uncovered=sum(not is_covered(picture, zone) for zone in self._covered_by_camera),
            )
        told = self._learner.take(painted(picture, self._zones), arrival.boot_us)
        if isinstance(told, Candidate):
            self._send(candidate_frame(told))
        elif told is not None:
            self._send(progress_frame(told))

    def _veiled(self, decoded: DecodedPicture, picture: Picture, arrival: Arrival) -> Sequence[Veiled]:
        """What may be seen now, of pictures kept back too. Whatever goes wrong shows nothing of them."""
        height_px, width_px = picture.shape[:2]
        self._shapes = (self._shapes[-1], picture.shape)
        reason = Reason.DAMAGED if decoded.is_damaged else Reason.FAULT
        if not decoded.is_damaged and not self._ground_fault:
            try:
                shown = self._veil.veil(picture, arrival, SECOND_US // self._pace.rate_hz)
                return [self._checked(veiled) for veiled in shown]
            except Exception:  # noqa: BLE001 - whatever went wrong in it, nothing of the picture is shown
                reason = Reason.FAULT
        return [*self._drained(), Veiled(arrival, flat(width_px, height_px), reason, WHOLE_PERMILLE)]

    def _drained(self) -> Sequence[Veiled]:
        try:
            return [] if self._ground_fault else [self._checked(veiled) for veiled in self._veil.drain()]
        except Exception:  # noqa: BLE001 - as above
            return []

    def _checked(self, veiled: Veiled) -> Veiled:
        """What is masked as a whole is flat, whatever was handed over. Errors: BugError for what is no picture."""
        picture = veiled.picture
        if (
            not isinstance(picture, np.ndarray)
            or picture.dtype != np.uint8
            or picture.shape not in self._shapes
        ):
            raise BugError("a veil gave what is no picture of that camera")
        if veiled.reason is Reason.NONE:
            return veiled
        height_px, width_px = picture.shape[:2]
        return replace(veiled, picture=flat(width_px, height_px), masked_permille=WHOLE_PERMILLE)

    def _blank(self, reason: Reason, arrival: Arrival) -> None:
        """A flat picture in place of one that is not decoded, at most one a second."""
        for veiled in self._drained():
            self._make(veiled)
        self._become(masked(reason))
        size = self._output.size_px or self._expected_size()
        if size is not None and arrival.boot_us - self._flat_us >= SECOND_US:
            self._flat_us = arrival.boot_us
            self._make(Veiled(arrival, flat(*size), reason, WHOLE_PERMILLE))

    def _expected_size(self) -> tuple[int, int] | None:
        try:
            info = sequence_info(self._sets) if self._sets is not None else None
        except InvalidError:
            return None
        return fit(info.width_px, info.height_px, LONGEST_PX) if info else None

    def _make(self, veiled: Veiled) -> None:
        arrival = veiled.arrival
        whole = veiled.reason is not Reason.NONE
        # Of a stretch that can be seen nothing is needed that was masked, and so need not be kept.
        fresh = whole != self._was_whole
        try:
            self._output.make(veiled.picture, arrival.utc_us, arrival.boot_us, self._pace.rate_hz, fresh)
        except (BugError, InvalidError):
            # No fragment: the player shows the last one, the state says that it is masked.
            self._output = FragmentMaker(self._send)
            self._become(masked(Reason.FAULT))
            return
        self._was_whole = whole
        figures = self._figures
        self._figures = replace(figures, made=figures.made + 1, whole=figures.whole + whole)
        if whole:
            self._become(masked(veiled.reason))
        else:
            share = min(max(0, veiled.masked_permille), _MAX_PARTIAL)
            self._become(LiveState(ViewState.LIVE, Reason.NONE, share))

    # --- telling ---------------------------------------------------------------------------------------

    def _become(self, state: LiveState) -> None:
        before, self._state = self._state, state
        if before is None or (before.state, before.reason) != (state.state, state.reason):
            self._send(Frame(FrameKind.STATE, self._clock.utc_us(), state.encode()))

    def _tell(self) -> None:
        now_us = self._clock.boot_us()
        if now_us - self._told_us < TELL_EVERY_US:
            return
        self._told_us = now_us
        if self._state is not None:
            self._send(Frame(FrameKind.STATE, self._clock.utc_us(), self._state.encode()))
        self._figures = replace(self._figures, rate_hz=self._pace.rate_hz)
        self._send(self._figures.frame())


def _rectangle(zone: Zone) -> Rectangle:
    left, top, right, bottom = (
        side / WHOLE_PERMILLE
        for side in (zone.x0_permille, zone.y0_permille, zone.x1_permille, zone.y1_permille)
    )
    return left, top, right, bottom

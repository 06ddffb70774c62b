"""One camera's veiler: access units in, masked pictures out. What is not known to be seen is not shown.

Called by one thread with one message at a time; everything it sends goes through `send`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from custodes.adapters.av.pictures import DecodedPicture, Picture, PictureDecoder, fit
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import BugError, InvalidError
from custodes.media.packets import ParameterSets
from custodes.media.sps import sequence_info
from custodes.services.live import (
    WHOLE_PERMILLE,
    LiveState,
    Reason,
    ViewState,
    masked,
)
from custodes.services.veiler.messages import (
    Figures,
    Frame,
    FrameKind,
    VeilUnit,
    parse_pace,
    parse_unit,
    split_sets,
)
from custodes.services.veiler.output import FragmentMaker
from custodes.services.veiler.pace import Pace
from custodes.services.veiler.ports import Veil, Veiled
from custodes.services.veiler.whole import flat

LONGEST_PX = 704
LATE_US = SECOND_US
TELL_EVERY_US = SECOND_US
# More access units than any decoder holds back.
REMEMBERED = 64
_MAX_PARTIAL = WHOLE_PERMILLE - 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an access unit arrived, by both clocks."""

    utc_us: int
    boot_us: int


class Veiler:
    """Decodes every picture, masks and encodes those that are due.

    While pictures are missing, damaged or late it goes on with flat ones, at most one a second, until a key
    frame: the state says why.
    """

    def __init__(self, veil: Veil, clock: Clock, send: Callable[[Frame], None]) -> None:
        self._veil = veil
        self._clock = clock
        self._send = send
        self._output = FragmentMaker(send)
        self._pace = Pace()
        self._sets: ParameterSets | None = None
        self._decoder: PictureDecoder | None = None
        self._waits: Reason = Reason.STARTING
        self._ground_fault = False
        self._figures = Figures()
        self._state: LiveState | None = None
        self._told_us = 0
        self._flat_us = 0
        self._was_whole = False
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

    def _ground(self, data: bytes) -> None:
        try:
            self._veil.configure(data)
        except InvalidError:
            # What it went by before is no longer meant to hold, and what is to hold is not known.
            self._ground_fault = True
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
        height_px, width_px = picture.shape[:2]
        veiled = self._veiled(decoded, picture, arrival.utc_us)
        if veiled is None or veiled.picture.shape != picture.shape or veiled.picture.dtype != picture.dtype:
            veiled = Veiled(picture, Reason.FAULT, WHOLE_PERMILLE)
        if veiled.reason is not Reason.NONE:
            veiled = replace(veiled, picture=flat(width_px, height_px), masked_permille=WHOLE_PERMILLE)
        self._make(veiled, arrival)
        now_us = self._clock.boot_us()
        self._pace.finished(arrival.boot_us, now_us)
        self._figures = replace(self._figures, late_us=max(0, now_us - arrival.boot_us))

    def _veiled(self, decoded: DecodedPicture, picture: Picture, utc_us: int) -> Veiled | None:
        if decoded.is_damaged:
            return Veiled(picture, Reason.DAMAGED, WHOLE_PERMILLE)
        if self._ground_fault:
            return Veiled(picture, Reason.FAULT, WHOLE_PERMILLE)
        try:
            return self._veil.veil(picture, utc_us)
        except Exception:  # noqa: BLE001 - whatever went wrong in it, nothing of the picture is shown
            return None

    def _blank(self, reason: Reason, arrival: Arrival) -> None:
        """A flat picture in place of one that is not decoded, at most one a second."""
        self._become(masked(reason))
        size = self._output.size_px or self._expected_size()
        if size is not None and arrival.boot_us - self._flat_us >= SECOND_US:
            self._flat_us = arrival.boot_us
            self._make(Veiled(flat(*size), reason, WHOLE_PERMILLE), arrival)

    def _expected_size(self) -> tuple[int, int] | None:
        try:
            info = sequence_info(self._sets) if self._sets is not None else None
        except InvalidError:
            return None
        return fit(info.width_px, info.height_px, LONGEST_PX) if info else None

    def _make(self, veiled: Veiled, arrival: Arrival) -> None:
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

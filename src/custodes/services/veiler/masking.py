"""The veil: pictures are masked by the committed backgrounds and the detector, or as a whole with a reason."""

from __future__ import annotations

from collections.abc import Sequence

from custodes.adapters.av.pictures import Picture
from custodes.base.clock import SECOND_US, Clock
from custodes.rendition.background import CommittedBackground, decode
from custodes.rendition.detector import Detector, DetectorError, Finder, Found
from custodes.rendition.hold import Beat
from custodes.rendition.masker import Masker
from custodes.rendition.model import Canvas, Mask, ProtectedZone
from custodes.rendition.model import Reason as MaskReason
from custodes.rendition.picture import Grid
from custodes.rendition.settings import MaskSettings
from custodes.services.live import WHOLE_PERMILLE, Reason
from custodes.services.veiler.messages import Ground, Zone
from custodes.services.veiler.ports import Arrival, Veiled
from custodes.services.veiler.whole import flat

STALLED_US = SECOND_US
REASONS = {
    MaskReason.NO_BACKGROUND: Reason.NO_BACKGROUND,
    MaskReason.STARTING: Reason.SETTLING,
    MaskReason.NOT_A_PICTURE: Reason.OTHER_SIZE,
    MaskReason.GAP: Reason.GAP,
    MaskReason.DARK: Reason.TOO_DARK,
    MaskReason.SHAKING: Reason.SHAKING,
    MaskReason.UNLIKE: Reason.UNLIKE,
    MaskReason.LIGHT: Reason.LIGHT_SWITCHED,
    MaskReason.FAINT: Reason.FAINT,
    MaskReason.CHANGED: Reason.CONDITION_CHANGED,
    MaskReason.DETECTOR_FAILED: Reason.DETECTOR,
    MaskReason.DETECTOR_LATE: Reason.DETECTOR,
}


class NoDetector:
    """In place of a detector whose model is missing or altered: whatever is asked of it fails, so all is masked."""

    def __init__(self, why: str) -> None:
        self.why = why

    def find(self, picture: Picture, arrived_us: int) -> Found:
        """Errors: DetectorError, always."""
        raise DetectorError(self.why)


def load_detector(model: bytes | None) -> Detector | NoDetector:
    """The detector of this model, or what fails in its place, saying why."""
    if model is None:
        return NoDetector("the detector's model is not there")
    try:
        return Detector(model)
    except (DetectorError, ValueError, RuntimeError, MemoryError) as error:
        return NoDetector(str(error))


class PatientFinder:
    """A detector whose answers are not believed once they took too long: whoever stalls once may do so again."""

    def __init__(self, finder: Finder, clock: Clock) -> None:
        self._finder = finder
        self._clock = clock

    def find(self, picture: Picture, arrived_us: int) -> Found:
        """Errors: DetectorError also when the answer took longer than STALLED_US."""
        began_us = self._clock.boot_us()
        found = self._finder.find(picture, arrived_us)
        took_us = self._clock.boot_us() - began_us
        if took_us > STALLED_US:
            raise DetectorError(f"the detector took {took_us} µs; {STALLED_US} are the limit")
        return found


class MaskVeil:
    """Masks a view by its ground. The mask changes four times a second at most; pictures wait for that.

    Whatever goes wrong inside loses what was kept back and begins anew, masked until the hold has run.
    """

    def __init__(self, finder: Finder, settings: MaskSettings | None = None) -> None:
        self._finder = finder
        self._settings = settings or MaskSettings()
        self._ground: Ground | None = None
        self._backgrounds: Sequence[CommittedBackground] = ()
        self._zones: Sequence[ProtectedZone] = ()
        self._masker: Masker | None = None
        self._grid: Grid | None = None
        self._beat: Beat[tuple[Arrival, Picture]] = Beat(self._settings.step_us)
        self._canvas: Canvas | None = None

    def configure(self, ground: Ground) -> None:
        """See Veil. The ground that is gone by already is no news. Errors: InvalidError, CorruptError."""
        if ground == self._ground:
            return
        self._forget()
        self._ground, self._backgrounds = None, ()
        backgrounds = [decode(file) for file in ground.files]
        if backgrounds:
            # Refuses what does not fit together before any picture is compared with it.
            Masker(backgrounds[0].grid, backgrounds, self._finder)
        self._backgrounds = backgrounds
        self._zones = [_protected(zone) for zone in ground.zones]
        self._ground = ground

    def veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> Sequence[Veiled]:
        """See Veil."""
        try:
            return self._veil(picture, arrival, interval_us)
        except Exception:
            self._forget()
            raise

    def drain(self) -> Sequence[Veiled]:
        """See Veil."""
        try:
            return self._closed()
        except Exception:
            self._forget()
            raise

    def _closed(self) -> Sequence[Veiled]:
        waiting = self._beat.close()
        if not waiting or self._masker is None:
            return []
        mask = self._masker.close()
        return [self._shown(item, mask) for item in waiting]

    def _forget(self) -> None:
        self._masker = self._grid = self._canvas = None
        self._beat = Beat(self._settings.step_us)

    def _veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> Sequence[Veiled]:
        height_px, width_px = picture.shape[:2]
        grid = Grid.within(width_px, height_px)
        before: Sequence[Veiled] = []
        if self._masker is None or grid != self._grid:
            before = self._closed()
            self._begin(grid)
        if self._beat.is_over(arrival.boot_us):
            before = [*before, *self._closed()]
        if not self._beat.takes(arrival.boot_us):
            return before
        assert self._masker is not None
        self._masker.add(picture[: grid.height_px, : grid.width_px], arrival.boot_us)
        is_over = self._beat.add((arrival, picture), arrival.boot_us, interval_us)
        return [*before, *self._closed()] if is_over else before

    def _begin(self, grid: Grid) -> None:
        self._forget()
        self._grid = grid
        self._canvas = Canvas(grid)
        # A masker refuses pictures of another size than its own.
        own = self._backgrounds[0].grid if self._backgrounds else grid
        self._masker = Masker(own, self._backgrounds, self._finder, self._zones, self._settings)

    def _shown(self, item: tuple[Arrival, Picture], mask: Mask) -> Veiled:
        arrival, picture = item
        height_px, width_px = picture.shape[:2]
        if mask.reason is not None:
            return Veiled(arrival, flat(width_px, height_px), REASONS[mask.reason], WHOLE_PERMILLE)
        grid = mask.grid
        assert self._canvas is not None
        shown = flat(width_px, height_px)
        inside = picture[: grid.height_px, : grid.width_px]
        shown[: grid.height_px, : grid.width_px] = self._canvas.render(inside, mask)
        seen_px = (1 - mask.share) * grid.width_px * grid.height_px
        return Veiled(
            arrival, shown, Reason.NONE, round(WHOLE_PERMILLE * (1 - seen_px / (width_px * height_px)))
        )


def _protected(zone: Zone) -> ProtectedZone:
    left, top, right, bottom = (
        side / WHOLE_PERMILLE
        for side in (zone.x0_permille, zone.y0_permille, zone.x1_permille, zone.y1_permille)
    )
    return ProtectedZone("zone", ((left, top), (right, top), (right, bottom), (left, bottom)))

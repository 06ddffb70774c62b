"""The constants of the mask. None is learnt; what each was chosen on is in docs/design/0012-masking.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MaskSettings:
    """Thresholds and times. Units: grey levels of 255 for levels, blocks of the grid for sizes, or as the name says."""

    strong_level: float = 20.0
    weak_level: float = 9.0
    weak_mean_level: float = 5.0
    grow_steps: int = 2
    rim_blocks: int = 1
    box_margin: float = 0.05
    hold_us: int = 1_000_000
    step_us: int = 250_000
    same_level: float = 4.0
    same_us: int = 1_000_000
    detector_late_us: int = 400_000
    gap_us: int = 5_000_000
    switch_us: int = 60_000_000
    votes_least: int = 60
    votes_least_share: float = 0.15
    shift_limit_px: float = 1.6
    shift_least_px: float = 0.2
    vote_margin: float = 0.05
    dark_level: float = 24.0

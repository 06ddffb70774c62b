"""A benchmark's figure, beside its peer's of the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `ratio` is value over peer's value, 0 where there is no peer."""

    figure: str
    unit: str
    value: float
    peer: str = ""
    peer_value: float = 0.0
    ratio: float = 0.0

"""When access units are decoded and shown, from their records.

Source: docs/formats/mp4.md, Times.
"""

from __future__ import annotations

from collections.abc import Sequence

from custodes_verify.records import KEY_FRAME, Unit

_JUMP_90K = 900_000
_BACK_90K = 360_000

Timed = tuple[int, Unit]
"""A unit and its arrival in microseconds of UTC."""


def shown_90k(units: Sequence[Timed]) -> list[int]:
    """Presentation times, the first unit's being 0."""
    shown: list[int] = []
    latest = base = origin = 0
    for index, (arrival_us, unit) in enumerate(units):
        if index == 0:
            origin = unit.media_90k
            shown.append(0)
            continue
        arrival_before_us, before = units[index - 1]
        passed = 9 * max(0, arrival_us - arrival_before_us) // 100
        time = base + unit.media_90k - origin
        jumps = abs(unit.media_90k - before.media_90k - passed) > _JUMP_90K
        stuck = unit.flags & KEY_FRAME and time <= latest
        if jumps or time < latest - _BACK_90K or stuck:
            time = latest + max(1, passed)
            base, origin = time, unit.media_90k
        shown.append(time)
        latest = max(latest, time)
    return shown


def file_times(units: Sequence[Timed]) -> tuple[list[int], list[int]]:
    """Decoding and presentation times as a file has them, the first decoding time being 0."""
    shown = shown_90k(units)
    decoded: list[int] = []
    for time in sorted(shown):
        decoded.append(time if not decoded or time > decoded[-1] else decoded[-1] + 1)
    if not shown:
        return [], []
    shift = max(0, max(late - time for late, time in zip(decoded, shown, strict=True)))
    start = decoded[0] - shift
    return [time - shift - start for time in decoded], [time - start for time in shown]

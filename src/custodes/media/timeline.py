"""When each picture is shown and decoded, from what the camera stamped and when it arrived.

Source: docs/formats/mp4.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import lt
from typing import NamedTuple

CLOCK_HZ = 90_000

# A network stall or a pre-alarm burst moves arrival against the camera's time stamps by seconds and
# is no step. Reordered pictures go back by some frames, which even at 1 picture a second is less
# than BACK_90K.
STEP_90K = 10 * CLOCK_HZ
BACK_90K = 4 * CLOCK_HZ


class UnitTime(NamedTuple):
    """The times of one access unit.

    `media_90k`: as the camera stamped it, unwrapped.
    `arrival_us`: on a clock that is never stepped and is the same for all units.
    `is_key`: no picture before it in decoding order may be shown after it (IDR, IRAP).
    """

    media_90k: int
    arrival_us: int
    is_key: bool


def presentation_90k(units: Iterable[UnitTime | tuple[int, int, int]]) -> list[int]:
    """When each unit is shown, counted from the first unit; units in decoding order, or tuples of their times.

    Within a span the camera's time stamps rule, so that pictures keep their distances and a gap keeps
    its real length. Where stamps part from arrival by more than STEP_90K, go back by more than
    BACK_90K, or a key frame would be shown before what precedes it, the camera's clock was stepped or
    started anew: a new span begins, placed by arrival behind all that is before it.
    """
    placed: list[int] = []
    offset = highest = before_media = before_arrival_us = 0
    for media_90k, arrival_us, is_key in units:
        at = media_90k + offset
        if not placed:
            at = 0
            offset = -media_90k
        else:
            arrival_90k = max(0, arrival_us - before_arrival_us) * 9 // 100
            away = media_90k - before_media - arrival_90k
            if abs(away) > STEP_90K or at < highest - BACK_90K or (is_key and at <= highest):
                at = highest + max(1, arrival_90k)
                offset = at - media_90k
        if at > highest:
            highest = at
        before_media, before_arrival_us = media_90k, arrival_us
        placed.append(at)
    return placed


def decode_90k(presentation: Sequence[int]) -> list[int]:
    """Decoding times for units in decoding order: strictly rising, none after its presentation time.

    They are the presentation times in rising order (equal ones one tick apart), all moved earlier by
    the least amount that lets each unit be decoded in time: 0 without reordered pictures.
    """
    if all(map(lt, presentation, islice(presentation, 1, None))):
        return list(presentation)
    decode: list[int] = []
    last: int | None = None
    delay = 0
    for shown, in_order in zip(presentation, sorted(presentation), strict=True):
        last = in_order if last is None or in_order > last else last + 1
        decode.append(last)
        delay = max(delay, last - shown)
    return [at - delay for at in decode] if delay else decode

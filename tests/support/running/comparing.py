"""Everything in a network's store, opened as the custodians could, against what the cameras sent."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.killing import camera_names, open_everything

from custodes.base.clock import SECOND_US
from custodes.cli.demo.cameras import DemoCameras
from running.network import RunningNetwork

# Of one and the same picture: from its sending to its arrival, and clips that repeat are longer.
SAME_US = 2 * SECOND_US
# What a crash may cost, and what a session that begins anew waits for: a key frame.
LOSS_US = 2 * SECOND_US


@dataclass(frozen=True)
class Away:
    """A time in which pictures may be missing (UTC)."""

    from_us: int
    to_us: int

    def covers(self, utc_us: int) -> bool:
        """Whether a picture of then may be missing."""
        return self.from_us <= utc_us <= self.to_us


def compare(network: RunningNetwork, cameras: DemoCameras, away: Sequence[Away] = ()) -> int:
    """How many pictures are held. Fails for one that no camera sent, and for one missing outside `away`."""
    names = camera_names(network)
    total = 0
    for stream, units in open_everything(network).items():
        truth = [(utc_us, sha) for utc_us, sha, delivered in cameras.truth(names[stream]) if delivered]
        held = _matched(sorted(units), truth)
        strange = [utc_us for utc_us, found in held if found is None]
        assert not strange, f"{names[stream]}: {len(strange)} pictures that no camera sent"
        there = {found for _, found in held}
        first, last = min(found for _, found in held), max(found for _, found in held)
        missing = [
            truth[at][0]
            for at in range(first, last)
            if at not in there and not any(one.covers(truth[at][0]) for one in away)
        ]
        assert not missing, f"{names[stream]}: {len(missing)} pictures missing, the first of {missing[0]}"
        total += len(held)
    return total


def last_held_us(network: RunningNetwork, killed_us: int) -> int:
    """Until when every stream had been made durable when a recorder was killed (UTC)."""
    return min(
        max(utc_us for utc_us, _ in units if utc_us <= killed_us)
        for units in open_everything(network).values()
    )


def _matched(units: list[tuple[int, str]], truth: list[tuple[int, str]]) -> list[tuple[int, int | None]]:
    """Each picture with the place in the truth of the same one sent nearest to then."""
    places: dict[str, list[int]] = defaultdict(list)
    for at, (_, sha) in enumerate(truth):
        places[sha].append(at)
    return [(utc_us, _nearest(places[sha], truth, utc_us)) for utc_us, sha in units]


def _nearest(places: list[int], truth: list[tuple[int, str]], utc_us: int) -> int | None:
    at = bisect_left(places, utc_us, key=lambda place: truth[place][0])
    near = [place for place in places[max(0, at - 1) : at + 1] if abs(truth[place][0] - utc_us) <= SAME_US]
    return min(near, key=lambda place: abs(truth[place][0] - utc_us), default=None)

"""What the veiler needs: somebody who decides what of a picture may be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from custodes.adapters.av.pictures import Picture
from custodes.services.live import Reason
from custodes.services.veiler.messages import Candidate, Ground, Learn, Progress


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an access unit arrived, by both clocks; pictures are compared by the one that is never stepped."""

    utc_us: int
    boot_us: int


@dataclass(frozen=True, slots=True)
class Veiled:
    """What may be seen of a picture that arrived then: the only thing that is encoded.

    `reason`: why it is masked as a whole; then `picture` is not looked at, a flat one takes its place.
    Shapes: `picture` as it was given, same size and type.
    """

    arrival: Arrival
    picture: Picture
    reason: Reason
    masked_permille: int


class Veil(Protocol):
    """Masks the pictures of one camera, in the order of their arrival; may keep some back for a while."""

    def configure(self, ground: Ground) -> None:
        """Go by these committed backgrounds and zones from now on. Errors: InvalidError, CorruptError."""
        ...

    def veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> Sequence[Veiled]:
        """What may be seen of the pictures that are finished with this one; the next comes an interval later.

        The picture may be written over, until it is given back or forgotten.
        """
        ...

    def drain(self) -> Sequence[Veiled]:
        """What may be seen of the pictures that are kept back."""
        ...


class Learner(Protocol):
    """Learns candidates for backgrounds from the pictures of one camera, beside the view."""

    def begin(self, learn: Learn) -> None:
        """Learn this; what is under way is given up."""
        ...

    def take(self, picture: Picture, boot_us: int) -> Candidate | Progress | None:
        """A picture that arrived then: what is to be told now. The picture is copied when it is kept."""
        ...


MakeVeil = Callable[[], tuple[Veil, Learner]]

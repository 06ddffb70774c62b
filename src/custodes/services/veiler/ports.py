"""What the veiler needs: somebody who decides what of a picture may be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from custodes.adapters.av.pictures import Picture
from custodes.services.live import Reason


@dataclass(frozen=True, slots=True)
class Veiled:
    """What may be seen of a picture: the only thing that is encoded.

    `reason`: why it is masked as a whole; then `picture` is not looked at, a flat one takes its place.
    Shapes: `picture` as it was given, same size and type.
    """

    picture: Picture
    reason: Reason
    masked_permille: int


class Veil(Protocol):
    """Masks the pictures of one camera, in the order of their arrival."""

    def configure(self, data: bytes) -> None:
        """Go by these committed backgrounds and zones from now on. Errors: InvalidError."""
        ...

    def veil(self, picture: Picture, arrived_us: int) -> Veiled:
        """What may be seen of a picture that arrived then (UTC). The picture may be written over."""
        ...


MakeVeil = Callable[[], Veil]

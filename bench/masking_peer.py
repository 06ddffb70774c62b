"""deface, which finds faces and hides them, on the same pictures: what is used where people are to be hidden today.

Not needed to run anything; where it is not installed (`make peer`) its rows are left out, and that is said.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from custodes.rendition.picture import Picture

# Its defaults: how sure it must be of a face, and how much larger than the face it hides.
THRESHOLD = 0.2
SCALE = 1.3
NAME = "deface, its defaults"


def faces_hidden() -> Callable[[Picture, int], npt.NDArray[np.bool_]] | None:
    """What hides the faces of a picture; none where deface is not installed. Whole boxes, which favours it."""
    if importlib.util.find_spec("deface") is None:
        print("deface is not installed (`make peer`): its rows are left out", file=sys.stderr)
        return None
    module: Any = importlib.import_module("deface.centerface")
    find = module.CenterFace(backend="opencv")

    def hidden(picture: Picture, _at_us: int) -> npt.NDArray[np.bool_]:
        masked = np.zeros(picture.shape[:2], dtype=np.bool_)
        for left, top, right, bottom, _ in find(picture, threshold=THRESHOLD)[0]:
            wide, high = (SCALE - 1) * (right - left), (SCALE - 1) * (bottom - top)
            rows = slice(max(0, int(top - high)), max(0, int(bottom + high)))
            masked[rows, max(0, int(left - wide)) : max(0, int(right + wide))] = True
        return masked

    return hidden

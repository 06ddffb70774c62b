"""The person-and-vehicle detector: SSD-MobileNetV2, one file known by its hash, at a low threshold.

It says where a person or a vehicle may be, never who: it has classes and boxes, no features, no embeddings.

Source: the network and its anchors are those of the npm package `@mediapipe/objectron` (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from custodes.base.errors import InvalidError, UnverifiedError
from custodes.rendition.picture import Picture, checked_picture

MODEL_SHA256 = "d0a5255bf8c4f5a0bc4240741a76c41d5e939f7655078f945f50ab53a9375da6"
DOUBT = 0.2
BOXES_LIMIT = 200
SIDE_PX = 300
ANCHORS = 1917
CLASSES = 24
# Of the model's 23 classes those that are a person or carry one: bicycle, person, stationary bicycle, vehicle, car.
GUARDED = (1, 4, 14, 18, 23)
_OVERLAP = 0.75


class DetectorError(UnverifiedError):
    """The detector's file is not the one that was checked, or its answer is not one."""


@dataclass(frozen=True, slots=True)
class Found:
    """Boxes of a picture, each with a doubt of at least the threshold asked.

    Shapes: boxes n x 4 (left, top, right, bottom), doubts n. Units: fractions of width and height. Range: boxes may
    reach beyond 0 and 1; doubts 0 to 1, falling.
    """

    boxes: npt.NDArray[np.float32]
    doubts: npt.NDArray[np.float32]
    picture_us: int

    def __post_init__(self) -> None:
        count = len(self.doubts)
        if self.boxes.shape != (count, 4) or self.doubts.shape != (count,):
            raise InvalidError(f"{count} doubts need boxes of shape ({count}, 4), not {self.boxes.shape}")
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.doubts).all()):
            raise InvalidError("a box or a doubt is not a number")


class Finder(Protocol):
    """Whoever says where a person or a vehicle may be."""

    def find(self, picture: Picture, arrived_us: int) -> Found:
        """Boxes of this picture, or of a late one (`picture_us` says which). Errors: DetectorError."""
        ...


class Detector:
    """The model on one thread. Cost: one run a picture; not safe to share between threads."""

    def __init__(self, model: bytes, doubt: float = DOUBT) -> None:
        found = hashlib.sha256(model).hexdigest()
        if found != MODEL_SHA256:
            raise DetectorError(f"the detector's model has SHA-256 {found}, not {MODEL_SHA256}")
        if not 0.01 <= doubt <= 0.5:
            raise InvalidError(f"doubt {doubt} is outside 0.01 to 0.5")
        self._doubt = doubt
        self._interpreter: Any = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input: int = self._interpreter.get_input_details()[0]["index"]
        outputs = {
            len(o["shape"]) and int(o["shape"][-1]): o["index"]
            for o in self._interpreter.get_output_details()
        }
        if set(outputs) != {4, CLASSES}:
            raise DetectorError(f"the detector's outputs have widths {sorted(outputs)}, not 4 and {CLASSES}")
        self._outputs = (outputs[4], outputs[CLASSES])
        self._anchors = anchors()
        self._scale = (np.arange(256, dtype=np.float32) / 127.5 - 1.0).reshape(1, 256)

    def find(self, picture: Picture, arrived_us: int) -> Found:
        """Where a person or a vehicle may be in this picture. Errors: InvalidError, DetectorError."""
        small = cv2.resize(checked_picture(picture), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
        colours = cv2.LUT(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), self._scale)
        self._interpreter.set_tensor(self._input, colours[np.newaxis])
        self._interpreter.invoke()
        boxes, logits = (self._interpreter.get_tensor(index)[0] for index in self._outputs)
        return self._found(boxes, logits, arrived_us)

    def _found(
        self, boxes: npt.NDArray[np.float32], logits: npt.NDArray[np.float32], arrived_us: int
    ) -> Found:
        best = logits[:, GUARDED].max(axis=1)
        if boxes.shape != (ANCHORS, 4) or not np.isfinite(best).all():
            raise DetectorError("the detector's answer is not a list of numbers")
        chosen = np.flatnonzero(best >= math.log(self._doubt / (1 - self._doubt)))
        chosen = chosen[np.argsort(-best[chosen], kind="stable")]
        doubts = (1 / (1 + np.exp(-best[chosen].astype(np.float64)))).astype(np.float32)
        decoded = decode(boxes[chosen], self._anchors[chosen])
        if not np.isfinite(decoded).all():
            raise DetectorError("the detector's boxes are not numbers")
        kept = apart(decoded)
        return Found(decoded[kept], doubts[kept], arrived_us)


def anchors() -> npt.NDArray[np.float32]:
    """The network's anchors: centre x, centre y, width, height. Shapes: 1917 x 4. Units: fractions of the picture."""
    rows: list[tuple[float, float, float, float]] = []
    layers = 6
    scales = [0.2 + (0.95 - 0.2) * layer / (layers - 1) for layer in range(layers)] + [1.0]
    for layer in range(layers):
        cells = math.ceil(SIDE_PX / (16 << layer))
        scale = scales[layer]
        if layer == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        else:
            shapes = [(scale, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 1 / 3)]
            shapes.append((math.sqrt(scale * scales[layer + 1]), 1.0))
        for row in range(cells):
            for column in range(cells):
                centre = ((column + 0.5) / cells, (row + 0.5) / cells)
                rows += [
                    (*centre, size * math.sqrt(ratio), size / math.sqrt(ratio)) for size, ratio in shapes
                ]
    return np.array(rows, dtype=np.float32)


def decode(codes: npt.NDArray[np.float32], around: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Boxes (left, top, right, bottom) from the network's codes (y, x, height, width) and their anchors."""
    centre_x = codes[:, 1] / 10 * around[:, 2] + around[:, 0]
    centre_y = codes[:, 0] / 10 * around[:, 3] + around[:, 1]
    half_width = np.exp(np.minimum(codes[:, 3] / 5, 4.0)) * around[:, 2] / 2
    half_height = np.exp(np.minimum(codes[:, 2] / 5, 4.0)) * around[:, 3] / 2
    sides = (centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height)
    return np.stack(sides, axis=1).astype(np.float32)


def apart(boxes: npt.NDArray[np.float32]) -> list[int]:
    """Which boxes to keep, in order, when one that nearly equals an earlier one adds nothing."""
    kept: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for index in range(len(boxes)):
        if len(kept) >= BOXES_LIMIT:
            break
        low = np.maximum(boxes[kept, :2], boxes[index, :2])
        high = np.minimum(boxes[kept, 2:], boxes[index, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        joined = areas[kept] + areas[index] - shared
        if not (shared > _OVERLAP * joined).any():
            kept.append(index)
    return kept

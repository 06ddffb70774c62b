"""A committed background: the frozen picture of a view under one condition, and its bytes.

Source: docs/formats/background.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import CorruptError, InvalidError
from custodes.rendition.picture import Blocks, Grid, Picture

MAGIC = b"custodes background 1\n"
NAME_LIMIT = 64
HEAD_LIMIT_BYTES = 1024


@dataclass(frozen=True, slots=True, eq=False)
class CommittedBackground:
    """A view's empty scene under a condition, as analysed, with the blocks that are never shown.

    Shapes: picture as `grid.analysed`, withheld as `grid.shape`. It never changes by itself; another scene is another
    background. Errors: InvalidError.
    """

    view: str
    condition: str
    grid: Grid
    picture: Picture = field(repr=False)
    withheld: Blocks = field(repr=False)

    def __post_init__(self) -> None:
        for word, value in (("view", self.view), ("condition", self.condition)):
            if not (0 < len(value) <= NAME_LIMIT and value.isprintable()):
                raise InvalidError(f"a {word} has 1 to {NAME_LIMIT} printable characters")
        width, height = self.grid.analysed
        if self.picture.shape != (height, width, 3) or self.picture.dtype != np.uint8:
            raise InvalidError(f"the background's picture is not {width}x{height}x3 of uint8")
        if self.withheld.shape != self.grid.shape or self.withheld.dtype != np.bool_:
            raise InvalidError(f"the background's withheld blocks are not {self.grid.shape}")

    @property
    def sha256(self) -> str:
        """What the ledger records of it: the hash of its bytes, in hexadecimal."""
        return hashlib.sha256(encode(self)).hexdigest()


def encode(background: CommittedBackground) -> bytes:
    """The one spelling of a background."""
    head = canon(
        {
            "condition": background.condition,
            "height_px": background.grid.height_px,
            "view": background.view,
            "width_px": background.grid.width_px,
        }
    )
    bits = np.packbits(background.withheld.reshape(-1)).tobytes()
    picture = np.ascontiguousarray(background.picture).tobytes()
    return b"".join((MAGIC, len(head).to_bytes(2, "big"), head, bits, picture))


def decode(data: bytes) -> CommittedBackground:
    """A background from its bytes; what decodes encodes to the same. Errors: CorruptError."""
    start = len(MAGIC) + 2
    if data[: len(MAGIC)] != MAGIC or len(data) < start:
        raise CorruptError("not a background of version 1")
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    if end - start > HEAD_LIMIT_BYTES or end > len(data):
        raise CorruptError(f"a background's head is longer than {HEAD_LIMIT_BYTES} bytes or cut off")
    try:
        return _decode(parse_canon(data[start:end]), data[end:])
    except InvalidError as error:
        raise CorruptError(f"not a background: {error}") from error


def _decode(head: object, body: bytes) -> CommittedBackground:
    names = {"condition": str, "height_px": int, "view": str, "width_px": int}
    if not isinstance(head, dict) or set(head) != set(names):
        raise InvalidError(f"its head has other fields than {sorted(names)}")
    if any(type(head[name]) is not kind for name, kind in names.items()):
        raise InvalidError("a field of its head has another type")
    grid = Grid(head["width_px"], head["height_px"])
    rows, columns = grid.shape
    width, height = grid.analysed
    count = rows * columns
    bits_bytes = -(-count // 8)
    if len(body) != bits_bytes + width * height * 3:
        raise InvalidError(f"{len(body)} bytes do not hold a picture of {width}x{height} and {count} blocks")
    bits = np.unpackbits(np.frombuffer(body[:bits_bytes], dtype=np.uint8))
    if bits[count:].any():
        raise InvalidError("bits after the last block are set")
    picture = np.frombuffer(body[bits_bytes:], dtype=np.uint8).reshape(height, width, 3)
    withheld = bits[:count].astype(np.bool_).reshape(rows, columns)
    return CommittedBackground(head["view"], head["condition"], grid, picture, withheld)

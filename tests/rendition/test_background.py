"""The bytes of a committed background: one spelling, and nothing else is read."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scenery import committed, street

from custodes.base.errors import CorruptError
from custodes.rendition.background import MAGIC, decode, encode


def test_a_background_comes_back_as_it_was() -> None:
    withheld = np.zeros((45, 80), dtype=np.bool_)
    withheld[3, 7] = withheld[44, 79] = True
    background = dataclasses.replace(committed(street()), withheld=withheld)
    again = decode(encode(background))
    assert (again.view, again.condition, again.grid) == ("gate", "day", background.grid)
    assert np.array_equal(again.picture, background.picture) and np.array_equal(again.withheld, withheld)
    assert again.sha256 == background.sha256 != committed(street()).sha256


def test_the_first_bytes_are_those_of_the_page() -> None:
    data = encode(committed(street()))
    head = b'{"condition":"day","height_px":360,"view":"gate","width_px":640}'
    assert data.startswith(b"custodes background 1\n" + len(head).to_bytes(2, "big") + head)
    assert len(data) == 22 + 2 + len(head) + 450 + 320 * 180 * 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"background 1", b"background 2"),
        (b'"gate"', b'"ga\\n"'),
        (b"640", b"648"),
        (b"360", b"36."),
        (b'"view"', b'"veiw"'),
        (b'"gate"', b"123456"),
    ],
)
def test_another_head_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(encode(committed(street())).replace(old, new, 1))


@pytest.mark.parametrize("length", [0, len(MAGIC), len(MAGIC) + 2, 60, -1])
def test_a_background_cut_off_is_refused(length: int) -> None:
    with pytest.raises(CorruptError):
        decode(encode(committed(street()))[:length])


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(CorruptError):
        decode(encode(committed(street())) + b"\0")

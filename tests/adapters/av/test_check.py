"""The check of exported files."""

from __future__ import annotations

import io
from typing import Any

import pytest

from custodes.adapters.av.check import check_video
from custodes.base.errors import CorruptError


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264"), ("libx265", "hevc")])
def test_a_whole_file(media_file: Any, codec: str, name: str) -> None:
    found = check_video(io.BytesIO(media_file("mp4", codec)))
    assert (found.codec, found.packets, found.frames, found.damaged_frames) == (name, 15, 15, 0)
    assert (found.width_px, found.height_px) == (160, 96)
    assert (found.first_90k, found.last_90k) == (0, 14 * 3600)


def test_files_that_are_none(media_file: Any) -> None:
    for data in (b"", b"nothing" * 100, media_file("mp4")[:200], media_file("mpegts")):
        with pytest.raises(CorruptError):
            check_video(io.BytesIO(data))

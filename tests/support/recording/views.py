"""Real objects of recorded rendition, and a process that writes one until it is killed.

python -m recording.views SPOOL VOLUME-HEX STREAM-HEX    one reel, a picture every 20 ms, the count on standard output
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path

from veiling.footage import street

from custodes.adapters.av.pictures import PictureEncoder
from custodes.adapters.spool.spool import SpoolVolume
from custodes.base.clock import SECOND_US, SystemClock
from custodes.custody.renditions import Rendition
from custodes.media.mp4.fragments import codec_string, fragment, init_segment
from custodes.services.live import LiveKind, LiveMessage, LiveState, Reason, ViewState, join_init
from custodes.services.recorder.registrar import Registrar
from custodes.services.recorder.renditions import RenditionShelf

SIZE_PX = (320, 192)
LIVE = LiveMessage(LiveKind.STATE, 0, LiveState(ViewState.LIVE, Reason.NONE, 0).encode())


class Views:
    """What a veiler would send: an init, then a picture a second of media time."""

    def __init__(self) -> None:
        self.encoder = PictureEncoder(*SIZE_PX)
        self.number = 0

    @property
    def init(self) -> bytes:
        """The initialisation segment."""
        return init_segment(self.encoder.sets)

    @property
    def codec(self) -> str:
        """The codec's name."""
        return codec_string(self.encoder.sets)

    def next(self) -> tuple[bool, bytes]:
        """The next picture's fragment, and whether it is a key frame."""
        is_key = self.number % 10 == 0
        encoded = self.encoder.encode(street(self.number, SIZE_PX), self.number * 90_000, is_key)
        self.number += 1
        return is_key, fragment(self.number, (self.number - 1) * 90_000, 90_000, encoded.sample, is_key)


def made_rendition(stream: bytes, start_us: int, pictures: int = 5) -> tuple[Rendition, bytes]:
    """An object and its row."""
    views = Views()
    data = views.init + b"".join(views.next()[1] for _ in range(pictures))
    end_us = start_us + pictures * SECOND_US
    row = Rendition(stream, start_us, end_us, len(data), views.codec, hashlib.sha256(data).digest())
    return row, data


async def feed(
    shelf: RenditionShelf, stream: bytes, start_us: int, pictures: int, pause_s: float = 0.0
) -> int:
    """Give so many pictures to a shelf; how many were given."""
    views = Views()
    shelf.take(stream, LiveMessage(LiveKind.INIT, start_us, join_init(views.codec, views.init)))
    shelf.take(stream, LIVE)
    for number in range(pictures):
        is_key, data = views.next()
        kind = LiveKind.KEY if is_key else LiveKind.FRAGMENT
        shelf.take(stream, LiveMessage(kind, start_us + number * SECOND_US, data))
        if pause_s:
            await asyncio.sleep(pause_s)
            sys.stdout.write(f"{number + 1}\n")
            sys.stdout.flush()
    return pictures


async def _main(spool: Path, volume_id: bytes, stream: bytes) -> None:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    shelf = RenditionShelf(
        clock, SpoolVolume(spool, volume_id, loop), Registrar(loop, "porter"), 300 * SECOND_US
    )
    await feed(shelf, stream, 1_800_000_000 * SECOND_US, 10_000, 0.02)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])))

"""The recorder of bench.recording, in a process of its own: records until interrupted."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop
from recording.rig import Rig

from custodes.custody import envelope
from custodes.ledger.rules.people import NORMAL_PERIODS
from custodes.services.recorder.start import ARENA_CELLS


class CopyingCipher:
    """Only copies: what recording costs without AES-GCM. In this benchmark alone."""

    def __init__(self, key: bytes) -> None:
        pass

    def encrypt_into(self, nonce: bytes, data: memoryview, extra: None, out: memoryview) -> int:
        """The same bytes and an empty tag."""
        out[: len(data)] = data
        return len(out)


async def record(rig: Rig) -> None:
    """Until cancelled."""
    service = rig.service()
    task = asyncio.ensure_future(service.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def main() -> None:
    """As the first argument, JSON, says."""
    wish = json.loads(sys.argv[1])
    if not wish["sealed"]:
        envelope.AESGCM = CopyingCipher
    urls = {f"c{number}": url for number, url in enumerate(wish["urls"])}
    rig = Rig(
        Path(wish["folder"]),
        custodians=wish["custodians"],
        pool_keys=2 * len(urls),
        periods=NORMAL_PERIODS,
        urls=urls,
        cells=ARENA_CELLS,
    )
    uvloop.run(record(rig))


if __name__ == "__main__":
    main()

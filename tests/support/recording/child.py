"""A recorder in a process of its own, to be killed: `python -m recording.child FOLDER NAME=URL …`.

It writes a line when it begins to record.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from custodes.services.recorder.start import restart
from recording.rig import Rig


async def main(folder: Path, urls: dict[str, str]) -> None:
    """Recover what the last run left, then record until killed."""
    rig = Rig(folder, urls=urls)
    service = rig.service()
    if service.book.file.read() is not None:
        restart(service.book, rig.spool_root, service.store, rig.clock.utc_us())
    print(f"run {service.book.state.run}", flush=True)
    await service.run()


if __name__ == "__main__":
    pairs = (argument.partition("=") for argument in sys.argv[2:])
    asyncio.run(main(Path(sys.argv[1]), {name: url for name, _, url in pairs}))

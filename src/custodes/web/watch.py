"""Whether the store is there, for the page: what no silent process could tell of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from custodes.base.errors import CustodesError
from custodes.web.board import HealthBoard

WATCH_S = 1.0
STALLED_S = 5.0


async def watch_store(check: Callable[[], None], board: HealthBoard, every_s: float = WATCH_S) -> None:
    """Look again and again, and tell the board, until cancelled. A volume that stalls holds up this look alone."""
    thread = ThreadPoolExecutor(1, "web-watch")
    loop = asyncio.get_running_loop()
    while True:
        looking = loop.run_in_executor(thread, check)
        done, _ = await asyncio.wait([looking], timeout=STALLED_S)
        if not done:
            board.store_fault = "the store does not answer"
        try:
            await looking
            board.store_fault = ""
        except CustodesError as error:
            board.store_fault = f"the store cannot be used: {error}"
        await asyncio.sleep(every_s)

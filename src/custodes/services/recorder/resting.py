"""Pauses of the whole loop, in which what cameras send gathers in the kernel.

Read at once, many sockets cost a third less than each as it becomes ready (50 streams of 4 Mbit/s: 0.11 of a core
instead of 0.17), for the code stays in the processor's caches and the kernel is asked less often. What is read is
up to a pause older than its arrival at the machine; slots, gaps and live view bear that. Datagrams do not: their
buffer is small and what does not fit is lost, so with a camera over UDP there is no pause.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PAUSE_S = 0.08
# Few streams cost little: they are read at once.
MANY = 16
LOOK_S = 1.0


async def rest(is_wanted: Callable[[], bool]) -> None:
    """Pause the loop between its rounds for as long as it is wanted, until cancelled."""
    while True:
        if is_wanted():
            for _ in range(round(LOOK_S / PAUSE_S)):
                time.sleep(PAUSE_S)  # noqa: ASYNC251 - to stand still is what this is for
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(LOOK_S)

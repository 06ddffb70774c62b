"""Keeping child processes alive."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from custodes.deploy.supervisor import Child, Supervisor

SLEEP = "import time; time.sleep(60)"


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_killed_child_is_started_again_and_all_are_stopped() -> None:
    children = [Child(name, (sys.executable, "-c", SLEEP)) for name in ("one", "two")]
    supervisor = Supervisor(children)
    running = asyncio.create_task(supervisor.run())
    await _until(lambda: len(supervisor.pids()) == 2)
    first = supervisor.pids()["one"]
    os.kill(first, signal.SIGKILL)
    await _until(lambda: supervisor.pids().get("one", first) != first)
    assert children[0].starts == 2 and children[1].starts == 1
    pids = supervisor.pids().values()
    supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert supervisor.pids() == {}
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        raise AssertionError(f"process {pid} still runs")

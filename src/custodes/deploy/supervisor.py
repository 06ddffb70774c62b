"""Keeps child processes alive: starts, restarts with back-off, stops in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0
STEADY_AFTER_S = 30.0
STOP_WITHIN_S = 15.0
_LOG = structlog.get_logger("supervisor")


@dataclass
class Child:
    """A process that is to run as long as the supervisor does."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    starts: int = 0


class Supervisor:
    """Runs children until told to stop; one that ends is started again, later each time."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = list(children)
        self._stopping = asyncio.Event()

    def pids(self) -> dict[str, int]:
        """The running children's process ids, by name."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def stop(self) -> None:
        """Ask `run` to end the children, last started first, and return."""
        self._stopping.set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every child that runs now."""
        for child in self._children:
            if child.process is not None and child.process.returncode is None:
                with suppress(ProcessLookupError):
                    child.process.send_signal(number)

    async def run(self) -> None:
        """Start all and keep them alive until `stop`."""
        watchers = [asyncio.create_task(self._keep(child)) for child in self._children]
        await self._stopping.wait()
        for child, watcher in zip(reversed(self._children), reversed(watchers), strict=True):
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            await _end(child)

    async def _keep(self, child: Child) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            child.process = await asyncio.create_subprocess_exec(
                *child.arguments, env={**os.environ, **child.environment}, stdin=asyncio.subprocess.DEVNULL
            )
            child.starts += 1
            code = await child.process.wait()
            child.process = None
            failures = 1 if time.monotonic() - began > STEADY_AFTER_S else failures + 1
            delay_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** (failures - 1))
            _LOG.warning("process ended", process=child.name, code=code, again_in_s=delay_s)
            await asyncio.sleep(delay_s)


async def _end(child: Child) -> None:
    process = child.process
    if process is None or process.returncode is not None:
        return
    try:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
    except ProcessLookupError:
        return
    except TimeoutError:
        _LOG.error("process did not stop in time", process=child.name)
        process.kill()
        await process.wait()
    finally:
        child.process = None


def python_child(name: str, *arguments: str) -> Child:
    """A child that is a command of Custodes itself."""
    return Child(name, (sys.executable, "-m", "custodes.cli.main", *arguments))

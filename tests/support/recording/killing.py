"""Kills a recorder again and again, and checks what it leaves; for the test and for the soak."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from custodes.services.recorder.start import restart
from recording.opening import OpenedEpoch, OpenedUnit, Stated, check_closed, check_statements, open_epochs
from recording.pace import Pace
from recording.rig import Rig

MAY_BE_LOST_S = 2.0
SUPPORT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Killed:
    """When a recorder was killed, and in which run."""

    at_us: int
    run: int


async def kill_often(
    rig: Rig, times: int, seed: int, pace: Pace, is_sending: Callable[[int], bool], longest_s: float = 2.5
) -> list[Killed]:
    """Start a recorder and kill it at a random moment, so many times; when each kill was.

    Every second time that moment comes after the cameras have sent for longer than may be lost, so that losing all
    would be too much: `is_sending(since_us)`.
    """
    chance = random.Random(seed)
    killed = []
    for number in range(times):
        begun_us = rig.clock.utc_us()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "recording.child",
            str(rig.folder),
            *(f"{name}={url}" for name, url in rig.urls.items()),
            env={**os.environ, "PYTHONPATH": str(SUPPORT)},
            stdout=asyncio.subprocess.PIPE,
        )
        pace.watch(process.pid)
        run = await asyncio.wait_for(_run_of(process), 60)
        if number % 2:
            async with asyncio.timeout(60):
                while not is_sending(begun_us):
                    await asyncio.sleep(0.02)
            await asyncio.sleep(MAY_BE_LOST_S)
        await asyncio.sleep(chance.uniform(0.1, longest_s))
        pace.sample()
        killed.append(Killed(rig.clock.utc_us(), run))
        process.kill()
        await process.wait()
    return killed


async def _run_of(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(b"run "):
            return int(line.split()[1])
    raise AssertionError(f"the recorder ended with {await process.wait()} before it recorded")


@dataclass(frozen=True)
class Left:
    """What all kills together left."""

    stated: Stated
    epochs: dict[str, list[OpenedEpoch]]
    cuts: int

    def units(self, name: str) -> list[OpenedUnit]:
        """All pictures of a stream."""
        return [unit for epoch in self.epochs[name] for unit in epoch.units]


def take_stock(rig: Rig, names: Sequence[str]) -> Left:
    """Recover once more, check every statement, and open everything."""
    store = rig.store()
    restart(rig.book(store), rig.spool_root, store, rig.clock.utc_us())
    stated = check_statements(rig, store)
    epochs = {name: open_epochs(rig, store, rig.stream(name), stated.cuts) for name in names}
    check_closed(stated, [epoch for of_stream in epochs.values() for epoch in of_stream])
    return Left(stated, epochs, len(stated.cuts))


def lost_s(
    killed: Sequence[Killed], units: Sequence[OpenedUnit], sent_us: Sequence[int], pace: Pace
) -> list[float]:
    """Per kill before which something was sent, how much of that is lost, in time that the recorder could use.

    Units: seconds.
    """
    losses = []
    begun_us = 0
    for kill in killed:
        before = [unit.utc_us for unit in units if begun_us <= unit.utc_us <= kill.at_us]
        sent = [us for us in sent_us if begun_us <= us <= kill.at_us]
        if sent:
            losses.append(pace.usable_s(max(before, default=min(sent)), max(sent)))
        begun_us = kill.at_us
    return losses

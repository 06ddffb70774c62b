"""`custodes-simulator FLEET.toml`: run a fleet of simulated cameras until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from custodes_simulator.errors import SimulatorError
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.fleet_file import FleetFile, load_fleet
from custodes_simulator.misbehaviours.base import REGISTER, ClipMisbehaviour, PlayMisbehaviour


def main(argv: Sequence[str] | None = None) -> int:
    """Run a fleet file; returns the exit code: 0 stopped, 1 could not run, 2 wrong file."""
    parser = argparse.ArgumentParser(prog="custodes-simulator", description="Run simulated cameras.")
    parser.add_argument("fleet", type=Path, nargs="?", metavar="FLEET.toml")
    parser.add_argument("--check", action="store_true", help="check the file and end")
    parser.add_argument("--misbehaviours", action="store_true", help="list every misbehaviour and end")
    arguments = parser.parse_args(argv)
    if arguments.misbehaviours:
        print("\n".join(listed()))
        return 0
    if arguments.fleet is None:
        parser.error("FLEET.toml is missing")
    try:
        fleet = load_fleet(arguments.fleet)
    except SimulatorError as error:
        print(f"{arguments.fleet}: {error}", file=sys.stderr)
        return 2
    if arguments.check:
        print(f"{len(fleet.cameras)} cameras")
        return 0
    try:
        uvloop.run(run(fleet))
    except (SimulatorError, OSError) as error:
        print(f"{arguments.fleet}: {error}", file=sys.stderr)
        return 1
    return 0


async def run(file: FleetFile) -> None:
    """Print every stream's URL, and run until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    fleet = SimulatedFleet(file.cameras, cache=file.cache, truth_file=file.truth, truth_limit=0)
    async with fleet:
        for camera in fleet.cameras:
            for stream in camera.streams:
                print(fleet.url(camera.spec.name, stream), flush=True)
        await stopped.wait()


def listed() -> list[str]:
    """A line for each misbehaviour: its name, what it acts on, what it does."""
    lines = []
    for name, kind in sorted(REGISTER.items()):
        place = "play"
        if not issubclass(kind, PlayMisbehaviour | ClipMisbehaviour):
            place = "camera"
        lines.append(f"{name:24} {place:7} {(kind.__doc__ or '').strip().splitlines()[0]}")
    return lines


if __name__ == "__main__":
    sys.exit(main())

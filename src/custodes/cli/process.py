"""`custodes process`: one process of a network; started by `custodes serve`, systemd or Kubernetes."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from custodes.base.fence.process import harden
from custodes.deploy.layout import NetworkFolder

ROLES = ("keeper", "discloser", "recorder", "web")


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("process", help="one process of a network (started by `serve`)")
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Harden, then serve until SIGTERM or SIGINT."""
    harden()
    folder = NetworkFolder(options.folder)
    uvloop.run(_until_told(_entry(options.role), folder))
    return 0


async def _until_told(entry: Callable[[NetworkFolder], Awaitable[None]], folder: NetworkFolder) -> None:
    async def serve() -> None:
        await entry(folder)

    task = asyncio.ensure_future(serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def _entry(role: str) -> Callable[[NetworkFolder], Awaitable[None]]:
    # Imported here: a process loads what it needs and nothing of the others.
    if role == "keeper":
        from custodes.deploy.processes.keeper import run_keeper

        return run_keeper
    if role == "discloser":
        from custodes.deploy.processes.discloser import run_discloser

        return run_discloser
    if role == "recorder":
        from custodes.deploy.processes.recorder import run_recorder

        return run_recorder
    from custodes.deploy.processes.web import run_web

    return run_web

"""`custodes process`: one process of a network; started by `custodes serve`, systemd or Kubernetes."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from custodes.base.fence.report import FenceReport
from custodes.deploy.layout import NetworkFolder
from custodes.deploy.processes.fences import set_fences
from custodes.services.recorder.nursery import Nursery

Entry = Callable[[NetworkFolder, FenceReport], Awaitable[None]]
ROLES = ("keeper", "discloser", "recorder", "web")


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("process", help="one process of a network (started by `serve`)")
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Harden, then serve until SIGTERM or SIGINT."""
    folder = NetworkFolder(options.folder.resolve())
    with ExitStack() as ends:
        # Before the fences, behind which no program can be run, and before there is a key to read.
        nursery = ends.enter_context(closing(Nursery())) if options.role == "recorder" else None
        return _run_fenced(options.role, folder, nursery)


def _run_fenced(role: str, folder: NetworkFolder, nursery: Nursery | None) -> int:
    report = set_fences(role, folder)
    for fence in report.missing:
        structlog.get_logger(role).warning("fence missing", fence=fence.name, reason=fence.detail)
    # Loaded behind the fences: this library and all that a role needs make threads or read files of their own.
    import uvloop

    uvloop.run(_until_told(_entry(role, nursery), folder, report))
    return 0


async def _until_told(entry: Entry, folder: NetworkFolder, report: FenceReport) -> None:
    async def serve() -> None:
        await entry(folder, report)

    task = asyncio.ensure_future(serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def _entry(role: str, nursery: Nursery | None) -> Entry:
    # Imported here: a process loads what it needs and nothing of the others.
    if role == "keeper":
        from custodes.deploy.processes.keeper import run_keeper

        return run_keeper
    if role == "discloser":
        from custodes.deploy.processes.discloser import run_discloser

        return run_discloser
    if nursery is not None:
        from custodes.deploy.processes.recorder import run_recorder

        return partial(run_recorder, nursery=nursery)
    from custodes.deploy.processes.web import run_web

    return run_web

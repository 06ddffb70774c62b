"""`custodes process`: one process of a network; started by `custodes serve`, systemd or Kubernetes."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from custodes.base.fence.report import FenceReport
from custodes.deploy.detector import detector_model
from custodes.deploy.layout import NetworkFolder
from custodes.deploy.processes.fences import set_fences
from custodes.deploy.volumes import is_shut_out
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
    """Harden, then serve until SIGTERM or SIGINT; SIGHUP: a volume is back, and may be shut out."""
    folder = NetworkFolder(options.folder.resolve())
    with ExitStack() as ends:
        # Before the fences, behind which no program can be run, and before there is a key to read.
        nursery = None
        if options.role == "recorder":
            nursery = ends.enter_context(closing(Nursery(detector_model(folder))))
        return _run_fenced(options.role, folder, nursery)


def _run_fenced(role: str, folder: NetworkFolder, nursery: Nursery | None) -> int:
    report = set_fences(role, folder)
    for fence in report.missing:
        structlog.get_logger(role).warning("fence missing", fence=fence.name, reason=fence.detail)
    # Loaded behind the fences: this library and all that a role needs make threads or read files of their own.
    import uvloop

    volumes = (folder.store, folder.spool) if role == "recorder" else (folder.store,)
    uvloop.run(_until_told(_entry(role, nursery), folder, report, volumes))
    return 0


async def _until_told(
    entry: Entry, folder: NetworkFolder, report: FenceReport, volumes: Sequence[Path]
) -> None:
    async def serve() -> None:
        await entry(folder, report)

    task = asyncio.ensure_future(serve())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)

    async def look() -> None:
        # A volume is back. Where the fences shut it out, whoever started this process starts it anew.
        if await asyncio.to_thread(is_shut_out, volumes):
            structlog.get_logger("process").warning("a volume was mounted anew: this process ends")
            task.cancel()

    looks: set[asyncio.Task[None]] = set()

    def hung_up() -> None:
        looks.add(one := loop.create_task(look()))
        one.add_done_callback(looks.discard)

    loop.add_signal_handler(signal.SIGHUP, hung_up)
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

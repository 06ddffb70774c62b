"""One machine: a private bus and all processes, kept alive until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from custodes.adapters.bus.nkey import NKey
from custodes.adapters.bus.rights import BusUser
from custodes.adapters.bus.server import NatsServer, ServerSettings
from custodes.adapters.bus.subjects import Process, Role
from custodes.adapters.durable_file import replace_file
from custodes.base.errors import ConflictError, InvalidError
from custodes.base.keys import SigningKey
from custodes.deploy.enlisting import read_genesis
from custodes.deploy.founding_desk import DESKS, FoundingDesk, not_signed
from custodes.deploy.layout import NetworkFolder, NetworkSettings, read_settings
from custodes.deploy.processes.connection import BUS_VARIABLE
from custodes.deploy.running import is_running, serving
from custodes.deploy.supervisor import Child, Supervisor, python_child
from custodes.deploy.volumes import watch_volumes
from custodes.web.app import create_founding_app
from custodes.web.server import serve as web_serve


async def serve(folder: NetworkFolder, started: Callable[[NetworkSettings, Supervisor], None]) -> None:
    """Run the network until SIGINT or SIGTERM.

    Errors: InvalidError naming the custodians that have not signed; ConflictError when it runs already.
    """
    settings = read_settings(folder)
    check_signed(folder)
    with serving(folder):
        processes = (
            Process(Role.KEEPER),
            Process(Role.DISCLOSER),
            Process(Role.RECORDER, settings.recorder.hex()),
            Process(Role.WEB),
        )
        users = tuple(BusUser(process, _new_key(folder, process)) for process in processes)
        server = NatsServer(ServerSettings(folder.bus / "server", users))
        await server.start()
        try:
            children = [_child(folder, process, server.url) for process in processes]
            supervisor = Supervisor(children)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, supervisor.stop)
            started(settings, supervisor)
            volumes = ((folder.store, settings.store_volume), (folder.spool, settings.spool_volume))
            watching = asyncio.ensure_future(watch_volumes(volumes, lambda: supervisor.send(signal.SIGHUP)))
            try:
                await supervisor.run()
            finally:
                watching.cancel()
        finally:
            await server.stop()


async def found(folder: NetworkFolder, ready: Callable[[str, list[str]], None]) -> bool:
    """Answer custodians who enroll from elsewhere until all have signed; False when told to stop before.

    `ready` hears the address and who is missing. Nothing else of the network runs.
    Errors: CorruptError; UnavailableError when the port is taken; ConflictError when the network runs.
    """
    settings = read_settings(folder)
    if is_running(folder):
        raise ConflictError(f"the network in {folder.root} runs already")
    missing = not_signed(read_genesis(folder))
    desk = FoundingDesk(folder)
    if not missing:
        return True
    app = create_founding_app(desk, DESKS)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    serving_task = loop.create_task(web_serve(app, settings.http_port, lambda url: ready(url, missing)))
    waits = [loop.create_task(event.wait()) for event in (desk.complete, stopped)]
    try:
        await asyncio.wait({serving_task, *waits}, return_when=asyncio.FIRST_COMPLETED)
        if serving_task.done():
            serving_task.result()
    finally:
        for task in (serving_task, *waits):
            task.cancel()
        # The last custodian still gets the answer.
        await asyncio.wait({serving_task, *waits})
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return desk.complete.is_set()


def check_signed(folder: NetworkFolder) -> None:
    """Errors: InvalidError naming who has not signed the genesis."""
    missing = not_signed(read_genesis(folder))
    if missing:
        raise InvalidError(
            f"not signed by {', '.join(missing)}: each runs `custodes custodian enroll FOLDER {folder.root}` first"
        )


def _new_key(folder: NetworkFolder, process: Process) -> str:
    """A key of this start alone; its seed lies where the process reads it."""
    seed = SigningKey.generate().seed()
    replace_file(folder.bus / f"{process.name}.seed", seed.hex().encode("ascii") + b"\n")
    return NKey(seed).public


def _child(folder: NetworkFolder, process: Process, url: str) -> Child:
    child = python_child(process.name, "process", process.role.value, str(folder.root))
    return Child(child.name, child.arguments, {BUS_VARIABLE: url})

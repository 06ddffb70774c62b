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
from custodes.base.canon import unb64u
from custodes.base.errors import InvalidError
from custodes.base.keys import SigningKey, key_id
from custodes.deploy.enlisting import read_genesis
from custodes.deploy.layout import NetworkFolder, NetworkSettings, read_settings
from custodes.deploy.processes.connection import BUS_VARIABLE
from custodes.deploy.running import serving
from custodes.deploy.supervisor import Child, Supervisor, python_child
from custodes.deploy.volumes import watch_volumes


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


def check_signed(folder: NetworkFolder) -> None:
    """Errors: InvalidError naming who has not signed the genesis."""
    genesis = read_genesis(folder)
    signed = {signature.key for signature in genesis.signatures}
    missing = [
        one["name"] for one in genesis.body["custodians"] if key_id(unb64u(one["identity"])) not in signed
    ]
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

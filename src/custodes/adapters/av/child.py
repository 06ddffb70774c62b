"""The process that runs FFmpeg on one source: packets out, nothing else in or out.

Started by `client` as `python -m custodes.adapters.av.child`. What to open comes over standard input, for it may
hold a password; frames leave over standard output. It may write no file, run no program, and once the source is
open, open no file and no connection.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import IO

from custodes.adapters.av.frames import Frame, encode
from custodes.base.fence.folders import FolderRules, python_folders, restrict_folders
from custodes.base.fence.process import harden
from custodes.base.fence.report import FenceReport
from custodes.base.fence.system import prctl

MAX_MEMORY_BYTES = 1 << 30
_PR_SET_PDEATHSIG = 1
# What name look-ups, time zones and certificates need.
_SYSTEM = tuple(map(Path, ("/etc", "/usr/share")))


def main() -> int:
    """Read one source until it ends, or whoever started this does."""
    order = json.loads(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _bind_to(order["parent"])
    fences = _fence(Path(order["file"]) if order["file"] else None)
    # Loaded behind the fences.
    demuxer = import_module("custodes.adapters.av.demuxer")
    try:
        for frame in demuxer.read(order, fences):
            _send(out, frame)
    except BrokenPipeError:
        # Nobody waits for more; neither does anybody for this to be tidied up.
        os._exit(0)
    return 0


def _bind_to(parent: int) -> None:
    """End when the recorder does, however it ends, and not before it does."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _fence(file: Path | None) -> FenceReport:
    read = [*python_folders(), *(path for path in _SYSTEM if path.exists())]
    if file is not None and file.exists():
        read.append(file)
    report = harden() + restrict_folders(FolderRules(read=read))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    return report


def _send(out: IO[bytes], frame: Frame) -> None:
    out.write(encode(frame))
    out.flush()


if __name__ == "__main__":
    sys.exit(main())

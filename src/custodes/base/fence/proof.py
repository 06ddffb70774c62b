"""Trying the fences from inside: what a process must not be able to do."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from custodes.base.fence.system import library_call

_AF_UNIX, _AF_INET = 1, 2
_STREAM, _DATAGRAM = 1, 2


def holes() -> tuple[str, ...]:
    """What still works of: a file, TCP, UDP, a Unix socket, a signal. Empty when the fence holds.

    A socket that can be made counts, connected or not: paths of Unix sockets are in no namespace.
    """
    tries: dict[str, Callable[[], None]] = {
        "file": _open_a_folder,
        "TCP": lambda: _make_socket(_AF_INET, _STREAM),
        "UDP": lambda: _make_socket(_AF_INET, _DATAGRAM),
        "Unix socket": lambda: _make_socket(_AF_UNIX, _STREAM),
        "signal": lambda: os.kill(os.getpid(), 0),
    }
    return tuple(name for name, attempt in tries.items() if _works(attempt))


def _works(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _open_a_folder() -> None:
    os.close(os.open("/", os.O_RDONLY))


def _make_socket(family: int, kind: int) -> None:
    os.close(library_call("socket", ctypes.c_int(family), ctypes.c_int(kind), ctypes.c_int(0)))

"""The kernel's calls that Python has no name for, on x86-64 and aarch64."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from pathlib import Path
from typing import Any

from custodes.base.errors import BugError

_CLONE_THREAD = 0x00010000
_libc = ctypes.CDLL(None, use_errno=True)


def machine() -> str:
    """`x86_64`, `aarch64`, or another name for which there are no fences of calls."""
    return platform.machine()


def system_call(number: int, *arguments: Any) -> int:
    """Make a system call. Errors: OSError."""
    _libc.syscall.restype = ctypes.c_long
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, *arguments: int) -> int:
    """Set or ask something of this process. Errors: OSError."""
    padded = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(ctypes.c_int(option), *padded))


def library_call(name: str, *arguments: Any) -> int:
    """Call a function of the C library that tells failure by -1. Errors: OSError."""
    return _checked(getattr(_libc, name)(*arguments))


def reason(error: OSError) -> str:
    """An error's name and words, as a fence's reason."""
    return f"{errno.errorcode.get(error.errno or 0, 'unknown')}: {error.strerror}"


def check_single_thread() -> None:
    """Errors: BugError when the process has threads already, which a fence would leave outside."""
    # To give up the thread group alone changes nothing, and is refused to a process of several threads. Unlike
    # /proc it can be asked behind the fence of a process that started this one.
    try:
        library_call("unshare", ctypes.c_int(_CLONE_THREAD))
    except OSError as error:
        raise BugError(f"fences are set before any thread ({reason(error)})") from error


def write_proc(name: str, text: str) -> None:
    """Write a file of this process's folder in /proc. Errors: OSError."""
    Path("/proc/self", name).write_text(text)


def _checked(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

"""Seccomp: the last fence, over all threads: no more files, sockets, programs, processes or signals.

Source: kernel documentation, userspace-api/seccomp_filter. Refused calls fail with EPERM; nothing is killed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from custodes.base.fence.report import Fence
from custodes.base.fence.system import machine, prctl, reason, system_call

_LOAD, _EQUALS, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_CLONE_THREAD = 0x00010000
_X32_CALLS = 0x40000000
_SET_MODE_FILTER = 1
_ALL_THREADS = 1
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class _Machine:
    audit: int
    seccomp: int
    clone: int
    tgkill: int
    refused: tuple[int, ...]


_CLONE3 = 435
# Calls whose number is the same everywhere: pidfd_send_signal, io_uring_setup (it opens and connects),
# open_tree, move_mount, fsopen, pidfd_open, openat2, pidfd_getfd.
_REFUSED_EVERYWHERE = (424, 425, 428, 429, 430, 434, 437, 438)

_MACHINES = {
    "x86_64": _Machine(
        audit=0xC000003E,
        seccomp=317,
        clone=56,
        tgkill=234,
        refused=(
            *(2, 85, 257, 303, 304),  # open, creat, openat, name_to_handle_at, open_by_handle_at
            *(41, 42, 49, 50, 53),  # socket, connect, bind, listen, socketpair
            *(59, 322, 57, 58),  # execve, execveat, fork, vfork
            *(101, 310, 311, 312),  # ptrace, process_vm_readv, process_vm_writev, kcmp
            *(62, 200, 129, 297),  # kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
            *(76, 82, 264, 316, 83, 258, 84, 87, 263),  # truncate, rename*, mkdir*, rmdir, unlink*
            *(86, 265, 88, 266, 133, 259),  # link*, symlink*, mknod*
            *(
                90,
                268,
                92,
                94,
                260,
                188,
                189,
            ),  # chmod, fchmodat, chown, lchown, fchownat, setxattr, lsetxattr
            *(132, 235, 261, 280),  # utime, utimes, futimesat, utimensat
            *(272, 308, 165, 166, 155, 161),  # unshare, setns, mount, umount2, pivot_root, chroot
            *(
                321,
                298,
                323,
                248,
                249,
                250,
            ),  # bpf, perf_event_open, userfaultfd, add_key, request_key, keyctl
        ),
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        seccomp=277,
        clone=220,
        tgkill=131,
        refused=(
            *(56, 264, 265),  # openat, name_to_handle_at, open_by_handle_at
            *(198, 203, 200, 201, 199),  # socket, connect, bind, listen, socketpair
            *(221, 281),  # execve, execveat
            *(117, 270, 271, 272),  # ptrace, process_vm_readv, process_vm_writev, kcmp
            *(129, 130, 138, 240),  # kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
            *(45, 38, 276, 34, 35),  # truncate, renameat, renameat2, mkdirat, unlinkat
            *(37, 36, 33),  # linkat, symlinkat, mknodat
            *(53, 54, 5, 6, 88),  # fchmodat, fchownat, setxattr, lsetxattr, utimensat
            *(97, 268, 40, 39, 41, 51),  # unshare, setns, mount, umount2, pivot_root, chroot
            *(
                280,
                241,
                282,
                217,
                218,
                219,
            ),  # bpf, perf_event_open, userfaultfd, add_key, request_key, keyctl
        ),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict_calls() -> Fence:
    """Refuse, for good and in all threads, the calls that reach outside; what is open stays usable."""
    name = "no calls outward"
    kind = _MACHINES.get(machine())
    if kind is None:
        return Fence(name, False, f"no table of calls for {machine()}")
    instructions = filter_program(machine(), os.getpid())
    program = _Program(len(instructions) // 8, instructions)
    try:
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        # A thread that cannot follow is told by its id: a result above 0.
        strayed = system_call(
            kind.seccomp, ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_ALL_THREADS), ctypes.byref(program)
        )
    except OSError as error:
        return Fence(name, False, f"the kernel refuses seccomp ({reason(error)})")
    if strayed:
        return Fence(name, False, f"thread {strayed} has a filter of its own")
    return Fence(
        name, True, f"seccomp: {len(kind.refused) + len(_REFUSED_EVERYWHERE)} calls refused in all threads"
    )


def filter_program(machine_name: str, pid: int) -> bytes:
    """The filter for a machine, as the kernel reads it; a process may still signal its own threads."""
    kind = _MACHINES[machine_name]
    refuse, absent, allow = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS, _ALLOW
    steps = [
        _step(_LOAD, _MACHINE_AT),
        _step(_EQUALS, kind.audit, 1, 0),
        _step(_RETURN, refuse),
        _step(_LOAD, _NUMBER_AT),
        # The x32 interface of x86-64 has other numbers for the same calls.
        *_unless(_AT_LEAST, _X32_CALLS, refuse),
        # Its flags lie in memory that a filter cannot read; the C library then falls back on clone.
        *_unless(_EQUALS, _CLONE3, absent),
        _step(_EQUALS, kind.clone, 0, 4),
        _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_HAS_BITS, _CLONE_THREAD, 0, 1),
        _step(_RETURN, allow),
        _step(_RETURN, refuse),
        _step(_EQUALS, kind.tgkill, 0, 4),
        _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_EQUALS, pid, 0, 1),
        _step(_RETURN, allow),
        _step(_RETURN, refuse),
    ]
    for number in (*kind.refused, *_REFUSED_EVERYWHERE):
        steps += _unless(_EQUALS, number, refuse)
    return b"".join((*steps, _step(_RETURN, allow)))


def _unless(test: int, operand: int, result: int) -> list[bytes]:
    return [_step(test, operand, 0, 1), _step(_RETURN, result)]


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)

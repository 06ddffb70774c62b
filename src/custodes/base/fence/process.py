"""No new privileges, no core file, nobody looks into the memory; own namespaces."""

from __future__ import annotations

import ctypes
import os
import resource

from custodes.base.fence.report import Fence, FenceReport
from custodes.base.fence.system import check_single_thread, library_call, prctl, reason, write_proc

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CAPABILITY_VERSION_3 = 0x20080522


def harden() -> FenceReport:
    """No new privileges, not dumpable, no core file; to be called after every exec, for it ends with one."""
    check_single_thread()
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return FenceReport(
        (
            Fence("no new privileges", prctl(_PR_GET_NO_NEW_PRIVS) == 1, "no program run gives rights"),
            Fence("not dumpable", prctl(_PR_GET_DUMPABLE) == 0, "other processes of this user see no memory"),
            Fence(
                "no core file", resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), "a crash leaves nothing"
            ),
        )
    )


def own_namespaces() -> Fence:
    """A user and a network namespace of its own, without any interface up, and no capability in them.

    Before `harden`: a process that is not dumpable may not write its own maps.
    """
    check_single_thread()
    name = "own network"
    user, group = os.geteuid(), os.getegid()
    try:
        library_call("unshare", ctypes.c_int(_CLONE_NEWUSER | _CLONE_NEWNET))
    except OSError as error:
        return Fence(name, False, f"the kernel refuses user and network namespaces ({reason(error)})")
    try:
        write_proc("setgroups", "deny")
        write_proc("uid_map", f"{user} {user} 1")
        write_proc("gid_map", f"{group} {group} 1")
        _drop_capabilities()
    except OSError as error:
        return Fence(
            name, True, f"no network; ids or capabilities stay as the kernel left them ({reason(error)})"
        )
    return Fence(name, True, "no network, no capabilities")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _drop_capabilities() -> None:
    capability = 0
    while True:
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError:
            break  # the first number that the kernel does not know
        capability += 1
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    library_call("capset", ctypes.byref(header), ctypes.byref(none))

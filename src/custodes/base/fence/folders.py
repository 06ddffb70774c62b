"""Landlock: a process reaches named folders only, and if asked no TCP and no process outside.

Source: kernel documentation, userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
import os
import site
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from custodes.base.errors import NotFoundError
from custodes.base.fence.report import Fence
from custodes.base.fence.system import check_single_thread, prctl, reason, system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FIRST_RIGHTS = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_TCP_BIND, _TCP_CONNECT = 1 << 0, 1 << 1
_ABSTRACT_UNIX, _SIGNALS = 1 << 0, 1 << 1


@dataclass(frozen=True, slots=True)
class FolderRules:
    """What stays reachable: paths to read, to write, to run programs from; TCP; processes outside."""

    read: Sequence[Path] = ()
    write: Sequence[Path] = ()
    run: Sequence[Path] = ()
    tcp: bool = True
    outside: bool = True


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def restrict_folders(rules: FolderRules) -> Fence:
    """Restrict this process, for good, to the rules; what is open already stays open.

    Errors: NotFoundError when a named folder is absent.
    """
    check_single_thread()
    name = "own folders"
    try:
        version = system_call(
            _CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION)
        )
    except OSError as error:
        return Fence(name, False, f"the kernel has no Landlock ({reason(error)})")
    known = _known_rights(version)
    attributes = _Ruleset(
        files=known,
        network=_TCP_BIND | _TCP_CONNECT if version >= 4 and not rules.tcp else 0,
        scoped=_ABSTRACT_UNIX | _SIGNALS if version >= 6 and not rules.outside else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = system_call(
        _CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    try:
        for path in rules.read:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in rules.run:
            _allow(ruleset, path, _READ_FILE | _READ_DIR | _EXECUTE)
        for path in rules.write:
            _allow(ruleset, path, known & ~_EXECUTE)
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        system_call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return Fence(name, True, f"Landlock {version}: {_covered(version, rules)}")


def python_folders() -> tuple[Path, ...]:
    """What a Python process reads to go on importing: interpreter, libraries, packages, time zones."""
    wanted = {
        Path(sys.prefix),
        Path(sys.base_prefix),
        *map(Path, site.getsitepackages()),
        *(Path(entry) for entry in sys.path if entry),
        *map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo")),
        *map(Path, ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom", "/proc/self")),
    }
    return tuple(sorted({path.resolve() for path in wanted if path.exists()}))


def python_program() -> tuple[Path, ...]:
    """What a process runs to start Python anew: the interpreter and the loader of its libraries."""
    found = {Path(sys.executable).resolve()}
    for folder in map(Path, ("/lib64", "/lib", "/usr/lib64", "/usr/lib")):
        found |= {path.resolve() for path in (*folder.glob("ld-*.so*"), *folder.glob("*-linux-gnu/ld-*.so*"))}
    return tuple(sorted(found))


def _known_rights(version: int) -> int:
    known = _FIRST_RIGHTS
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE)):
        known |= right if version >= since else 0
    return known


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFoundError(f"no {path} to let the process into") from error
    try:
        if not path.is_dir():
            rights &= _OF_FILES
        rule = _PathBeneath(rights, parent)
        system_call(
            _ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(_RULE_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(parent)


def _covered(version: int, rules: FolderRules) -> str:
    parts = [f"{len(rules.read)} to read, {len(rules.write)} to write, {len(rules.run)} to run"]
    if version < 3:
        parts.append("files may be cut short anywhere")
    if not rules.tcp:
        parts.append("no TCP" if version >= 4 else "TCP not covered")
    if not rules.outside:
        parts.append("no signals or abstract sockets outside" if version >= 6 else "signals not covered")
    return "; ".join(parts)

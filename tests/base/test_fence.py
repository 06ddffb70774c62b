"""Each fence, set in a child process, which then tries what it must not be able to do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from custodes.base.errors import BugError
from custodes.base.fence.calls import filter_program, restrict_calls
from custodes.base.fence.folders import FolderRules, restrict_folders
from custodes.base.fence.process import harden, own_namespaces
from custodes.base.fence.proof import holes
from custodes.base.fence.report import Fence, FenceReport

# What children share: `tried` runs an act and keeps how it ended.
PRELUDE = """
import json, os, signal, socket, subprocess, sys, threading
from pathlib import Path
from custodes.base.fence.calls import restrict_calls
from custodes.base.fence.folders import FolderRules, python_folders, restrict_folders
from custodes.base.fence.process import harden, own_namespaces
from custodes.base.fence.proof import holes
ended = {}
given = json.loads(sys.argv[1])
def tried(name, act):
    try:
        result = act()
        ended[name] = "works" if result is None else result
    except OSError as error:
        ended[name] = type(error).__name__ + " " + str(error.errno)
def socket_of(family, kind, act=lambda s: None):
    def make():
        with socket.socket(family, kind) as made:
            act(made)
    return make
def needs(fence):
    if not fence.applied:
        print(json.dumps({"lacking": fence.detail}))
        sys.exit(0)
    ended["fence"] = fence.detail
def done():
    print(json.dumps(ended))
"""
EPERM, EACCES, ENETUNREACH = "PermissionError 1", "PermissionError 13", "OSError 101"


def in_child(script: str, **given: Any) -> dict[str, Any]:
    """What the child tells. Skips by name when the kernel lacks the fence."""
    child = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    ended: dict[str, Any] = json.loads(child.stdout)
    if "lacking" in ended:
        pytest.skip(ended["lacking"])
    return ended


def test_without_fences_everything_is_open() -> None:
    assert holes() == ("file", "TCP", "UDP", "Unix socket", "signal")


def test_harden() -> None:
    ended = in_child(
        """
report = harden()
ended["missing"] = len(report.missing)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
ended["no new privileges"] = int(status["NoNewPrivs"])
import ctypes, resource
ended["dumpable"] = ctypes.CDLL(None).prctl(3)
ended["core"] = resource.getrlimit(resource.RLIMIT_CORE)
done()
"""
    )
    assert ended == {"missing": 0, "no new privileges": 1, "dumpable": 0, "core": [0, 0]}


def test_a_namespace_has_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        name = f"\0custodes-test-{os.getpid()}"
        unix.bind(name)
        unix.listen()
        script = """
needs(own_namespaces())
where = ("127.0.0.1", given["port"])
tried("TCP", socket_of(socket.AF_INET, socket.SOCK_STREAM, lambda s: s.connect(where)))
tried("UDP", socket_of(socket.AF_INET, socket.SOCK_DGRAM, lambda s: s.sendto(b"x", where)))
tried("Unix", socket_of(socket.AF_UNIX, socket.SOCK_STREAM, lambda s: s.connect(given["unix"])))
tried("user", lambda: os.geteuid())
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
ended["capabilities"] = [int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")]
tried("file of ours", lambda: Path(given["file"]).write_text("x") and None)
done()
"""
        ended = in_child(script, port=tcp.getsockname()[1], unix=name, file="/dev/null")
    assert ended["fence"] == "no network, no capabilities"
    assert ended["TCP"] == ended["UDP"] == ENETUNREACH
    assert ended["Unix"] == "ConnectionRefusedError 111"
    assert ended["user"] == os.geteuid()
    assert ended["capabilities"] == [0, 0, 0]
    assert ended["file of ours"] == "works"


FOLDERS = """
readable = [*python_folders(), Path(given["read"])]
rules = FolderRules(read=readable, write=[Path(given["write"])], tcp=False, outside=False)
already = open(given["secret"])
needs(restrict_folders(rules))
secret, read, write = Path(given["secret"]), Path(given["read"]), Path(given["write"])
tried("secret", lambda: secret.read_text())
tried("secret listed", lambda: os.listdir(secret.parent))
tried("already open", lambda: already.read())
tried("read", lambda: (read / "file").read_text())
tried("write to read", lambda: (read / "new").write_text("x") and None)
tried("cut what is read", lambda: os.truncate(read / "file", 0))
tried("remove what is read", lambda: (read / "file").unlink())
tried("write", lambda: (write / "new").write_text("x") and None)
tried("rename", lambda: (write / "new").rename(write / "newer") and None)
tried("move out", lambda: (write / "newer").rename(read / "newer") and None)
tried("link", lambda: os.link(read / "file", write / "linked"))
tried("delete", lambda: (write / "newer").unlink())
tried("run", lambda: subprocess.run(["/bin/true"], check=True) and None)
import decimal
where = ("127.0.0.1", given["port"])
tried("TCP", socket_of(socket.AF_INET, socket.SOCK_STREAM, lambda s: s.connect(where)))
tried("listening", socket_of(socket.AF_INET, socket.SOCK_STREAM, lambda s: s.bind(("127.0.0.1", 0))))
tried("Unix", socket_of(socket.AF_UNIX, socket.SOCK_STREAM, lambda s: s.connect(given["unix"])))
tried("signal", lambda: os.kill(given["pid"], 0))
done()
"""


def test_folders(tmp_path: Path) -> None:
    for name in ("secret", "read", "write"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        name = f"\0custodes-test-{os.getpid()}"
        unix.bind(name)
        unix.listen()
        ended = in_child(
            FOLDERS,
            secret=str(tmp_path / "secret" / "file"),
            read=str(tmp_path / "read"),
            write=str(tmp_path / "write"),
            port=tcp.getsockname()[1],
            unix=name,
            pid=os.getpid(),
        )
    version = int(ended["fence"].split(":")[0].split()[-1])
    works = {name for name, how in ended.items() if how == "works"} - {"fence"}
    expected = {"write", "rename", "delete"}
    if version < 3:
        expected.add("cut what is read")
    if version < 4:
        expected |= {"TCP", "listening"}
    if version < 6:
        expected |= {"Unix", "signal"}
    assert works == expected
    assert ended["already open"] == "secret"
    assert ended["read"] == "read"
    assert ended["secret"] == ended["secret listed"] == ended["run"] == EACCES
    assert ended["move out"] in (EACCES, "OSError 18")
    assert (tmp_path / "read" / "file").read_text() == ("" if version < 3 else "read")


def test_programs_run_where_allowed() -> None:
    ended = in_child(
        """
programs = [path for path in map(Path, ("/usr", "/bin", "/lib", "/lib64")) if path.exists()]
needs(restrict_folders(FolderRules(read=python_folders(), run=programs)))
tried("run", lambda: subprocess.run(["/bin/true"], check=True, stdin=subprocess.PIPE) and None)
tried("write", lambda: Path("/dev/null").write_text("x") and None)
done()
"""
    )
    assert ended["run"] == "works"
    assert ended["write"] == EACCES


def test_an_absent_folder_is_an_error_not_a_gap() -> None:
    ended = in_child(
        """
from custodes.base.errors import NotFoundError
try:
    needs(restrict_folders(FolderRules(read=[Path("/no/such/folder")])))
except NotFoundError as error:
    ended["error"] = str(error)
tried("file", lambda: os.close(os.open("/", os.O_RDONLY)))
done()
"""
    )
    assert "/no/such/folder" in ended["error"]
    assert ended["file"] == "works"


CALLS = """
go, gone = threading.Event(), threading.Event()
elder = {}
def of_a_thread():
    go.wait()
    try:
        open("/")
    except OSError as error:
        elder["file"] = error.errno
    gone.set()
threading.Thread(target=of_a_thread).start()
left, right = socket.socketpair()
reading, writing = os.pipe()
needs(restrict_calls())
go.set()
gone.wait()
ended["file in an elder thread"] = elder["file"]
ended["holes"] = holes()
tried("pair", lambda: left.send(b"x") and right.recv(1).decode())
tried("pipe", lambda: os.write(writing, b"x") and os.read(reading, 1).decode())
tried("socket pair", lambda: socket.socketpair() and None)
tried("connect", lambda: left.connect("/run/x"))
tried("write a file", lambda: Path("/tmp/custodes-none").write_text("x") and None)
tried("make", lambda: os.mkdir("/tmp/custodes-none"))
tried("remove", lambda: os.unlink("/tmp/custodes-none"))
tried("rename", lambda: os.rename("/tmp/custodes-none", "/tmp/custodes-other"))
tried("run", lambda: os.execv("/bin/true", ["true"]))
tried("spawn", lambda: subprocess.run(["/bin/true"]) and None)
tried("posix_spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}) and None)
tried("fork", lambda: os.fork() or os._exit(1))
tried("kill", lambda: os.kill(given["pid"], 0))
tried("pidfd", lambda: os.pidfd_open(given["pid"]) and None)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    def act():
        if libc.syscall(*map(ctypes.c_long, arguments)) == -1:
            raise OSError(ctypes.get_errno(), "")
    return act
x86 = os.uname().machine == "x86_64"
tried("ptrace", call(101 if x86 else 117, 16, given["pid"], 0, 0))
tried("tgkill outside", call(234 if x86 else 131, given["pid"], given["pid"], 0))
tried("io_uring", call(425, 4, 0))
tried("clone3", call(435, 0, 0))
tried("unshare", call(272 if x86 else 97, 0x10000000))
tried("clone with a flag more", call(56 if x86 else 220, 0x40000000 | 17, 0, 0, 0, 0))
if x86:
    tried("open by x32", call(0x40000000 | 2, 0, 0, 0))
heard = []
signal.signal(signal.SIGUSR1, lambda *a: heard.append(1))
tried("signal to itself", lambda: signal.raise_signal(signal.SIGUSR1))
ended["heard"] = len(heard)
new = []
thread = threading.Thread(target=lambda: new.append(holes()))
thread.start()
thread.join()
ended["holes in a later thread"] = new[0]
done()
"""


def test_calls() -> None:
    ended = in_child(CALLS, pid=os.getpid())
    assert ended.pop("fence").startswith("seccomp")
    assert ended.pop("holes") == ended.pop("holes in a later thread") == []
    assert ended.pop("file in an elder thread") == 1
    assert ended.pop("pair") == ended.pop("pipe") == "x"
    assert ended.pop("signal to itself") == "works"
    assert ended.pop("heard") == 1
    assert ended.pop("clone3") == "OSError 38"
    assert ended == dict.fromkeys(ended, EPERM)
    assert len(ended) >= 17


def test_all_fences_together(tmp_path: Path) -> None:
    ended = in_child(
        """
from custodes.base.fence.report import FenceReport
rules = FolderRules(read=python_folders(), write=[Path(given["own"])], tcp=False, outside=False)
report = FenceReport() + own_namespaces() + harden() + restrict_folders(rules)
import fractions
report = report + restrict_calls()
needs(report.fences[-1])
ended["names"] = [fence.name for fence in report.fences]
ended["missing"] = [fence.detail for fence in report.missing]
ended["holes"] = holes()
done()
""",
        own=str(tmp_path),
    )
    assert ended["names"] == [
        "own network",
        "no new privileges",
        "not dumpable",
        "no core file",
        "own folders",
        "no calls outward",
    ]
    assert ended["holes"] == []
    if ended["missing"]:
        pytest.skip(f"held, without {ended['missing']}")


def test_fences_want_no_threads_yet() -> None:
    ended = in_child(
        """
from custodes.base.errors import BugError
stop = threading.Event()
threading.Thread(target=stop.wait).start()
fences = {
    "harden": harden,
    "own_namespaces": own_namespaces,
    "folders": lambda: restrict_folders(FolderRules()),
}
for name, fence in fences.items():
    try:
        fence()
    except BugError as error:
        ended[name] = "refused"
stop.set()
done()
"""
    )
    assert ended == {"harden": "refused", "own_namespaces": "refused", "folders": "refused"}


def test_the_parent_stays_free() -> None:
    """Fences bind the process that sets them: this one has set none."""
    in_child("needs(restrict_calls())\ndone()")
    assert holes() == ("file", "TCP", "UDP", "Unix socket", "signal")


def test_reports_name_what_is_missing() -> None:
    report = FenceReport() + Fence("a", True, "x") + FenceReport((Fence("b", False, "no kernel"),))
    assert report.missing == (Fence("b", False, "no kernel"),)
    assert report.document() == [
        {"name": "a", "applied": True, "detail": "x"},
        {"name": "b", "applied": False, "detail": "no kernel"},
    ]


ALLOW, EPERM_RESULT, ENOSYS_RESULT = 0x7FFF0000, 0x50001, 0x50026


def run_filter(program: bytes, number: int, audit: int, first: int = 0) -> int:
    """The kernel's little machine, as far as the filters use it."""
    words = {0: number, 4: audit, 16: first & 0xFFFFFFFF}
    accumulator = place = 0
    while True:
        raw = program[8 * place : 8 * place + 8]
        code = int.from_bytes(raw[:2], "little")
        if_true, if_false, operand = raw[2], raw[3], int.from_bytes(raw[4:], "little")
        place += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            accumulator = words[operand]
        elif code == 0x15:
            place += if_true if accumulator == operand else if_false
        elif code == 0x35:
            place += if_true if accumulator >= operand else if_false
        elif code == 0x45:
            place += if_true if accumulator & operand else if_false
        else:
            raise AssertionError(f"unknown instruction {code:#x}")


# name: number on x86-64, on aarch64 (None: it has none)
REFUSED = {
    "openat": (257, 56),
    "open": (2, None),
    "openat2": (437, 437),
    "socket": (41, 198),
    "connect": (42, 203),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "unlinkat": (263, 35),
    "renameat2": (316, 276),
    "mount": (165, 40),
    "bpf": (321, 280),
}
ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "mmap": (9, 222),
    "futex": (202, 98),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "epoll_pwait": (281, 22),
    "clock_gettime": (228, 113),
    "getrandom": (318, 278),
    "exit_group": (231, 94),
    "madvise": (28, 233),
    "sched_yield": (24, 124),
}


@pytest.mark.parametrize(
    ("machine", "column", "audit"), [("x86_64", 0, 0xC000003E), ("aarch64", 1, 0xC00000B7)]
)
def test_filters_of_both_machines(machine: str, column: int, audit: int) -> None:
    program = filter_program(machine, 4242)
    clone, tgkill = (56, 234) if machine == "x86_64" else (220, 131)
    for name, numbers in REFUSED.items():
        number = numbers[column]
        assert number is None or run_filter(program, number, audit) == EPERM_RESULT, name
    for name, numbers in ALLOWED.items():
        assert run_filter(program, numbers[column], audit) == ALLOW, name
        assert run_filter(program, numbers[column], audit ^ 1) == EPERM_RESULT, name
        assert run_filter(program, numbers[column] | 0x40000000, audit) == EPERM_RESULT, name
    thread_flags = 0x3D0F00
    assert run_filter(program, clone, audit, thread_flags) == ALLOW
    assert run_filter(program, clone, audit, 17) == EPERM_RESULT
    assert run_filter(program, 435, audit) == ENOSYS_RESULT
    assert run_filter(program, tgkill, audit, 4242) == ALLOW
    assert run_filter(program, tgkill, audit, 1) == EPERM_RESULT


def test_an_unknown_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custodes.base.fence.calls.machine", lambda: "riscv64")
    fence = restrict_calls()
    assert not fence.applied
    assert "riscv64" in fence.detail


def test_kernels_without_a_fence_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*arguments: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("custodes.base.fence.folders.check_single_thread", lambda: None)
    monkeypatch.setattr("custodes.base.fence.folders.system_call", refuses)
    monkeypatch.setattr("custodes.base.fence.process.check_single_thread", lambda: None)
    monkeypatch.setattr("custodes.base.fence.process.library_call", refuses)
    monkeypatch.setattr("custodes.base.fence.calls.system_call", refuses)
    monkeypatch.setattr("custodes.base.fence.calls.prctl", lambda *a: 0)
    for fence in (restrict_folders(FolderRules()), own_namespaces(), restrict_calls()):
        assert not fence.applied
        assert "ENOSYS" in fence.detail


def test_harden_refuses_threads_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> None:
        raise BugError("threads")

    monkeypatch.setattr("custodes.base.fence.process.check_single_thread", refuses)
    with pytest.raises(BugError):
        harden()

"""A veiler's process from outside and inside: what it cannot do, what it does not hold, and when it does not start."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from veiling.footage import Camera, unit_frame

from custodes.base.clock import SystemClock
from custodes.services.live import Reason, masked, parse_state
from custodes.services.recorder.nursery import Nursery
from custodes.services.veiler.frames import Frame, FrameKind, FrameReader
from custodes.services.veiler.messages import (
    parse_ended,
    parse_fenced,
)

pytestmark = pytest.mark.integration
PATIENCE_S = 30.0

# What a veiler runs instead of its loop, in the fences of one: every way out is tried.
INSIDE = """
import os, socket, sys
from custodes.base.fence.report import FenceReport
from custodes.services.veiler import fenced, nursery
fences = nursery.nursery_fences()
nursery._warm(None)
told = os.dup(1)
others = os.getppid()
fenced.close_all_but(told)
report = fenced.shut_in()
from_inside = []
def tried(name, act):
    try:
        act()
        from_inside.append(name)
    except OSError:
        pass
def thread_or_process():
    if os.fork() == 0:
        os._exit(0)
tried("read", lambda: open(sys.argv[1]))
tried("write", lambda: open(sys.argv[2], "w"))
tried("code", lambda: open(fenced.__file__))
tried("null", lambda: open("/dev/null"))
tried("list", lambda: os.listdir("/"))
tried("memory of another", lambda: open(f"/proc/{others}/mem"))
tried("tcp", lambda: socket.socket())
tried("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
tried("unix", lambda: socket.socket(socket.AF_UNIX))
tried("pair", lambda: socket.socketpair())
tried("signal", lambda: os.kill(others, 0))
tried("signal to itself", lambda: os.kill(os.getpid(), 0))
tried("fork", thread_or_process)
tried("program", lambda: os.execv("/bin/true", ["true"]))
os.write(told, (",".join(from_inside) or "nothing").encode())
"""


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    nursery = Nursery()
    nursery.listen(asyncio.get_running_loop())
    async with asyncio.timeout(PATIENCE_S):
        while not nursery.is_ready:
            await asyncio.sleep(0.01)
    yield nursery
    nursery.close()


class Line:
    """The recorder's end, by hand."""

    def __init__(self, nursery: Nursery) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.ended: list[int] = []
        self.serial = nursery.begin(theirs, self.ended.append)
        self._reader = FrameReader(from_veiler=True)
        self.frames: list[Frame] = []

    async def until(self, *kinds: FrameKind) -> Frame:
        """The first frame of one of these kinds, and all before it."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for frame in self.frames:
                    if frame.kind in kinds:
                        return frame
                data = await loop.sock_recv(self.ours, 1 << 18)
                assert data, "the veiler closed its line"
                self.frames += self._reader.feed(data)

    async def died(self) -> int:
        """How it ended."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.ended:
                await asyncio.sleep(0.01)
        return self.ended[0]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_inside_nothing_works(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    child = subprocess.run(
        [sys.executable, "-c", INSIDE, str(tmp_path / "secret"), str(tmp_path / "new")],
        capture_output=True,
        timeout=60,
        check=False,
        env={"OPENBLAS_NUM_THREADS": "1"},
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout == b"nothing"
    assert not (tmp_path / "new").exists()


async def test_it_proves_its_fence_before_it_takes_a_packet(nursery: Nursery) -> None:
    line = Line(nursery)
    first = await line.until(*FrameKind)
    assert first.kind is FrameKind.FENCED
    report = parse_fenced(first.body)
    held = {fence.name for fence in report.fences if fence.applied}
    assert held >= {"no new privileges", "not dumpable", "no core file", "no calls outward"}
    assert len(report.fences) == 7


async def test_all_that_it_has_is_its_line(nursery: Nursery) -> None:
    if os.geteuid():
        pytest.skip("only root may look into a process that is not dumpable")
    line = Line(nursery)
    await line.until(FrameKind.FENCED)
    (warm,) = children(nursery.pid)
    (veiler,) = children(warm)
    targets = [str(entry.readlink()) for entry in Path(f"/proc/{veiler}/fd").iterdir()]
    assert targets.count("/dev/null") == 3
    (other,) = [target for target in targets if target != "/dev/null"]
    assert other.startswith("socket:")
    assert b"CUSTODES" not in Path(f"/proc/{veiler}/environ").read_bytes()
    status = dict(
        row.split(":", 1) for row in Path(f"/proc/{veiler}/status").read_text().splitlines() if ":" in row
    )
    assert (int(status["Threads"]), int(status["Seccomp"]), int(status["NoNewPrivs"])) == (1, 2, 1)


async def test_nothing_of_the_starting_process_is_in_its_memory() -> None:
    if os.geteuid():
        pytest.skip("only root may read the memory of a process that is not dumpable")
    secret = os.urandom(32)
    os.environ["CUSTODES_TEST_SECRET"] = secret.hex()
    nursery = Nursery()
    try:
        nursery.listen(asyncio.get_running_loop())
        async with asyncio.timeout(PATIENCE_S):
            while not nursery.is_ready:
                await asyncio.sleep(0.01)
        line = Line(nursery)
        await line.until(FrameKind.FENCED)
        (warm,) = children(nursery.pid)
        assert holds(os.getpid(), secret)
        for pid in (nursery.pid, warm, *children(warm)):
            assert holds(pid, b"custodes.services.veiler"), "its memory was not read"
            assert not holds(pid, secret)
            assert not holds(pid, secret.hex().encode())
    finally:
        del os.environ["CUSTODES_TEST_SECRET"]
        nursery.close()


def holds(pid: int, wanted: bytes) -> bool:
    """Whether the bytes are anywhere in a process's memory."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for row in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = row.split()
            if not rights.startswith("r") or row.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                if wanted in memory.read(end - start):
                    return True
            except (OSError, OverflowError, ValueError):
                continue
    return False


async def test_pictures_go_through(nursery: Nursery) -> None:
    clock, camera, line = SystemClock(), Camera(), Line(nursery)
    await line.until(FrameKind.FENCED)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(line.ours, camera.sets().encode())
    await loop.sock_sendall(line.ours, unit_frame(camera.unit(clock.boot_us()), clock.utc_us()).encode())
    await line.until(FrameKind.KEY)
    state = parse_state((await line.until(FrameKind.STATE)).body)
    assert state == masked(Reason.NO_BACKGROUND)
    line.ours.close()
    assert await line.died() == 0


async def test_one_that_is_told_nonsense_ends_and_says_so(nursery: Nursery) -> None:
    line = Line(nursery)
    await line.until(FrameKind.FENCED)
    await asyncio.get_running_loop().sock_sendall(line.ours, b"\0\0\0\x09\x07" + bytes(8))
    assert "no message" in parse_ended((await line.until(FrameKind.ENDED)).body)
    assert await line.died() == 0


async def test_one_can_be_ended(nursery: Nursery) -> None:
    line = Line(nursery)
    await line.until(FrameKind.FENCED)
    nursery.end(line.serial)
    assert await line.died() == -9


async def test_the_nursery_ends_with_its_line(nursery: Nursery) -> None:
    """As when the recorder is killed."""
    line = Line(nursery)
    await line.until(FrameKind.FENCED)
    (warm,) = children(nursery.pid)
    (veiler,) = children(warm)
    nursery.close()
    async with asyncio.timeout(PATIENCE_S):
        while any(Path(f"/proc/{pid}").exists() for pid in (nursery.pid, warm, veiler)):
            await asyncio.sleep(0.02)


WITHOUT_A_FENCE = """
import socket, sys
from custodes.base.fence.report import Fence, FenceReport
from custodes.services.veiler import fenced
# As on a kernel without seccomp.
fenced.restrict_calls = lambda: Fence("no calls outward", False, "the kernel refuses seccomp")
fenced.close_all_but = lambda kept: None
with socket.socket(fileno=int(sys.argv[1])) as line:
    fenced.run_veiler(line, FenceReport(), lambda: (None, None))
"""


def test_without_a_fence_it_does_not_start() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_A_FENCE, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env={"OPENBLAS_NUM_THREADS": "1"},
        )
    ours.settimeout(PATIENCE_S)
    camera = Camera()
    ours.sendall(camera.sets().encode() + unit_frame(camera.unit(1), 1).encode())
    data = b""
    while more := _received(ours):
        data += more
    assert child.wait(PATIENCE_S) == 0
    (frame,) = FrameReader(from_veiler=True).feed(data)
    assert frame.kind is FrameKind.ENDED
    reason = parse_ended(frame.body)
    assert "lets through" in reason
    assert "Unix socket" in reason
    assert "seccomp" in reason


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(1 << 16)
    except ConnectionResetError:
        # It ended with what it was sent unread.
        return b""

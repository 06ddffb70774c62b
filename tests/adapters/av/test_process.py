"""FFmpeg's process: it may crash, hang or be fed noise, and shows nobody the password."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streaming.live import LiveServer, live_server, make_clip

from custodes.adapters.av.client import run_av_session
from custodes.adapters.rtsp.connection import SilentError
from custodes.adapters.rtsp.model import CameraSource, SessionLimits
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError, UnauthenticatedError, UnavailableError

CLOCK = SystemClock()
SHORT = SessionLimits(connect_s=2.0, silence_s=2.0)
READER = "custodes.adapters.av.child"


@pytest.fixture
def live() -> Iterator[LiveServer]:
    with live_server() as server:
        yield server


def readers() -> list[int]:
    """Processes that run FFmpeg for this one."""
    found = []
    for children in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in children.read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if READER.encode() in command:
                found.append(int(pid))
    return found


async def begun(sink: Any) -> None:
    async with asyncio.timeout(30):
        while not sink.units:
            await asyncio.sleep(0.01)


def hashes(sink: Any) -> list[bytes]:
    return [hashlib.sha256(unit.data).digest() for unit in sink.units]


async def test_a_live_stream_comes_as_it_is_sent(live: LiveServer, sink: Any) -> None:
    with pytest.raises(UnavailableError, match="broke off"):
        await run_av_session(CameraSource(live.url("live")), sink, CLOCK)
    assert hashes(sink) == list(make_clip().pictures)
    stamps = [unit.boot_us for unit in sink.units]
    assert stamps == sorted(stamps)
    # What FFmpeg reads to know the format comes at once, the rest at its pace.
    assert stamps[-1] - stamps[0] > 6_000_000
    assert readers() == []


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
async def test_a_crash_ends_the_session_alone(live: LiveServer, sink: Any, number: int) -> None:
    task = asyncio.create_task(run_av_session(CameraSource(live.url("live")), sink, CLOCK))
    await begun(sink)
    (pid,) = readers()
    os.kill(pid, number)
    with pytest.raises(InvalidError, match=f"ended by itself .signal {int(number)}."):
        await task
    assert readers() == []


async def test_a_hang_is_given_up(live: LiveServer, sink: Any) -> None:
    task = asyncio.create_task(run_av_session(CameraSource(live.url("live")), sink, CLOCK, limits=SHORT))
    await begun(sink)
    (pid,) = readers()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(SilentError, match="nothing came"):
        await task
    assert readers() == []


async def test_a_process_that_is_asked_to_end_goes_on_while_it_is_needed(live: LiveServer, sink: Any) -> None:
    task = asyncio.create_task(run_av_session(CameraSource(live.url("live")), sink, CLOCK))
    await begun(sink)
    (pid,) = readers()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert (status["NoNewPrivs"], status.get("Seccomp", "2")) == ("1", "2")
    os.kill(pid, signal.SIGTERM)
    count = len(sink.units)
    async with asyncio.timeout(30):
        while len(sink.units) < count + 10:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert readers() == []


async def test_a_source_that_falls_silent(live: LiveServer, sink: Any) -> None:
    with pytest.raises(SilentError):
        await run_av_session(CameraSource(live.url("stall")), sink, CLOCK, limits=SHORT)
    # FFmpeg keeps the last picture of a transport stream until the next begins.
    assert hashes(sink) == list(make_clip().pictures[: len(sink.units)])
    assert len(sink.units) >= 48


async def test_a_source_that_breaks_off(live: LiveServer, sink: Any) -> None:
    with pytest.raises(UnavailableError, match="broke off"):
        await run_av_session(CameraSource(live.url("drop")), sink, CLOCK, limits=SHORT)
    assert hashes(sink) == list(make_clip().pictures[:50])


async def test_noise_in_the_stream(live: LiveServer, sink: Any) -> None:
    task = asyncio.create_task(run_av_session(CameraSource(live.url("garbage")), sink, CLOCK, limits=SHORT))
    await begun(sink)
    await asyncio.wait({task}, timeout=8)
    task.cancel()
    await asyncio.wait({task})
    assert hashes(sink)[:48] == list(make_clip().pictures[:48])
    assert readers() == []


@pytest.mark.parametrize("path", ["text", "mpeg4"])
async def test_what_is_not_recorded(live: LiveServer, sink: Any, path: str) -> None:
    with pytest.raises(InvalidError):
        await run_av_session(CameraSource(live.url(path)), sink, CLOCK, limits=SHORT)
    assert sink.items == []


async def test_the_password_is_in_no_command_line(live: LiveServer, sink: Any) -> None:
    live.password = "canary/1 &"
    source = CameraSource(live.url("silent"), "admin", live.password)
    task = asyncio.create_task(run_av_session(source, sink, CLOCK, limits=SHORT))
    async with asyncio.timeout(30):
        while "/silent" not in live.paths:
            await asyncio.sleep(0.01)
    (pid,) = readers()
    assert b"canary" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    # It is not dumpable: of all users only root may look.
    with contextlib.suppress(PermissionError):
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    task.cancel()
    await asyncio.wait({task})
    with pytest.raises(UnauthenticatedError) as refused:
        await run_av_session(CameraSource(live.url("live"), "admin", "canary/2"), sink, CLOCK, limits=SHORT)
    assert "canary" not in str(refused.value)


async def test_a_password_that_belongs_into_the_address(live: LiveServer, sink: Any) -> None:
    source = CameraSource(live.url("drop?user=admin&pwd={password}"), "admin", "p&w d")
    with pytest.raises(UnavailableError, match="broke off"):
        await run_av_session(source, sink, CLOCK, limits=SHORT)
    assert live.paths == {"/drop?user=admin&pwd=p%26w%20d": 1}


FENCED = """
import asyncio, json, sys
from pathlib import Path
from custodes.base.fence.folders import FolderRules, python_folders, python_program, restrict_folders
from custodes.base.fence.process import harden
url, may_run, loop = json.loads(sys.argv[1])
system = [path for path in map(Path, ("/etc", "/usr/share")) if path.exists()]
harden()
fence = restrict_folders(
    FolderRules(
        read=[*python_folders(), *system],
        write=[Path("/dev/null")],
        run=python_program() if may_run else (),
    )
)
if loop == "uvloop":
    import uvloop
    run = uvloop.run
else:
    run = asyncio.run
from custodes.adapters.av.client import run_av_session
from custodes.adapters.rtsp.model import CameraSource
from custodes.base.clock import SystemClock
from custodes.base.errors import CustodesError
class Sink:
    units = 0
    def on_access_unit(self, unit): self.units += 1
    def on_parameter_sets(self, sets): pass
    def on_notice(self, notice): pass
sink = Sink()
try:
    run(run_av_session(CameraSource(url), sink, SystemClock()))
    print(json.dumps([fence.applied, sink.units, ""]))
except CustodesError as error:
    print(json.dumps([fence.applied, sink.units, str(error)]))
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("may_run", [True, False])
def test_behind_the_recorders_fences(live: LiveServer, loop: str, may_run: bool) -> None:
    given = json.dumps([live.url("drop"), may_run, loop])
    done = subprocess.run([sys.executable, "-c", FENCED, given], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    applied, units, error = json.loads(done.stdout)
    if may_run or not applied:
        assert (units, error) == (50, "the source broke off")
    else:
        assert (units, error) == (0, "FFmpeg's process cannot be started: Permission denied")

"""A running network that can be hurt: processes killed, folders taken away, everything compared afterwards."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from bench.killing import pid_of

from custodes.base.errors import UnavailableError
from custodes.cli.demo.findings import all_gaps
from custodes.cli.demo.network import DemoNetwork, try_custodes
from custodes.custody.frames import reader_of
from custodes.custody.reel_reader import scan
from custodes.services.ledger_view import LedgerView

PERIODS = "slot=5s,slots=4,reel=10s"
RECORDING_WITHIN_S = 60.0
# What the page shows may be that old.
STALE_S = 2.5
# Objects of these folders are written once; only retention, which no test here reaches, may remove one.
WRITTEN_ONCE = ("streams", "accounts", "cases")


class RunningNetwork(DemoNetwork):
    """The demo's network with short periods."""

    def wait_recording(self, within_s: float = RECORDING_WITHIN_S) -> None:
        """Wait until the page, by news of now, shows every camera recorded."""
        time.sleep(STALE_S)
        self.wait_for("recording", self.all_recording, within_s)

    def wait_alarm(self, *words: str, within_s: float = 30.0) -> str:
        """Wait for an alarm on the page that has all of these words; the alarm."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = [alarm for alarm in self.alarms() if all(word in alarm for word in words)]
            return bool(found)

        try:
            self.wait_for(f"an alarm with {words}", is_there, within_s)
        except UnavailableError as error:
            raise UnavailableError(f"{error}; alarms now: {self.alarms()}") from error
        return found[0]

    def wait_quiet(self, within_s: float = 60.0) -> None:
        """Wait until the page shows no alarm any more."""
        try:
            self.wait_for("no alarm", lambda: not self.alarms(), within_s)
        except UnavailableError as error:
            raise UnavailableError(f"{error}; alarms now: {self.alarms()}") from error

    def alarms(self) -> list[str]:
        """The alarms on the page."""
        return list(self.status()["alarms"])

    def pid(self, what: str) -> int:
        """The process of that name, once there is one."""
        found: list[int] = []

        def is_there() -> bool:
            # Looked for once: between two looks it may end by itself, and another not be there yet.
            found.extend(pid for pid in (pid_of(self, what),) if pid is not None)
            return bool(found)

        self.wait_for(f"a process {what}", is_there, 30)
        return found[0]

    def kill(self, what: str) -> int:
        """kill -9 of a process, once there is one of that name; when that was (UTC)."""
        pid = self.pid(what)
        killed_us = time.time_ns() // 1000
        os.kill(pid, signal.SIGKILL)
        return killed_us

    def veiling(self, generation: int) -> list[psutil.Process]:
        """What lives of the recorder's descendants: 1 the nursery, 2 its warm parent, 3 the veilers."""
        found = [psutil.Process(self.pid("recorder"))]
        for _ in range(generation):
            found = [child for parent in found for child in parent.children()]
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]

    def wait_veiling(self, generation: int, other_than: psutil.Process | None = None) -> psutil.Process:
        """Wait for a process of that generation, and for another one than this."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            with suppress(psutil.NoSuchProcess):
                found[:] = [process for process in self.veiling(generation) if process != other_than]
            return bool(found)

        self.wait_for(f"a process of veiling, generation {generation}", is_there, 60)
        return found[0]

    def kill_all(self) -> int:
        """kill -9 of the supervisor and, as it can start none again, of all that it had started."""
        assert self.server is not None
        children = psutil.Process(self.server.pid).children(recursive=True)
        killed_us = time.time_ns() // 1000
        self.server.kill()
        for child in children:
            child.kill()
        self.server.wait()
        psutil.wait_procs(children, 10)
        self.server = None
        return killed_us

    def wait_within_envelope(self) -> None:
        """Wait until an envelope has begun, has a durable chunk, and is some seconds from its end."""
        self.wait_for("an envelope that is half written", self._is_within_envelope, 30)

    def _is_within_envelope(self) -> bool:
        for reel in self.folder.spool.rglob("*.open"):
            data = reel.read_bytes()
            found = scan(reader_of(data), len(data)).envelopes
            if found and found[-1].is_cut and found[-1].chunks <= 2:
                return True
        return False

    def verify(self) -> str:
        """What the independent checker says. Fails unless it finds nothing wrong."""
        code, words = try_custodes("verify", self.folder.store, "--network", self.id.hex())
        assert code == 0, words
        return words

    def check(self) -> str:
        """What `custodes check` says of every byte. Fails where anything is damaged."""
        code, words = try_custodes("check", self.folder.root)
        assert code == 0 and "nothing is damaged" in words, words
        return words

    def gap_reasons(self) -> set[str]:
        """The reasons of all gaps in accounts."""
        return {gap["reason"] for gap in all_gaps(self)}


@contextmanager
def served(network: RunningNetwork) -> Iterator[None]:
    """The network runs while the block does, and records when the block begins."""
    network.start()
    try:
        network.wait_for("recording", network.all_recording, RECORDING_WITHIN_S)
        yield
    finally:
        network.stop()


class Kept:
    """What a network had at one moment: its objects that are written once, and its ledger."""

    def __init__(self, network: RunningNetwork) -> None:
        self._network = network
        view = _view(network)
        self.size, self.root = view.state.size, view.state.tree.root(view.state.size)
        self.objects = _objects(network.folder.store)

    def check(self) -> None:
        """Fails where something of then is gone or another, or where the ledger does not go on from then."""
        now = _objects(self._network.folder.store)
        gone = sorted(self.objects.keys() - now.keys())
        changed = sorted(path for path in self.objects.keys() & now.keys() if self.objects[path] != now[path])
        assert not gone and not changed, f"gone: {gone}; changed: {changed}"
        state = _view(self._network).state
        assert state.size >= self.size and state.tree.root(self.size) == self.root


def _view(network: RunningNetwork) -> LedgerView:
    view = LedgerView(network.id, lambda path: (network.folder.store / path).read_bytes())
    view.refresh()
    return view


def _objects(store: Path) -> dict[str, str]:
    files = [path for folder in WRITTEN_ONCE for path in sorted((store / folder).rglob("*"))]
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }

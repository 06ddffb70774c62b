"""What a busy machine withholds from a process: two seconds in which it was let run are not two seconds of the clock.

A recorder promises what it loses in time that it could use. The kernel counts how long each of its threads stood
ready and was not run; a file flushed beside it shows how long the disk made everybody wait. Where the kernel does
not count, nothing is withheld, and the promise is measured by the clock alone.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

SAMPLE_S = 0.1
# What flushing a few bytes may take on an idle machine.
IDLE_FLUSH_US = 20_000


@dataclass(frozen=True)
class _Sample:
    at_us: int
    withheld_us: int


class Pace:
    """Samples one process after the other in a thread while the block runs. `file`: on the disk in question."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._pid = 0
        self._waited_us: dict[tuple[int, str], int] = {}
        self._flushes_us = 0
        self._samples: list[_Sample] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pace", daemon=True)

    def __enter__(self) -> Pace:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def watch(self, pid: int) -> None:
        """From now on this process."""
        self._pid = pid
        self.sample()

    def sample(self) -> None:
        """Look now; done before a process is killed, as afterwards nothing of it can be asked."""
        with self._lock:
            for task in (Path("/proc") / str(self._pid) / "task").glob("*/schedstat"):
                with suppress(OSError):
                    waited_us = int(task.read_text("ascii").split()[1]) // 1000
                    self._waited_us[(self._pid, task.parent.name)] = waited_us
            withheld_us = self._flushes_us + sum(self._waited_us.values())
            self._samples.append(_Sample(time.time_ns() // 1000, withheld_us))

    def usable_s(self, from_us: int, to_us: int) -> float:
        """The time between two instants (UTC), less what was withheld by the samples between them. Units: seconds."""
        within = [one.withheld_us for one in self._samples if from_us <= one.at_us <= to_us]
        withheld_us = within[-1] - within[0] if within else 0
        return (to_us - from_us - withheld_us) / 1e6

    def _run(self) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while not self._stop.wait(SAMPLE_S):
                began_s = time.monotonic()
                os.pwrite(descriptor, b"%d" % time.time_ns(), 0)
                os.fdatasync(descriptor)
                took_us = int((time.monotonic() - began_s) * 1e6)
                self._flushes_us += max(0, took_us - IDLE_FLUSH_US)
                self.sample()
        finally:
            os.close(descriptor)

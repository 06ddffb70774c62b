"""Entering a ledger durably, starting on it and verifying it, as it grows from 10,000 to 1,000,000 entries.

Peers of the same run: SQLite committing the same entries in the same batches (synchronous FULL), and Ed25519
verification alone in as many processes as there are cores.
"""

from __future__ import annotations

import gc
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.rows import Row
from bench.town_years import TownYears
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.canon import canon
from custodes.base.clock import ManualClock
from custodes.base.keys import Signed, SigningKey, verify_signature
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.sequencer import Sequencer

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 256
WINDOW = 5_120
SIGNATURES = 20_000
_VERIFY = (
    "import sys; from custodes_verify.main import main; sys.exit(main(sys.argv[2:], now_us=int(sys.argv[1])))"
)


def rows(largest: int = SIZES[-1]) -> list[Row]:
    """A row for each size and act; about ten minutes for all, one for 100,000."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("CUSTODES_BENCH_DIR")) as folder:
        return _Growing(Path(folder)).rows([size for size in SIZES if size <= largest])


class _Growing:
    """A ledger that grows to each size in turn; the window before a size is what is timed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._years = TownYears()
        town = self._years.town
        self._clock = ManualClock(town.now_us)
        self._store = LocalObjectStore.create(root / "store")
        self._keys = town.log, town.keeper.signing
        self._sequencer = self._open("database")
        self._hours = self._years.hours()
        self._submit([self._years.genesis()])
        self._submit(self._years.founding())
        self._peer = sqlite3.connect(root / "peer.sqlite", isolation_level=None)
        self._peer.execute("pragma journal_mode = wal")
        self._peer.execute("pragma synchronous = full")
        self._peer.execute("create table entry (number integer primary key, bytes blob not null)")

    def rows(self, sizes: list[int]) -> list[Row]:
        found: list[Row] = []
        ed25519 = _ed25519_a_second()
        for size in sizes:
            print(f"ledger: to {size:,} entries", file=sys.stderr, flush=True)
            while self._sequencer.state.size < size - WINDOW:
                self._hour()
            count, seconds, peer_s = self._timed_until(size)
            found.append(
                Row(f"ledger append, durable, at {size:,}", "entries/s", count / seconds, "SQLite, same batches",
                    count / peer_s, peer_s / seconds)
            )  # fmt: skip
            found += self._measures(size, ed25519)
        return found

    def _timed_until(self, size: int) -> tuple[int, float, float]:
        """Entries, seconds of the sequencer, seconds of SQLite."""
        count, seconds, peer_s = 0, 0.0, 0.0
        while self._sequencer.state.size < size:
            at_us, statements = next(self._hours)
            self._clock.advance(at_us - self._clock.utc_us())
            for batch in _batches(statements):
                began = time.perf_counter()
                self._submit(batch)
                done = time.perf_counter()
                self._append_to_peer(batch)
                count, seconds = count + len(batch), seconds + done - began
                peer_s += time.perf_counter() - done
        return count, seconds, peer_s

    def _measures(self, size: int, ed25519: float) -> list[Row]:
        entries = self._sequencer.state.size
        whole_s = self._start_s(False)
        start_s = self._start_s(True)
        replayed = self._sequencer.recovered.replayed
        began = time.perf_counter()
        # A program of its own, as its users have it: its processes would else load this benchmark first.
        arguments = [str(self._root / "store"), "--network", self._years.town.network.hex(), "--no-deep"]
        command = [sys.executable, "-c", _VERIFY, str(self._clock.utc_us()), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        rate = entries / (time.perf_counter() - began)
        if done.returncode:
            raise RuntimeError(f"verify exits {done.returncode}: {(done.stdout + done.stderr)[:500]}")
        log_bytes = sum(
            file.stat().st_size for file in (self._root / "store" / "log").rglob("*") if file.is_file()
        )
        whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        peak_mb = max(resource.getrusage(who).ru_maxrss for who in whose) / 1024
        return [
            Row(
                f"ledger verify, at {size:,}",
                "entries/s",
                rate,
                "Ed25519 alone, all cores",
                ed25519,
                rate / ed25519,
            ),
            Row(f"keeper's start, {replayed:,} replayed of {size:,}", "s", start_s),
            Row(f"keeper's start, all replayed, at {size:,}", "s", whole_s),
            Row(f"ledger on disk, at {size:,}", "bytes/entry", log_bytes / entries),
            Row(f"larger peak memory of keeper and verifier, at {size:,}", "MiB", peak_mb),
        ]

    def _start_s(self, with_kept: bool) -> float:
        """Seconds of a start as a keeper's process makes it: nothing of an earlier state lies in memory."""
        del self._sequencer
        gc.collect()
        began = time.perf_counter()
        self._sequencer = self._open("database", with_kept)
        return time.perf_counter() - began

    def _hour(self) -> None:
        at_us, statements = next(self._hours)
        self._clock.advance(at_us - self._clock.utc_us())
        for batch in _batches(statements):
            self._submit(batch)
        self._sequencer.tend()

    def _submit(self, statements: list[Signed]) -> None:
        refused = [one for one in self._sequencer.submit(statements) if not isinstance(one, int)]
        if refused:
            raise RuntimeError(f"the ledger refuses: {refused[0]}")

    def _append_to_peer(self, statements: list[Signed]) -> None:
        self._peer.execute("begin")
        self._peer.executemany(
            "insert into entry (bytes) values (?)", [(canon(one.to_json()),) for one in statements]
        )
        self._peer.execute("commit")

    def _open(self, name: str, with_kept: bool = True) -> Sequencer:
        database = Database.open_file(self._root / f"{name}.sqlite")
        kept = LedgerSnapshot(self._root / "kept", self._years.town.network, self._keys[1])
        return Sequencer.open(
            self._store, SqlOutbox(database), *self._keys, self._clock, kept=kept if with_kept else None
        )


def _batches(statements: list[Signed]) -> list[list[Signed]]:
    return [statements[at : at + BATCH] for at in range(0, len(statements), BATCH)]


def _verify_many(count: int) -> None:
    key = SigningKey(bytes(32))
    message = bytes(500)
    signature = key.sign(message)
    for _ in range(count):
        verify_signature(key.public, signature, message)


def _ed25519_a_second() -> float:
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(_verify_many, [1] * cores))
        began = time.perf_counter()
        list(pool.map(_verify_many, [SIGNATURES // cores] * cores))
        return SIGNATURES / (time.perf_counter() - began)


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]):
        print(row)

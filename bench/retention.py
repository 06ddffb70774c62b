"""Forgetting 50,000 due reels, against unlinking as many files and flushing their folders.

The reels are small files: what is measured is keys, entries, names and rows, which do not depend on their size.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.rows import Row

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from keeping.keeper import TownKeeper
from town.people import digest, make_id

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.sql.rows import CatalogueReel
from custodes.base.canon import b64u, unb64u
from custodes.base.clock import HOUR_US
from custodes.base.errors import CustodesError
from custodes.custody.paths import reel_path
from custodes.services.keeper.fetching import shred_id

REELS = 50_000
REELS_AN_EPOCH = 12
POOL_KEYS = 256
REEL_BYTES = 4096


def rows(reels: int = REELS) -> list[Row]:
    """One pass over all of it; the folder lies where temporary files do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = LocalObjectStore.create(root / "store")
        keeper = TownKeeper(root, store)
        epochs = reels // REELS_AN_EPOCH
        paths = _enter(keeper, epochs)
        _write(root / "store", paths)
        peer_s = _unlink(root / "peer", [path for path in paths if path.endswith(".reel")])
        keeper.advance(80 * HOUR_US)
        before_kib = _peak_kib()
        waits, ended = _Waits(root / "store", store.volume_id), threading.Event()
        thread = threading.Thread(target=waits.run, args=(ended,))
        thread.start()
        began = time.perf_counter()
        passes = keeper.retention()
        report = asyncio.run(passes.run_once(limit_s=3600.0))
        seconds = time.perf_counter() - began
        ended.set()
        thread.join()
        assert report.deleted.reels == epochs * REELS_AN_EPOCH
        assert report.due == 0
        keeper.close()
        deleted = report.deleted.reels
        mine, peer = deleted / seconds, deleted / peer_s
        return [
            Row("due reels forgotten", "reels/s", mine, "unlink and flush the folder", peer, mine / peer),
            Row("memory for it", "MiB", (_peak_kib() - before_kib) / 1024),
            Row("longest wait of one who stores meanwhile", "ms", 1000 * max(waits.seconds)),
        ]


class _Waits:
    """Stores a small object every 20 ms, as recorders do, and keeps how long each took."""

    def __init__(self, root: Path, volume_id: bytes) -> None:
        self._store = LocalObjectStore.open(root, volume_id)
        self.seconds: list[float] = [0.0]

    def run(self, ended: threading.Event) -> None:
        while not ended.wait(0.02):
            began = time.perf_counter()
            self._store.put(f"accounts/{'0' * 32}/{len(self.seconds):012d}", b"account")
            self.seconds.append(time.perf_counter() - began)


def _enter(keeper: TownKeeper, epochs: int) -> list[str]:
    """Pools, keys, epochs and rows; the paths of all objects."""
    town = keeper.town
    paths: list[str] = []
    for start in range(0, epochs, POOL_KEYS):
        pool = make_id(f"pool/{start}")
        town.admit("pool", pool=b64u(pool), count=POOL_KEYS, root=b64u(digest(f"root/{start}")))
        count = min(POOL_KEYS, epochs - start)
        keeper.keystore.put_many([(shred_id(pool, index), os.urandom(32)) for index in range(count)])
        statements = [town.make("epoch", header=_changes(pool, start, index)) for index in range(count)]
        answers = keeper.ledger.sequencer.submit(statements)
        assert not any(isinstance(answer, CustodesError) for answer in answers)
        with keeper.database.writing() as connection:
            for statement in statements:
                for reel in _reels(statement.body["header"]["epoch"], town.now_us, town.stream):
                    keeper.catalogue.add_reel(connection, reel)
                    paths.append(reel.path)
                paths.append(f"{reel.path.rpartition('/')[0]}/shares")
    return paths


def _changes(pool: bytes, start: int, index: int) -> dict[str, Any]:
    epoch = make_id(f"bench/{start}/{index}")
    return {"epoch": b64u(epoch), "shred": {"index": index, "key": b64u(epoch), "pool": b64u(pool)}}


def _reels(epoch: str, utc0_us: int, stream: bytes) -> list[CatalogueReel]:
    id_ = unb64u(epoch)
    first = CatalogueReel(
        epoch=id_,
        number=0,
        stream=stream,
        path="",
        size_bytes=REEL_BYTES,
        first_sequence=0,
        count=75,
        begins_us=utc0_us,
        ends_us=utc0_us,
        rows=bytes(20 * 75),
    )
    return [
        replace(first, number=number, path=reel_path(stream, utc0_us, id_, number))
        for number in range(REELS_AN_EPOCH)
    ]


def _write(root: Path, paths: list[str]) -> None:
    data = bytes(REEL_BYTES)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    os.sync()


def _unlink(root: Path, paths: list[str]) -> float:
    """Seconds to remove as many files, each flushed, in folders alike."""
    _write(root, paths)
    began = time.perf_counter()
    for path in paths:
        (root / path).unlink()
        fd = os.open((root / path).parent, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    return time.perf_counter() - began


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else REELS):
        print(row)

"""A local store keeps, through any power cut, all that it said was stored."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.spool.powercut import PowerCutFiles
from custodes.base.errors import ConflictError

Objects = dict[str, bytes]
PATHS = st.sampled_from(["a", "f/a", "f/b", "f/g/h/a"])
DATA = st.sampled_from([b"", b"one", b"two" * 400])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PATHS, DATA),
        st.tuples(st.just("swap"), PATHS, DATA),
        st.tuples(st.just("adopt"), PATHS, DATA),
        st.tuples(st.just("delete"), PATHS, st.just(b"")),
        st.tuples(st.just("open"), st.just(""), st.just(b"")),
    ),
    min_size=1,
    max_size=8,
)


class Run:
    """Acts on a store on a forgetful disk: before and after each, the moment and what is stored."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self.files = PowerCutFiles(disk)
        self.files.mkdir(disk / "spool")
        self.files.fsync_folder(disk)
        self.store = LocalObjectStore.create(disk / "store", self.files)
        self.objects: Objects = {}
        self.history: list[tuple[int, Objects, Objects]] = [(self.files.moment, {}, {})]
        self.spooled: list[tuple[int, int, str, bytes]] = []

    def act(self, name: str, path: str, data: bytes) -> None:
        if name == "open":
            self.store.close()
            self.store = LocalObjectStore.open(self.disk / "store", self.store.volume_id, self.files)
            return
        file = self.spool(data) if name == "adopt" else None
        before = dict(self.objects)
        start = self.files.moment
        after = dict(before)
        try:
            if name == "put":
                self.store.put(path, data)
            elif name == "swap":
                self.store.swap(path, data, before.get(path))
            elif name == "delete":
                self.store.delete(path)
            elif file is not None:
                self.store.adopt(file, path)
            after.pop(path, None)
            if name != "delete":
                after[path] = data
        except ConflictError:
            assert name in ("put", "adopt")
            assert before[path] != data
        self.objects = after
        self.history.append((start, before, after))
        if file is not None:
            self.spooled.append((start, self.files.moment, file.name, data))
        self.history.append((self.files.moment, after, after))

    def spool(self, data: bytes) -> Path:
        file = self.disk / "spool" / f"reel{len(self.spooled)}"
        fd = self.files.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        self.files.pwritev(fd, [data], 0)
        self.files.fdatasync(fd)
        self.files.close(fd)
        self.files.fsync_folder(file.parent)
        return file

    def allowed(self, moment: int) -> tuple[Objects, Objects]:
        """What may be stored after a cut: what was before or after the act that it fell into."""
        _, before, after = [step for step in self.history if step[0] <= moment][-1]
        return before, after


def chooser(kind: int, seed: int) -> Callable[[int], int]:
    source = Random(seed)
    return [lambda _: 0, lambda n: n - 1, source.randrange, source.randrange][kind]


@settings(max_examples=60, deadline=None)
@given(acts=ACTS, cuts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32)), min_size=8, max_size=8))
def test_what_a_store_said_was_stored_is_there(
    acts: list[tuple[str, str, bytes]], cuts: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "disk").mkdir()
        run = Run(Path(folder) / "disk")
        for act in acts:
            run.act(*act)
        run.store.close()
        first = run.history[0][0]
        for moment in {moment for moment, before, after in run.history if before == after}:
            check_cut(run, moment, Path(folder) / "cut", chooser(0, 0))
        for kind, seed in cuts:
            moment = first + Random(seed).randrange(run.files.moment - first + 1)
            check_cut(run, moment, Path(folder) / "cut", chooser(kind, seed))


def check_cut(run: Run, moment: int, target: Path, choose: Callable[[int], int]) -> None:
    target.mkdir()
    run.files.cut(moment, target, choose)
    store = LocalObjectStore.open(target / "store", run.store.volume_id)
    found = {path: store.get(path) for path in store.list("")}
    assert found in run.allowed(moment)
    for start, end, name, data in run.spooled:
        if start <= moment < end:
            # In the middle of being adopted: here, there, or both; never lost.
            kept = target / "spool" / name
            assert data in found.values() or kept.read_bytes() == data
    # The store is as good as new.
    store.swap("after/the/cut", b"x", None)
    store.close()
    shutil.rmtree(target)

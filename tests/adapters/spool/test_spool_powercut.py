"""The spool keeps, through any power cut, all that it ever called durable."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.adapters.spool.powercut import PowerCutFiles
from custodes.adapters.spool.spool import SpoolFile, SpoolVolume
from custodes.adapters.spool.volume import create_mark

# Which file, how many bytes, and what then: go on, let the threads run, wait until flushed.
ACTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 2000), st.sampled_from(["on", "run", "flush"])),
    min_size=1,
    max_size=15,
)
CUTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32)), min_size=10, max_size=10)
PATHS = ["a/1/reel", "a/2/reel", "b/reel", "reel"]


class Run:
    """Appends to a spool on a forgetful disk, and what was called durable from which moment on."""

    def __init__(self, disk: Path) -> None:
        self.files = PowerCutFiles(disk)
        self.root = disk / "spool"
        self.volume_id = create_mark(self.root, self.files)
        self.sent = [b""] * len(PATHS)
        self.promises: list[tuple[int, int, int]] = []

    async def play(self, acts: list[tuple[int, int, str]]) -> None:
        loop = asyncio.get_running_loop()
        volume = SpoolVolume(self.root, self.volume_id, loop, files=self.files, flush_s=0.002)
        opened: dict[int, SpoolFile] = {}
        for number, size, then in acts:
            file = opened.get(number) or opened.setdefault(number, volume.open(PATHS[number]))
            data = Random(size).randbytes(size)
            file.append(data)
            self.sent[number] += data
            if then == "flush":
                await file.flush_now()
                self.promises.append((self.files.moment, number, len(self.sent[number])))
            elif then == "run":
                await asyncio.sleep(0.001)
            self.note(opened)
        for number, file in opened.items():
            file.finish(partial(self.promise_all, number))
        await volume.close(60)
        await asyncio.sleep(0)
        assert {number for _, number, length in self.promises if length == len(self.sent[number])} >= set(
            opened
        )

    def note(self, opened: dict[int, SpoolFile]) -> None:
        for number, file in opened.items():
            length = len(self.sent[number]) - file.queued_bytes
            self.promises.append((self.files.moment, number, length))

    def promise_all(self, number: int, path: Path) -> None:
        self.promises.append((self.files.moment, number, len(self.sent[number])))


def chooser(kind: int, seed: int) -> Callable[[int], int]:
    source = Random(seed)
    return [lambda _: 0, lambda n: n - 1, source.randrange, source.randrange][kind]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@settings(max_examples=20, deadline=None)
@given(acts=ACTS, cuts=CUTS)
def test_what_the_spool_called_durable_is_there(
    acts: list[tuple[int, int, str]], cuts: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "disk").mkdir()
        run = Run(Path(folder) / "disk")
        asyncio.run(run.play(acts))
        for moment in {moment for moment, _, _ in run.promises}:
            check_cut(run, moment, Path(folder) / "cut", chooser(0, 0))
        for kind, seed in cuts:
            moment = Random(seed).randrange(run.files.moment + 1)
            check_cut(run, moment, Path(folder) / "cut", chooser(kind, seed))


def check_cut(run: Run, moment: int, target: Path, choose: Callable[[int], int]) -> None:
    target.mkdir()
    run.files.cut(moment, target, choose)
    for at, number, length in run.promises:
        if at <= moment and length:
            left = (target / "spool" / PATHS[number]).read_bytes()
            assert left[:length] == run.sent[number][:length]
    shutil.rmtree(target)

"""Two copies and any power cut: no promised key is lost, no destroyed key comes back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.adapters.keystore.copy import FILE_NAME
from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.spool.powercut import PowerCutFiles

ACTS = st.lists(
    st.tuples(st.sampled_from(["put", "destroy", "open"]), st.integers(0, 5)), min_size=1, max_size=10
)
CUTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32)), min_size=6, max_size=6)


def seed(number: int) -> bytes:
    return Random(number + 1000).randbytes(32)


def key_id(number: int) -> bytes:
    return Random(number).randbytes(16)


class Run:
    """Acts on a store on a forgetful disk, with what was promised from each moment on."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self.files = PowerCutFiles(disk)
        for folder in self.folders(disk):
            self.files.mkdir(folder)
        self.files.fsync_folder(disk)
        self.store = KeyStore.create(self.folders(disk), 1, self.files)
        self.first = self.files.moment
        self.next = 0
        self.kept: list[tuple[int, int]] = []
        self.touched: list[tuple[int, int]] = []
        self.gone: list[tuple[int, int]] = []

    @staticmethod
    def folders(disk: Path) -> tuple[Path, Path]:
        return disk / "one", disk / "two"

    def act(self, name: str, number: int) -> None:
        start = self.files.moment
        if name == "open":
            self.store.close()
            self.store = KeyStore.open(self.folders(self.disk), lambda _: False, self.files)
        elif name == "put":
            numbers = range(self.next, self.next + 1 + number % 3)
            self.next = numbers.stop
            self.store.put_many([(key_id(number), seed(number)) for number in numbers])
            self.kept += [(self.files.moment, number) for number in numbers]
        elif number < self.next:
            self.store.destroy([key_id(number)])
            self.touched.append((start, number))
            self.gone.append((self.files.moment, number))

    def upto(self, moment: int, log: list[tuple[int, int]]) -> set[int]:
        return {number for at, number in log if at <= moment}


def chooser(kind: int, number: int) -> Callable[[int], int]:
    source = Random(number)
    return [lambda _: 0, lambda n: n - 1, source.randrange, source.randrange][kind]


@settings(max_examples=25, deadline=None)
@given(acts=ACTS, cuts=CUTS)
def test_keys_through_a_power_cut(acts: list[tuple[str, int]], cuts: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "disk").mkdir()
        run = Run(Path(folder) / "disk")
        for act in acts:
            run.act(*act)
        run.store.close()
        for moment in {moment for moment, _ in run.kept + run.gone}:
            check_cut(run, moment, Path(folder) / "cut", chooser(0, 0))
        for kind, number in cuts:
            moment = run.first + Random(number).randrange(run.files.moment - run.first + 1)
            check_cut(run, moment, Path(folder) / "cut", chooser(kind, number))


def check_cut(run: Run, moment: int, target: Path, choose: Callable[[int], int]) -> None:
    target.mkdir()
    run.files.cut(moment, target, choose)
    gone = run.upto(moment, run.gone)
    copies = [(folder / FILE_NAME).read_bytes() for folder in run.folders(target)]
    assert not any(seed(number) in copy for number in gone for copy in copies)

    store = KeyStore.open(run.folders(target), lambda _: False)
    found = store.ids()
    assert found >= {key_id(number) for number in run.upto(moment, run.kept) - run.upto(moment, run.touched)}
    assert not found & {key_id(number) for number in gone}
    for number in range(run.next):
        if key_id(number) in found:
            assert store.get(key_id(number)) == seed(number)
    # A destruction that the cut fell into is repeated, and then holds.
    touched = run.upto(moment, run.touched)
    store.destroy([key_id(number) for number in touched])
    copies = [(folder / FILE_NAME).read_bytes() for folder in run.folders(target)]
    for number in touched:
        assert not any(seed(number)[at : at + 8] in copy for at in range(0, 32, 8) for copy in copies)
    store.close()
    shutil.rmtree(target)

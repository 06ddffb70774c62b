"""Key memory: cells, wiping in place, locks, dumps, forks."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from custodes.base.errors import BugError, ExhaustedError, InvalidError
from custodes.base.fence.memory import CELL_BYTES, KeyArena, KeyCell, swap_areas, swap_fence


def test_a_cell_is_zero_then_random_then_zero_in_place() -> None:
    arena = KeyArena()
    cell = arena.allocate()
    view = memoryview(cell.view)  # outlives the wipe, to look at the place itself
    assert bytes(view) == bytes(CELL_BYTES)
    cell.randomize()
    assert bytes(view) != bytes(CELL_BYTES)
    cell.wipe()
    assert bytes(view) == bytes(CELL_BYTES)
    assert cell.wiped
    with pytest.raises(BugError):
        cell.view  # noqa: B018
    with pytest.raises(BugError):
        cell.randomize()


def test_wiping_twice_frees_once() -> None:
    arena = KeyArena()
    free = arena.free_cells
    cell = arena.allocate()
    assert arena.free_cells == free - 1
    cell.wipe()
    cell.wipe()
    assert arena.free_cells == free
    one, other = arena.allocate(), arena.allocate()
    one.view[:] = b"1" * CELL_BYTES
    other.view[:] = b"2" * CELL_BYTES
    assert bytes(one.view) == b"1" * CELL_BYTES


def test_an_arena_is_whole_pages_and_ends() -> None:
    arena = KeyArena(1)
    assert arena.free_cells == mmap.PAGESIZE // CELL_BYTES
    cells = [arena.allocate() for _ in range(arena.free_cells)]
    with pytest.raises(ExhaustedError, match=str(len(cells))):
        arena.allocate()
    cells[5].wipe()
    assert bytes(arena.allocate().view) == bytes(CELL_BYTES)
    with pytest.raises(InvalidError):
        KeyArena(0)


def test_the_default_holds_200_streams_for_three_slots() -> None:
    assert KeyArena().free_cells * CELL_BYTES == 64 << 10
    assert KeyArena().free_cells >= 3 * 200


def test_a_block_wipes_at_its_end() -> None:
    arena = KeyArena()
    with pytest.raises(ValueError, match="inside"), arena.allocate() as cell:
        cell.randomize()
        view = memoryview(cell.view)
        raise ValueError("inside")
    assert cell.wiped
    assert bytes(view) == bytes(CELL_BYTES)


def test_closing_wipes_cells_in_use() -> None:
    arena = KeyArena()
    cell = arena.allocate()
    cell.randomize()
    arena.close()
    arena.close()
    assert bytes(cell.view) == bytes(CELL_BYTES)
    cell.wipe()
    with pytest.raises(BugError):
        arena.allocate()


class Cells(RuleBasedStateMachine):
    """No two cells share bytes, whatever the order of allocating and wiping."""

    def __init__(self) -> None:
        super().__init__()
        self.arena = KeyArena(1)
        self.all = self.arena.free_cells
        self.live: dict[KeyCell, bytes] = {}

    @rule(key=st.binary(min_size=CELL_BYTES, max_size=CELL_BYTES))
    def allocate(self, key: bytes) -> None:
        if self.arena.free_cells:
            cell = self.arena.allocate()
            assert bytes(cell.view) == bytes(CELL_BYTES)
            cell.view[:] = key
            self.live[cell] = key

    @rule(choice=st.integers(0, 1000))
    def wipe(self, choice: int) -> None:
        if self.live:
            cell = list(self.live)[choice % len(self.live)]
            del self.live[cell]
            cell.wipe()

    @invariant()
    def keys_are_untouched(self) -> None:
        assert all(bytes(cell.view) == key for cell, key in self.live.items())
        assert self.arena.free_cells == self.all - len(self.live)


TestCells = Cells.TestCase
TestCells.settings = settings(max_examples=30, deadline=None)


def flags_of(address: int) -> set[str]:
    """VmFlags of the mapping that holds an address, as the kernel tells them."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            start, end = (int(part, 16) for part in first.split("-"))
            inside = start <= address < end
        elif inside and first == "VmFlags:":
            return set(line.split()[1:])
    raise AssertionError("no such mapping")


def test_the_kernel_knows_the_memory_as_locked_and_left_out() -> None:
    arena = KeyArena()
    for fence in arena.fences:
        if not fence.applied:
            pytest.skip(f"{fence.name}: {fence.detail}")
    flags = flags_of(arena._address)
    assert {"lo", "dd", "wf"} <= flags


def test_children_see_zeros() -> None:
    script = """
import os
from custodes.base.fence.memory import KeyArena
arena = KeyArena()
cell = arena.allocate()
cell.view[:] = b"k" * 32
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, bytes(cell.view))
    os._exit(0)
os.wait()
assert os.read(reading, 32) == bytes(32), "the child saw the key"
assert bytes(cell.view) == b"k" * 32
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_low_limit_is_named_and_the_arena_works() -> None:
    script = """
import os, resource
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
if os.geteuid() == 0:
    os.setuid(65534)  # root may lock whatever the limit
from custodes.base.fence.memory import KeyArena
locked = [fence for fence in KeyArena().fences if fence.name == "keys locked in memory"]
assert not locked[0].applied, locked
assert "RLIMIT_MEMLOCK" in locked[0].detail, locked
"""
    # Imported before the change of user, who may not be able to read the packages.
    prelude = "import custodes.base.fence.memory\n"
    subprocess.run([sys.executable, "-c", prelude + script], check=True, timeout=60)


def test_swap_areas(tmp_path: Path) -> None:
    table = tmp_path / "swaps"
    assert swap_areas(table) == ()
    head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    table.write_text(head)
    assert swap_areas(table) == ()
    table.write_text(head + "/dev/sda2  partition 8388604 0 -2\n/swapfile file 10 0 -3\n")
    assert swap_areas(table) == ("/dev/sda2", "/swapfile")
    assert swap_fence().applied == (not swap_areas())

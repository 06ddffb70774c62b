"""Memory for keys: locked, left out of dumps and of children, wiped in place.

Copies that libraries make of what is read from it are not reached; that remains.
"""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path
from threading import Lock
from types import TracebackType

from custodes.base.errors import BugError, ExhaustedError, InvalidError
from custodes.base.fence.report import Fence
from custodes.base.fence.system import library_call, reason

CELL_BYTES = 32
DEFAULT_CELLS = 2048
_WIPE_ON_FORK = 18
_ZEROS = bytes(CELL_BYTES)


class KeyCell:
    """One key's place. `view` is its 32 bytes, to be read and written in place, and not kept."""

    __slots__ = ("_address", "_arena", "_index", "_view")

    def __init__(self, arena: KeyArena, index: int, view: memoryview, address: int) -> None:
        self._arena = arena
        self._index = index
        self._view: memoryview | None = view
        self._address = address

    @property
    def view(self) -> memoryview:
        """The key's bytes. Shape: 32 bytes, writable. Errors: BugError after `wipe`."""
        if self._view is None:
            raise BugError("a wiped key was used")
        return self._view

    @property
    def wiped(self) -> bool:
        """Whether the key is gone."""
        return self._view is None

    def randomize(self) -> None:
        """Fill from the kernel's generator, without a copy elsewhere."""
        if self._view is None:
            raise BugError("a wiped key was used")
        if (
            library_call("getrandom", ctypes.c_void_p(self._address), ctypes.c_size_t(CELL_BYTES), 0)
            != CELL_BYTES
        ):
            raise BugError("the kernel gave fewer random bytes than asked")

    def wipe(self) -> None:
        """Overwrite with zeros and give the place back; again is no error."""
        view, self._view = self._view, None
        if view is not None:
            view[:] = _ZEROS
            view.release()
            self._arena.take_back(self._index)

    def __enter__(self) -> KeyCell:
        """The cell, wiped at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()


class KeyArena:
    """The keys of one process, in cells of 32 bytes. Cost: 32 bytes a cell, rounded up to pages."""

    def __init__(self, cells: int = DEFAULT_CELLS) -> None:
        if cells < 1:
            raise InvalidError(f"an arena has one cell at least, got {cells}")
        pages = -(-cells * CELL_BYTES // mmap.PAGESIZE)
        self._size = pages * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, self._size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._view = memoryview(self._memory)
        anchor = ctypes.c_char.from_buffer(self._memory)
        self._address = ctypes.addressof(anchor)
        del anchor
        self._free = list(range(self._size // CELL_BYTES - 1, -1, -1))
        self._cells = len(self._free)
        self._lock = Lock()
        self._closed = False
        self._fences = (self._leave_out(), self._lock_in())

    @property
    def fences(self) -> tuple[Fence, ...]:
        """Whether the memory is out of dumps and locked, for health."""
        return self._fences

    @property
    def free_cells(self) -> int:
        """How many keys still fit."""
        return len(self._free)

    def allocate(self) -> KeyCell:
        """A cell of zeros. Errors: ExhaustedError when all are in use."""
        with self._lock:
            if self._closed:
                raise BugError("a closed key arena was used")
            if not self._free:
                raise ExhaustedError(f"all {self._cells} key cells are in use")
            index = self._free.pop()
            start = index * CELL_BYTES
            return KeyCell(self, index, self._view[start : start + CELL_BYTES], self._address + start)

    def take_back(self, index: int) -> None:
        """Called by a cell that wiped itself."""
        with self._lock:
            if not self._closed:
                self._free.append(index)

    def close(self) -> None:
        """Wipe everything, cells in use too; the memory goes back when the last cell does."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._free.clear()
            self._view[:] = bytes(self._size)
            self._view.release()

    def _leave_out(self) -> Fence:
        name = "keys outside dumps"
        try:
            self._memory.madvise(mmap.MADV_DONTDUMP)
            self._memory.madvise(_WIPE_ON_FORK)
        except OSError as error:
            return Fence(name, False, f"the kernel refuses ({reason(error)})")
        return Fence(name, True, "in no core file, and zeros in child processes")

    def _lock_in(self) -> Fence:
        name = "keys locked in memory"
        try:
            library_call("mlock", ctypes.c_void_p(self._address), ctypes.c_size_t(self._size))
        except OSError as error:
            return Fence(
                name, False, f"mlock of {self._size} bytes: {reason(error)}; RLIMIT_MEMLOCK may be too low"
            )
        return Fence(name, True, f"{self._size} bytes")


def swap_areas(table: Path = Path("/proc/swaps")) -> tuple[str, ...]:
    """Files and devices that memory may be written out to; what is not locked may land there."""
    if not table.exists():
        return ()
    return tuple(line.split()[0] for line in table.read_text().splitlines()[1:] if line.strip())


def swap_fence() -> Fence:
    """Whether this machine writes memory out, for health: amber when it does."""
    areas = swap_areas()
    if areas:
        return Fence("no swap", False, f"memory may be written to {', '.join(areas)}")
    return Fence("no swap", True, "memory is written to no disk")

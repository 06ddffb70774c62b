"""The keys of one epoch's slots in the process's locked memory."""

from __future__ import annotations

from custodes.base.fence.memory import KeyArena, KeyCell


class ArenaCells:
    """Cells of an arena, one a slot; each is wiped and given back on its own."""

    def __init__(self, arena: KeyArena, count: int) -> None:
        """Errors: ExhaustedError when the arena has not that many; none is held then."""
        self._cells: list[KeyCell] = []
        try:
            for _ in range(count):
                self._cells.append(arena.allocate())
        except BaseException:
            self.wipe_before(len(self._cells))
            raise

    def __len__(self) -> int:
        """How many slots there are."""
        return len(self._cells)

    def __getitem__(self, slot: int, /) -> memoryview:
        """The key of a slot, in place. Errors: BugError once wiped."""
        return self._cells[slot].view

    def wipe_before(self, slot: int) -> None:
        """Wipe the keys of all slots before this one; again is no error."""
        for cell in self._cells[:slot]:
            cell.wipe()

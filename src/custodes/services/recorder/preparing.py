"""Making an epoch durable before its first chunk: share set, then state with the Epoch entry in it.

In the registrar's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from custodes.base.errors import CustodesError, RefusedError
from custodes.base.fence.memory import KeyArena
from custodes.base.ports import ObjectStore
from custodes.custody.epoch import SealedEpoch, make_epoch
from custodes.custody.key_choice import choose_keys
from custodes.custody.paths import epoch_folder, share_set_path
from custodes.services.recorder.accounting import Ledgerbook
from custodes.services.recorder.cells import ArenaCells
from custodes.services.recorder.epochs import Epoch, plan_epoch
from custodes.services.recorder.pools import take_key
from custodes.services.recorder.settings import RecorderSettings, StreamAssignment
from custodes.services.recorder.state import EpochState


@dataclass(frozen=True, slots=True)
class EpochWish:
    """Which epoch is to be made, by the settings of that moment."""

    settings: RecorderSettings
    assignment: StreamAssignment
    boot0_us: int
    utc0_us: int
    slots: int


@dataclass(slots=True)
class _Made:
    """Keys that are sealed, in cells, and the pools as they are then."""

    sealed: SealedEpoch
    cells: ArenaCells
    pools: dict[bytes, int]


@dataclass
class EpochMaker:
    """Makes epochs, one after the other."""

    book: Ledgerbook
    store: ObjectStore
    arena: KeyArena
    _sizes: dict[bytes, int] = field(default_factory=dict)

    def job(self, wish: EpochWish) -> EpochJob:
        """A job that a registrar can repeat: its keys are made once."""
        return EpochJob(self, wish)

    def make(self, wish: EpochWish) -> _Made:
        """Keys, shares and header. Errors: RefusedError, whatever hinders."""
        settings, assignment = wish.settings, wish.assignment
        try:
            shred, pools = take_key(settings.pools, self._known(settings))
            choice = choose_keys(settings.custodian_keys, settings.indices, settings.quorum, wish.utc0_us)
            keys = {index: term.key for index, term in choice.keys.items()}
            run = self.book.state.run
            plan = plan_epoch(settings, assignment, run, wish.utc0_us, wish.slots, keys, shred)
            cells = ArenaCells(self.arena, wish.slots)
        except CustodesError as error:
            # Not for the registrar to repeat: what hinders is not the disk, and others wait behind.
            raise RefusedError(f"no epoch can be made: {error}") from error
        try:
            return _Made(make_epoch(plan, cells), cells, pools)
        except CustodesError:
            cells.wipe_before(wish.slots)
            raise

    def store_epoch(self, wish: EpochWish, made: _Made) -> Epoch:
        """Make it durable. Errors: UnavailableError and others of the store; can be repeated."""
        header = made.sealed.header
        self.store.put(share_set_path(header.stream, header.utc0_us, header.epoch), made.sealed.share_set)
        folder = epoch_folder(header.stream, header.utc0_us, header.epoch)
        opened = EpochState(header.stream, folder, 0, header.hash)
        self.book.register_epoch(header.epoch, opened, made.pools, made.sealed.entry_body())
        return Epoch(made.sealed, made.cells, wish.boot0_us, folder)

    def _known(self, settings: RecorderSettings) -> dict[bytes, int]:
        """How many keys of each pool are taken; pools used up that the keeper no longer names are forgotten."""
        self._sizes.update((pool, len(keys)) for pool, keys in settings.pools.items())
        return {
            pool: taken
            for pool, taken in self.book.state.pools.items()
            if pool in settings.pools or taken < self._sizes.get(pool, taken + 1)
        }


class EpochJob:
    """One epoch in the making."""

    def __init__(self, maker: EpochMaker, wish: EpochWish) -> None:
        self._maker = maker
        self._wish = wish
        self._made: _Made | None = None

    def __call__(self) -> Epoch:
        """Make it, or go on where the last call failed."""
        if self._made is None:
            self._made = self._maker.make(self._wish)
        return self._maker.store_epoch(self._wish, self._made)

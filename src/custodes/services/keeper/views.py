"""Recorded renditions in the catalogue, and which of them the original no longer keeps.

A rendition is kept as long as anything of its camera's original can be opened that was recorded while it was.
Source: docs/design/0016-recorded-rendition.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import structlog

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.renditions import SqlRenditions
from custodes.adapters.sql.rows import CatalogueEpoch, CatalogueRendition
from custodes.base.clock import HOUR_US, Clock
from custodes.base.errors import CustodesError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.custody.renditions import Rendition
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.holds import Hold
from custodes.ledger.rules.state import LedgerState
from custodes.services.keeper.deletion import Deleted
from custodes.services.keeper.ledger_thread import LedgerThread

_PAGE = 500
_LOG = structlog.get_logger("retention")

# Of an epoch that full holds keep, its held slots. Blocks.
HeldSlots: TypeAlias = Callable[[bytes, Sequence[Hold]], Collection[int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """An epoch that can still be opened: the whole of it, or what `holds` keep of it where there are any."""

    epoch: bytes
    from_us: int
    to_us: int
    slot_us: int
    holds: tuple[Hold, ...]

    def keeps(self, start_us: int, end_us: int, held: Mapping[bytes, Collection[int] | None]) -> bool:
        """Whether it was recorded while that was; `held`: slots by epoch, None where they are not known."""
        if not (start_us < self.to_us and end_us > self.from_us):
            return False
        slots = held.get(self.epoch) if self.holds else None
        if slots is None:
            return True
        begins = ((self.from_us + slot * self.slot_us) for slot in slots)
        return any(start_us < begin_us + self.slot_us and end_us > begin_us for begin_us in begins)


def catalogue_rendition(rendition: Rendition, camera: bytes) -> CatalogueRendition:
    """A catalogue's row of a stated rendition."""
    return CatalogueRendition(
        stream=rendition.stream,
        start_us=rendition.start_us,
        end_us=rendition.end_us,
        camera=camera,
        size_bytes=rendition.size_bytes,
        hash=rendition.hash,
    )


def check_rendition(store: ObjectStore, rendition: Rendition) -> None:
    """Errors: NotFoundError where it is not in the store; UnverifiedError where it has another size."""
    size = store.size(rendition.path)
    if size != rendition.size_bytes:
        raise UnverifiedError(f"{rendition.path} has {size} bytes, {rendition.size_bytes} are announced")


def kept_of_camera(state: LedgerState, camera: bytes, from_us: int, to_us: int) -> list[Kept]:
    """The epochs of a camera's streams that can be opened and were recorded in that time."""
    known = state.facts.cameras.get(camera)
    streams = known.described.streams if known is not None else ()
    longest_us = state.genesis.periods.epoch_us
    return [
        _kept(state, epoch)
        for stream in streams
        for epoch in state.facts.epochs.of_stream(stream.id, from_us, to_us, longest_us)
    ]


def _kept(state: LedgerState, epoch: Epoch) -> Kept:
    slot_us = state.genesis.periods.slot_us
    holds = tuple(state.holds_of(epoch.id)) if epoch.shredded else ()
    return Kept(epoch.id, epoch.utc0_us, epoch.utc0_us + epoch.slots * slot_us, slot_us, holds)


def old_before_us(state: LedgerState, camera: bytes, now_us: int) -> int | None:
    """Before when the camera's longest retention is over in any case; None for a camera that is not known."""
    known = state.facts.cameras.get(camera)
    if known is None:
        return None
    kept_us = max((retention_us for _, retention_us in known.retentions), default=known.retention_us)
    return now_us - kept_us - state.genesis.periods.epoch_us - HOUR_US


class ViewRetention:
    """Removes renditions whose original is gone. Each step can be repeated; objects go before their rows."""

    def __init__(
        self,
        store: ObjectStore,
        renditions: SqlRenditions,
        database: Database,
        ledger: LedgerThread,
        clock: Clock,
        held_slots: HeldSlots,
    ) -> None:
        self._store = store
        self._database = database
        self._renditions = renditions
        self._ledger = ledger
        self._clock = clock
        self._held_slots = held_slots

    async def after_epochs(self, epochs: Sequence[CatalogueEpoch]) -> Deleted:
        """What those epochs kept alone, now that nothing opens them, or no more than their held slots."""
        slot_us = await self._ledger.ask(lambda state: state.genesis.periods.slot_us)
        deleted = Deleted()
        for epoch in epochs:
            to_us = epoch.utc0_us + epoch.slots * slot_us
            deleted += await self._forget(epoch.camera, epoch.utc0_us, to_us)
        return deleted

    async def old(self) -> Deleted:
        """What is older than any retention allows and no hold keeps, whether there ever was an original or not."""
        now_us = self._clock.utc_us()
        deleted = Deleted()
        for camera in await asyncio.to_thread(self._renditions.cameras):
            before_us = await self._ledger.ask(partial(old_before_us, camera=camera, now_us=now_us))
            if before_us is not None and before_us > 0:
                deleted += await self._forget(camera, 0, before_us)
        return deleted

    async def _forget(self, camera: bytes, from_us: int, to_us: int) -> Deleted:
        deleted = Deleted()
        after: tuple[int, bytes] = (-1, b"")
        while True:
            page = await asyncio.to_thread(self._renditions.between, camera, from_us, to_us, _PAGE, after)
            if not page:
                return deleted
            after = (page[-1].start_us, page[-1].stream)
            due = await self._due(camera, page)
            if due:
                deleted += await asyncio.to_thread(self._delete, due)

    async def _due(self, camera: bytes, page: Sequence[CatalogueRendition]) -> list[CatalogueRendition]:
        from_us, to_us = page[0].start_us, max(one.end_us for one in page)
        kept = await self._ledger.ask(partial(kept_of_camera, camera=camera, from_us=from_us, to_us=to_us))
        held = {one.epoch: await self._slots(one) for one in kept if one.holds}
        return [one for one in page if not any(epoch.keeps(one.start_us, one.end_us, held) for epoch in kept)]

    async def _slots(self, kept: Kept) -> Collection[int] | None:
        try:
            return await asyncio.to_thread(self._held_slots, kept.epoch, kept.holds)
        except CustodesError as error:
            _LOG.warning("what is held is not known, its rendition stays", reason=str(error))
            return None

    def _delete(self, renditions: Sequence[CatalogueRendition]) -> Deleted:
        for one in renditions:
            self._store.delete(one.path)
        with self._database.writing() as connection:
            self._renditions.remove(connection, renditions)
        return Deleted(renditions=len(renditions), size_bytes=sum(one.size_bytes for one in renditions))

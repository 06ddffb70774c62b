"""An epoch being recorded, and how its successor is made ready before it begins.

All that must be on disk before an epoch's first chunk is written by the registrar: share set, recorder
state, Epoch entry, in that order.
"""

from __future__ import annotations

from dataclasses import dataclass

from custodes.base.ids import new_id
from custodes.base.sealing import PublicSealingKey
from custodes.custody.epoch import EpochPlan, SealedEpoch
from custodes.custody.header import deadline_us
from custodes.services.recorder.cells import ArenaCells
from custodes.services.recorder.pools import TakenKey
from custodes.services.recorder.settings import RecorderSettings, StreamAssignment

KEY_GRACE_US = 10_000_000


@dataclass(slots=True)
class Epoch:
    """An epoch whose share set is durable; `boot0_us` is when its slot 0 begins."""

    sealed: SealedEpoch
    cells: ArenaCells
    boot0_us: int
    folder: str
    wiped: int = 0

    @property
    def id(self) -> bytes:
        """The epoch's id."""
        return self.sealed.header.epoch

    @property
    def end_us(self) -> int:
        """When its last slot ends (boot time)."""
        return self.boot0_us + self.sealed.header.slots * self.sealed.header.slot_us

    def utc_us(self, boot_us: int) -> int:
        """UTC by the epoch's own reckoning."""
        return self.sealed.header.utc0_us + boot_us - self.boot0_us

    def wipe_before(self, slot: int) -> None:
        """Wipe the keys of all slots before this one."""
        if slot > self.wiped:
            self.cells.wipe_before(slot)
            self.wiped = slot

    def wipe_due(self, boot_us: int) -> None:
        """Wipe the keys of slots that ended ten seconds ago."""
        elapsed_us = boot_us - self.boot0_us - KEY_GRACE_US
        self.wipe_before(min(len(self.cells), max(0, elapsed_us // self.sealed.header.slot_us)))

    @property
    def first_open_us(self) -> int:
        """Elapsed time from which on slots still have their keys."""
        return self.wiped * self.sealed.header.slot_us

    def wipe_all(self) -> None:
        """Nothing more is sealed in this epoch."""
        self.wipe_before(len(self.cells))


def plan_epoch(
    settings: RecorderSettings,
    assignment: StreamAssignment,
    run: int,
    utc0_us: int,
    slots: int,
    keys: dict[int, PublicSealingKey],
    shred: TakenKey,
) -> EpochPlan:
    """What is settled of an epoch before its keys are made."""
    periods = settings.periods
    return EpochPlan(
        network=settings.network,
        assurance=assignment.assurance,
        camera=assignment.camera,
        stream=assignment.stream,
        recorder=settings.recorder,
        epoch=new_id(),
        run=run,
        utc0_us=utc0_us,
        slot_us=periods.slot_us,
        slots=slots,
        quorum=settings.quorum,
        roster=settings.roster,
        deadline_us=deadline_us(utc0_us, periods.slot_us, periods.slots_per_epoch, assignment.retention_us),
        custodians=keys,
        shred_pool=shred.pool,
        shred_index=shred.index,
        shred_key=shred.key,
    )


def first_slots(stream: bytes, slots_per_epoch: int) -> int:
    """How many slots a stream's first epoch after a start has: epochs then begin spread over the hour."""
    return 1 + int.from_bytes(stream[:4], "big") % slots_per_epoch

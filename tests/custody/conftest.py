"""An epoch with its custodians, for the tests of sealing."""

import os
from dataclasses import dataclass, replace

import pytest

from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.custody.epoch import EpochPlan, SealedEpoch, make_epoch
from custodes.custody.slots import new_cells


@dataclass(frozen=True)
class MadeEpoch:
    """An epoch, the keys in its cells, and who can open it."""

    plan: EpochPlan
    sealed: SealedEpoch
    cells: list[memoryview]
    custodians: dict[int, SealingKey]
    shred: SealingKey


CUSTODIANS = {index: SealingKey(bytes([index]) * 32) for index in (1, 2, 4, 5)}
SHRED = SealingKey(b"\x77" * 32)


def _make(slots: int = 5, **changes: object) -> MadeEpoch:
    plan = EpochPlan(
        network=b"N" * 32,
        assurance="full",
        camera=b"C" * 16,
        stream=b"S" * 16,
        recorder=b"R" * 16,
        epoch=os.urandom(16),
        run=3,
        utc0_us=1_800_000_000_000_000,
        slot_us=60_000_000,
        slots=slots,
        quorum=3,
        roster=b"r" * 32,
        deadline_us=1_800_300_000_000_000,
        custodians={index: PublicSealingKey(key.public) for index, key in CUSTODIANS.items()},
        shred_pool=b"P" * 16,
        shred_index=9,
        shred_key=PublicSealingKey(SHRED.public),
    )
    cells = new_cells(slots)
    plan = replace(plan, **changes)  # type: ignore[arg-type]
    return MadeEpoch(plan, make_epoch(plan, cells), cells, CUSTODIANS, SHRED)


@pytest.fixture
def make_test_epoch():
    """A maker of epochs of so many slots, with changes of the plan."""
    return _make


@pytest.fixture(scope="module")
def made() -> MadeEpoch:
    """One epoch of five slots, shared by a module's tests."""
    return _make()

"""Two epochs and a request for some of their slots."""

import os
from dataclasses import dataclass

import pytest

from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.request import RequestFile, Shown
from custodes.cases.scope import EpochSlots, Scope
from custodes.custody.epoch import EpochPlan, make_epoch
from custodes.custody.header import Header
from custodes.custody.share_set import ShareSet, open_message, parse_share_set, unwrap
from custodes.custody.slots import new_cells

NETWORK, START_US = b"N" * 32, 1_800_000_000_000_000
CUSTODIANS = {index: SealingKey(bytes([index]) * 32) for index in (1, 2, 3)}
SHRED = SealingKey(b"\x77" * 32)
OPENING, RECIPIENT = SealingKey(b"\x80" * 32), SealingKey(b"\x81" * 32)
STREAMS = (b"A" * 16, b"B" * 16)


@dataclass(frozen=True)
class Footage:
    """Two epochs of four slots: their share sets, headers, keys, and each custodian's opened shares."""

    share_sets: dict[bytes, ShareSet]
    headers: dict[bytes, Header]
    keys: dict[bytes, list[bytes]]
    shares: dict[int, dict[bytes, tuple[bytes, ...]]]
    epochs: tuple[bytes, bytes]


@dataclass(frozen=True, repr=False)
class Case:
    """Footage and the request for it: two slots of each stream, and one of run-in."""

    footage: Footage
    file: RequestFile
    custodians: dict[int, SealingKey]
    opening: SealingKey
    recipient: SealingKey


def _make_footage() -> Footage:
    share_sets, keys, epochs = {}, {}, []
    shares: dict[int, dict[bytes, tuple[bytes, ...]]] = {index: {} for index in CUSTODIANS}
    for stream in STREAMS:
        epoch, cells = os.urandom(16), new_cells(4)
        plan = EpochPlan(
            network=NETWORK,
            assurance="full",
            camera=b"C" * 16,
            stream=stream,
            recorder=b"R" * 16,
            epoch=epoch,
            run=1,
            utc0_us=START_US,
            slot_us=60_000_000,
            slots=4,
            quorum=2,
            roster=b"r" * 32,
            deadline_us=START_US + 1,
            custodians={index: PublicSealingKey(key.public) for index, key in CUSTODIANS.items()},
            shred_pool=b"P" * 16,
            shred_index=0,
            shred_key=PublicSealingKey(SHRED.public),
        )
        share_set = parse_share_set(make_epoch(plan, cells).share_set)
        share_sets[epoch] = share_set
        keys[epoch] = [bytes(cell) for cell in cells]
        epochs.append(epoch)
        for index, message in unwrap(share_set, SHRED).items():
            shares[index][epoch] = open_message(share_set.header, index, message, CUSTODIANS[index])
    headers = {epoch: share_set.header for epoch, share_set in share_sets.items()}
    return Footage(share_sets, headers, keys, shares, (epochs[0], epochs[1]))


@pytest.fixture(scope="session")
def case() -> Case:
    """The case that the tests of a session share."""
    footage = _make_footage()
    file = RequestFile(
        network=NETWORK,
        case=b"c" * 16,
        roster=b"r" * 32,
        kind="incident",
        legal_basis="§ 1",
        necessity="A theft was reported.",
        recipient_name="Investigator 7",
        recipient_key=RECIPIENT.public,
        opening_key=OPENING.public,
        created_us=START_US,
        expiry_us=START_US + 86_400_000_000,
        decisions_needed=2,
        scope=Scope(
            (
                EpochSlots(STREAMS[0], footage.epochs[0], (1, 2)),
                EpochSlots(STREAMS[1], footage.epochs[1], (2, 3)),
            )
        ),
        run_in=Scope((EpochSlots(STREAMS[0], footage.epochs[0], (0,)),)),
        shown=(Shown("North gate", STREAMS[0], START_US, START_US + 60_000_000),),
        salt=b"s" * 32,
    )
    return Case(footage, file, CUSTODIANS, OPENING, RECIPIENT)

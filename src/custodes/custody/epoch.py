"""Making an epoch: its keys, their shares, its header and its share set, before its first minute begins.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u
from custodes.base.errors import InvalidError
from custodes.base.sealing import PublicSealingKey
from custodes.custody.header import Header, SealedTo, ShredKey
from custodes.custody.shamir import Random, split
from custodes.custody.share_set import ShareSet, pack_messages, share_info, share_set_hash, shred_info
from custodes.custody.slots import SLOT_KEY_BYTES, KeyCells, commitments_of, fill_cells, share_tree, wipe
from custodes.estate.model import Assurance
from custodes.ledger import merkle


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """What is settled of an epoch before its keys are made; `custodians` by index."""

    network: bytes
    assurance: Assurance
    camera: bytes
    stream: bytes
    recorder: bytes
    epoch: bytes
    run: int
    utc0_us: int
    slot_us: int
    slots: int
    quorum: int
    roster: bytes
    deadline_us: int
    custodians: Mapping[int, PublicSealingKey]
    shred_pool: bytes
    shred_index: int
    shred_key: PublicSealingKey


@dataclass(frozen=True, slots=True)
class SealedEpoch:
    """An epoch whose keys are sealed; the keys themselves are in the cells that were given."""

    header: Header
    share_set: bytes
    share_set_hash: bytes
    commitments: tuple[bytes, ...]

    def entry_body(self) -> dict[str, Any]:
        """The body of its Epoch entry, which the recorder signs."""
        return {
            "header": self.header.to_json(),
            "network": b64u(self.header.network),
            "set": b64u(self.share_set_hash),
        }


def make_epoch(plan: EpochPlan, cells: KeyCells, random: Random = os.urandom) -> SealedEpoch:
    """Fill the cells with the slots' keys and seal a share of each to every custodian.

    Cost: 60 slots to 5 custodians take about 2 ms and 26 kB.
    Errors: InvalidError when the plan breaks a limit or there is not a cell a slot.
    """
    if len(cells) != plan.slots:
        raise InvalidError(f"an epoch of {plan.slots} slots needs as many cells, got {len(cells)}")
    fill_cells(cells, random)
    joined = bytearray().join(cells[slot] for slot in range(plan.slots))
    shares = split(joined, plan.quorum, sorted(plan.custodians), random)
    wipe(joined)
    commitments = commitments_of(plan.epoch, cells)
    header = _header(plan, shares, merkle.root(commitments))
    messages = {
        index: plan.custodians[index].seal(share, share_info(header, index))
        for index, share in shares.items()
    }
    sealed = plan.shred_key.seal(pack_messages(messages), shred_info(header))
    data = ShareSet(header, commitments, sealed).encode()
    return SealedEpoch(header, data, share_set_hash(data), commitments)


def _header(plan: EpochPlan, shares: Mapping[int, bytes], slot_root: bytes) -> Header:
    return Header(
        network=plan.network,
        assurance=plan.assurance,
        camera=plan.camera,
        stream=plan.stream,
        recorder=plan.recorder,
        epoch=plan.epoch,
        run=plan.run,
        utc0_us=plan.utc0_us,
        slot_us=plan.slot_us,
        slots=plan.slots,
        quorum=plan.quorum,
        roster=plan.roster,
        custodians=tuple(
            SealedTo(index, plan.custodians[index].id, _share_root(plan.epoch, index, share))
            for index, share in shares.items()
        ),
        shred=ShredKey(plan.shred_index, plan.shred_key.id, plan.shred_pool),
        deadline_us=plan.deadline_us,
        slot_root=slot_root,
    )


def _share_root(epoch: bytes, index: int, shares: bytes) -> bytes:
    slots = range(0, len(shares), SLOT_KEY_BYTES)
    return share_tree(epoch, index, [shares[start : start + SLOT_KEY_BYTES] for start in slots]).root

"""An epoch of real envelopes: small pictures, sealed to the town's custodians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from town.ledger import Town

from custodes.base.sealing import PublicSealingKey
from custodes.custody.accounts import Account, AccountChain, AccountLeaf, Closed, Cut, Manifest
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.epoch import EpochPlan, make_epoch
from custodes.custody.header import Header
from custodes.custody.paths import epoch_folder, reel_path
from custodes.custody.reel import ReelWriter
from custodes.custody.segment import SegmentHeader
from custodes.custody.slots import new_cells
from custodes.media.packets import Codec, ParameterSets

SETS = ParameterSets(Codec.H264, (), (b"\x67s",), (b"\x68p",))
SEGMENT_US = 5_000_000


@dataclass(frozen=True)
class Footage:
    """An epoch as its recorder has it. `cut`: whether the last envelope lacks its last chunk."""

    header: Header
    share_set: bytes
    share_set_hash: bytes
    reels: dict[str, bytes]
    hashes: tuple[bytes, ...]
    cut: Cut | None

    @property
    def folder(self) -> str:
        """Where it lies in the store."""
        return epoch_folder(self.header.stream, self.header.utc0_us, self.header.epoch)

    def account(
        self, head: bytes, number: int, run: int, minute_us: int, close: bool, restart: bool
    ) -> tuple[Account, Manifest]:
        """A statement of all of its envelopes."""
        header = self.header
        chain = AccountChain(header.network, header.recorder, run, number, head)
        leaves = [AccountLeaf(header.stream, header.epoch, at, hash_) for at, hash_ in enumerate(self.hashes)]
        last = self.hashes[-1] if self.hashes else header.hash
        closed = [Closed(header.epoch, len(self.hashes), last)] if close else []
        cuts = [self.cut] if self.cut else []
        account, manifest, _ = chain.next(minute_us, leaves, (), cuts, closed, run + 1 if restart else None)
        return account, manifest


def make_footage(
    town: Town, epoch: bytes, key: int, reels: int, envelopes: int, cut: bool = False, **changes: Any
) -> Footage:
    """So many reels of so many envelopes each, from the town's now on."""
    shred = town.pool_keys[key]
    slots = int(changes.pop("slots", 4))
    retention_us = town.state.camera(town.camera).retention_us
    slot_us = town.periods["slot_us"]
    plan: dict[str, Any] = {
        "network": town.network,
        "assurance": "full",
        "camera": town.camera,
        "stream": town.stream,
        "recorder": town.recorder_id,
        "epoch": epoch,
        "run": 1,
        "utc0_us": town.now_us,
        "slot_us": slot_us,
        "slots": slots,
        "quorum": town.quorum,
        "roster": town.state.roster.hash,
        "deadline_us": town.now_us + slot_us * town.periods["slots_per_epoch"] + retention_us,
        "custodians": {one.index: PublicSealingKey(one.weekly[0].public) for one in town.custodians},
        "shred_pool": town.pool,
        "shred_index": key,
        "shred_key": PublicSealingKey(shred.public),
        **changes,
    }
    cells = new_cells(slots)
    sealed = make_epoch(EpochPlan(**plan), cells)
    header = sealed.header
    found: dict[str, bytes] = {}
    hashes: list[bytes] = []
    is_cut = False
    for number in range(reels):
        writer, out = ReelWriter(header, number), bytearray()
        for place in range(envelopes):
            is_cut = cut and number == reels - 1 and place == envelopes - 1
            frames, sealer = _envelope(
                header, cells, len(hashes), hashes[-1] if hashes else header.hash, is_cut
            )
            out += frames
            writer.add(sealer.header, len(frames), sealer.hash, 1_800_000, is_cut=is_cut)
            hashes.append(sealer.hash)
        path = reel_path(header.stream, header.utc0_us, header.epoch, number)
        found[path] = bytes(out) + writer.finish(is_recovered=is_cut).encode()
    ended = Cut(header.stream, epoch, len(hashes) - 1, 2, hashes[-1]) if is_cut else None
    return Footage(header, sealed.share_set, sealed.share_set_hash, found, tuple(hashes), ended)


def _envelope(
    header: Header, cells: list[memoryview], sequence: int, previous: bytes, cut: bool
) -> tuple[bytes, EnvelopeSealer]:
    elapsed_us = SEGMENT_US * sequence
    slot = elapsed_us // header.slot_us
    segment = SegmentHeader(
        network=header.network,
        stream=header.stream,
        epoch=header.epoch,
        slot=slot,
        sequence=sequence,
        key_sequence=sequence,
        previous=previous,
        codec=Codec.H264,
        elapsed_us=elapsed_us,
    )
    sealer = EnvelopeSealer(segment, cells[slot], SETS)
    out = bytearray(sealer.header_frame)
    for unit in range(4):
        out += sealer.add_access_unit(bytes([sequence]) * 30, elapsed_us + unit * 600_000, unit)
    out += sealer.cut() if cut else sealer.close()
    return bytes(out), sealer

"""Opens all that a recorder sealed, as k custodians together with the keeper of the shred keys could."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from custodes.base.canon import parse_canon
from custodes.base.keys import Signed
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import Account, AccountChain, Cut, Manifest, parse_account, parse_manifest
from custodes.custody.envelope_reader import EnvelopeChain
from custodes.custody.header import Header
from custodes.custody.paths import manifest_path
from custodes.custody.records import ACCESS_UNIT, Record
from custodes.custody.reel_reader import ReelReader
from custodes.custody.shamir import combine
from custodes.custody.share_set import ShareSet, open_message, parse_share_set, unwrap
from recording.rig import Rig


@dataclass(frozen=True)
class OpenedUnit:
    """An access unit out of an envelope."""

    epoch: bytes
    sequence: int
    slot: int
    key_sequence: int
    record: Record
    utc_us: int
    sha256: str


@dataclass(frozen=True)
class OpenedEpoch:
    """An epoch opened to its end."""

    header: Header
    hashes: tuple[bytes, ...]
    units: tuple[OpenedUnit, ...]
    slots: tuple[int, ...]
    sets: tuple[bytes, ...]


class TruthEntry(Protocol):
    """What is used of a simulator's truth entry."""

    sha256: str
    utc_us: int
    is_key: bool
    is_open_key: bool
    delivered: bool


def slot_keys(rig: Rig, share_set: ShareSet) -> list[bytes]:
    """The keys of all slots, by k of the custodians, each checked against its commitment."""
    header = share_set.header
    messages = unwrap(share_set, rig.shred[header.shred.index])
    chosen = [to.index for to in header.custodians][-header.quorum :]
    shares = {index: open_message(header, index, messages[index], rig.keys[index]) for index in chosen}
    keys = []
    for slot in range(header.slots):
        key = combine({index: of[slot] for index, of in shares.items()})
        share_set.check_key(slot, key)
        keys.append(key)
    return keys


def open_epochs(rig: Rig, store: ObjectStore, stream: bytes, cuts: Sequence[Cut] = ()) -> list[OpenedEpoch]:
    """All epochs of a stream in order of time, every envelope opened and its chain checked."""
    paths = list(store.list(f"streams/{stream.hex()}"))
    by_cut = {(cut.epoch, cut.sequence): cut for cut in cuts}
    epochs = []
    for path in paths:
        if path.endswith("/shares"):
            share_set = parse_share_set(store.get(path))
            folder = path.removesuffix("/shares")
            reels = sorted(p for p in paths if p.startswith(folder) and p.endswith(".reel"))
            epochs.append(_open_epoch(rig, store, share_set, reels, by_cut))
    return sorted(epochs, key=lambda epoch: epoch.header.utc0_us)


def _open_epoch(
    rig: Rig,
    store: ObjectStore,
    share_set: ShareSet,
    reels: Sequence[str],
    cuts: dict[tuple[bytes, int], Cut],
) -> OpenedEpoch:
    header, keys = share_set.header, slot_keys(rig, share_set)
    chain = EnvelopeChain(header)
    hashes: list[bytes] = []
    units: list[OpenedUnit] = []
    slots: list[int] = []
    sets: list[bytes] = []
    for number, path in enumerate(reels):
        reader = ReelReader(lambda at, n, path=path: store.get_range(path, at, n), store.size(path))
        assert reader.footer.number == number
        assert reader.footer.header == header
        for position in range(len(reader.footer.rows)):
            cut = cuts.get((header.epoch, reader.footer.first + position))
            envelope = reader.envelope(position, cut.chunks if cut else None)
            chain.follow(envelope.header, envelope.hash)
            hashes.append(envelope.hash)
            segment = envelope.header
            slots.append(segment.slot)
            assert not cut or cut.hash == envelope.hash
            for record in envelope.records(keys[segment.slot]):
                if record.kind != ACCESS_UNIT:
                    sets.append(record.payload)
                else:
                    units.append(
                        OpenedUnit(
                            header.epoch,
                            segment.sequence,
                            segment.slot,
                            segment.key_sequence,
                            record,
                            header.utc0_us + record.elapsed_us,
                            hashlib.sha256(record.payload).hexdigest(),
                        )
                    )
    return OpenedEpoch(header, tuple(hashes), tuple(units), tuple(slots), tuple(sets))


@dataclass(frozen=True)
class Comparison:
    """Recorded pictures against those sent: positions in the truth log, and what is missing between them."""

    matched: tuple[int, ...]
    missing: tuple[int, ...]
    foreign: tuple[int, ...]
    sent: int

    @property
    def ratio(self) -> float:
        """Recorded of what was delivered since the first recorded picture."""
        return len(self.matched) / max(1, self.sent)


def compare(
    units: Sequence[OpenedUnit],
    truth: Sequence[TruthEntry],
    early_us: int = 500_000,
    late_us: int = 4_000_000,
) -> Comparison:
    """Find each recorded picture in the truth log: the same bytes, in order, at that time.

    `missing`: delivered ones between the first and the last found that no picture is of.
    """
    matched: list[int] = []
    foreign: list[int] = []
    at = 0
    for number, unit in enumerate(units):
        place = at
        while place < len(truth) and not _is(truth[place], unit, early_us, late_us):
            place += 1
        if place == len(truth):
            foreign.append(number)
            continue
        matched.append(place)
        at = place + 1
    span = range(matched[0], matched[-1] + 1) if matched else range(0)
    found = set(matched)
    missing = tuple(i for i in span if truth[i].delivered and i not in found)
    sent = sum(1 for i in span if truth[i].delivered)
    return Comparison(tuple(matched), missing, tuple(foreign), sent)


def _is(entry: TruthEntry, unit: OpenedUnit, early_us: int, late_us: int) -> bool:
    return (
        entry.delivered and entry.sha256 == unit.sha256 and -early_us <= unit.utc_us - entry.utc_us <= late_us
    )


@dataclass(frozen=True)
class Stated:
    """What a recorder's outbox holds and its manifests say."""

    accounts: tuple[Account, ...]
    manifests: tuple[Manifest, ...]
    epochs: tuple[Header, ...]

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Of all restarts."""
        return tuple(cut for account in self.accounts for cut in account.cuts)

    def reasons(self, stream: bytes) -> set[str]:
        """Of all gaps of a stream."""
        return {gap.reason.value for gap in self.gaps(stream)}

    def gaps(self, stream: bytes) -> list:
        """All gaps of a stream, in order of the accounts."""
        return [gap for manifest in self.manifests for gap in manifest.gaps if gap.stream == stream]


def statements(rig: Rig) -> Iterator[Signed]:
    """The statements in the outbox, oldest first, each once."""
    seen = set()
    for path in sorted((rig.own / "outbox").glob("*.submit")):
        signed = Signed.from_json(parse_canon(path.read_bytes())["statement"])
        if signed.statement_hash() not in seen:
            seen.add(signed.statement_hash())
            yield signed


def check_statements(rig: Rig, store: ObjectStore) -> Stated:
    """Check signatures, the account chain, every manifest; nothing may be stated twice."""
    chain = AccountChain(rig.network, rig.recorder, 1, 0, rig.first_state().head)
    accounts: list[Account] = []
    manifests: list[Manifest] = []
    epochs: list[Header] = []
    for signed in statements(rig):
        signed.check_signed_by([rig.signing.public])
        if signed.type.endswith("/epoch/v1"):
            epochs.append(Header.from_json(signed.body["header"]))
            continue
        account = parse_account(signed.type, signed.body)
        chain = chain.follow(account)
        manifest = parse_manifest(store.get(manifest_path(rig.recorder, account.number)))
        account.check_manifest(manifest)
        accounts.append(account)
        manifests.append(manifest)
    leaves = [leaf[:3] for manifest in manifests for leaf in manifest.leaves]
    assert len(set(leaves)) == len(leaves), "an envelope was stated twice"
    return Stated(tuple(accounts), tuple(manifests), tuple(epochs))


def check_closed(stated: Stated, opened: Sequence[OpenedEpoch]) -> None:
    """Every epoch entered is closed once, with the count and last hash of what is in the store."""
    closed = [closed for account in stated.accounts for closed in account.closed]
    assert sorted(one.epoch for one in closed) == sorted(header.epoch for header in stated.epochs)
    by_id = {one.epoch: one for one in closed}
    leaves: dict[bytes, list[bytes]] = {}
    for manifest in stated.manifests:
        for leaf in manifest.leaves:
            leaves.setdefault(leaf.epoch, []).append(leaf.hash)
    for epoch in opened:
        one = by_id[epoch.header.epoch]
        assert one.envelopes == len(epoch.hashes)
        assert one.last == (epoch.hashes[-1] if epoch.hashes else epoch.header.hash)
        assert leaves.get(epoch.header.epoch, []) == list(epoch.hashes)

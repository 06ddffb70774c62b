"""Epoch: a header and its share set, on record before the footage that it keys.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custodes.base.canon import typed_hash
from custodes.ledger.entries.sealed import HEADER_TYPE
from custodes.ledger.entries.wrapper import spell_checked
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.people import Roster
from custodes.ledger.rules.recorders import LATE_AFTER_US, recorder_named
from custodes.ledger.rules.refusal import refuse

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts


@dataclass(slots=True)
class Epoch:
    """A live epoch: not yet closed and gone."""

    id: bytes
    header_hash: bytes
    camera: bytes
    stream: bytes
    recorder: bytes
    run: int
    utc0_us: int
    deadline_us: int
    slots: int
    pool: bytes
    key_index: int
    index: int
    quorum: int
    # Identity keys of the custodians whom the header names.
    sealed_to: tuple[bytes, ...]
    closed: bool = False
    shredded: bool = False
    # Full holds that name it and whose pair is not destroyed.
    holds: int = 0

    @property
    def gone(self) -> bool:
        """Whether nothing opens it any more: its key is destroyed, and no hold has it."""
        return self.shredded and not self.holds


@dataclass
class EpochBook:
    """Live epochs by id and by stream; of the others, the ids alone."""

    live: dict[bytes, Epoch] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)
    # Stream -> (utc0_us, epoch id), ascending; those that nothing opens any more are not in it.
    by_stream: dict[bytes, list[tuple[int, bytes]]] = field(default_factory=dict)

    def __contains__(self, epoch: bytes) -> bool:
        return epoch in self.live or epoch in self.gone

    def add(self, epoch: Epoch) -> None:
        """Take a new one."""
        self.live[epoch.id] = epoch
        insort(self.by_stream.setdefault(epoch.stream, []), (epoch.utc0_us, epoch.id))

    def is_open(self, epoch: bytes, recorder: bytes) -> bool:
        """Whether it is that recorder's and not closed."""
        found = self.live.get(epoch)
        return found is not None and found.recorder == recorder and not found.closed

    def close(self, epoch: bytes) -> None:
        """No further envelope comes."""
        found = self.live[epoch]
        found.closed = True
        self._drop_if_done(found)

    def shred(self, epoch: bytes) -> None:
        """Its key is destroyed."""
        found = self.live[epoch]
        found.shredded = True
        self._unlist_if_gone(found)

    def hold(self, epoch: bytes) -> None:
        """A full hold names it."""
        self.live[epoch].holds += 1

    def let_go(self, epoch: bytes) -> None:
        """The pair of a hold that names it is destroyed."""
        found = self.live[epoch]
        found.holds -= 1
        self._unlist_if_gone(found)

    def of_stream(self, stream: bytes, from_us: int, to_us: int, longest_us: int) -> Iterator[Epoch]:
        """Those not gone that began in [from_us - longest_us, to_us), ascending."""
        row = self.by_stream.get(stream, [])
        for utc0_us, epoch in row[bisect_left(row, (from_us - longest_us, b"")) :]:
            if utc0_us >= to_us:
                return
            yield self.live[epoch]

    def _unlist_if_gone(self, epoch: Epoch) -> None:
        if epoch.gone:
            row = self.by_stream[epoch.stream]
            del row[bisect_left(row, (epoch.utc0_us, epoch.id))]
            self._drop_if_done(epoch)

    def _drop_if_done(self, epoch: Epoch) -> None:
        if epoch.closed and epoch.gone:
            del self.live[epoch.id]
            self.gone.add(epoch.id)


def sign_epoch(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The recorder that the header names."""
    return [recorder_named(facts, candidate.body["header"]["recorder"]).signing]


def admit_epoch(facts: Facts, candidate: Candidate) -> bool:
    """An epoch, before its deadline."""
    header = candidate.body["header"]
    if header["epoch"] in facts.epochs:
        refuse("epoch-new", f"epoch {header['epoch'].hex()} is known")
    roster = next((one for one in facts.rosters[-2:] if one.hash == header["roster"]), None)
    if roster is None:
        refuse("epoch-roster", "names neither the roster in force nor the one before")
    _check_header(facts, roster, header)
    _check_camera(facts, header)
    _check_deadline(facts, candidate, header)
    _check_keys(facts, roster, header)
    _check_shred(facts, header)
    _add(facts, candidate, header, roster)
    return bool(candidate.admitted_us > header["utc0_us"] + LATE_AFTER_US)


def _check_header(facts: Facts, roster: Roster, header: dict[str, Any]) -> None:
    assert facts.genesis is not None
    periods = facts.genesis.periods
    if header["network"] != facts.genesis.network:
        refuse("epoch-header", "is of another network")
    if header["slot_us"] != periods.slot_us or header["slots"] > periods.slots_per_epoch:
        refuse("epoch-header", "slots are not as in genesis")
    if header["quorum"] != roster.quorum:
        refuse("epoch-header", f"the roster's quorum is {roster.quorum}, not {header['quorum']}")
    indexes = [one["index"] for one in header["custodians"]]
    if sorted(set(indexes)) != indexes or len(indexes) < roster.quorum + 1:
        refuse("epoch-header", "needs k + 1 custodians or more, ascending")
    if not roster.identities.keys() >= set(indexes):
        refuse("epoch-header", "names a custodian whom its roster has not")


def _check_camera(facts: Facts, header: dict[str, Any]) -> None:
    if facts.camera_of_stream.get(header["stream"]) != header["camera"]:
        refuse("epoch-camera", "the camera is unknown or the stream not its own")
    declared = facts.cameras[header["camera"]].stream(header["stream"]).assurance
    if header["assurance"] != declared:
        refuse("epoch-camera", f"the stream's assurance is {declared}, not {header['assurance']}")


def _check_deadline(facts: Facts, candidate: Candidate, header: dict[str, Any]) -> None:
    assert facts.genesis is not None
    periods = facts.genesis.periods
    utc0_us, deadline_us = header["utc0_us"], header["deadline_us"]
    kept_us = deadline_us - utc0_us - periods.slot_us * periods.slots_per_epoch
    if kept_us not in facts.cameras[header["camera"]].retentions_near(utc0_us):
        refuse("epoch-deadline", "does not follow from a retention in force at the time")
    if candidate.admitted_us > deadline_us:
        refuse("epoch-deadline", "has passed")


def _check_keys(facts: Facts, roster: Roster, header: dict[str, Any]) -> None:
    for one in header["custodians"]:
        cert = facts.cert_of_key.get(one["key"])
        if cert is None or cert.identity != roster.identities[one["index"]]:
            refuse("epoch-keys", f"the key is not certified for custodian {one['index']}")
        # A key past its overrun will do where the header would else have too few: recording goes on.
        past = cert.seals_from_us <= header["utc0_us"] and len(header["custodians"]) == roster.quorum + 1
        if cert.destroyed or not (cert.seals_at(header["utc0_us"]) or past):
            refuse("epoch-keys", f"the key of custodian {one['index']} does not seal at that time")


def _check_shred(facts: Facts, header: dict[str, Any]) -> None:
    index = header["shred"]["index"]
    pool = facts.pools.get(header["shred"]["pool"])
    if pool is None or pool.recorder != header["recorder"] or index >= pool.count or pool.shredded[index]:
        refuse("epoch-shred", "not a key of a pool of this recorder that is not shredded")
    if index in pool.epochs and pool.ahead:
        refuse("epoch-shred-again", "a key is used again while others of its pool are still to be taken")


def _add(facts: Facts, candidate: Candidate, header: dict[str, Any], roster: Roster) -> None:
    # Ids of camera, stream, recorder and pool are the objects held already: an epoch costs no copies of them.
    camera = facts.cameras[header["camera"]]
    pool = facts.pools[header["shred"]["pool"]]
    stream = camera.stream(header["stream"]).id
    epoch = Epoch(
        id=header["epoch"],
        header_hash=typed_hash(HEADER_TYPE, spell_checked(candidate.json["header"])),
        camera=facts.camera_of_stream[stream],
        stream=stream,
        recorder=pool.recorder,
        run=header["run"],
        utc0_us=header["utc0_us"],
        deadline_us=header["deadline_us"],
        slots=header["slots"],
        pool=pool.id,
        key_index=header["shred"]["index"],
        index=candidate.index,
        quorum=header["quorum"],
        sealed_to=tuple(roster.identities[one["index"]] for one in header["custodians"]),
    )
    facts.epochs.add(epoch)
    pool.use(epoch.key_index, epoch.id, candidate.admitted_us)
    facts.recorders[pool.recorder].cameras.add(epoch.camera)

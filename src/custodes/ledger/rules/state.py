"""The replay machine: what admits entries one after another, and what services ask of the result.

Source: docs/formats/entries.md (common rules), docs/formats/ledger.md (Entry).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from custodes.base.canon import typed_message
from custodes.base.errors import BugError, InvalidError, NotFoundError, UnverifiedError
from custodes.base.keys import Signed, key_id
from custodes.estate.model import Stream
from custodes.ledger.entries.bodies import BODIES
from custodes.ledger.entries.people import GENESIS_TYPE
from custodes.ledger.entries.wrapper import MAX_STATEMENT_BYTES, Entry, Statement, parse_entry
from custodes.ledger.growing import GrowingTree
from custodes.ledger.rules.cameras import Camera
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.custodians import KeyCert
from custodes.ledger.rules.epochs import Epoch
from custodes.ledger.rules.facts import Facts
from custodes.ledger.rules.holds import Hold
from custodes.ledger.rules.people import Genesis, Roster, Staff
from custodes.ledger.rules.pools import Pool
from custodes.ledger.rules.recorders import Recorder
from custodes.ledger.rules.refusal import malformed, refuse, unsigned
from custodes.ledger.rules.requests import Decision, Request
from custodes.ledger.rules.table import RULES

GENESIS_ID_TYPE = "custodes/genesis-id/v1"


@dataclass(frozen=True, slots=True)
class Admitted:
    """An admitted entry: its place, its leaf's bytes and its statement hash."""

    index: int
    late: bool
    entry: bytes
    statement: bytes


class LedgerState:
    """A ledger replayed so far. A refused entry changes nothing.

    Cost: 30 µs an account, 75 µs an epoch of five custodians, and 110 µs a signature; memory as Facts says.
    """

    def __init__(self) -> None:
        self.facts = Facts()

    def admit(self, signed: Signed, admitted_us: int, index: int) -> Admitted:
        """Admit the next entry.

        Errors: RefusedError, UnverifiedError (signatures) or InvalidError (no entry at all), each with the
        rule's name; BugError when `index` is not the ledger's size.
        """
        try:
            statement = Statement.of(signed)
        except InvalidError as error:
            malformed("members", str(error))
        return self.admit_statement(statement, admitted_us, index)

    def admit_statement(self, statement: Statement, admitted_us: int, index: int) -> Admitted:
        """`admit`, for who has the statement's bytes already."""
        return self._admit(statement, admitted_us, index, True)

    def replay(self, data: bytes, index: int, *, signatures: bool = True) -> Admitted:
        """Admit an entry as it stands in the ledger; the lateness that it states must be the rules'.

        `signatures` False leaves out the arithmetic, not the question who signed: for one's own entries,
        whose root one's own log key has signed.
        Errors: as `admit`.
        """
        try:
            entry = parse_entry(data)
        except InvalidError as error:
            malformed("members", str(error))
        return self._admit(entry.statement, entry.admitted_us, index, signatures, entry.late, data)

    def _admit(
        self,
        statement: Statement,
        admitted_us: int,
        index: int,
        signatures: bool,
        late: bool | None = None,
        data: bytes = b"",
    ) -> Admitted:
        facts = self.facts
        if index != facts.tree.size:
            raise BugError(f"the ledger's next entry is {facts.tree.size}, not {index}")
        candidate = _read(statement, admitted_us, index)
        _check_common(facts, candidate)
        signers, admission = RULES[candidate.name]
        _check_signed(statement, candidate, signers(facts, candidate), signatures)
        found = admission(facts, candidate)
        if late is not None and late != found:
            # The facts have moved on; a replay ends with the first broken rule.
            refuse("late", "the entry says late, or not, against the rules")
        entry = data or Entry(statement, admitted_us, found).encode()
        facts.tree.append(entry)
        facts.statements.add(statement.hash)
        facts.admitted_us = admitted_us
        return Admitted(index, found, entry, statement.hash)

    @property
    def tree(self) -> GrowingTree:
        """The Merkle tree over all entries."""
        return self.facts.tree

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.facts.tree.size

    @property
    def genesis(self) -> Genesis:
        """Errors: NotFoundError before entry 0."""
        if self.facts.genesis is None:
            raise NotFoundError("the ledger has no genesis yet")
        return self.facts.genesis

    @property
    def roster(self) -> Roster:
        """The roster in force. Errors: NotFoundError before entry 0."""
        if not self.facts.rosters:
            raise NotFoundError("the ledger has no roster yet")
        return self.facts.rosters[-1]

    def roster_of(self, roster_hash: bytes) -> Roster:
        """A roster of any time. Errors: NotFoundError."""
        for roster in self.facts.rosters:
            if roster.hash == roster_hash:
                return roster
        raise NotFoundError(f"no roster {roster_hash.hex()}")

    def staff(self, key: bytes) -> Staff:
        """Staff by key id. Errors: NotFoundError."""
        return _found(self.facts.staff.get(key), "staff key", key)

    def recorder(self, recorder: bytes) -> Recorder:
        """A recorder and its chain's head. Errors: NotFoundError."""
        return _found(self.facts.recorders.get(recorder), "recorder", recorder)

    def camera(self, camera: bytes) -> Camera:
        """A camera by its newest revision. Errors: NotFoundError."""
        return _found(self.facts.cameras.get(camera), "camera", camera)

    def stream(self, stream: bytes) -> Stream:
        """A stream as its camera's entry has it. Errors: NotFoundError."""
        return self.camera(_found(self.facts.camera_of_stream.get(stream), "stream", stream)).stream(stream)

    def epoch(self, epoch: bytes) -> Epoch:
        """A live epoch. Errors: NotFoundError; also for one that is closed and shredded."""
        return _found(self.facts.epochs.live.get(epoch), "live epoch", epoch)

    def epochs_of(self, stream: bytes, from_us: int, to_us: int) -> list[Epoch]:
        """Epochs of a stream, not gone, that have a slot in [from_us, to_us), by start.

        Units: the recorder's UTC. Cost: O(log n + those found).
        """
        periods = self.genesis.periods
        longest_us = periods.slot_us * periods.slots_per_epoch
        return [
            epoch
            for epoch in self.facts.epochs.of_stream(stream, from_us, to_us, longest_us)
            if epoch.utc0_us + epoch.slots * periods.slot_us > from_us
        ]

    def request(self, request: bytes) -> Request:
        """A request and what followed it. Errors: NotFoundError."""
        return _found(self.facts.requests.get(request), "request", request)

    def requests(self) -> Iterable[Request]:
        """All requests, in ledger order."""
        return self.facts.requests.values()

    def granting_decisions(self, request: bytes) -> list[Decision]:
        """Those that grant, in ledger order. Errors: NotFoundError."""
        return self.request(request).granting

    def hold(self, hold: bytes) -> Hold:
        """A hold. Errors: NotFoundError."""
        return _found(self.facts.holds.get(hold), "hold", hold)

    def holds_of(self, epoch: bytes) -> list[Hold]:
        """Full holds that name an epoch and whose pair is not destroyed, the one that ends last first."""
        return sorted(self.facts.full_holds.get(epoch, ()), key=lambda hold: -hold.until_us)

    def custodian_keys(self, when_us: int) -> dict[int, KeyCert]:
        """By index of the roster in force, the newest certified key that seals at that time.

        A key within its own week goes before one in its overrun; custodians without any are left out.
        """
        found = {}
        for custodian in self.roster.custodians:
            usable = [
                cert
                for cert in self.facts.certs.get(custodian.identity, ())
                if not cert.destroyed and cert.seals_at(when_us)
            ]
            if usable:
                found[custodian.index] = max(
                    usable, key=lambda cert: (cert.seals_until_us >= when_us, cert.number)
                )
        return found

    def key_certs(self, index: int) -> list[KeyCert]:
        """All certified keys of a custodian of the roster in force, by number."""
        identity = self.roster.identities.get(index, b"")
        return list(self.facts.certs.get(identity, ()))

    def pool(self, pool: bytes) -> Pool:
        """A pool and which of its keys are used or shredded. Errors: NotFoundError."""
        return _found(self.facts.pools.get(pool), "pool", pool)

    def pools_of(self, recorder: bytes) -> list[Pool]:
        """A recorder's pools, in ledger order."""
        return [pool for pool in self.facts.pools.values() if pool.recorder == recorder]


_Thing = TypeVar("_Thing")
# A signature of the largest batch, spelt, with room to spare.
_SIGNATURE_BYTES = 640


def _found(thing: _Thing | None, what: str, id_: bytes) -> _Thing:
    if thing is None:
        raise NotFoundError(f"no {what} {id_.hex()} in the ledger")
    return thing


def _read(statement: Statement, admitted_us: int, index: int) -> Candidate:
    signed = statement.signed
    known = BODIES.get(signed.type)
    if known is None:
        malformed("type", f"{signed.type[:100]!r} is no entry's")
    name, kind = known
    try:
        body = kind(signed.body)
    except InvalidError as error:
        malformed("members", str(error))
    # No signature is longer than one of the largest batch: the bytes need not be made to be counted.
    length = len(statement.body) + len(signed.type) + _SIGNATURE_BYTES * len(signed.signatures) + 40
    if length > MAX_STATEMENT_BYTES and len(statement.encode()) > MAX_STATEMENT_BYTES:
        malformed("size", f"a signed object has at most {MAX_STATEMENT_BYTES} bytes")
    signers = frozenset(signature.key for signature in signed.signatures)
    return Candidate(name, body, signed.body, statement.hash, admitted_us, index, signers)


def _check_common(facts: Facts, candidate: Candidate) -> None:
    if (candidate.name == "genesis") != (facts.genesis is None):
        refuse("genesis-first", "a ledger begins with genesis and has no second")
    if facts.genesis is not None and candidate.body["network"] != facts.genesis.network:
        refuse("network", "the entry is of another network")
    if candidate.admitted_us < facts.admitted_us:
        refuse("admitted-order", f"{candidate.admitted_us} is before the entry before")
    if candidate.hash in facts.statements:
        refuse("once", f"statement {candidate.hash.hex()} was admitted before")


def _check_signed(statement: Statement, candidate: Candidate, publics: list[bytes], signatures: bool) -> None:
    wanted = {key_id(public): public for public in publics}
    if candidate.signers != wanted.keys():
        unsigned(f"{candidate.name} is not signed by exactly the keys that it needs")
    if not signatures:
        return
    if statement.signed.type == GENESIS_TYPE:
        message = typed_message(GENESIS_ID_TYPE, statement.hash)
    else:
        message = statement.message
    try:
        for signature in statement.signed.signatures:
            signature.check(wanted[signature.key], message)
    except UnverifiedError as error:
        unsigned(str(error))

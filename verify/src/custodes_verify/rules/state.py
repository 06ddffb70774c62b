"""What the entries so far say: all that the rules look back at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from custodes_verify.bytes import key_id
from custodes_verify.documents import Custodian, Roster, key_ids
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.schema import Body

# How many cut envelopes a report names; all are counted.
SHOWN_CUTS = 10


@dataclass(slots=True)
class Staff:
    """A staff key and from when it may sign."""

    key: bytes
    role: str
    usable_from_us: int


@dataclass(slots=True)
class Recorder:
    """A recorder and the head of its chain of statements; `run` is None before its first.

    A silence is a time of over two minutes, (from, to), between two statements.
    """

    key: bytes
    head: bytes
    number: int = 0
    run: int | None = None
    minute_us: int = 0
    silences: int = 0
    longest_silence: tuple[int, int] = (0, 0)
    open_epochs: set[bytes] = field(default_factory=set)
    lost: bool = False


@dataclass(slots=True)
class Camera:
    """A camera; `retentions` are (from when, how long), oldest first."""

    name: str
    revision: int
    streams: set[bytes]
    retentions: list[tuple[int, int]]
    review_date: str
    views: tuple[str, ...] = ("home",)


@dataclass(slots=True)
class Background:
    """The last word on what a stream's view is compared with under a condition; `hash` empty: withdrawn."""

    camera: bytes
    hash: bytes
    revision: int
    since_us: int
    signers: tuple[bytes, ...]
    doubt_permille: int
    withheld_permille: int


@dataclass(slots=True)
class Certificate:
    """A custodian's encryption key; `custodian` is an identity key."""

    custodian: bytes
    seals_from_us: int
    seals_until_us: int
    destroy_after_us: int
    destroyed: bool = False


@dataclass(slots=True)
class Pool:
    """A recorder's shred keys: which epochs have each, and which are gone."""

    recorder: bytes
    count: int
    epochs: dict[int, list[bytes]] = field(default_factory=dict)
    shredded: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Epoch:
    """An epoch as its header says; `closed` is (count, last envelope hash) once an account says so."""

    index: int
    header_hash: bytes
    set_hash: bytes
    recorder: bytes
    stream: bytes
    run: int
    utc0_us: int
    end_us: int
    slots: int
    deadline_us: int
    pool: bytes
    shred_index: int
    quorum: int
    sealed_to: frozenset[bytes]
    """Identity keys of the custodians whom its header names."""
    closed: tuple[int, bytes] | None = None
    shredded: bool = False
    held_until_us: int = 0
    full_holds: list[bytes] = field(default_factory=list)
    proposed_until_us: int = 0


@dataclass(slots=True)
class Request:
    """A request and how far it has come; `grants` are (decision hash, by the installed client), in order."""

    index: int
    count: int
    kind: str
    needed: int
    expiry_us: int
    signers: frozenset[bytes]
    decided: set[bytes] = field(default_factory=set)
    granted_by: set[bytes] = field(default_factory=set)
    grants: list[tuple[bytes, bool]] = field(default_factory=list)
    released: set[bytes] = field(default_factory=set)
    opened_us: int = 0
    withdrawn: bool = False
    disclosed: bool = False
    failed: bool = False


@dataclass(slots=True)
class Hold:
    """A hold; `shares` are the custodians that took theirs of an epoch. `ended`: its pair is destroyed."""

    full: bool
    until_us: int
    epochs: frozenset[bytes]
    shares: dict[bytes, set[bytes]] = field(default_factory=dict)
    ended: bool = False


@dataclass(slots=True)
class State:
    """The ledger so far, as the rules see it."""

    root_at: Callable[[int], bytes]
    network: bytes = b""
    genesis: Body = field(default_factory=dict)
    roster: Roster | None = None
    roster_before: Roster | None = None
    admitted_us: int = 0
    keys: dict[bytes, bytes] = field(default_factory=dict)
    statements: set[bytes] = field(default_factory=set)
    staff: dict[bytes, Staff] = field(default_factory=dict)
    pseudonyms: set[str] = field(default_factory=set)
    weekly: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    recorders: dict[bytes, Recorder] = field(default_factory=dict)
    cameras: dict[bytes, Camera] = field(default_factory=dict)
    streams: dict[bytes, bytes] = field(default_factory=dict)
    assurances: dict[bytes, str] = field(default_factory=dict)
    backgrounds: dict[tuple[bytes, str, str], Background] = field(default_factory=dict)
    """By stream, view and condition."""
    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    certified: dict[bytes, int] = field(default_factory=dict)
    pools: dict[bytes, Pool] = field(default_factory=dict)
    epochs: dict[bytes, Epoch] = field(default_factory=dict)
    alive: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Epochs not yet shredded, by stream."""
    by_header: dict[bytes, bytes] = field(default_factory=dict)
    requests: dict[bytes, Request] = field(default_factory=dict)
    holds: dict[bytes, Hold] = field(default_factory=dict)
    full_holds: dict[bytes, bytes] = field(default_factory=dict)
    held_requests: set[bytes] = field(default_factory=set)
    """Requests that have had their full hold."""
    unwraps: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    incidents: set[bytes] = field(default_factory=set)
    access_hours: set[int] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    newest_cuts: deque[Body] = field(default_factory=lambda: deque(maxlen=SHOWN_CUTS))

    def in_force(self) -> Roster:
        """The roster in force; entry 0 has brought one."""
        if self.roster is None:
            raise RuleError("genesis-first", "there is no genesis")
        return self.roster

    def custodian(self, index: int) -> Custodian:
        """The custodian of that index in the roster in force.

        Errors: RuleError, as the entry then has no possible signer.
        """
        found = self.in_force().custodians.get(index)
        if found is None:
            raise RuleError("signature", f"there is no custodian {index}")
        return found

    def learn(self, *publics: bytes) -> None:
        """Know public keys by their ids from now on."""
        for public in publics:
            self.keys[key_id(public)] = public

    def signers(self, entry: Entry) -> set[bytes]:
        """Key ids of all who signed; every signature has to hold.

        Errors: RuleError.
        """
        if entry.bad:
            raise RuleError("signature", "a signature is false, repeated or out of order")
        signed = set(entry.verified)
        for one in entry.unverified:
            public = self.keys.get(one.key)
            if public is None or not one.holds(public, entry.signed):
                raise RuleError("signature", f"key {one.key.hex()} is unknown or its signature false")
            signed.add(one.key)
        return signed

    def require(self, entry: Entry, *publics: bytes) -> None:
        """Refuse an entry that is not signed by exactly these keys.

        Errors: RuleError.
        """
        if self.signers(entry) != key_ids(set(publics)):
            raise RuleError("signature", f"{entry.name} is not signed by exactly those who must")

    def usable_roles(self, keys: set[bytes], at_us: int) -> list[str]:
        """Roles of these staff keys.

        Errors: RuleError where one is not a usable staff key.
        """
        found = [self.staff.get(key) for key in keys]
        roles = [person.role for person in found if person and at_us >= person.usable_from_us]
        if len(roles) != len(keys):
            raise RuleError("signature", "signed by a key that is no usable staff key")
        return roles

    def require_administrator(self, entry: Entry) -> None:
        """Refuse an entry that is not signed by exactly one usable administrator.

        Errors: RuleError.
        """
        if self.usable_roles(self.signers(entry), entry.admitted_us) != ["administrator"]:
            raise RuleError("signature", f"{entry.name} is not signed by exactly one administrator")

"""All that the entries so far have established.

Cost, memory: a hash a statement and an id an epoch for good (some 200 bytes together); a live epoch some 700
bytes until it is closed and nothing opens it any more; 32 bytes a leaf for the tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from custodes.ledger.growing import GrowingTree
from custodes.ledger.rules.backgrounds import Background
from custodes.ledger.rules.cameras import Camera
from custodes.ledger.rules.custodians import KeyCert
from custodes.ledger.rules.epochs import EpochBook
from custodes.ledger.rules.holds import Hold
from custodes.ledger.rules.people import Genesis, Roster, Staff
from custodes.ledger.rules.pools import Pool
from custodes.ledger.rules.recorders import Recorder
from custodes.ledger.rules.requests import Request


@dataclass
class Facts:
    """The state that admission rules read and change; ids and hashes are bytes."""

    tree: GrowingTree = field(default_factory=GrowingTree)
    statements: set[bytes] = field(default_factory=set)
    admitted_us: int = 0
    genesis: Genesis | None = None
    rosters: list[Roster] = field(default_factory=list)
    # Key ids of every Ed25519 key named so far.
    named_keys: set[bytes] = field(default_factory=set)
    staff: dict[bytes, Staff] = field(default_factory=dict)
    pseudonyms: set[str] = field(default_factory=set)
    recorders: dict[bytes, Recorder] = field(default_factory=dict)
    cameras: dict[bytes, Camera] = field(default_factory=dict)
    camera_of_stream: dict[bytes, bytes] = field(default_factory=dict)
    # By stream, view and condition, the newest word on each.
    backgrounds: dict[tuple[bytes, str, str], Background] = field(default_factory=dict)
    # By custodian's identity key, in order of number; and by key id.
    certs: dict[bytes, list[KeyCert]] = field(default_factory=dict)
    cert_of_key: dict[bytes, KeyCert] = field(default_factory=dict)
    weekly: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    pools: dict[bytes, Pool] = field(default_factory=dict)
    epochs: EpochBook = field(default_factory=EpochBook)
    requests: dict[bytes, Request] = field(default_factory=dict)
    # (purpose hash, custodian's identity key) -> Unwraps.
    unwraps: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    holds: dict[bytes, Hold] = field(default_factory=dict)
    hold_of_statement: dict[bytes, Hold] = field(default_factory=dict)
    provisionally_held: set[bytes] = field(default_factory=set)
    # Requests that have had their full hold.
    requests_held: set[bytes] = field(default_factory=set)
    # Epoch -> full holds that name it and whose pair is not destroyed.
    full_holds: dict[bytes, list[Hold]] = field(default_factory=dict)
    incidents: set[bytes] = field(default_factory=set)
    access_hours: set[int] = field(default_factory=set)

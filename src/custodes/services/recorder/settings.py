"""What a recorder goes by: its assignments, whom to seal to, and with which shred keys.

The document is checked in `check_settings` before anything here exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from custodes.base.sealing import PublicSealingKey
from custodes.estate.model import HOME_VIEW, Assurance, Zone
from custodes.ledger.rules.people import Periods
from custodes.services.backgrounds import Committed


@dataclass(frozen=True, slots=True)
class StreamAssignment:
    """A stream to record. The password is for this process alone and never shown.

    `views`: its camera's, by name, `zones` what is never to be seen of it; that they change is no reason to begin
    anew.
    """

    camera: bytes
    stream: bytes
    name: str
    kind: str
    assurance: Assurance
    url: str
    transport: Literal["tcp", "udp"]
    username: str
    retention_us: int
    priority: int
    password: str = field(default="", repr=False)
    views: tuple[str, ...] = field(default=(HOME_VIEW,), compare=False)
    zones: tuple[Zone, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class CustodianKey:
    """A custodian's weekly key and how long epochs may be sealed to it."""

    index: int
    number: int
    key: PublicSealingKey
    seals_from_us: int
    seals_until_us: int


@dataclass(frozen=True, slots=True)
class StaffKey:
    """A key of staff, its role, and from when it may sign (UTC)."""

    key: bytes
    role: str
    usable_from_us: int


@dataclass(frozen=True)
class RecorderSettings:
    """A checked settings document.

    `pools`: public shred keys by pool, oldest pool first. `entry`: statement hash of this recorder's entry, with
    which its chain of accounts begins. `discloser`: the key by whose word reels are closed early.
    `backgrounds`: those in force that its views are compared with. `recorders`: signing keys by id. `staff`: by key id.
    """

    number: int
    network: bytes
    recorder: bytes
    made_us: int
    quorum: int
    indices: tuple[int, ...]
    roster: bytes
    periods: Periods
    custodian_keys: tuple[CustodianKey, ...]
    assignments: tuple[StreamAssignment, ...]
    pools: Mapping[bytes, tuple[bytes, ...]]
    entry: bytes
    discloser: bytes
    backgrounds: tuple[Committed, ...] = ()
    recorders: Mapping[bytes, bytes] = field(default_factory=dict)
    staff: Mapping[bytes, StaffKey] = field(default_factory=dict)

"""What a recorder goes by: its assignments, whom to seal to, and with which shred keys.

The document is checked in `check_settings` before anything here exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from custodes.base.sealing import PublicSealingKey
from custodes.estate.model import Assurance
from custodes.ledger.rules.people import Periods


@dataclass(frozen=True, slots=True)
class StreamAssignment:
    """A stream to record. The password is for this process alone and never shown."""

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


@dataclass(frozen=True, slots=True)
class CustodianKey:
    """A custodian's weekly key and how long epochs may be sealed to it."""

    index: int
    number: int
    key: PublicSealingKey
    seals_from_us: int
    seals_until_us: int


@dataclass(frozen=True)
class RecorderSettings:
    """A checked settings document.

    `pools`: public shred keys by pool, oldest pool first. `entry`: statement hash of this recorder's entry, with
    which its chain of accounts begins. `discloser`: the key by whose word reels are closed early.
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

"""A recorder's account chain: each minute one statement of what is durable, what is missing and what ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from custodes.base.keys import SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import (
    Account,
    AccountLeaf,
    Closed,
    Cut,
    Gap,
    Manifest,
    account_type,
)
from custodes.custody.paths import manifest_path
from custodes.services.parcels import Parcel, parcel_bytes
from custodes.services.recorder.outbox import Outbox
from custodes.services.recorder.state import EpochState, RecorderState, StateFile


@dataclass(frozen=True)
class Minute:
    """What one account speaks of."""

    minute_us: int
    leaves: tuple[AccountLeaf, ...]
    gaps: tuple[Gap, ...]
    cuts: tuple[Cut, ...] = ()
    closed: tuple[bytes, ...] = ()
    previous_run: int | None = None

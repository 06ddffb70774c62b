"""What a run of the verifier was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from custodes_verify.witnesses import Policy


@dataclass(frozen=True)
class Options:
    """One run; `network` is the pinned id, if any; `deep` is None for: where possible."""

    where: str | None
    network: bytes | None
    package: Path | None
    policy: Policy | None
    seen: Path | None
    at_size: int | None
    deep: bool | None
    now_us: int

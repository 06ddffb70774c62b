"""What is told of a key store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class KeyStoreLevel(Enum):
    """How much a store needs somebody."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class KeyStoreHealth:
    """A key store at one moment, with the reasons for not being green."""

    level: KeyStoreLevel
    reasons: tuple[str, ...]
    keys: int


@dataclass(frozen=True, slots=True)
class TornRecord:
    """A record that was found damaged when its copy was opened."""

    folder: Path
    slot: int

    def __str__(self) -> str:
        return f"key store copy {self.folder}: record {self.slot} was torn"

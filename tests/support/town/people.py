"""Everybody's keys, made from their names; none of them protects anything."""

import hashlib
from dataclasses import dataclass, field

from custodes.base.keys import SigningKey
from custodes.base.sealing import SealingKey


def digest(label: str) -> bytes:
    """32 bytes that depend on the label alone."""
    return hashlib.sha256(f"town/{label}".encode()).digest()


def make_id(label: str) -> bytes:
    """16 bytes that depend on the label alone."""
    return digest(label)[:16]


def signing_key(label: str) -> SigningKey:
    return SigningKey(digest(f"signing/{label}"))


def sealing_key(label: str) -> SealingKey:
    return SealingKey(digest(f"sealing/{label}"))


@dataclass
class Actor:
    """Somebody with a signing and a sealing key."""

    label: str
    signing: SigningKey = field(init=False)
    sealing: SealingKey = field(init=False)

    def __post_init__(self) -> None:
        self.signing = signing_key(self.label)
        self.sealing = sealing_key(self.label)


@dataclass
class Custodian:
    """A custodian and the first weekly keys."""

    index: int
    label: str
    identity: SigningKey = field(init=False)
    weekly: list[SealingKey] = field(init=False)

    def __post_init__(self) -> None:
        self.identity = signing_key(self.label)
        self.weekly = [sealing_key(f"{self.label}/week-{number}") for number in range(1, 6)]


@dataclass
class Staff:
    """Staff by pseudonym."""

    pseudonym: str
    role: str
    key: SigningKey = field(init=False)

    def __post_init__(self) -> None:
        self.key = signing_key(f"staff/{self.pseudonym}")

"""A custodian's folder as bytes: seeds wrapped under a passphrase, and the memory that refuses to say two things.

Source: docs/formats/client.md; RFC 9106 (Argon2id).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.errors import (
    CorruptError,
    InvalidError,
    RefusedError,
    UnauthenticatedError,
    UnverifiedError,
)
from custodes.base.ids import HASH_BYTES
from custodes.base.keys import SEED_BYTES
from custodes.custody.card import WeeklyKey, parse_weekly_key
from custodes.custody.members import Members, check_ascending
from custodes.custody.shamir import Random
from custodes.ledger.merkle import EMPTY_ROOT

WRAP_MAGIC = b"CWRP/1\n"
SEEN_FORMAT = "custodes/seen/v1"
MADE_FORMAT = "custodes/made/v1"
HOLDS_FORMAT = "custodes/holds/v1"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
WRAPPED_BYTES = len(WRAP_MAGIC) + _SALT_BYTES + _NONCE_BYTES + SEED_BYTES + _TAG_BYTES
_MEMORY_KIB = 64 << 10
_PASSES = 3
_LANES = 4


def wrap_seed(seed: bytes, passphrase: str, name: str, random: Random = os.urandom) -> bytes:
    """A seed under a passphrase, for the file of that name within the folder. Cost: 64 MiB, some 0.1 s."""
    if len(seed) != SEED_BYTES:
        raise InvalidError(f"a seed has {SEED_BYTES} bytes, got {len(seed)}")
    salt, nonce = random(_SALT_BYTES), random(_NONCE_BYTES)
    sealed = AESGCM(_wrap_key(passphrase, salt)).encrypt(nonce, seed, name.encode())
    return WRAP_MAGIC + salt + nonce + sealed


def unwrap_seed(wrapped: bytes, passphrase: str, name: str) -> bytes:
    """The seed of a file.

    Errors: CorruptError when it is no wrapped seed; UnauthenticatedError when the passphrase does not open it.
    """
    if len(wrapped) != WRAPPED_BYTES or not wrapped.startswith(WRAP_MAGIC):
        raise CorruptError(f"{name} is not a wrapped key")
    rest = wrapped[len(WRAP_MAGIC) :]
    salt, nonce, sealed = (
        rest[:_SALT_BYTES],
        rest[_SALT_BYTES:][:_NONCE_BYTES],
        rest[_SALT_BYTES + _NONCE_BYTES :],
    )
    try:
        return AESGCM(_wrap_key(passphrase, salt)).decrypt(nonce, sealed, name.encode())
    except InvalidTag as error:
        raise UnauthenticatedError(f"the passphrase does not open {name}, or the file is damaged") from error


@dataclass(frozen=True)
class Seen:
    """What this custodian has seen and said: the largest checkpoint, the roster, and one statement a request."""

    network: bytes
    roster: bytes
    checkpoint_size: int = 0
    checkpoint_root: bytes = EMPTY_ROOT
    decisions: Mapping[bytes, bytes] = field(default_factory=dict)
    releases: Mapping[bytes, bytes] = field(default_factory=dict)

    def with_checkpoint(self, size: int, root: bytes) -> Seen:
        """After a checkpoint that is consistent with the one seen; a smaller one changes nothing.

        Errors: UnverifiedError for another root of the same size.
        """
        if size == self.checkpoint_size and root != self.checkpoint_root:
            raise UnverifiedError(f"the log shows two trees of {size} entries")
        if size <= self.checkpoint_size:
            return self
        return replace(self, checkpoint_size=size, checkpoint_root=root)

    def with_roster(self, roster: bytes, chain: Collection[bytes]) -> Seen:
        """After a roster, by the hashes of the chain up to it. Errors: UnverifiedError when it is a step back."""
        walked = list(chain)
        if roster not in walked or self.roster not in walked[: walked.index(roster) + 1]:
            raise UnverifiedError("the roster does not follow from the one seen")
        return replace(self, roster=roster)

    def with_decision(self, request: bytes, statement: bytes) -> Seen:
        """Before a Decision is signed. Errors: RefusedError when another was signed for that request."""
        return replace(self, decisions=_once(self.decisions, request, statement, "decision"))

    def with_release(self, request: bytes, set_hash: bytes) -> Seen:
        """Before a Release is signed. Errors: RefusedError when another set was released for that request."""
        return replace(self, releases=_once(self.releases, request, set_hash, "set of shares"))

    def encode(self) -> bytes:
        """The file's bytes."""
        return canon(
            {
                "checkpoint": {"root": b64u(self.checkpoint_root), "size": self.checkpoint_size},
                "decisions": _hashes_json(self.decisions),
                "format": SEEN_FORMAT,
                "network": b64u(self.network),
                "releases": _hashes_json(self.releases),
                "roster": b64u(self.roster),
            }
        )


def parse_seen(data: bytes) -> Seen:
    """Errors: InvalidError."""
    names = ("checkpoint", "decisions", "format", "network", "releases", "roster")
    members = Members(parse_canon(data), "seen", names)
    members.literal("format", SEEN_FORMAT)
    checkpoint = Members(members.object("checkpoint"), "checkpoint seen", ("root", "size"))
    return Seen(
        network=members.hash("network"),
        roster=members.hash("roster"),
        checkpoint_size=checkpoint.count("size"),
        checkpoint_root=checkpoint.hash("root"),
        decisions=_hashes(members.object("decisions")),
        releases=_hashes(members.object("releases")),
    )


def encode_made(keys: tuple[WeeklyKey, ...]) -> bytes:
    """Every weekly key ever made in the folder, public, by number."""
    return canon({"format": MADE_FORMAT, "keys": [key.to_json() for key in keys]})


def parse_made(data: bytes) -> tuple[WeeklyKey, ...]:
    """Errors: InvalidError."""
    members = Members(parse_canon(data), "keys made", ("format", "keys"))
    members.literal("format", MADE_FORMAT)
    keys = members.array("keys", parse_weekly_key)
    check_ascending((key.number for key in keys), "keys made")
    return keys


@dataclass(frozen=True, slots=True)
class HoldKey:
    """The key of one hold, and when the hold ends and the key with it."""

    hold: bytes
    key: bytes
    until_us: int


def encode_hold_keys(keys: Iterable[HoldKey]) -> bytes:
    """Which of the folder's keys are of which holds, by hold."""
    rows = [
        {"hold": b64u(one.hold), "key": b64u(one.key), "until_us": one.until_us}
        for one in sorted(keys, key=lambda one: one.hold)
    ]
    return canon({"format": HOLDS_FORMAT, "holds": rows})


def parse_hold_keys(data: bytes) -> tuple[HoldKey, ...]:
    """Errors: InvalidError."""
    members = Members(parse_canon(data), "keys of holds", ("format", "holds"))
    members.literal("format", HOLDS_FORMAT)
    keys = members.array("holds", _parse_hold_key)
    check_ascending((key.hold for key in keys), "keys of holds")
    return keys


def _parse_hold_key(value: Any) -> HoldKey:
    members = Members(value, "key of a hold", ("hold", "key", "until_us"))
    return HoldKey(members.id("hold"), members.id("key"), members.count("until_us"))


def _wrap_key(passphrase: str, salt: bytes) -> bytes:
    # One spelling, whichever keyboard composed the letters.
    secret = unicodedata.normalize("NFC", passphrase).encode()
    kdf = Argon2id(salt=salt, length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return kdf.derive(secret)


def _once(said: Mapping[bytes, bytes], request: bytes, hash_: bytes, what: str) -> dict[bytes, bytes]:
    if said.get(request, hash_) != hash_:
        raise RefusedError(f"another {what} was signed for request {request.hex()}")
    return {**said, request: hash_}


def _hashes_json(hashes: Mapping[bytes, bytes]) -> dict[str, str]:
    return {b64u(request): b64u(hash_) for request, hash_ in hashes.items()}


def _hashes(value: Any) -> dict[bytes, bytes]:
    if not isinstance(value, dict):
        raise InvalidError("seen: decisions and releases are objects")
    return {unb64u(request, HASH_BYTES): unb64u(hash_, HASH_BYTES) for request, hash_ in value.items()}

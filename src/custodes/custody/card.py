"""A custodian's card: its identity key and its next five weekly keys, signed by itself.

Source: docs/formats/genesis.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US
from custodes.base.errors import InvalidError
from custodes.base.keys import SIGNING_KEY_BYTES, Signed, SigningKey, key_id, sign_body
from custodes.base.sealing import SEALING_KEY_BYTES
from custodes.custody.members import Members
from custodes.ledger.entries.people import WEEKLY_KEYS
from custodes.ledger.rules.people import Custodian

CARD_TYPE = "custodes/card/v1"
DEFAULT_RETENTION_US = 30 * DAY_US
DESTRUCTION_MARGIN_US = 8 * DAY_US


@dataclass(frozen=True, slots=True)
class WeeklyKey:
    """A week's sealing key, public, and when it seals and is destroyed."""

    key: bytes
    number: int
    seals_from_us: int
    seals_until_us: int
    destroy_after_us: int

    @property
    def id(self) -> bytes:
        """The key's id. Shape: 16 bytes."""
        return key_id(self.key)

    def to_json(self) -> dict[str, Any]:
        """The key as it stands on a card."""
        return {
            "destroy_after_us": self.destroy_after_us,
            "key": b64u(self.key),
            "number": self.number,
            "seals_from_us": self.seals_from_us,
            "seals_until_us": self.seals_until_us,
        }

    def cert_body(self, network: bytes, custodian: int) -> dict[str, Any]:
        """The body of its KeyCert entry, which the custodian signs."""
        return {**self.to_json(), "custodian": custodian, "network": b64u(network)}


@dataclass(frozen=True)
class Card:
    """A card: five keys whose weeks follow one another. Errors: InvalidError from the constructor."""

    identity: bytes
    name: str
    keys: tuple[WeeklyKey, ...]

    def __post_init__(self) -> None:
        if len(self.keys) != WEEKLY_KEYS or [key.number for key in self.keys] != [1, 2, 3, 4, 5]:
            raise InvalidError("a card has five keys, numbered from 1")
        if len({key.key for key in self.keys}) != WEEKLY_KEYS:
            raise InvalidError("a card names a key twice")
        terms = {
            (key.seals_until_us - key.seals_from_us, key.destroy_after_us - key.seals_until_us)
            for key in self.keys
        }
        if len(terms) != 1 or any(span <= 0 for term in terms for span in term):
            raise InvalidError("a card's keys have one length and one time to destruction")
        if any(
            before.seals_until_us != after.seals_from_us
            for before, after in zip(self.keys, self.keys[1:], strict=False)
        ):
            raise InvalidError("a card's keys follow one another")

    def custodian(self, index: int) -> Custodian:
        """The custodian as genesis or a roster names it."""
        return Custodian(index, self.identity, self.name, tuple(key.id for key in self.keys))


def weekly_keys(
    publics: Sequence[bytes],
    first_number: int,
    seals_from_us: int,
    period_us: int,
    retention_us: int = DEFAULT_RETENTION_US,
) -> tuple[WeeklyKey, ...]:
    """Consecutive weeks of public keys; each is destroyed when what it sealed has ended everywhere."""
    keys = []
    for place, public in enumerate(publics):
        from_us = seals_from_us + place * period_us
        until_us = from_us + period_us
        destroy_us = until_us + retention_us + DESTRUCTION_MARGIN_US
        keys.append(WeeklyKey(public, first_number + place, from_us, until_us, destroy_us))
    return tuple(keys)


def sign_card(card: Card, identity: SigningKey) -> Signed:
    """The signed card. Errors: InvalidError when it is another identity's."""
    if identity.public != card.identity:
        raise InvalidError("a card is signed by the identity that it names")
    body = {
        "format": CARD_TYPE,
        "identity": b64u(card.identity),
        "keys": [key.to_json() for key in card.keys],
        "name": card.name,
    }
    return sign_body(CARD_TYPE, body, identity)


def parse_card(signed: Signed) -> Card:
    """Errors: InvalidError; UnverifiedError when it is not signed by its identity, and by nobody else."""
    if signed.type != CARD_TYPE:
        raise InvalidError("not a custodian's card")
    members = Members(signed.body, "card", ("format", "identity", "keys", "name"))
    members.literal("format", CARD_TYPE)
    card = Card(
        identity=members.binary("identity", SIGNING_KEY_BYTES),
        name=members.text("name"),
        keys=members.array("keys", parse_weekly_key, WEEKLY_KEYS, WEEKLY_KEYS),
    )
    signed.check_signed_by([card.identity])
    return card


def parse_weekly_key(value: Any) -> WeeklyKey:
    """A key as it stands on a card. Errors: InvalidError."""
    names = ("destroy_after_us", "key", "number", "seals_from_us", "seals_until_us")
    members = Members(value, "weekly key", names)
    return WeeklyKey(
        key=members.binary("key", SEALING_KEY_BYTES),
        number=members.count("number", 1),
        seals_from_us=members.count("seals_from_us"),
        seals_until_us=members.count("seals_until_us"),
        destroy_after_us=members.count("destroy_after_us"),
    )

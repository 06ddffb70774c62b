"""KeyCert and Destroyed: custodians' weekly keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from custodes.base.clock import DAY_US
from custodes.base.keys import key_id
from custodes.ledger.entries.people import WEEKLY_KEYS
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.people import custodian_named
from custodes.ledger.rules.refusal import refuse

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts

KEYS_AHEAD = 5
# A recorder seals on to the last key for so long after its end.
OVERRUN_US = 14 * DAY_US


@dataclass(slots=True)
class KeyCert:
    """A custodian's certified key."""

    identity: bytes
    number: int
    key: bytes
    id: bytes
    seals_from_us: int
    seals_until_us: int
    destroy_after_us: int
    index: int
    destroyed: bool = False

    def seals_at(self, when_us: int) -> bool:
        """Whether a header of that time may name it; destruction is another matter."""
        return self.seals_from_us <= when_us <= self.seals_until_us + OVERRUN_US


def admit_key_cert(facts: Facts, candidate: Candidate) -> bool:
    """The next key of a custodian."""
    body = candidate.body
    assert facts.genesis is not None
    identity = custodian_named(facts, candidate)
    certs = facts.certs.get(identity, [])
    if body["number"] != len(certs) + 1:
        refuse("key-cert-number", f"must be number {len(certs) + 1}, is {body['number']}")
    start_us, until_us = body["seals_from_us"], body["seals_until_us"]
    latest_us = candidate.admitted_us + KEYS_AHEAD * facts.genesis.periods.custodian_key_us
    if not start_us < until_us < body["destroy_after_us"] or until_us > latest_us:
        refuse("key-cert-dates", "from < until < destroy_after, until at most five key periods ahead")
    key = key_id(body["key"])
    if body["number"] <= WEEKLY_KEYS and facts.weekly[identity][body["number"] - 1] != key:
        refuse("key-cert-genesis", "not the key that genesis or the custodian's first roster names")
    if key in facts.cert_of_key:
        refuse("key-cert-new", "the key is certified already")
    cert = KeyCert(
        identity,
        body["number"],
        body["key"],
        key,
        start_us,
        until_us,
        body["destroy_after_us"],
        candidate.index,
    )
    facts.certs.setdefault(identity, certs).append(cert)
    facts.cert_of_key[key] = cert
    return False


def admit_destroyed(facts: Facts, candidate: Candidate) -> bool:
    """A custodian's statement that keys are gone."""
    identity = custodian_named(facts, candidate)
    keys = candidate.body["keys"]
    certs = [facts.cert_of_key.get(key) for key in keys]
    if len(set(keys)) != len(keys):
        refuse("destroyed-known", "a key is named twice")
    for cert in certs:
        if cert is None or cert.identity != identity or cert.destroyed:
            refuse("destroyed-known", "a key is not certified for this custodian, or is destroyed already")
    for cert in certs:
        assert cert is not None
        cert.destroyed = True
    return False

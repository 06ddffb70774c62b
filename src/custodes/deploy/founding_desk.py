"""What answers custodians who enroll from devices of their own, before the network has started.

Whoever asks is believed nothing: only what a custodian that genesis names has signed changes anything here.
Source: docs/formats/client.md.
"""

from __future__ import annotations

import asyncio
from typing import Any

from custodes.adapters.durable_file import replace_file
from custodes.base.canon import canon, parse_canon, typed_message, unb64u
from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.keys import Signed, key_id, parse_signatures
from custodes.custody.card import Card, parse_card
from custodes.custody.members import Members
from custodes.custody.roster import check_card_named, network_id
from custodes.deploy.enlisting import leave_for_start, read_genesis
from custodes.deploy.layout import NetworkFolder
from custodes.ledger.rules.state import GENESIS_ID_TYPE
from custodes.services.parcels import Parcel

SERVICE = "founding"
GENESIS, SIGN = "genesis", "sign"
KEY_CERT_TYPE = "custodes/entry/key-cert/v1"
ENROLMENT_FORMAT = "custodes/enrolment/v1"
DESKS = {SERVICE: (GENESIS, SIGN)}


class FoundingDesk:
    """Hands out the genesis and takes signatures. `complete` is set once every custodian has signed."""

    def __init__(self, folder: NetworkFolder) -> None:
        self.complete = asyncio.Event()
        self._folder = folder
        self._lock = asyncio.Lock()

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """The genesis with the signatures so far, or, a signature taken, who is missing.

        Errors: InvalidError, UnverifiedError; CorruptError of the folder.
        """
        if service == SERVICE and subject == GENESIS and not question:
            return canon((await asyncio.to_thread(read_genesis, self._folder)).to_json())
        if service != SERVICE or subject != SIGN:
            raise NotFoundError("the network is being founded; nothing else answers yet")
        async with self._lock:
            missing = await asyncio.to_thread(self._take, question)
        if not missing:
            self.complete.set()
        return canon({"missing": missing})

    def _take(self, question: bytes) -> list[str]:
        genesis = read_genesis(self._folder)
        members = Members(parse_canon(question), "enrolment", ("card", "certs", "format", "signatures"))
        members.literal("format", ENROLMENT_FORMAT)
        card = parse_card(Signed.from_json(members.object("card")))
        index = check_card_named(genesis.body, card)
        certs = members.array("certs", Signed.from_json, len(card.keys), len(card.keys))
        _check_certs(certs, card, network_id(genesis.body), index)
        signatures = parse_signatures(members.object("signatures"))
        if [signature.key for signature in signatures] != [key_id(card.identity)]:
            raise UnverifiedError("an enrolment has one signature of the genesis, the custodian's own")
        message = typed_message(GENESIS_ID_TYPE, network_id(genesis.body))
        signatures[0].check(card.identity, message)
        for key, cert in zip(card.keys, certs, strict=True):
            leave_for_start(self._folder, f"key-cert-{index:02d}-{key.number}", Parcel(cert))
        signed = genesis.with_signatures(signatures)
        replace_file(self._folder.genesis_file, canon(signed.to_json()))
        return not_signed(signed)


def not_signed(genesis: Signed) -> list[str]:
    """The names of the custodians that have not signed a genesis."""
    signed = {signature.key for signature in genesis.signatures}
    return [
        one["name"] for one in genesis.body["custodians"] if key_id(unb64u(one["identity"])) not in signed
    ]


def _check_certs(certs: tuple[Any, ...], card: Card, network: bytes, index: int) -> None:
    for key, cert in zip(card.keys, certs, strict=True):
        if cert.type != KEY_CERT_TYPE or cert.body != key.cert_body(network, index):
            raise InvalidError(f"certificate {key.number} is not that of the card's key")
        cert.check_signed_by([card.identity])

"""A custodian joins a network that is being founded: reads, checks, signs, pins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.adapters.durable_file import replace_file
from custodes.adapters.exchange.http import HttpOffice
from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.keys import Signed, sign_body
from custodes.custody.roster import check_card_named, check_genesis_body, network_id, sign_genesis
from custodes.deploy.enlisting import leave_for_start, read_genesis
from custodes.deploy.founding_desk import ENROLMENT_FORMAT, GENESIS, KEY_CERT_TYPE, SERVICE, SIGN
from custodes.deploy.layout import NetworkFolder
from custodes.ledger.entries.people import GENESIS_TYPE
from custodes.services.parcels import Parcel

Confirm = Callable[[Any], None]


def enroll(root: Path, custodian: CustodianFolder, confirm: Confirm) -> tuple[Any, int]:
    """Sign the genesis and the certificates of the own weekly keys; the body and the own index.

    `confirm(body)` lets a person read it and raises where they do not agree.
    Errors: UnverifiedError when the own card is not in it unaltered; RefusedError; CorruptError.
    """
    folder = NetworkFolder(root)
    body = read_genesis(folder).body
    index, certs = _agree(body, custodian, confirm)
    for key, cert in zip(custodian.card.keys, certs, strict=True):
        leave_for_start(folder, f"key-cert-{index:02d}-{key.number}", Parcel(cert))
    signed = read_genesis(folder).with_signatures([sign_genesis(body, custodian.identity)])
    replace_file(folder.genesis_file, canon(signed.to_json()))
    return body, index


def enroll_at(url: str, custodian: CustodianFolder, confirm: Confirm) -> tuple[int, list[str]]:
    """The same from another device, while `custodes serve --founding` answers; the own index, and who is missing.

    What is signed is what was shown, whatever the server does meanwhile.
    Errors: as `enroll`; UnavailableError; NotFoundError when the network is not being founded there.
    """
    office = HttpOffice(url)
    try:
        genesis = Signed.from_json(parse_canon(asyncio.run(office.ask(SERVICE, GENESIS, b""))))
    except NotFoundError as error:
        raise NotFoundError(f"{url} is not founding a network: `custodes serve DIR --founding`") from error
    if genesis.type != GENESIS_TYPE:
        raise UnverifiedError(f"{url} shows something else than a genesis")
    index, certs = _agree(genesis.body, custodian, confirm)
    signature = Signed(GENESIS_TYPE, genesis.body, (sign_genesis(genesis.body, custodian.identity),))
    enrolment = {
        "card": custodian.card_signed.to_json(),
        "certs": [cert.to_json() for cert in certs],
        "format": ENROLMENT_FORMAT,
        "signatures": signature.to_json()["signatures"],
    }
    answer = parse_canon(asyncio.run(office.ask(SERVICE, SIGN, canon(enrolment))))
    missing = answer.get("missing") if isinstance(answer, dict) else None
    if not isinstance(missing, list) or not all(isinstance(name, str) for name in missing):
        raise InvalidError(f"{url} does not say whether it took the signature")
    return index, missing


def _agree(body: Any, custodian: CustodianFolder, confirm: Confirm) -> tuple[int, list[Signed]]:
    """The own index and the signed certificates, once a person has agreed; the folder is then bound."""
    check_genesis_body(body)
    index = check_card_named(body, custodian.card)
    confirm(body)
    network = network_id(body)
    custodian.enroll(network)
    keys = custodian.card.keys
    return index, [
        sign_body(KEY_CERT_TYPE, key.cert_body(network, index), custodian.identity) for key in keys
    ]

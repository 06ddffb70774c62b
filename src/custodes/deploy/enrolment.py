"""A custodian joins a network that is being founded: reads, checks, signs, pins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.adapters.durable_file import replace_file
from custodes.base.canon import canon
from custodes.base.keys import sign_body
from custodes.custody.roster import check_card_named, check_genesis_body, network_id, sign_genesis
from custodes.deploy.enlisting import leave_for_start, read_genesis
from custodes.deploy.layout import NetworkFolder
from custodes.services.parcels import Parcel

KEY_CERT_TYPE = "custodes/entry/key-cert/v1"


def enroll(root: Path, custodian: CustodianFolder, confirm: Callable[[Any], None]) -> tuple[Any, int]:
    """Sign the genesis and the certificates of the own weekly keys; the body and the own index.

    `confirm(body)` lets a person read it and raises where they do not agree.
    Errors: UnverifiedError when the own card is not in it unaltered; RefusedError; CorruptError.
    """
    folder = NetworkFolder(root)
    genesis = read_genesis(folder)
    check_genesis_body(genesis.body)
    index = check_card_named(genesis.body, custodian.card)
    confirm(genesis.body)
    network = network_id(genesis.body)
    custodian.enroll(network)
    for key in custodian.card.keys:
        cert = sign_body(KEY_CERT_TYPE, key.cert_body(network, index), custodian.identity)
        leave_for_start(folder, f"key-cert-{index:02d}-{key.number}", Parcel(cert))
    signed = read_genesis(folder).with_signatures([sign_genesis(genesis.body, custodian.identity)])
    replace_file(folder.genesis_file, canon(signed.to_json()))
    return genesis.body, index

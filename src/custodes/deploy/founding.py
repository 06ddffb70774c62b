"""Founding a network: keys, genesis, first recorder, the folder that holds them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custodes.adapters.durable_file import replace_file
from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.secrets import new_sealing_key, new_signing_key, read_signing_key
from custodes.adapters.spool.files import SystemFiles
from custodes.adapters.spool.volume import create_mark
from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.clock import Clock
from custodes.base.errors import ConflictError, NotFoundError
from custodes.base.ids import new_id, parse_hex
from custodes.base.keys import SIGNING_KEY_BYTES, Signed, sign_body
from custodes.custody.card import Card, parse_card
from custodes.custody.roster import FirstStaff, RosterDraft, genesis_body, network_id, sign_genesis
from custodes.deploy.layout import NetworkFolder, NetworkSettings, write_settings
from custodes.ledger.entries.people import GENESIS_TYPE
from custodes.ledger.rules.people import Actor, Periods
from custodes.services.parcels import Parcel, parcel_bytes

RECORDER_TYPE = "custodes/entry/recorder/v1"
KEYSTORE_CAPACITY = 20_000


@dataclass(frozen=True)
class Founding:
    """What whoever founds a network decides. `staff`: (pseudonym, role); `witnesses`: key in hex by name."""

    name: str
    quorum: int
    cards: tuple[Path, ...]
    origin: str | None
    staff: tuple[tuple[str, str], ...]
    witnesses: Mapping[str, str]
    witnesses_needed: int
    periods: Periods
    http_port: int


def read_card(path: Path) -> Card:
    """Errors: NotFoundError, InvalidError, UnverifiedError."""
    try:
        return parse_card(Signed.from_json(parse_canon(path.read_bytes().strip())))
    except FileNotFoundError as error:
        raise NotFoundError(f"no card {path}") from error


def found_network(root: Path, founding: Founding, clock: Clock) -> tuple[dict[str, Any], bytes]:
    """Make the folder; the genesis body and the network's id.

    It is made under another name and renamed when it is whole.
    Errors: ConflictError when the folder holds anything; InvalidError, RefusedError for what no genesis may say.
    """
    if root.exists() and any(root.iterdir()):
        raise ConflictError(f"{root} is not empty")
    cards = [read_card(path) for path in founding.cards]
    root.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        body = _make_keys(NetworkFolder(draft), founding, cards, clock)
        _write(NetworkFolder(draft), founding, body)
        draft.replace(root)
    except BaseException:
        shutil.rmtree(draft)
        raise
    return body, network_id(body)


def _make_keys(
    folder: NetworkFolder, founding: Founding, cards: Sequence[Card], clock: Clock
) -> dict[str, Any]:
    staff = [
        FirstStaff(new_signing_key(folder.staff_key(pseudonym)).public, pseudonym, role)
        for pseudonym, role in founding.staff
    ]
    draft = RosterDraft(
        custodians=[card.custodian(index) for index, card in enumerate(cards, 1)],
        quorum=founding.quorum,
        operator=_actor(folder.operator),
        keeper=_actor(folder.keeper),
        discloser=_actor(folder.discloser),
        witnesses={name: parse_hex(text, SIGNING_KEY_BYTES) for name, text in founding.witnesses.items()},
        witnesses_needed=founding.witnesses_needed,
    )
    return genesis_body(
        founding.name,
        clock.utc_us(),
        founding.origin or f"{_slug(founding.name)}.invalid/log",
        new_signing_key(folder.keeper / "log").public,
        draft,
        staff,
        founding.periods,
    )


def _actor(folder: Path) -> Actor:
    return Actor(new_signing_key(folder / "signing").public, new_sealing_key(folder / "sealing").public)


def _write(folder: NetworkFolder, founding: Founding, body: dict[str, Any]) -> None:
    operator = read_signing_key(folder.operator / "signing")
    genesis = Signed(GENESIS_TYPE, body, (sign_genesis(body, operator),))
    replace_file(folder.genesis_file, canon(genesis.to_json()))
    network, recorder = network_id(body), new_id()
    signing = new_signing_key(folder.recorder(recorder) / "signing")
    sealing = new_sealing_key(folder.recorder(recorder) / "sealing")
    entry = sign_body(
        RECORDER_TYPE,
        {
            "network": b64u(network),
            "recorder": b64u(recorder),
            "sealing": b64u(sealing.public),
            "signing": b64u(signing.public),
        },
        operator,
    )
    replace_file(folder.root / "recorder.json", canon(entry.to_json()))
    replace_file(folder.founding_file("recorder"), parcel_bytes(Parcel(entry)))
    for copy in folder.keystore:
        copy.mkdir(mode=0o700, parents=True)
    KeyStore.create(folder.keystore, KEYSTORE_CAPACITY).close()
    store = LocalObjectStore.create(folder.store)
    store.close()
    settings = NetworkSettings(
        network=network,
        recorder=recorder,
        store_volume=store.volume_id,
        spool_volume=create_mark(folder.spool, SystemFiles()),
        http_port=founding.http_port,
    )
    write_settings(folder, settings)


def _slug(name: str) -> str:
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return text[:60] or "network"

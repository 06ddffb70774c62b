"""`custodes hold`: delay deletion of named epochs, for a time."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from custodes.adapters.secrets import read_signing_key
from custodes.base.canon import b64u, typed_hash
from custodes.base.clock import SystemClock
from custodes.base.ids import HASH_BYTES, new_id
from custodes.base.keys import sign_body
from custodes.cli.options import duration_us, instant_us, show_us
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.place import reach
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, submit
from custodes.services.scoping import scope_of_time

HOLD_TYPE = "custodes/entry/hold/v1"


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "hold", help="keep footage past its retention, provisionally, at most 7 days"
    )
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--camera", required=True)
    parser.add_argument("--stream", choices=("main", "sub"), default="main")
    parser.add_argument("--from", dest="from_", required=True, metavar="TIME")
    parser.add_argument("--to", required=True, metavar="TIME")
    parser.add_argument("--for", dest="for_", default="7d", metavar="LENGTH", help="at most 7d, the default")
    parser.add_argument("--staff", type=Path, required=True, metavar="KEYFILE", help="a supervisor's key")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Sign a provisional hold and enter it; it is counted in the public register."""
    place = reach(options.folder)
    network = read_settings(NetworkFolder(Path(options.folder))).network
    view = LedgerView(network, place.read)
    view.refresh()
    found = scope_of_time(
        view, options.camera, options.stream, instant_us(options.from_), instant_us(options.to)
    )
    until_us = SystemClock().utc_us() + duration_us(options.for_) - 1
    salt = new_id() + new_id()
    body = {
        "commitment": b64u(typed_hash("custodes/hold-scope/v1", salt[:HASH_BYTES], found.scope.encode())),
        "count": found.scope.count,
        "epochs": [b64u(epoch) for epoch in sorted(found.scope.epoch_ids)],
        "hold": b64u(new_id()),
        "kind": "provisional",
        "network": b64u(network),
        "request": "",
        "until_us": until_us,
    }
    statement = sign_body(HOLD_TYPE, body, read_signing_key(options.staff))
    index = asyncio.run(submit(place.office, Parcel(statement)))
    print(f"entry {index}: {found.scope.count} minutes are held until {show_us(until_us)}")
    return 0

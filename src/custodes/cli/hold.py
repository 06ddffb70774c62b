"""`custodes hold`: delay deletion of named minutes, for a time."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from custodes.adapters.secrets import read_signing_key
from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, new_id, parse_hex
from custodes.base.keys import sign_body
from custodes.cases.hold import HOLD_TYPE, HOLD_WISH_TYPE, HoldScope
from custodes.cli.options import duration_us, instant_us, show_us
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.place import Place, reach
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, submit
from custodes.services.scoping import scope_of_time

PROVISIONAL = "7d"
FULL = "90d"


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "hold",
        help="keep footage past its retention",
        description="A provisional hold names a camera and times, is a supervisor's alone and lasts at most 7 days."
        " A full hold names a request that the custodians have granted, keeps those minutes, and lasts at most 90.",
    )
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--request", metavar="REQUEST", help="a full hold of what this request was granted")
    parser.add_argument("--camera")
    parser.add_argument("--stream", choices=("main", "sub"), default="main")
    parser.add_argument("--from", dest="from_", metavar="TIME")
    parser.add_argument("--to", metavar="TIME")
    parser.add_argument(
        "--for", dest="for_", metavar="LENGTH", help=f"at most, and by default, {PROVISIONAL}; full: {FULL}"
    )
    parser.add_argument("--staff", type=Path, required=True, metavar="KEYFILE", help="a supervisor's key")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Enter a hold; it is counted in the public register."""
    place = reach(options.folder)
    network = read_settings(NetworkFolder(Path(options.folder))).network
    named = [options.camera, options.from_, options.to]
    if options.request is not None:
        if any(named):
            raise InvalidError("a full hold keeps what its request was granted; give no camera and no times")
        return _hold_fully(options, place, network)
    if not all(named):
        raise InvalidError("a provisional hold needs --camera, --from and --to; a full one --request alone")
    return _hold_provisionally(options, place, network)


def _hold_provisionally(options: argparse.Namespace, place: Place, network: bytes) -> int:
    view = LedgerView(network, place.read)
    view.refresh()
    found = scope_of_time(
        view, options.camera, options.stream, instant_us(options.from_), instant_us(options.to)
    )
    until_us = _until_us(options, PROVISIONAL)
    body = {
        **HoldScope(new_id() + new_id(), found.scope).entry_members(),
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


def _hold_fully(options: argparse.Namespace, place: Place, network: bytes) -> int:
    until_us = _until_us(options, FULL)
    wish = {
        "made_us": SystemClock().utc_us(),
        "network": b64u(network),
        "request": b64u(parse_hex(options.request, HASH_BYTES)),
        "until_us": until_us,
    }
    signed = sign_body(HOLD_WISH_TYPE, wish, read_signing_key(options.staff))
    found = parse_canon(asyncio.run(place.office.ask("keeper", "hold", canon(signed.to_json()))))
    print(f"entry {found['index']}: {found['count']} minutes are to be held until {show_us(until_us)}")
    print(
        "Next, within 5 days: the custodians run `custodes custodian hold FOLDER`, more of them than the quorum."
    )
    return 0


def _until_us(options: argparse.Namespace, longest: str) -> int:
    # The entry is made a little later than this clock is read.
    return SystemClock().utc_us() + duration_us(options.for_ or longest) - 1

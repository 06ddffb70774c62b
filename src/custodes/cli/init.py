"""`custodes init`: a new network: its keys, its genesis, its folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError
from custodes.cli.options import periods_of
from custodes.custody.roster import genesis_in_words
from custodes.deploy.founding import Founding, found_network

DEFAULT_STAFF = ("admin:administrator", "supervisor:supervisor", "investigator:investigator")


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("init", help="make a new network")
    parser.add_argument("folder", type=Path, metavar="DIR", help="an absent or empty folder")
    parser.add_argument("--name", required=True, help="the network's name, as residents will read it")
    parser.add_argument(
        "--quorum", type=int, required=True, metavar="K", help="how many custodians open together"
    )
    parser.add_argument(
        "--custodian",
        type=Path,
        action="append",
        required=True,
        metavar="CARD",
        help="a custodian's card; one each",
    )
    parser.add_argument("--origin", help="the ledger's name, such as cameras.example.org/log")
    parser.add_argument(
        "--staff",
        action="append",
        metavar="PSEUDONYM:ROLE",
        help=f"first staff; default {' '.join(DEFAULT_STAFF)}",
    )
    parser.add_argument(
        "--witness", action="append", default=[], metavar="NAME:KEY", help="an outside witness"
    )
    parser.add_argument("--witnesses-needed", type=int, default=0, metavar="W")
    parser.add_argument("--http-port", type=int, default=8420)
    parser.add_argument(
        "--rehearsal",
        metavar="PERIODS",
        help="shorter periods, for trying out: slot=10s,slots=6,reel=30s,staff-wait=0s",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the folder and say what comes next."""
    founding = Founding(
        name=options.name,
        quorum=options.quorum,
        cards=tuple(options.custodian),
        origin=options.origin,
        staff=tuple(_pair(text) for text in options.staff or DEFAULT_STAFF),
        witnesses=dict(_pair(text) for text in options.witness),
        witnesses_needed=options.witnesses_needed,
        periods=periods_of(options.rehearsal),
        http_port=options.http_port,
    )
    body, network = found_network(options.folder, founding, SystemClock())
    print("\n".join(genesis_in_words(body)))
    print(f"\nNetwork id: {network.hex()}")
    print("Print it on your signs; whoever checks the ledger starts from it.")
    print(f"\nNext: each custodian runs `custodes custodian enroll FOLDER {options.folder}`;")
    print(
        f"from devices of their own: `custodes serve {options.folder} --founding` answers them until all have signed;"
    )
    print(f"then `custodes camera add {options.folder} …` and `custodes serve {options.folder}`.")
    print(f"Keep {options.folder}/operator and the staff keys off this machine afterwards.")
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, colon, value = text.rpartition(":")
    if not colon or not name or not value:
        raise InvalidError(f"{text!r} is not of the form NAME:VALUE")
    return name, value

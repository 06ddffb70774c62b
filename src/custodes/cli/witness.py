"""`custodes witness`: keep a network's largest checkpoint, and cosign only what continues it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from custodes.base.clock import SECOND_US, SystemClock
from custodes.base.errors import CustodesError, InvalidError
from custodes.base.ids import HASH_BYTES, parse_hex
from custodes.cli.options import show_us
from custodes.deploy.place import reach
from custodes.services.witness import Sighting, Witness, WitnessFolder


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "witness",
        help="cosign a network's ledger as an outside witness",
        description="Keeps the largest checkpoint seen and cosigns only what continues it. Without a network"
        " it makes the key and prints it for `custodes init --witness`.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the witness's own folder")
    parser.add_argument("network_at", nargs="?", metavar="PATH|URL", help="the network's folder or address")
    parser.add_argument("--network", metavar="ID", help="the network's id, as printed on signs")
    parser.add_argument("--name", help="the witness's name; needed the first time")
    parser.add_argument("--once", action="store_true", help="look once; the exit code says how it went")
    parser.add_argument("--interval", type=float, metavar="S", help="seconds between two looks")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the key or look at the network, once or until interrupted."""
    if (options.network_at is None) != (options.network is None):
        raise InvalidError("a network's address and its --network ID belong together")
    if options.interval is not None and not 0.1 <= options.interval <= 86_400:
        raise InvalidError("--interval is from 0.1 to 86400 seconds")
    network = parse_hex(options.network, HASH_BYTES) if options.network else b""
    folder = WitnessFolder(options.folder, options.name)
    try:
        print(f"witness {folder.memory.name}:{folder.key.public.hex()}", flush=True)
        if options.network_at is None:
            return 0
        place = reach(options.network_at)
        witness = Witness(folder, place.read, place.office, network, SystemClock())
        if options.once:
            _Report()(asyncio.run(witness.look()))
        else:
            asyncio.run(witness.run(_Report(), options.interval))
        return 0
    finally:
        folder.close()


class _Report:
    """Prints what changed, so that a day without events is a short day."""

    def __init__(self) -> None:
        self._last: object = None

    def __call__(self, news: Sighting | CustodesError) -> None:
        key = str(news) if isinstance(news, CustodesError) else news.checkpoint
        if key == self._last:
            return
        self._last = key
        if isinstance(news, CustodesError):
            print(f"custodes: {news}", file=sys.stderr, flush=True)
        else:
            when = show_us(news.seconds * SECOND_US)
            print(
                f"cosigned {news.checkpoint.size} entries, root {news.checkpoint.root.hex()}, {when}",
                flush=True,
            )

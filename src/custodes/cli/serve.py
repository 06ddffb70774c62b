"""`custodes serve`: run a network on this machine."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from custodes.deploy.embedded import check_signed, found, serve
from custodes.deploy.layout import NetworkFolder, NetworkSettings
from custodes.deploy.supervisor import Supervisor


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("serve", help="run a network on this machine")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--founding",
        action="store_true",
        help="only let custodians enroll over the web, until all have signed; nothing is recorded",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until interrupted; founding, until all custodians have signed."""
    if options.founding:
        return _found(NetworkFolder(options.folder.resolve()))
    asyncio.run(serve(NetworkFolder(options.folder.resolve()), _started))
    print("stopped", flush=True)
    return 0


def _found(folder: NetworkFolder) -> int:
    if not asyncio.run(found(folder, _founding)):
        check_signed(folder)
    print(f"all custodians have signed; next: custodes serve {folder.root}", flush=True)
    return 0


def _founding(url: str, missing: list[str]) -> None:
    print(f"not signed by {', '.join(missing)}", flush=True)
    print(f"each runs: custodes custodian enroll FOLDER {url}", flush=True)
    print(
        "or with the address under which this machine is reached from outside; stop with Ctrl-C", flush=True
    )


def _started(settings: NetworkSettings, supervisor: Supervisor) -> None:
    print(f"network {settings.network.hex()}", flush=True)
    print(f"page    http://127.0.0.1:{settings.http_port}", flush=True)
    print("stop with Ctrl-C", flush=True)

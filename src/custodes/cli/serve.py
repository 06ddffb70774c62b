"""`custodes serve`: run a network on this machine."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from custodes.deploy.embedded import serve
from custodes.deploy.layout import NetworkFolder, NetworkSettings
from custodes.deploy.supervisor import Supervisor


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("serve", help="run a network on this machine")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until interrupted."""
    asyncio.run(serve(NetworkFolder(options.folder.resolve()), _started))
    print("stopped", flush=True)
    return 0


def _started(settings: NetworkSettings, supervisor: Supervisor) -> None:
    print(f"network {settings.network.hex()}", flush=True)
    print(f"page    http://127.0.0.1:{settings.http_port}", flush=True)
    print("stop with Ctrl-C", flush=True)

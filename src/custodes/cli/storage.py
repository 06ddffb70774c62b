"""`custodes storage`: how much room the store has, and how much of it is kept free by forgetting early."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from custodes.adapters.objects.local import LocalObjectStore
from custodes.cli.options import size_bytes
from custodes.deploy.layout import NetworkFolder, read_settings, write_settings
from custodes.deploy.running import is_running
from custodes.estate.rules import check_keep_free

_GIB = 1 << 30


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "storage",
        help="show the store's room, or set how much of it is kept free",
        description="With --keep-free, footage older than 24 hours may go before its deadline, the oldest first, when"
        " less than so much is free; the ledger says so each time. Without it, recorders leave new pictures out.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    parser.add_argument(
        "--keep-free",
        metavar="SIZE",
        help="from 1GiB to half of the volume, as 200GiB; off: never delete early",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show, or set and show. Errors: InvalidError for a size that no volume of this size may have."""
    folder = NetworkFolder(options.folder)
    settings = read_settings(folder)
    # The right volume, or none: another disk's size says nothing.
    LocalObjectStore.open(folder.store, settings.store_volume).close()
    usage = shutil.disk_usage(folder.store)
    if options.keep_free is not None:
        wanted = size_bytes(options.keep_free)
        check_keep_free(wanted, usage.total)
        settings = replace(settings, keep_free_bytes=wanted)
        write_settings(folder, settings)
    print(f"volume     {usage.total / _GIB:.1f} GiB, {usage.free / _GIB:.1f} GiB free")
    if settings.keep_free_bytes:
        print(f"keep free  {settings.keep_free_bytes / _GIB:.1f} GiB: below it the oldest footage goes early")
    else:
        print("keep free  off: when the store is full, new pictures are left out")
    if options.keep_free is not None and is_running(folder):
        print("The network runs; it follows this from its next start.")
    return 0

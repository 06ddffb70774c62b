"""`custodes check`: compare all that a network keeps; it changes nothing and may run beside the network."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.errors import POLICY, CustodesError, ErrorKind
from custodes.cli.progress import Terminal
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.services.check import Check, CheckSources
from custodes.services.checking.findings import Finding, FindingKind


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "check",
        help="compare ledger, store, catalogue and shred keys, and name what is damaged",
        description="Reads everything a network keeps and names what is damaged, missing or nobody's. It changes"
        " and deletes nothing and may run beside the network. Exit code 12: something is damaged.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    parser.add_argument("--quick", action="store_true", help="sizes and footers alone, not every byte")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each finding as it comes, then the sum; 0 where nothing is damaged, else 12."""
    folder = NetworkFolder(options.folder)
    settings = read_settings(folder)
    terminal = Terminal(sys.stderr)
    began = time.monotonic()
    with ExitStack() as opened:
        store = LocalObjectStore.open(folder.store, settings.store_volume)
        opened.callback(store.close)
        catalogue, spare, fault = _open_catalogue(opened, folder.keeper / "database.sqlite")
        sources = CheckSources(settings.network, store, catalogue, folder.keystore, spare)
        check = Check(sources, options.quick, terminal.progress)
        damaged = 0
        if fault is not None:
            damaged += 1
            _print(terminal, fault)
        try:
            for finding in check.run():
                damaged += finding.is_damage
                _print(terminal, finding)
        finally:
            terminal.clear()
            seconds = time.monotonic() - began
            print(f"{check.entries} entries, {check.epochs} epochs, {check.reels} reels in {seconds:.0f} s")
    print(f"{damaged} damaged" if damaged else "nothing is damaged")
    return POLICY[ErrorKind.CORRUPT].exit_code if damaged else 0


def _open_catalogue(opened: ExitStack, file: Path) -> tuple[SqlCatalogue | None, Any, Finding | None]:
    """The catalogue, its entries, and what is wrong where it cannot be read."""
    try:
        database = Database.open_to_read(file)
        opened.callback(database.close)
        catalogue, outbox = SqlCatalogue(database), SqlOutbox(database)
        catalogue.statuses()
        outbox.size()
    except CustodesError as error:
        finding = Finding(FindingKind.CATALOGUE, str(file), f"the database cannot be read: {error}")
        return None, _nothing, finding
    return catalogue, outbox.entries, None


def _nothing(_start: int, _stop: int) -> list[bytes]:
    return []


def _print(terminal: Terminal, finding: Finding) -> None:
    terminal.clear()
    print(f"{finding.kind.value}: {finding.where}: {finding.what}", flush=True)

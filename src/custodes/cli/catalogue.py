"""`custodes catalogue`: make the keeper's database anew from ledger and store."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from custodes.adapters.objects.local import LocalObjectStore
from custodes.base.errors import InvalidError
from custodes.cli.progress import Terminal
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.running import serving
from custodes.estate.model import Assignment
from custodes.services.rebuild import Rebuilt, assignments_of_settings, rebuild_database

_SHOWN_NOTES = 20


def add_parser(subparsers: Any) -> None:
    """Declare the command and its one action."""
    parser = subparsers.add_parser("catalogue", help="make the keeper's database anew")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rebuild = actions.add_parser(
        "rebuild",
        help="from the ledger and the reels' footers, with the network stopped",
        description="Makes the keeper's database anew from the ledger's files, the reels in the store and the"
        " settings of the recorders, and puts it in the old one's place in one step; the old one stays beside it.",
    )
    rebuild.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    rebuild.set_defaults(run=run_rebuild)


def run_rebuild(options: argparse.Namespace) -> int:
    """Rebuild; tells what the new database holds. Errors: ConflictError while the network runs."""
    folder = NetworkFolder(options.folder)
    settings = read_settings(folder)
    terminal = Terminal(sys.stderr)
    with serving(folder):
        store = LocalObjectStore.open(folder.store, settings.store_volume)
        try:
            rebuilt = rebuild_database(
                store,
                settings.network,
                folder.keeper / "database.sqlite",
                lambda: _told(folder),
                terminal.progress,
            )
        finally:
            terminal.clear()
            store.close()
    _print(rebuilt)
    return 0


def _told(folder: NetworkFolder) -> list[Assignment]:
    """What recorders on this machine were last told to record."""
    found: list[Assignment] = []
    for file in sorted((folder.root / "recorder").glob("*/settings")):
        try:
            found += assignments_of_settings(file.read_bytes())
        except (OSError, InvalidError) as error:
            print(
                f"custodes: the settings of recorder {file.parent.name} are left out: {error}",
                file=sys.stderr,
            )
    return found


def _print(rebuilt: Rebuilt) -> None:
    for note in rebuilt.notes[:_SHOWN_NOTES]:
        print(f"note: {note}")
    if len(rebuilt.notes) > _SHOWN_NOTES:
        print(f"note: and {len(rebuilt.notes) - _SHOWN_NOTES} more; `custodes check` names all")
    print(
        f"{rebuilt.entries} entries, {rebuilt.epochs} epochs, {rebuilt.reels} reels,"
        f" {rebuilt.renditions} renditions, {rebuilt.assignments} assigned streams"
    )
    if not rebuilt.assignments:
        print("no stream is assigned: add the cameras' addresses again, or nothing is recorded")

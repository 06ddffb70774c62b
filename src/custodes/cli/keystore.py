"""`custodes keystore`: make a lost copy of the shred keys anew from the other one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from custodes.adapters.keystore.copy import FILE_NAME
from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.base.errors import POLICY, ConflictError, ErrorKind, NotFoundError
from custodes.deploy.layout import NetworkFolder, NetworkSettings, read_settings
from custodes.deploy.running import serving
from custodes.ledger.rules.state import LedgerState
from custodes.services.checking.keys import check_keys
from custodes.services.keeper.retention import shredded_ids
from custodes.services.ledger_view import LedgerView

COPIES = ("a", "b")


def add_parser(subparsers: Any) -> None:
    """Declare the command and its one action."""
    parser = subparsers.add_parser("keystore", help="make a lost copy of the shred keys anew")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rebuild = actions.add_parser(
        "rebuild",
        help="from the other copy, with the network stopped",
        description="Makes one of the two copies of the key store anew from the other, which is first purged of"
        " every key that the ledger says is destroyed. Only for a copy that is lost for good: one that is merely"
        " away is brought up to date by the keeper when it comes back. Nothing that is there is replaced.",
    )
    rebuild.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    rebuild.add_argument("--copy", choices=COPIES, required=True, help="which copy is lost")
    rebuild.set_defaults(run=run_rebuild)


def run_rebuild(options: argparse.Namespace) -> int:
    """Rebuild, and say what was done and what is still wrong.

    Errors: ConflictError while the network runs or where the copy is not lost; NotFoundError without a folder
    for it; UnavailableError when the other copy is away too.
    """
    folder = NetworkFolder(options.folder)
    settings = read_settings(folder)
    lost = COPIES.index(options.copy)
    place, other = folder.keystore[lost], folder.keystore[1 - lost]
    with serving(folder):
        if not place.is_dir():
            # Made by whoever mounts the disk: else it would come to lie on the disk that the other is on.
            raise NotFoundError(f"there is no folder {place}: mount its disk, or make it, first")
        if (place / FILE_NAME).exists():
            raise ConflictError(f"{place} holds a copy; move it away first if it is damaged for good")
        state = _ledger(folder, settings)
        store = KeyStore.rebuild(folder.keystore, lost, shredded_ids(state).__contains__)
        try:
            print(
                f"{other}: {store.purged[1 - lost]} keys that the ledger says are destroyed were overwritten"
            )
            print(f"{place}: made anew with {store.filled[lost]} keys")
            for reason in store.health().reasons:
                print(f"note: {reason}")
        finally:
            store.close()
        findings = [finding for finding in check_keys(folder.keystore, state) if finding.is_damage]
    for finding in findings:
        print(f"{finding.kind.value}: {finding.where}: {finding.what}")
    return POLICY[ErrorKind.CORRUPT].exit_code if findings else 0


def _ledger(folder: NetworkFolder, settings: NetworkSettings) -> LedgerState:
    """The ledger as it is published; what was entered after it the keeper purges when it starts."""
    view = LedgerView(settings.network, ReadOnlyObjects(folder.store, settings.store_volume).get)
    view.refresh()
    return view.state

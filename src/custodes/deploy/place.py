"""Where a network is reached: its folder, or its web address; the same objects either way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.exchange.folder import FolderOffice
from custodes.adapters.exchange.http import HttpObjects, HttpOffice
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.services.ledger_view import ReadObject
from custodes.services.office import Office


@dataclass(frozen=True)
class Place:
    """How to ask a network and how to read what it publishes."""

    office: Office
    read: ReadObject


def reach(where: str) -> Place:
    """A folder's path or an http(s) address. Errors: NotFoundError, CorruptError, UnavailableError."""
    if where.startswith(("http://", "https://")):
        return Place(HttpOffice(where), HttpObjects(where).get)
    folder = NetworkFolder(Path(where))
    settings = read_settings(folder)
    return Place(FolderOffice(folder.exchange), ReadOnlyObjects(folder.store, settings.store_volume).get)

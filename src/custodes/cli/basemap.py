"""`custodes basemap`: make the map's streets and buildings from an OpenStreetMap extract, once, without a network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from custodes.adapters.basemap.build import ATTRIBUTION, LICENCE, build_basemap
from custodes.base.errors import InvalidError, NotFoundError
from custodes.cli.progress import Terminal
from custodes.deploy.layout import NetworkFolder, read_settings


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "basemap",
        help="make the console's map from an OpenStreetMap extract",
        description="Reads an extract of a town (.osm.pbf, at most 100 MiB) and writes one file of map tiles."
        " It shows streets, buildings, green and water; no house numbers and no shops."
        " The console takes it from the network's folder at once; nothing is ever fetched from elsewhere.",
    )
    parser.add_argument("extract", type=Path, metavar="EXTRACT.osm.pbf")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--network", type=Path, metavar="DIR", help="the network's folder")
    to.add_argument("--out", type=Path, metavar="FILE", help="another file, as basemap.pmtiles")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Build. Errors: those of `build_basemap`; NotFoundError where there is no such network or folder."""
    out = _out(options)
    if out.resolve() == options.extract.resolve():
        raise InvalidError("the map may not be written over its extract")
    terminal = Terminal(sys.stderr)
    try:
        made = build_basemap(options.extract, out, terminal.progress)
    finally:
        terminal.clear()
    box = made.bounds
    print(
        f"map        {out}, {made.size_bytes / (1 << 20):.1f} MiB, {made.tiles} tiles, {made.shapes} shapes"
    )
    print(f"area       {box.south:.4f} to {box.north:.4f} north, {box.west:.4f} to {box.east:.4f} east")
    if made.incomplete:
        print(f"cut        {made.incomplete} objects that reach beyond the extract, or left out")
    print(f"source     {ATTRIBUTION}, {LICENCE}; the console says so on the map")
    return 0


def _out(options: argparse.Namespace) -> Path:
    if options.network is not None:
        folder = NetworkFolder(options.network)
        read_settings(folder)
        # A network that has no user yet has no such folder.
        folder.web.mkdir(mode=0o700, exist_ok=True)
        return folder.basemap
    out: Path = options.out
    if not out.parent.is_dir():
        raise NotFoundError(f"there is no folder {out.parent}")
    return out

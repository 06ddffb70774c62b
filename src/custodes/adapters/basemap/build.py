"""One archive of tiles from one extract. Source: PMTiles specification 3."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from custodes.adapters.basemap.cutting import Level, Tile, tile_range
from custodes.adapters.basemap.extract import Bounds, Extract, Progress, project, read_extract
from custodes.adapters.basemap.kinds import FIRST_ZOOM, LAST_ZOOM, LAYERS
from custodes.adapters.durable_file import flush_folder
from custodes.base.errors import InvalidError, UnavailableError

ATTRIBUTION = "© OpenStreetMap contributors"
LICENCE = "ODbL 1.0"
# At the last zoom a square of some 80 km in the latitude of London.
MAX_TILES = 100_000


@dataclass(frozen=True, slots=True)
class Basemap:
    """What was written."""

    bounds: Bounds
    shapes: int
    incomplete: int
    tiles: int
    size_bytes: int


def build_basemap(extract: Path, out: Path, progress: Progress) -> Basemap:
    """Read an extract, write the archive; interrupted at any moment, what was at `out` before is there still.

    Errors: those of `read_extract`; InvalidError for an area too large; UnavailableError.
    """
    found = read_extract(extract, progress)
    box = _square_box(found.bounds)
    count = sum(_count(box, zoom) for zoom in range(FIRST_ZOOM, LAST_ZOOM + 1))
    if count > MAX_TILES:
        raise InvalidError(
            f"{extract.name} covers {count} tiles, more than {MAX_TILES}: an extract of a town, not a country"
        )
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file:
            writer = Writer(file)
            tiles = 0
            for done, tile in enumerate(_tiles(found, box), 1):
                progress("tiles", done, count)
                if tile is not None:
                    writer.write_tile(
                        zxy_to_tileid(tile.zoom, tile.x, tile.y), gzip.compress(tile.data, 6, mtime=0)
                    )
                    tiles += 1
            if not tiles:
                raise InvalidError(f"{extract.name} holds nothing to draw within its box")
            writer.finalize(_header(found.bounds), _metadata())
            file.flush()
            os.fsync(file.fileno())
        size = part.stat().st_size
        part.replace(out)
        flush_folder(out.parent)
    except OSError as error:
        raise UnavailableError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return Basemap(found.bounds, len(found.shapes), found.incomplete, tiles, size)


def _square_box(bounds: Bounds) -> tuple[float, float, float, float]:
    corners = project(np.array([[bounds.west, bounds.north], [bounds.east, bounds.south]]))
    return float(corners[0, 0]), float(corners[0, 1]), float(corners[1, 0]), float(corners[1, 1])


def _count(box: tuple[float, float, float, float], zoom: int) -> int:
    west, east, north, south = tile_range(box, zoom)
    return (east - west + 1) * (south - north + 1)


def _tiles(extract: Extract, box: tuple[float, float, float, float]) -> Iterator[Tile | None]:
    """In the archive's own order."""
    for zoom in range(FIRST_ZOOM, LAST_ZOOM + 1):
        level = Level(extract, zoom)
        west, east, north, south = tile_range(box, zoom)
        places = [(x, y) for x in range(west, east + 1) for y in range(north, south + 1)]
        places.sort(key=lambda place: zxy_to_tileid(zoom, *place))
        for x, y in places:
            yield level.tile(x, y)


def _header(bounds: Bounds) -> dict[str, object]:
    edges = {
        "min_lon_e7": bounds.west,
        "min_lat_e7": bounds.south,
        "max_lon_e7": bounds.east,
        "max_lat_e7": bounds.north,
        "center_lon_e7": (bounds.west + bounds.east) / 2,
        "center_lat_e7": (bounds.south + bounds.north) / 2,
    }
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "center_zoom": 14,
        **{name: round(edge * 1e7) for name, edge in edges.items()},
    }


def _metadata() -> dict[str, object]:
    fields = {"kind": "String", "name": "String", "rank": "Number"}
    return {
        "attribution": ATTRIBUTION,
        "description": f"Streets and buildings without house numbers or shops. Data under {LICENCE}.",
        "name": "basemap",
        "type": "baselayer",
        "vector_layers": [
            {"id": layer, "fields": fields, "minzoom": FIRST_ZOOM, "maxzoom": LAST_ZOOM} for layer in LAYERS
        ],
    }

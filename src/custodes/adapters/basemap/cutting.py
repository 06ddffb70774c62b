"""Cutting shapes into vector tiles. Source: Mapbox Vector Tile specification 2.1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import mapbox_vector_tile
import numpy as np
import shapely
from numpy.typing import NDArray

from custodes.adapters.basemap.extract import Extract
from custodes.adapters.basemap.kinds import LAYERS, Kind

EXTENT = 4096
# What lies just outside a tile is drawn, too, so that no edge is seen where two meet.
BUFFER = 64
# A pixel is 8 of these; what is smaller than half of one is not seen.
SIMPLIFIED = 4.0
MIN_AREA = 64.0
MERGED = ("streets", "rail", "waterways")

Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Tile:
    """Its place and its bytes, not yet compressed."""

    zoom: int
    x: int
    y: int
    data: bytes


def tile_range(bounds: tuple[float, float, float, float], zoom: int) -> tuple[int, int, int, int]:
    """First and last column, first and last row of the tiles that a box on the square touches."""
    count = 1 << zoom
    west, north, east, south = (min(count - 1, max(0, math.floor(edge * count))) for edge in bounds)
    return west, east, north, south


class Level:
    """All shapes of one zoom, simplified once, found by place."""

    def __init__(self, extract: Extract, zoom: int) -> None:
        self._zoom = zoom
        chosen = [number for number, kind in enumerate(extract.kinds) if kind.zoom <= zoom]
        self._kinds = [extract.kinds[number] for number in chosen]
        scale = EXTENT * (1 << zoom)
        shapes = np.array([extract.shapes[number] for number in chosen], dtype=object)
        self._shapes: Shapes = (
            shapely.simplify(shapely.transform(shapes, lambda places: places * scale), SIMPLIFIED)
            if len(shapes)
            else shapes
        )
        self._tree = shapely.STRtree(self._shapes)

    def tile(self, x: int, y: int) -> Tile | None:
        """None for a tile with nothing in it."""
        west, north = x * EXTENT, y * EXTENT
        box = (west - BUFFER, north - BUFFER, west + EXTENT + BUFFER, north + EXTENT + BUFFER)
        found = np.sort(self._tree.query(shapely.box(*box)))
        if not len(found):
            return None
        cut = shapely.clip_by_rect(self._shapes[found], *box)
        cut = shapely.transform(cut, lambda places: places - (west, north))
        layers: dict[str, list[tuple[Kind, shapely.Geometry]]] = {}
        for number, shape in zip(found, cut, strict=True):
            if not shape.is_empty:
                kind = self._kinds[number]
                layers.setdefault(kind.layer, []).append((kind, shape))
        encoded = [
            {"name": name, "features": _features(name, layers[name])} for name in LAYERS if name in layers
        ]
        encoded = [layer for layer in encoded if layer["features"]]
        if not encoded:
            return None
        options = {"y_coord_down": True, "extents": EXTENT, "check_winding_order": False}
        return Tile(self._zoom, x, y, mapbox_vector_tile.encode(encoded, default_options=options))


def _features(layer: str, members: list[tuple[Kind, shapely.Geometry]]) -> list[dict[str, object]]:
    members = sorted(members, key=lambda member: member[0].rank)
    if layer == "places":
        # A point in the buffer is a point of the neighbour.
        members = [one for one in members if _is_inside(one[1])]
    elif layer in MERGED:
        members = _merged(members)
    return [
        {"geometry": shape, "properties": _properties(kind)}
        for kind, whole in members
        for shape in _whole_numbers(whole)
    ]


def _merged(members: list[tuple[Kind, shapely.Geometry]]) -> list[tuple[Kind, shapely.Geometry]]:
    """Lines of one kind and name as one, so that a name runs along its street and is not told at each crossing."""
    groups: dict[Kind, list[shapely.Geometry]] = {}
    for kind, shape in members:
        groups.setdefault(kind, []).append(shape)
    return [(kind, shapely.line_merge(_lines(shapes))) for kind, shapes in groups.items()]


def _lines(shapes: list[shapely.Geometry]) -> shapely.Geometry:
    parts = shapely.get_parts(np.array(shapes, dtype=object))
    return shapely.MultiLineString([one for one in parts if one.geom_type == "LineString"])


def _whole_numbers(shape: shapely.Geometry) -> Iterator[shapely.Geometry]:
    """The shape on the tile's grid, without what is too small to be seen; areas wound as the format asks."""
    if shape.geom_type in ("Polygon", "MultiPolygon", "GeometryCollection"):
        for part in shapely.get_parts(shape):
            if part.geom_type == "Polygon" and part.area >= MIN_AREA:
                valid = part if part.is_valid else shapely.make_valid(part)
                exact = shapely.set_precision(valid, 1.0)
                yield from (
                    one
                    for one in shapely.get_parts(shapely.orient_polygons(exact))
                    if one.geom_type == "Polygon"
                )
    else:
        exact = shapely.transform(shape, np.round)
        if not exact.is_empty:
            yield exact


def _is_inside(shape: shapely.Geometry) -> bool:
    west, north, east, south = shape.bounds
    return bool(min(west, north) >= 0 and max(east, south) < EXTENT)


def _properties(kind: Kind) -> dict[str, object]:
    named: dict[str, object] = {"name": kind.name} if kind.name else {}
    return {"kind": kind.kind, "rank": kind.rank, **named}

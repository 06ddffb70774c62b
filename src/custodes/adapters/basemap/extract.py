"""Reading an extract: what is drawn of it, on the square of Web Mercator, and where the sea is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray
from osmium.osm import Area, Node, Way

from custodes.adapters.basemap.coast import sea
from custodes.adapters.basemap.kinds import (
    FIRST_ZOOM,
    KEYS,
    Kind,
    is_coast,
    kind_of_area,
    kind_of_line,
    kind_of_point,
)
from custodes.base.errors import ExhaustedError, InvalidError, NotFoundError, UnavailableError

MAX_EXTRACT_BYTES = 100 << 20
MAX_SHAPES = 500_000
MAX_LATITUDE = 85.0
_SAY_EVERY = 2000
_MAGIC = b"OSMHeader"
_MAGIC_WITHIN = 64

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A box in degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(slots=True)
class Extract:
    """What is drawn; `incomplete` counts what was cut or left out because parts of it are not in the extract."""

    bounds: Bounds
    kinds: list[Kind] = field(default_factory=list)
    shapes: list[shapely.Geometry] = field(default_factory=list)
    incomplete: int = 0

    def add(self, kind: Kind, shape: shapely.Geometry) -> None:
        """Errors: ExhaustedError beyond what a town has."""
        if len(self.shapes) >= MAX_SHAPES:
            raise ExhaustedError(f"the extract holds more than {MAX_SHAPES} shapes; cut a smaller one")
        self.kinds.append(kind)
        self.shapes.append(shape)


def read_extract(path: Path, progress: Progress) -> Extract:
    """Read all that is drawn.

    Errors: NotFoundError; InvalidError for what is no extract, holds nothing to draw, or is too large; ExhaustedError.
    """
    _check(path)
    try:
        return _read(path, progress)
    except RuntimeError as error:
        raise InvalidError(f"{path.name} is damaged: {error}") from error


def _check(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_MAGIC_WITHIN)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} is not there") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}") from error
    if size == 0:
        raise InvalidError(f"{path.name} is empty")
    if _MAGIC not in head:
        raise InvalidError(f"{path.name} is no OpenStreetMap extract in PBF (.osm.pbf)")
    if size > MAX_EXTRACT_BYTES:
        raise InvalidError(
            f"{path.name} has {size >> 20} MiB, more than the {MAX_EXTRACT_BYTES >> 20} MiB of a town's extract"
        )


def _read(path: Path, progress: Progress) -> Extract:
    file = osmium.io.File(str(path), "pbf")
    keys = osmium.filter.KeyFilter(*KEYS)
    found = Extract(Bounds(0, 0, 0, 0))
    coast: list[shapely.Geometry] = []
    to_wkb = osmium.geom.WKBFactory()
    processor = osmium.FileProcessor(file).with_areas(keys).with_filter(keys)
    for number, thing in enumerate(processor):
        if number % _SAY_EVERY == 0:
            progress("objects read", number, 0)
        try:
            _take(thing, found, coast, to_wkb)
        except (osmium.InvalidLocationError, RuntimeError):
            found.incomplete += 1
    if not found.shapes and not coast:
        raise InvalidError(f"{path.name} holds nothing that a map would draw")
    found.bounds = _bounds(processor.header, found.shapes)
    (box,) = _projected([_box(found.bounds)])
    found.shapes = list(shapely.clip_by_rect(_projected(found.shapes), *box.bounds))
    # Where the map ends is seen, and is not taken for open country.
    found.add(Kind("land", "ground", FIRST_ZOOM, rank=-1), box)
    for water in sea(_projected(coast), box):
        found.add(Kind("water", "sea", FIRST_ZOOM), water)
    return found


def _take(
    thing: object, found: Extract, coast: list[shapely.Geometry], to_wkb: osmium.geom.WKBFactory
) -> None:
    if isinstance(thing, Node):
        tags = dict(thing.tags)
        if kind := kind_of_point(tags):
            found.add(kind, shapely.Point(thing.location.lon, thing.location.lat))
    elif isinstance(thing, Way):
        tags = dict(thing.tags)
        kind = kind_of_line(tags)
        if kind or is_coast(tags):
            line, is_whole = _line(thing, to_wkb)
            found.incomplete += not is_whole
            if kind:
                found.add(kind, line)
            else:
                coast.append(line)
    elif isinstance(thing, Area):
        tags = dict(thing.tags)
        kind, place = kind_of_area(tags), kind_of_point(tags)
        if kind or place:
            shape = shapely.make_valid(shapely.from_wkb(to_wkb.create_multipolygon(thing)))
            if kind:
                found.add(kind, shape)
            if place:
                found.add(place, shapely.point_on_surface(shape))


def _line(way: Way, to_wkb: osmium.geom.WKBFactory) -> tuple[shapely.Geometry, bool]:
    """A way as a line, and whether it is whole: extracts are cut, what is known of a way that leaves them is drawn."""
    try:
        # Of a first node that is not there the library says nothing; it leaves it out.
        return shapely.from_wkb(to_wkb.create_linestring(way)), way.nodes[0].location.valid()
    except osmium.InvalidLocationError:
        runs: list[list[tuple[float, float]]] = [[]]
        for node in way.nodes:
            if node.location.valid():
                runs[-1].append((node.location.lon, node.location.lat))
            elif runs[-1]:
                runs.append([])
        return shapely.MultiLineString([run for run in runs if len(run) > 1]), False


def _bounds(header: osmium.io.Header, shapes: list[shapely.Geometry]) -> Bounds:
    """What the extract says of itself, else what it holds."""
    stated = header.box()
    if stated.valid():
        low, high = stated.bottom_left, stated.top_right
        west, south, east, north = low.lon, low.lat, high.lon, high.lat
    else:
        west, south, east, north = (float(edge) for edge in shapely.total_bounds(np.array(shapes)))
    if not (-180 <= west < east <= 180 and -MAX_LATITUDE <= south < north <= MAX_LATITUDE):
        raise InvalidError("the extract's box is none, or goes beyond 85 degrees north or south")
    return Bounds(west, south, east, north)


def _box(bounds: Bounds) -> shapely.Geometry:
    return shapely.box(bounds.west, bounds.south, bounds.east, bounds.north)


def _projected(shapes: list[shapely.Geometry]) -> list[shapely.Geometry]:
    return list(shapely.transform(np.array(shapes, dtype=object), project)) if shapes else []


def project(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitude and latitude onto the square from 0 to 1, x to the east and y to the south (Web Mercator)."""
    latitude = np.radians(np.clip(degrees[:, 1], -MAX_LATITUDE, MAX_LATITUDE))
    y = 0.5 - np.log(np.tan(math.pi / 4 + latitude / 2)) / (2 * math.pi)
    return np.column_stack((degrees[:, 0] / 360 + 0.5, y))

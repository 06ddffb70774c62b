"""What of OpenStreetMap's tags is drawn, as which kind, and from which zoom on; no house numbers, shops or people.

Source: the tags of wiki.openstreetmap.org/wiki/Map_features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIRST_ZOOM, LAST_ZOOM = 8, 16
LAYERS = ("land", "water", "waterways", "buildings", "rail", "streets", "places")
# What an object must have one of to be looked at.
KEYS = (
    "building", "building:part", "highway", "landuse", "leisure", "natural", "place", "railway", "waterway",
)  # fmt: skip
MAX_NAME_CHARACTERS = 80

_GREEN = {
    "landuse": {
        "allotments", "cemetery", "flowerbed", "forest", "grass", "meadow", "orchard", "recreation_ground",
        "village_green", "vineyard",
    },
    "leisure": {"garden", "golf_course", "nature_reserve", "park", "pitch", "playground"},
    "natural": {"grassland", "heath", "scrub", "wetland", "wood"},
}  # fmt: skip
_SAND = {"natural": {"beach", "sand"}}
_BUILT = {"landuse": {"commercial", "industrial", "railway", "residential", "retail"}}
_WATER = {
    "landuse": {"basin", "reservoir"},
    "natural": {"bay", "water"},
    "waterway": {"dock", "riverbank"},
}
_STREETS = {
    "motorway": ("motorway", 8), "trunk": ("major", 8), "primary": ("major", 9), "secondary": ("medium", 10),
    "tertiary": ("medium", 11), "unclassified": ("minor", 13), "residential": ("minor", 13),
    "living_street": ("minor", 13), "pedestrian": ("walk", 13), "service": ("service", 15),
    "track": ("path", 14), "cycleway": ("path", 14), "footway": ("path", 15), "path": ("path", 15),
    "steps": ("path", 15), "bridleway": ("path", 15),
}  # fmt: skip
_RAIL = {"rail": 11, "light_rail": 12, "subway": 12, "narrow_gauge": 12, "tram": 14}
_PLACES = {
    "city": 8, "town": 8, "village": 11, "suburb": 12, "quarter": 13, "hamlet": 13, "island": 13,
    "neighbourhood": 14, "square": 15,
}  # fmt: skip
_WATERWAYS = {"river": 9, "canal": 12, "stream": 14}


@dataclass(frozen=True, slots=True)
class Kind:
    """What an object is drawn as; `rank` orders what lies over what, the later above."""

    layer: str
    kind: str
    zoom: int
    name: str = ""
    rank: int = 0


def kind_of_area(tags: Mapping[str, str]) -> Kind | None:
    """Of a closed way or a multipolygon."""
    if tags.get("building", "no") != "no":
        return Kind("buildings", "building", 14)
    if _has(tags, _WATER):
        return Kind("water", "water", 8)
    if _is_square(tags):
        return Kind("land", "square", 14, rank=2)
    for kind, table, zoom, rank in (
        ("sand", _SAND, 12, 2),
        ("green", _GREEN, 11, 1),
        ("built", _BUILT, 9, 0),
    ):
        if _has(tags, table):
            return Kind("land", kind, zoom, rank=rank)
    return None


def kind_of_line(tags: Mapping[str, str]) -> Kind | None:
    """Of a way."""
    under = tags.get("tunnel", "no") not in ("no", "building_passage") or tags.get("indoor", "no") != "no"
    if street := _STREETS.get(tags.get("highway", "").removesuffix("_link")):
        kind, zoom = street
        # What runs under the ground is no place where a camera looks, roads for vehicles alone excepted.
        if tags.get("area") == "yes" or (under and kind in ("path", "walk", "service")):
            return None
        return Kind("streets", kind, zoom, _name(tags), rank=-zoom)
    if (zoom_of_rail := _RAIL.get(tags.get("railway", ""))) and not under:
        kind = "tram" if tags["railway"] == "tram" else "rail"
        return Kind("rail", kind, max(zoom_of_rail, 14 if "service" in tags else 0))
    if (zoom_of_water := _WATERWAYS.get(tags.get("waterway", ""))) and not under:
        return Kind("waterways", "waterway", zoom_of_water, _name(tags))
    return None


def kind_of_point(tags: Mapping[str, str]) -> Kind | None:
    """Of a node, or of an area that is a place with a name."""
    name = _name(tags)
    if not name:
        return None
    if tags.get("railway") == "station":
        return Kind("places", "station", 14, name, rank=1)
    if zoom := _PLACES.get(tags.get("place", "")):
        return Kind("places", tags["place"], zoom, name, rank=zoom)
    return None


def is_coast(tags: Mapping[str, str]) -> bool:
    """Whether a way is a piece of the shore of the sea: land on its left."""
    return tags.get("natural") == "coastline"


def _is_square(tags: Mapping[str, str]) -> bool:
    return tags.get("place") == "square" or (
        tags.get("highway") in ("pedestrian", "footway") and tags.get("area") == "yes"
    )


def _has(tags: Mapping[str, str], table: Mapping[str, set[str]]) -> bool:
    return any(tags.get(key) in values for key, values in table.items())


def _name(tags: Mapping[str, str]) -> str:
    return " ".join(tags.get("name", "").split())[:MAX_NAME_CHARACTERS]

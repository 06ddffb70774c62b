"""An invented town around a place without streets: a shore, a street in three pieces, a park, a house, a square."""

from __future__ import annotations

from pathlib import Path

import osmium
from osmium.osm import Box, Location
from osmium.osm.mutable import Node, Relation, Way

WEST, SOUTH, EAST, NORTH = 10.000, 54.000, 10.020, 54.010
# Degrees of longitude and latitude, by number.
_NODES = {
    1: (10.0010, 54.002), 2: (10.0190, 54.002),
    10: (10.002, 54.005), 11: (10.006, 54.005), 12: (10.010, 54.005), 13: (10.018, 54.005),
    20: (10.004, 54.006), 21: (10.006, 54.006), 22: (10.006, 54.007), 23: (10.004, 54.007),
    24: (10.0045, 54.0063), 25: (10.0055, 54.0063), 26: (10.0055, 54.0067), 27: (10.0045, 54.0067),
    30: (10.0100, 54.0060), 31: (10.0104, 54.0060), 32: (10.0104, 54.0063), 33: (10.0100, 54.0063),
    40: (10.0120, 54.0060), 41: (10.0140, 54.0060), 42: (10.0140, 54.0070), 43: (10.0120, 54.0070),
}  # fmt: skip


def write_harbour(path: Path, *, with_box: bool = True) -> Path:
    """Write the extract; its name."""
    header = osmium.io.Header()
    if with_box:
        header.add_box(Box(WEST, SOUTH, EAST, NORTH))
    with osmium.SimpleWriter(str(path), header=header, overwrite=True) as writer:
        for number, place in _NODES.items():
            writer.add_node(Node(id=number, version=1, location=Location(*place)))
        town = {"place": "town", "name": "Sundhaven"}
        writer.add_node(Node(id=90, version=1, location=Location(10.010, 54.004), tags=town))
        shop = {"shop": "bakery", "name": "A Baker", "addr:housenumber": "7"}
        writer.add_node(Node(id=91, version=1, location=Location(10.011, 54.004), tags=shop))
        for number, nodes, tags in _ways():
            writer.add_way(Way(id=number, version=1, nodes=nodes, tags=tags))
        park = [("w", 5, "outer"), ("w", 6, "inner")]
        tags = {"type": "multipolygon", "leisure": "park", "name": "Old Rampart"}
        writer.add_relation(Relation(id=1, version=1, members=park, tags=tags))
    return path


def _ways() -> list[tuple[int, list[int], dict[str, str]]]:
    street = {"highway": "residential", "name": "Rope Walk"}
    return [
        # The land is on its left: to the north. Its ends are not in the extract, like those of every way that leaves.
        (1, [998, 1, 2, 997], {"natural": "coastline"}),
        (2, [10, 11], street),
        (3, [11, 12], street),
        (4, [12, 13], street),
        (5, [20, 21, 22, 23, 20], {}),
        (6, [24, 25, 26, 27, 24], {}),
        (7, [30, 31, 32, 33, 30], {"building": "yes", "addr:housenumber": "12", "name": "A Person's House"}),
        (8, [40, 41, 42, 43, 40], {"place": "square", "name": "Net Makers' Square"}),
        (9, [999, 12, 33], {"highway": "secondary", "name": "Beyond the Edge"}),
        (10, [30, 42], {"highway": "footway", "tunnel": "yes"}),
        (11, [10, 30], {"railway": "subway", "tunnel": "yes"}),
    ]

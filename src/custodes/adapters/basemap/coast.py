"""The sea from pieces of shore: OpenStreetMap has it as lines with the land on their left."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import shapely

# How far beside the shore it is looked which side lies in the water, as a part of the box.
_BESIDE = 1e-6
# How far the last known place of a cut shore may be from the edge, as a part of the box.
_REACH = 0.15


def sea(shore: list[shapely.Geometry], box: shapely.Geometry) -> list[shapely.Geometry]:
    """The parts of the box that the shore says are water; none where its pieces do not cut the box in two.

    Units: the square of Web Mercator, y to the south.
    """
    if not shore:
        return []
    line = shapely.line_merge(shapely.union_all([one for one in shore if not one.is_empty]))
    inside = shapely.line_merge(shapely.intersection(line, box))
    cuts = [inside, box.boundary, *_to_the_edge(inside, box)]
    faces = shapely.polygonize([shapely.node(shapely.union_all(cuts))])
    wet, dry = _beside(shore, box)
    return [face for face in faces.geoms if _within(wet, face) > _within(dry, face)]


def _to_the_edge(inside: shapely.Geometry, box: shapely.Geometry) -> list[shapely.Geometry]:
    """From ends of shore that do not reach the box's edge, being cut at their last known place, on to the edge."""
    west, north, east, south = box.bounds
    most = _REACH * max(east - west, south - north)
    ends = [end for line in shapely.get_parts(inside) if not line.is_closed for end in line.boundary.geoms]
    reaches = [shapely.shortest_line(end, box.boundary) for end in ends]
    return [reach for reach in reaches if 0 < reach.length <= most]


def _within(points: list[shapely.Geometry], face: shapely.Geometry) -> int:
    return int(np.count_nonzero(shapely.contains_properly(face, points))) if points else 0


def _beside(
    shore: list[shapely.Geometry], box: shapely.Geometry
) -> tuple[list[shapely.Geometry], list[shapely.Geometry]]:
    """Points a little to the right (water) and to the left (land) of each stretch of shore in the box."""
    west, _, east, _ = box.bounds
    far = (east - west) * _BESIDE
    wet, dry = [], []
    for x0, y0, x1, y1 in _stretches(shore):
        length = float(np.hypot(x1 - x0, y1 - y0))
        if length <= 4 * far:
            continue
        # With y to the south, the right hand of (dx, dy) is (-dy, dx).
        right = np.array([-(y1 - y0), x1 - x0]) / length * far
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        wet.append(shapely.Point(middle + right))
        dry.append(shapely.Point(middle - right))
    return wet, dry


def _stretches(shore: list[shapely.Geometry]) -> Iterator[tuple[float, float, float, float]]:
    for line in shapely.get_parts(shore):
        places = shapely.get_coordinates(line)
        for (x0, y0), (x1, y1) in pairwise(places):
            yield float(x0), float(y0), float(x1), float(y1)

"""Polygons as one run of edges: what the integral reads, made once from geometries and checked on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.judging.areas.authalic import Cylinder, with_geodesic_edges
from detection.judging.areas.compiled import compiled
from detection.judging.areas.integral import cut_to_box, own_area, shared_area, to_strips
from foundation.errors import InvalidInput

MOST_EDGES = 128
"""Outlines with more edges are divided: the cost of a pair grows with the edges of both."""
DEEPEST = 48
TWICE_M2, TWICE_SHARE = 1e-6, 1e-9
"""Ground counted twice, in m² and of the whole, that rounding of the coordinates explains."""
Geometries = Sequence[BaseGeometry] | NDArray[Any]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Ragged:
    """Features as parts of at most 128 edges.

    Attributes
    ----------
    edges : ndarray, shape (edges, 4), float64
        ``x0, y0, x1, y1`` in metres; shells run counter-clockwise, holes clockwise.
    starts : ndarray, shape (parts + 1,), int64
        First edge of each part.
    boxes : ndarray, shape (parts, 4), float64
        ``left, low, right, high``; boxes of one feature's parts do not overlap where there are several.
    feature : ndarray, shape (parts,), int32
        Feature that a part belongs to; parts of one feature lie together.
    count : int
        Features, those without ground included.
    """

    edges: NDArray[np.float64]
    starts: NDArray[np.int64]
    boxes: NDArray[np.float64]
    feature: NDArray[np.int32]
    count: int

    def areas_m2(self) -> NDArray[np.float64]:
        """Area of each feature, shape (count,)."""
        areas = np.zeros(self.count)
        _part_areas(self.edges, self.starts, self.boxes, self.feature, areas)
        return areas


def ragged_of(geometries: Geometries, cylinder: Cylinder | None, *, is_checked: bool = False) -> Ragged:
    """Edges of polygons, ready for the integral.

    Parameters
    ----------
    geometries : sequence of Polygon or MultiPolygon
        EPSG:4490; with ``cylinder`` None in metres of any plane. Empty ones are features without ground.
    cylinder : Cylinder, optional
        Where areas are ellipsoidal; the same for all that is to be compared.
    is_checked : bool
        The caller knows that every outline is valid, as those of the database are.

    Raises
    ------
    InvalidInput
        ``detection.areas.not_polygonal``, ``detection.areas.not_finite``, or ``detection.areas.not_simple``
        for outlines that cross themselves or count ground twice, by their place in the sequence.
    """
    array = np.asarray(geometries, dtype=object)
    if array.size == 0:
        return _empty()
    coordinates, rings, polygons, features = _offsets(array)
    if not np.isfinite(coordinates).all():
        raise InvalidInput("detection.areas.not_finite", place=_first_not_finite(array))
    points = coordinates
    if cylinder is not None:
        coordinates, rings = with_geodesic_edges(coordinates, rings)
        points = cylinder.plane_m(coordinates)
    edges = np.empty((len(points), 4))
    starts = np.empty(len(array) + 1, dtype=np.int64)
    boxes = np.empty((len(array), 4))
    filled = _fill(points, rings, polygons, features, edges, starts, boxes)
    whole = Ragged(edges[:filled], starts, boxes, np.arange(len(array), dtype=np.int32), count=len(array))
    divided = _divided(whole)
    if not is_checked:
        _refuse_crossing(divided)
    return divided


def _offsets(array: NDArray[Any]) -> tuple[NDArray[np.float64], Any, Any, Any]:
    kinds = shapely.get_type_id(array)
    is_wrong = (kinds != 3) & (kinds != 6)
    if is_wrong.any():
        place = int(np.flatnonzero(is_wrong)[0])
        kind = "None" if array[place] is None else str(array[place].geom_type)
        raise InvalidInput("detection.areas.not_polygonal", place=place, kind=kind)
    _, coordinates, offsets = shapely.to_ragged_array(array, include_z=False)
    rings, polygons, *rest = offsets
    return coordinates, rings, polygons, rest[0] if rest else np.arange(len(array) + 1, dtype=polygons.dtype)


def _first_not_finite(array: NDArray[Any]) -> int:
    return next(
        place for place, shape in enumerate(array) if not np.isfinite(shapely.get_coordinates(shape)).all()
    )


def _empty() -> Ragged:
    return Ragged(np.empty((0, 4)), np.zeros(1, np.int64), np.empty((0, 4)), np.empty(0, np.int32), count=0)


def _divided(whole: Ragged) -> Ragged:
    """Features with many edges in parts, those without edges left out."""
    sizes = np.diff(whole.starts)
    if len(sizes) and int(sizes.min()) > 0 and int(sizes.max()) <= MOST_EDGES:
        return whole
    runs: list[NDArray[np.float64]] = []
    boxes: list[NDArray[np.float64]] = []
    features: list[NDArray[np.int32]] = []
    lengths: list[NDArray[np.int64]] = []
    begun = 0
    for large in [*np.flatnonzero(sizes > MOST_EDGES), len(sizes)]:
        small = begun + np.flatnonzero(sizes[begun:large])
        runs.append(whole.edges[whole.starts[begun] : whole.starts[large]])
        boxes.append(whole.boxes[small])
        features.append(small.astype(np.int32))
        lengths.append(sizes[small])
        begun = int(large) + 1
        if large == len(sizes):
            break
        edges = whole.edges[whole.starts[large] : whole.starts[large + 1]]
        left, low, right, high = (float(value) for value in whole.boxes[large])
        parts = list(_halves(edges, (left, low, right, high), DEEPEST))
        runs += [part for part, _ in parts]
        boxes.append(np.array([box for _, box in parts]).reshape(-1, 4))
        features.append(np.full(len(parts), large, dtype=np.int32))
        lengths.append(np.array([len(part) for part, _ in parts], dtype=np.int64))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return Ragged(
        np.concatenate(runs), starts, np.concatenate(boxes), np.concatenate(features), count=whole.count
    )


def _halves(edges: NDArray[np.float64], box: Box, depth: int) -> Iterator[tuple[NDArray[np.float64], Box]]:
    """An outline in boxes of at most `MOST_EDGES` edges, each halved across its longer side."""
    if len(edges) <= MOST_EDGES or depth == 0:
        if len(edges):
            yield edges, box
        return
    left, low, right, high = box
    if right - left >= high - low:
        middle = 0.5 * (left + right)
        halves = ((left, low, middle, high), (middle, low, right, high))
    else:
        middle = 0.5 * (low + high)
        halves = ((left, low, right, middle), (left, middle, right, high))
    room = np.empty((3 * len(edges), 4))
    for half in halves:
        count = cut_to_box(edges, 0, len(edges), *half, room)
        yield from _halves(room[:count].copy(), half, depth - 1)


def _refuse_crossing(ragged: Ragged) -> None:
    """Refuse outlines that count some ground other than once.

    How often an outline winds around a place is a whole number w. The integral of w² − w is zero if w is 0 or
    1 everywhere, and only then: the outline is a set of ground.
    """
    twice = np.zeros(ragged.count)
    areas = np.zeros(ragged.count)
    strips = np.empty((int(np.diff(ragged.starts).max(initial=0)), 5))
    _wound_twice(ragged.edges, ragged.starts, ragged.boxes, ragged.feature, strips, twice, areas)
    is_crossing = np.abs(twice) > TWICE_M2 + TWICE_SHARE * np.abs(areas)
    if is_crossing.any():
        place = int(np.flatnonzero(is_crossing)[0])
        raise InvalidInput(
            "detection.areas.not_simple",
            place=place,
            others=int(is_crossing.sum()) - 1,
            area_m2=round(float(abs(twice[place])), 3),
        )


@compiled
def _fill(
    points: NDArray[Any],
    rings: NDArray[Any],
    polygons: NDArray[Any],
    features: NDArray[Any],
    edges: NDArray[Any],
    starts: NDArray[Any],
    boxes: NDArray[Any],
) -> int:
    filled = 0
    for feature in range(len(features) - 1):
        starts[feature] = filled
        left, low, right, high = np.inf, np.inf, -np.inf, -np.inf
        for polygon in range(features[feature], features[feature + 1]):
            for ring in range(polygons[polygon], polygons[polygon + 1]):
                first, last = rings[ring], rings[ring + 1] - 1
                begun, base, area = filled, points[first, 1] if last > first else 0.0, 0.0
                for place in range(first, last):
                    x0, y0 = points[place, 0], points[place, 1]
                    x1, y1 = points[place + 1, 0], points[place + 1, 1]
                    left, right = min(left, x0), max(right, x0)
                    low, high = min(low, y0), max(high, y0)
                    area += (x0 - x1) * ((y0 - base) + (y1 - base))
                    if x0 != x1:
                        edges[filled, 0], edges[filled, 1] = x0, y0
                        edges[filled, 2], edges[filled, 3] = x1, y1
                        filled += 1
                if (area < 0.0) == (ring == polygons[polygon]):
                    for place in range(begun, filled):
                        x0, y0 = edges[place, 0], edges[place, 1]
                        edges[place, 0], edges[place, 1] = edges[place, 2], edges[place, 3]
                        edges[place, 2], edges[place, 3] = x0, y0
        boxes[feature, 0], boxes[feature, 1] = left, low
        boxes[feature, 2], boxes[feature, 3] = right, high
    starts[len(features) - 1] = filled
    return filled


@compiled
def _part_areas(
    edges: NDArray[Any], starts: NDArray[Any], boxes: NDArray[Any], feature: NDArray[Any], areas: NDArray[Any]
) -> None:
    for part in range(len(feature)):
        areas[feature[part]] += own_area(edges, starts[part], starts[part + 1], boxes[part, 1])


@compiled
def _wound_twice(
    edges: NDArray[Any],
    starts: NDArray[Any],
    boxes: NDArray[Any],
    feature: NDArray[Any],
    strips: NDArray[Any],
    twice: NDArray[Any],
    areas: NDArray[Any],
) -> None:
    for part in range(len(feature)):
        first, last, low = starts[part], starts[part + 1], boxes[part, 1]
        count = to_strips(edges, first, last, low, strips)
        area = own_area(edges, first, last, low)
        twice[feature[part]] += shared_area(strips, count, strips, count) - area
        areas[feature[part]] += area

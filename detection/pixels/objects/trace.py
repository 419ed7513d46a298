"""Exact outlines of runs: boundaries followed along pixel edges, cost by boundary and not by pixel.

Parts are 4-connected, so each has one outer ring, and where two of its pixels meet at a corner only the rings
are parted there: polygons are valid, and are those that GDAL's polygonize makes with 4 neighbours.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.pixels.compiled import compiled
from detection.pixels.objects.components import components
from detection.pixels.objects.runs import IntArray, Runs


def traced(runs: Runs) -> tuple[NDArray[np.object_], IntArray]:
    """Polygons of the 4-connected parts of equal value, in columns and rows, and the value of each.

    Returns
    -------
    (polygons, values)
        In reading order; corners only, closed rings, holes kept.
    """
    if len(runs) == 0:
        return np.zeros(0, object), np.zeros(0, np.int32)
    found = components(runs, diagonal=False, by_value=True)
    values = np.zeros(len(found.area_px), np.int32)
    values[found.label] = runs.value
    merged = _touching_joined(runs, found.label)
    part, x, y, is_below = _corners(*merged)
    rings = _rings(part, x, y, is_below)
    return _polygons(*rings, count=len(values)), values


def traced_by_value(runs: Runs) -> dict[int, BaseGeometry]:
    """One polygon or multipolygon for each value."""
    polygons, values = traced(runs)
    order = np.argsort(values, kind="stable")
    borders = np.flatnonzero(np.diff(values[order])) + 1
    return {
        int(values[group[0]]): polygons[group[0]]
        if len(group) == 1
        else shapely.MultiPolygon(polygons[group].tolist())
        for group in np.split(order, borders)
        if len(group)
    }


def _touching_joined(runs: Runs, label: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Rows, starts, stops and parts with runs of one part that touch in a row made one."""
    is_first = np.ones(len(runs), bool)
    is_first[1:] = (
        (runs.row[1:] != runs.row[:-1]) | (runs.start[1:] != runs.stop[:-1]) | (label[1:] != label[:-1])
    )
    begins = np.flatnonzero(is_first)
    ends = np.append(begins[1:], len(runs)) - 1
    return runs.row[begins], runs.start[begins], runs.stop[ends], label[begins]


def _corners(
    row: IntArray, start: IntArray, stop: IntArray, label: IntArray
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.bool_]]:
    """Ends of the horizontal edges of each part, sorted by part, y, x: consecutive ones bound one edge.

    An edge lies at y where exactly one of the rows y − 1 and y is covered; an end that both rows share on the
    same side is no corner, the outline runs straight through.
    """
    part = np.concatenate([label] * 4)
    x = np.concatenate([start, stop, start, stop])
    y = np.concatenate([row, row, row + 1, row + 1]).astype(np.int32)
    is_start = np.concatenate([np.ones(len(row), bool), np.zeros(len(row), bool)] * 2)
    is_below = np.concatenate([np.ones(2 * len(row), bool), np.zeros(2 * len(row), bool)])
    order = _sorted_by(part, y, x, last=2 * is_start.astype(np.int32) + is_below)
    part, x, y = part[order], x[order], y[order]
    is_start, is_below = is_start[order], is_below[order]
    same = (part[1:] == part[:-1]) & (y[1:] == y[:-1]) & (x[1:] == x[:-1]) & (is_start[1:] == is_start[:-1])
    is_kept = np.ones(len(part), bool)
    is_kept[1:][same] = False
    is_kept[:-1][same] = False
    return part[is_kept], x[is_kept], y[is_kept], is_below[is_kept]


def _sorted_by(
    part: IntArray, major: IntArray, minor: IntArray, *, last: IntArray | None = None
) -> NDArray[np.int64]:
    """Order by part, major, minor, then ``last`` (0 to 3), equal ones as they came, by one wide key."""
    lasts = np.zeros(1, np.int32) if last is None else last
    spans = [int(column.max()) + 1 if len(column) else 1 for column in (part, major, minor)]
    if spans[0] * spans[1] * spans[2] >= 1 << 60:
        return np.lexsort((np.broadcast_to(lasts, part.shape), minor, major, part))
    key = (part.astype(np.int64) * spans[1] + major) * spans[2] + minor
    return np.argsort(4 * key + lasts, kind="stable")


def _rings(
    part: IntArray, x: IntArray, y: IntArray, is_below: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], IntArray, NDArray[np.bool_]]:
    """Coordinates of all rings (closed), offsets of each, the part of each, whether it is the outer one.

    Along a row consecutive corners are joined in pairs, along a column likewise; where four edges meet, each
    ring turns around the pixel outside the part.
    """
    count = len(x)
    by_column = _sorted_by(part, x, y).astype(np.int32)
    vertical = np.empty(count, np.int32)
    first, second = by_column[0::2], by_column[1::2]
    vertical[first], vertical[second] = second, first
    _part_crossings(part, x, y, is_below, vertical)
    ring, offsets = _follow(vertical)
    starts = ring[offsets[:-1]]
    xy = np.column_stack([x[ring], y[ring]]).astype(np.float64)
    return xy, offsets, part[starts], is_below[starts]


@compiled
def _part_crossings(
    part: IntArray, x: IntArray, y: IntArray, is_below: NDArray[np.bool_], vertical: IntArray
) -> None:
    """At a corner met twice give the left edge and the right edge the vertical ones that keep rings apart.

    The left edge ends in the first of the two entries, the right edge begins in the second; whichever row is
    covered on the left, the pixel outside lies on the other side of that edge.
    """
    for one in range(len(x) - 1):
        other = one + 1
        if part[one] != part[other] or x[one] != x[other] or y[one] != y[other]:
            continue
        first, second = vertical[one], vertical[other]
        up, down = (first, second) if y[first] < y[second] else (second, first)
        if is_below[one]:
            vertical[one], vertical[other] = up, down
        else:
            vertical[one], vertical[other] = down, up
        vertical[vertical[one]] = one
        vertical[vertical[other]] = other


@compiled
def _follow(vertical: IntArray) -> tuple[IntArray, NDArray[np.int64]]:
    """Corners of each ring in order, its first repeated at its end, and where each ring begins."""
    count = len(vertical)
    is_done = np.zeros(count, np.bool_)
    ring = np.empty(count + count // 4 + 1, np.int32)
    offsets = np.empty(count // 4 + 2, np.int64)
    at, rings = 0, 0
    for first in range(count):
        if is_done[first]:
            continue
        offsets[rings] = at
        rings += 1
        corner = first
        while not is_done[corner]:
            is_done[corner] = True
            ring[at] = corner
            partner = corner ^ 1  # the other end of the horizontal edge
            is_done[partner] = True
            ring[at + 1] = partner
            at += 2
            corner = vertical[partner]
        ring[at] = first
        at += 1
    offsets[rings] = at
    return ring[:at], offsets[: rings + 1]


def _polygons(
    xy: NDArray[np.float64],
    offsets: NDArray[np.int64],
    part: IntArray,
    is_outer: NDArray[np.bool_],
    *,
    count: int,
) -> NDArray[np.object_]:
    """One polygon a part: its outer ring first, then its holes."""
    order = np.lexsort((~is_outer, part))
    lengths = np.diff(offsets)[order]
    ring_offsets = np.concatenate([[0], np.cumsum(lengths)])
    index = np.repeat(offsets[:-1][order] - ring_offsets[:-1], lengths) + np.arange(ring_offsets[-1])
    rings_of_part = np.bincount(part, minlength=count)
    part_offsets = np.concatenate([[0], np.cumsum(rings_of_part)])
    made: NDArray[np.object_] = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, xy[index], (ring_offsets, part_offsets)
    )
    return made

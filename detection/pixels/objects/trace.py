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
from detection.pixels.objects.runs import IntArray, Runs, stretches

KEY_BITS = 61
IS_BELOW, IS_START = 1, 2
"""Flags of an end of an edge: what is covered lies below the edge; the end is the one on the left."""


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
    first, last = stretches(runs.row, runs.start, runs.stop, label)
    return runs.row[first], runs.start[first], runs.stop[last], label[first]


def _corners(
    row: IntArray, start: IntArray, stop: IntArray, label: IntArray
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.bool_]]:
    """Ends of the horizontal edges of each part, sorted by part, y, x: consecutive ones bound one edge.

    An edge lies at y where exactly one of the rows y − 1 and y is covered; an end that both rows share on the
    same side is no corner, the outline runs straight through. All that is known of an end is one number:
    NumPy sorts numbers many times faster than places by keys.

    Raises
    ------
    OverflowError
        Parts, rows and columns do not fit such a number; below 2⁶¹ possible corners they do.
    """
    x_bits, y_bits = int(stop.max()).bit_length(), (int(row.max()) + 1).bit_length()
    if int(label.max()).bit_length() + y_bits + x_bits > KEY_BITS:
        raise OverflowError(f"{int(label.max()) + 1} parts in {int(row.max()) + 1} rows")
    ends = _ends(row, start, stop, label, x_bits, y_bits)
    ends.sort()
    return _told_apart(ends, x_bits, y_bits)


@compiled
def _ends(
    row: IntArray, start: IntArray, stop: IntArray, label: IntArray, x_bits: int, y_bits: int
) -> NDArray[np.int64]:
    """Part, y, x and the two flags of every end, from the highest bits to the lowest."""
    ends = np.empty(4 * len(row), np.int64)
    for run in range(len(row)):
        above = ((np.int64(label[run]) << y_bits) + row[run]) << (x_bits + 2)
        under = above + (1 << (x_bits + 2))
        first, past = np.int64(start[run]) << 2, np.int64(stop[run]) << 2
        ends[4 * run] = above + first + (IS_START | IS_BELOW)
        ends[4 * run + 1] = above + past + IS_BELOW
        ends[4 * run + 2] = under + first + IS_START
        ends[4 * run + 3] = under + past
    return ends


@compiled
def _told_apart(
    ends: NDArray[np.int64], x_bits: int, y_bits: int
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.bool_]]:
    """Part, x, y and whether what is covered lies below, of the ends that no other end shares."""
    part, x, y = np.empty(len(ends), np.int32), np.empty(len(ends), np.int32), np.empty(len(ends), np.int32)
    is_below = np.empty(len(ends), np.bool_)
    count, at = 0, 0
    while at < len(ends):
        end = ends[at]
        at += 1
        if at < len(ends) and ends[at] >> 1 == end >> 1:
            at += 1
            continue
        part[count] = end >> (x_bits + y_bits + 2)
        y[count] = end >> (x_bits + 2) & ((1 << y_bits) - 1)
        x[count] = end >> 2 & ((1 << x_bits) - 1)
        is_below[count] = end & IS_BELOW != 0
        count += 1
    return part[:count], x[:count], y[:count], is_below[:count]


def _by_column(part: IntArray, x: IntArray, y: IntArray) -> IntArray:
    """Order by part, x, y, equal ones as they came."""
    key = (part.astype(np.int64) * (int(x.max()) + 1) + x) * (int(y.max()) + 1) + y
    return np.argsort(key, kind="stable").astype(np.int32)


def _rings(
    part: IntArray, x: IntArray, y: IntArray, is_below: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], IntArray, NDArray[np.bool_]]:
    """Coordinates of all rings (closed), offsets of each, the part of each, whether it is the outer one.

    Along a row consecutive corners are joined in pairs, along a column likewise; where four edges meet, each
    ring turns around the pixel outside the part.
    """
    count = len(x)
    by_column = _by_column(part, x, y)
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

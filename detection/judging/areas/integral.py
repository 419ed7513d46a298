"""The integral: the area two polygons share, as a sum over pairs of their edges, without their intersection.

A polygon with its shells counter-clockwise and its holes clockwise is the signed sum of the strips that lie
under its edges. The product of two such sums is a sum over pairs, and what two strips share is the integral
of the lower of two straight lines. No topology is ever built, so that shared, touching and collinear edges
are no special cases. Inside a box, edges below it count nothing and edges above it are its upper side: each
polygon is cut down to the common box before pairs are formed.

Edges are rows ``x0, y0, x1, y1`` in metres; their order does not matter and vertical ones are left out.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from detection.judging.areas.compiled import compiled

Edges = NDArray[Any]


@compiled
def height_at(edges: Edges, place: int, x: float) -> float:
    """Height of an edge at an abscissa that it spans, counted from its nearer end."""
    x0, y0, x1, y1 = edges[place, 0], edges[place, 1], edges[place, 2], edges[place, 3]
    slope = (y1 - y0) / (x1 - x0)
    if abs(x - x0) <= abs(x - x1):
        return float(y0 + slope * (x - x0))
    return float(y1 + slope * (x - x1))


@compiled
def add_edge(out: Edges, count: int, x0: float, y0: float, x1: float, y1: float) -> int:
    """Append an edge, or lengthen the one before where both run along one height; the new count."""
    if x0 == x1:
        return count
    if count and y0 == y1:
        last = count - 1
        if out[last, 1] == y0 and out[last, 3] == y0 and out[last, 2] == x0:
            out[last, 2] = x1
            return count if out[last, 0] != x1 else last
    out[count, 0], out[count, 1], out[count, 2], out[count, 3] = x0, y0, x1, y1
    return count + 1


@compiled
def add_cut(
    out: Edges, count: int, x0: float, y0: float, x1: float, y1: float, low: float, high: float
) -> int:
    """Append what of an edge lies between two heights, the rest of it above as a piece of the upper side."""
    if y0 >= high and y1 >= high:
        return int(add_edge(out, count, x0, high, x1, high))
    if y0 <= low and y1 <= low:
        return count
    inverse = 0.0 if y0 == y1 else (x1 - x0) / (y1 - y0)
    start_x, start_y, end_x, end_y = x0, y0, x1, y1
    if y0 < low:
        start_x, start_y = x0 + (low - y0) * inverse, low
    elif y0 > high:
        start_x, start_y = x1 + (high - y1) * inverse, high
        count = add_edge(out, count, x0, high, start_x, high)
    if y1 < low:
        end_x, end_y = x1 + (low - y1) * inverse, low
    elif y1 > high:
        end_x, end_y = x0 + (high - y0) * inverse, high
    if (end_x - start_x) * (x1 - x0) > 0.0:
        count = add_edge(out, count, start_x, start_y, end_x, end_y)
    if y1 > high:
        count = add_edge(out, count, end_x, high, x1, high)
    return int(count)


@compiled
def cut_to_box(
    edges: Edges, first: int, last: int, left: float, low: float, right: float, high: float, out: Edges
) -> int:
    """The edges of a polygon as seen inside a box.

    Parameters
    ----------
    out : ndarray, shape (≥ 3 × edges, ≥ 4)
        Filled from its start.

    Returns
    -------
    int
        How many rows were filled.
    """
    count = 0
    for place in range(first, last):
        x0, y0, x1, y1 = edges[place, 0], edges[place, 1], edges[place, 2], edges[place, 3]
        if (y0 <= low and y1 <= low) or min(x0, x1) >= right or max(x0, x1) <= left:
            continue
        if min(x0, x1) < left or max(x0, x1) > right:
            start = min(max(x0, left), right)
            end = min(max(x1, left), right)
            if start != x0:
                y0 = height_at(edges, place, start)
            if end != x1:
                y1 = height_at(edges, place, end)
            x0, x1 = start, end
        if low <= y0 <= high and low <= y1 <= high:
            count = add_edge(out, count, x0, y0, x1, y1)
        else:
            count = add_cut(out, count, x0, y0, x1, y1, low, high)
    return int(count)


@compiled
def to_strips(edges: Edges, first: int, last: int, low: float, strips: Edges) -> int:
    """Edges as the strips under them: ``left, right, height at the left above low, slope, sign``.

    Parameters
    ----------
    strips : ndarray, shape (≥ edges, 5)
        Filled from its start; may be ``edges`` itself where that has five columns and ``first`` is 0.
    """
    for place in range(first, last):
        x0, y0, x1, y1 = edges[place, 0], edges[place, 1], edges[place, 2], edges[place, 3]
        row = place - first
        if x0 < x1:
            strips[row, 0], strips[row, 1], strips[row, 2], strips[row, 4] = x0, x1, y0 - low, -1.0
        else:
            strips[row, 0], strips[row, 1], strips[row, 2], strips[row, 4] = x1, x0, y1 - low, 1.0
        strips[row, 3] = (y1 - y0) / (x1 - x0)
    return last - first


@compiled
def shared_area(one: Edges, count: int, other: Edges, other_count: int) -> float:
    """Area that two polygons share, both as strips of one box; in m²."""
    total = 0.0
    for i in range(count):
        a_left, a_right, a_height, a_slope = one[i, 0], one[i, 1], one[i, 2], one[i, 3]
        strip = 0.0
        for j in range(other_count):
            b_left = other[j, 0]
            left, right = max(a_left, b_left), min(a_right, other[j, 1])
            if left >= right:
                continue
            b_slope = other[j, 3]
            a_l = a_height + a_slope * (left - a_left)
            b_l = other[j, 2] + b_slope * (left - b_left)
            width = right - left
            a_r, b_r = a_l + a_slope * width, b_l + b_slope * width
            gap_l, gap_r = a_l - b_l, a_r - b_r
            if gap_l * gap_r < 0.0:
                share = gap_l / (gap_l - gap_r)
                crossing = a_l + share * (a_r - a_l)
                twice = crossing + share * min(a_l, b_l) + (1.0 - share) * min(a_r, b_r)
            else:
                twice = min(a_l, b_l) + min(a_r, b_r)
            strip += other[j, 4] * twice * width
        total += one[i, 4] * strip
    return float(0.5 * total)


@compiled
def own_area(edges: Edges, first: int, last: int, low: float) -> float:
    """Area of a polygon above ``low``; negative for a shell that runs clockwise."""
    total = 0.0
    for place in range(first, last):
        width = edges[place, 0] - edges[place, 2]
        total += 0.5 * width * ((edges[place, 1] - low) + (edges[place, 3] - low))
    return float(total)

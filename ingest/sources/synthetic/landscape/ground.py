"""Pieces of ground, and the few shapes that everything is built of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry


class Ground(NamedTuple):
    """One piece of the material map; later pieces lie over earlier ones.

    Attributes
    ----------
    shape : Polygon or MultiPolygon
        Local metres.
    style : int
        Number in the palette.
    land_class : str
        Survey code of the piece, or empty where it is only appearance (a roof, a plot in a block).
    """

    shape: BaseGeometry
    style: int
    land_class: str = ""


def rects(numbers: Sequence[Sequence[float]] | NDArray[np.float64]) -> NDArray[Any]:
    """Rectangles from rows (centre x, centre y, width, depth, angle in degrees).

    Returns
    -------
    ndarray of Polygon, shape (n,)
    """
    table = np.asarray(numbers, dtype=np.float64).reshape(-1, 5)
    turn = np.deg2rad(table[:, 4])
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    across = np.array([-0.5, 0.5, 0.5, -0.5]) * table[:, 2:3]
    along = np.array([-0.5, -0.5, 0.5, 0.5]) * table[:, 3:4]
    x = table[:, 0:1] + across * cos - along * sin
    y = table[:, 1:2] + across * sin + along * cos
    corners = np.stack([x, y], axis=-1)
    closed = np.concatenate([corners, corners[:, :1]], axis=1)
    return np.asarray(shapely.polygons(closed))


def rect(x: float, y: float, width: float, depth: float, angle_deg: float = 0.0) -> shapely.Polygon:
    """One rectangle around a centre."""
    made: shapely.Polygon = rects([[x, y, width, depth, angle_deg]])[0]
    return made


def blob(
    rng: np.random.Generator,
    x: float,
    y: float,
    radius_m: float,
    *,
    roughness: float = 0.18,
    flat: float = 1.0,
) -> shapely.Polygon:
    """Rounded irregular outline around a centre; ``flat`` < 1 squeezes it from north to south."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    reach = np.ones_like(turn)
    for wave in range(2, 7):
        reach += roughness / wave**0.7 * np.sin(wave * turn + rng.uniform(0, 6.28)) * rng.uniform(0.4, 1.0)
    reach = radius_m * np.clip(reach, 0.5, 1.6)
    return shapely.Polygon(np.column_stack([x + reach * np.cos(turn), y + flat * reach * np.sin(turn)]))


def placed(shape: BaseGeometry, x: float, y: float, angle_deg: float) -> BaseGeometry:
    """A shape made around the origin, turned and moved to its place."""
    turned = affinity.rotate(shape, angle_deg, origin=(0.0, 0.0))
    return affinity.translate(turned, x, y)


def polygons_of(shape: Any) -> list[shapely.Polygon]:
    """The polygons in a geometry or an array of geometries, without lines and points."""
    return [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]


def split_oriented(
    shape: BaseGeometry,
    *,
    angle_deg: float,
    max_m: tuple[float, float],
    rng: np.random.Generator,
    least_m2: float,
) -> list[shapely.Polygon]:
    """Recursive cuts of an area along two directions, as land was divided among households.

    Parameters
    ----------
    max_m : (float, float)
        Largest extent of a piece along ``angle_deg`` and across it; drawn anew ± 35 % for every piece.
    least_m2 : float
        Smaller remainders are dropped.
    """
    leaves: list[shapely.Polygon] = []
    stack = polygons_of(affinity.rotate(shape, -angle_deg, origin=(0.0, 0.0)))
    while stack:
        piece = stack.pop()
        left, top, right, bottom = piece.bounds
        limits = max_m[0] * rng.uniform(0.65, 1.35), max_m[1] * rng.uniform(0.65, 1.35)
        excess = (right - left) / limits[0], (bottom - top) / limits[1]
        if max(excess) <= 1.0:
            if piece.area >= least_m2:
                leaves.append(piece)
            continue
        share = rng.uniform(0.40, 0.60)
        if excess[0] >= excess[1]:
            cut = left + share * (right - left)
            halves = (left - 1, top - 1, cut, bottom + 1), (cut, top - 1, right + 1, bottom + 1)
        else:
            cut = top + share * (bottom - top)
            halves = (left - 1, top - 1, right + 1, cut), (left - 1, cut, right + 1, bottom + 1)
        for half in halves:
            stack.extend(polygons_of(shapely.clip_by_rect(piece, *half)))
    return [affinity.rotate(leaf, angle_deg, origin=(0.0, 0.0)) for leaf in leaves]


def scatter(rng: np.random.Generator, shape: BaseGeometry, per_m2: float) -> NDArray[np.float64]:
    """Random points inside an area at a mean density, shape (n, 2)."""
    left, top, right, bottom = shape.bounds
    count = int(rng.poisson(max((right - left) * (bottom - top), 0.0) * per_m2))
    points = np.column_stack([rng.uniform(left, right, count), rng.uniform(top, bottom, count)])
    shapely.prepare(shape)
    return points[shapely.contains_xy(shape, points[:, 0], points[:, 1])]


def beside(rng: np.random.Generator, line: Any, *, offset_m: float, spacing_m: float) -> NDArray[np.float64]:
    """Points on both sides of a line, as trees stand along a road, shape (n, 2)."""
    stops = np.arange(0.0, line.length, spacing_m)
    stops = stops + rng.normal(0.0, spacing_m * 0.12, len(stops))
    here = shapely.get_coordinates(shapely.line_interpolate_point(line, stops))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, stops + 2.0))
    way = ahead - here
    length = np.hypot(way[:, 0], way[:, 1])
    keep = length > 0.1
    side = np.column_stack([-way[:, 1], way[:, 0]])[keep] / length[keep, None] * offset_m
    both = np.concatenate([here[keep] + side, here[keep] - side])
    both = both + rng.normal(0.0, 0.5, both.shape)
    return both[rng.random(len(both)) > 0.13]

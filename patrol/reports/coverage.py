"""How much cultivated ground lies near the tracks of valid outings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, gauss_krueger_epsg, reproject
from patrol.reports.indicators import Coverage

NEAR_M = 100.0
TRACK_TOLERANCE_M = 3.0


class Field(NamedTuple):
    """A piece of cropland in one grid cell; shape in EPSG:4490, ellipsoidal area."""

    cell_code: str
    division_code: str
    shape: BaseGeometry
    area_m2: float


def cover(fields: Sequence[Field], tracks_4490: Sequence[BaseGeometry]) -> list[Coverage]:
    """Cultivated area of each grid cell, and how much of it lies within 100 m of a track.

    The near share of each field is taken on its Gauss-Krüger plane, where scale cancels out, and applied to
    the ellipsoidal area.
    """
    shares = _near_shares([field.shape for field in fields], tracks_4490)
    cells: dict[tuple[str, str], tuple[float, float]] = {}
    for field, share in zip(fields, shares, strict=True):
        key = field.cell_code, field.division_code
        whole, near = cells.get(key, (0.0, 0.0))
        cells[key] = whole + field.area_m2, near + field.area_m2 * float(share)
    return [Coverage(*key, *areas) for key, areas in sorted(cells.items())]


def _near_shares(
    shapes_4490: Sequence[BaseGeometry], tracks_4490: Sequence[BaseGeometry]
) -> NDArray[np.float64]:
    shares = np.zeros(len(shapes_4490))
    if not shapes_4490 or not tracks_4490:
        return shares
    local = gauss_krueger_epsg(float(shapely.bounds(tracks_4490[0])[0]))
    shapes = np.array([reproject(shape, STORAGE_EPSG, local) for shape in shapes_4490], dtype=object)
    lines = [reproject(line, STORAGE_EPSG, local) for line in tracks_4490]
    belts = shapely.buffer(shapely.simplify(lines, TRACK_TOLERANCE_M), NEAR_M, quad_segs=4)
    found, belt = shapely.STRtree(belts).query(shapes, predicate="intersects")
    for place in np.unique(found):
        near = shapely.intersection(shapes[place], shapely.union_all(belts[belt[found == place]]))
        whole = shapely.area(shapes[place])
        shares[place] = min(1.0, shapely.area(near) / whole) if whole > 0 else 0.0
    return shares

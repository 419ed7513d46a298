"""From objects to clean outlines: valid, with holes, true in area, each with an error band."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.pixels.objects.runs import Runs
from detection.pixels.objects.trace import traced_by_value
from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2, transformer
from ingest.raster import RasterGrid

SIMPLIFY_PX = 0.75
EDGE_ERROR_PX = 0.5
SLIVER_PX = 1.2
"""An outline of which nothing is left after shrinking by half this width is a sliver."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One changed object.

    Attributes
    ----------
    polygon : Polygon or MultiPolygon
        EPSG:4490, lon/lat; columns and rows on a pixel grid.
    polygon_px : Polygon or MultiPolygon
        The same in columns and rows.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal square metres with the error band of edge and registration; pixels on a pixel grid.
    """

    label: int
    polygon: BaseGeometry
    polygon_px: BaseGeometry
    area_m2: float
    area_min_m2: float
    area_max_m2: float


def outline_objects(objects: Runs, grid: RasterGrid, *, residual_px: float) -> dict[int, Outline]:
    """Outlines of all objects, by label.

    Parameters
    ----------
    objects : Runs
        Value is the label.
    residual_px : float
        Registration residual; widens the error band.
    """
    return {
        label: _outline(label, polygon, grid, residual_px)
        for label, polygon in traced_by_value(objects).items()
    }


def simplify_area_true(polygon_px: BaseGeometry) -> BaseGeometry:
    """Fewer corners, same area: Douglas–Peucker, then a hair's breadth in or out to mend the area."""
    simple = polygon_px.simplify(SIMPLIFY_PX, preserve_topology=True)
    for _ in range(3):
        if simple.is_empty or simple.length == 0:
            return polygon_px
        missing = polygon_px.area - simple.area
        if abs(missing) < 0.002 * polygon_px.area:
            break
        simple = simple.buffer(missing / simple.length, join_style="mitre", mitre_limit=2.0)
    simple = shapely.make_valid(simple)
    polygons = [part for part in shapely.get_parts(simple) if part.geom_type == "Polygon" and part.area > 0]
    if not polygons or abs(sum(part.area for part in polygons) - polygon_px.area) > 0.02 * polygon_px.area:
        return polygon_px
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def is_sliver(polygon_px: BaseGeometry) -> bool:
    """Nowhere wider than about a pixel: what misregistration leaves along edges."""
    return bool(polygon_px.buffer(-SLIVER_PX / 2).is_empty)


def to_storage(polygon_px: BaseGeometry, grid: RasterGrid) -> BaseGeometry:
    """Columns and rows into EPSG:4490 lon/lat; unchanged on a pixel grid."""
    if grid.crs_wkt is None:
        return polygon_px
    affine = grid.transform
    move = transformer(grid.crs_wkt, STORAGE_EPSG)

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        xs = affine.a * points[:, 0] + affine.b * points[:, 1] + affine.c
        ys = affine.d * points[:, 0] + affine.e * points[:, 1] + affine.f
        return np.column_stack(move.transform(xs, ys))

    placed = shapely.transform(polygon_px, place)
    return placed if placed.is_valid else shapely.make_valid(placed)


def _outline(label: int, raw_px: BaseGeometry, grid: RasterGrid, residual_px: float) -> Outline:
    polygon_px = simplify_area_true(raw_px)
    placed = to_storage(polygon_px, grid)
    area = polygon_px.area if grid.crs_wkt is None else ellipsoidal_area_m2(placed)
    per_px = area / polygon_px.area
    edge_px = math.hypot(EDGE_ERROR_PX, residual_px)
    band = polygon_px.length * edge_px * per_px
    return Outline(label, placed, polygon_px, area, max(area - band, 0.0), area + band)

"""From a mask of change to clean outlines: valid, with holes, true in area, each with an error band."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import shape as as_geometry
from shapely.geometry.base import BaseGeometry

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


def clean_mask(is_change: NDArray[np.bool_], *, is_fine: bool) -> NDArray[np.bool_]:
    """Close one-pixel gaps and drop one-pixel threads, on fine imagery only.

    At 10 m and coarser a road is one pixel wide: nothing is opened away there.
    """
    if not is_fine:
        return is_change
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    square = np.ones((3, 3), np.uint8)
    mask = cv2.morphologyEx(is_change.astype(np.uint8), cv2.MORPH_CLOSE, square)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cross)
    return np.asarray(mask > 0)


def label_objects(
    is_change: NDArray[np.bool_], *, min_px: float
) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    """Objects of 8-connected pixels of at least ``min_px``.

    Returns
    -------
    (count, labels, stats)
        Labels int32 (rows, cols), 1 to count, 0 elsewhere; stats (count + 1, 5) as OpenCV gives them:
        left, top, width, height, area in pixels.
    """
    total, labels, stats, _ = cv2.connectedComponentsWithStats(is_change.astype(np.uint8), connectivity=8)
    is_kept = stats[:, cv2.CC_STAT_AREA] >= min_px
    is_kept[0] = False
    numbers = np.zeros(total, np.int32)
    numbers[is_kept] = np.arange(1, int(is_kept.sum()) + 1, dtype=np.int32)
    kept_stats = np.concatenate([stats[:1], stats[is_kept]])
    return int(is_kept.sum()), numbers[labels], np.asarray(kept_stats, np.int32)


def outline_objects(labels: NDArray[np.int32], grid: RasterGrid, *, residual_px: float) -> dict[int, Outline]:
    """Outlines of all labelled objects, by label.

    Parameters
    ----------
    labels : ndarray, shape (rows, cols), int32
        0 is background.
    residual_px : float
        Registration residual; widens the error band.
    """
    parts: dict[int, list[BaseGeometry]] = {}
    shapes = rasterio.features.shapes(labels, mask=labels > 0, connectivity=4, transform=Affine.identity())
    for geometry, value in shapes:
        parts.setdefault(int(value), []).append(as_geometry(geometry))
    return {
        label: _outline(label, shapely.union_all(polygons), grid, residual_px)
        for label, polygons in sorted(parts.items())
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

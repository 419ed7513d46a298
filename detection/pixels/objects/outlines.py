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
from foundation.crs import STORAGE_EPSG, ellipsoidal_areas_m2, transformer
from ingest.raster import RasterGrid

SIMPLIFY_PX = 0.75
EDGE_ERROR_PX = 0.5
MEND_TURNS, MEND_SHARE = 3, 0.002
SPOILT_SHARE = 0.02
POLYGONAL = (int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON))

Polygons = NDArray[np.object_]


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
    exact = traced_by_value(objects)
    simple = simplified_area_true(np.array(list(exact.values()), object))
    placed = to_storage(simple, grid)
    edge_px = math.hypot(EDGE_ERROR_PX, residual_px)
    area_px = shapely.area(simple)
    areas = area_px if grid.crs_wkt is None else ellipsoidal_areas_m2(placed)
    bands = shapely.length(simple) * edge_px * areas / area_px
    rows = zip(exact, placed, simple, areas.tolist(), bands.tolist(), strict=True)
    return {
        label: Outline(label, polygon, polygon_px, area, max(area - band, 0.0), area + band)
        for label, polygon, polygon_px, area, band in rows
    }


def simplified_area_true(polygons_px: Polygons) -> Polygons:
    """Fewer corners, same area: Douglas–Peucker, then a hair's breadth in or out to mend the area.

    Parameters
    ----------
    polygons_px : ndarray of Polygon or MultiPolygon
        Where simplifying would spoil one, it is given back as it is.
    """
    area = shapely.area(polygons_px)
    simple: Polygons = shapely.simplify(polygons_px, SIMPLIFY_PX, preserve_topology=True)
    for _ in range(MEND_TURNS):
        length = shapely.length(simple)
        missing = area - shapely.area(simple)
        is_off = (np.abs(missing) >= MEND_SHARE * area) & (length > 0)
        if not is_off.any():
            break
        width = missing[is_off] / length[is_off]
        simple[is_off] = shapely.buffer(simple[is_off], width, join_style="mitre", mitre_limit=2.0)
    is_broken = ~shapely.is_valid(simple)
    simple[is_broken] = shapely.make_valid(simple[is_broken])
    is_odd = ~np.isin(shapely.get_type_id(simple), POLYGONAL)
    simple[is_odd] = [_polygons_of(geometry) for geometry in simple[is_odd]]
    is_spoilt = np.abs(shapely.area(simple) - area) > SPOILT_SHARE * area
    simple[is_spoilt] = polygons_px[is_spoilt]
    return simple


def to_storage(polygons_px: Polygons, grid: RasterGrid) -> Polygons:
    """Columns and rows into EPSG:4490 lon/lat; unchanged on a pixel grid."""
    if grid.crs_wkt is None:
        return polygons_px
    affine = grid.transform
    move = transformer(grid.crs_wkt, STORAGE_EPSG)

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        xs = affine.a * points[:, 0] + affine.b * points[:, 1] + affine.c
        ys = affine.d * points[:, 0] + affine.e * points[:, 1] + affine.f
        return np.column_stack(move.transform(xs, ys))

    placed: Polygons = shapely.transform(polygons_px, place)
    is_broken = ~shapely.is_valid(placed)
    placed[is_broken] = shapely.make_valid(placed[is_broken])
    return placed


def _polygons_of(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a mended geometry, without the lines and points that mending may leave."""
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)

"""What a finished comparison says of one piece of ground: seen at all, and changed or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, reproject
from ingest.raster import open_raster, read_part


class Look(NamedTuple):
    """Shares of a piece of ground, 0–1, by its pixels.

    Attributes
    ----------
    observed : float
        Pixels that both images show, of all that the ground has.
    changed : float
        Changed pixels of those observed; 0 where none is.
    """

    observed: float
    changed: float


def look_at(change_raster: Path, outline: BaseGeometry) -> Look:
    """Read a change raster (0 unchanged, 1 changed, nodata not observed) under an outline.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
        EPSG:4490. What lies outside the raster was not observed.

    Raises
    ------
    InvalidInput
        ``ingest.raster.corrupt``.
    """
    with open_raster(change_raster, "GTiff") as source:
        epsg = source.crs.to_epsg()
        ground = reproject(outline, STORAGE_EPSG, epsg or source.crs.to_wkt())
        window = _window(ground, source.transform)
        values = np.full((int(window.height), int(window.width)), source.nodata, np.uint8)
        seen = _overlap(window, Window(0, 0, source.width, source.height))
        if seen is not None:
            part = read_part(source, seen, [1], change_raster)[0]
            top, left = int(seen.row_off - window.row_off), int(seen.col_off - window.col_off)
            values[top : top + part.shape[0], left : left + part.shape[1]] = part
        pixels = values[_inside(ground, window, source.transform)]
        observed = pixels[pixels != source.nodata]
    if observed.size == 0:
        return Look(0.0, 0.0)
    return Look(float(observed.size / pixels.size), float((observed == 1).mean()))


def _window(ground: BaseGeometry, transform: Any) -> Window:
    """Whole pixels around a geometry in the raster's CRS; the grid is north up."""
    west, south, east, north = ground.bounds
    left, right = (west - transform.c) / transform.a, (east - transform.c) / transform.a
    top, bottom = (north - transform.f) / transform.e, (south - transform.f) / transform.e
    col, row = int(np.floor(left)), int(np.floor(top))
    return Window(col, row, max(int(np.ceil(right)) - col, 1), max(int(np.ceil(bottom)) - row, 1))


def _inside(ground: BaseGeometry, window: Window, transform: Any) -> NDArray[np.bool_]:
    """Pixels whose centre lies in a geometry; all of the window where none does."""
    x = transform.c + (window.col_off + np.arange(int(window.width)) + 0.5) * transform.a
    y = transform.f + (window.row_off + np.arange(int(window.height)) + 0.5) * transform.e
    columns, rows = np.meshgrid(x, y)
    inside = np.asarray(shapely.contains_xy(ground, columns, rows))
    return inside if inside.any() else np.ones_like(inside)


def _overlap(one: Window, other: Window) -> Window | None:
    left, top = max(one.col_off, other.col_off), max(one.row_off, other.row_off)
    right = min(one.col_off + one.width, other.col_off + other.width)
    bottom = min(one.row_off + one.height, other.row_off + other.height)
    return Window(left, top, right - left, bottom - top) if right > left and bottom > top else None

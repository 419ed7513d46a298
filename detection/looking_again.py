"""What a finished comparison says of one piece of ground: seen at all, and changed or not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from rasterio.windows import transform as transform_of
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
        whole = from_bounds(*ground.bounds, transform=source.transform)
        rows = (int(np.floor(whole.row_off)), int(np.ceil(whole.row_off + whole.height)))
        cols = (int(np.floor(whole.col_off)), int(np.ceil(whole.col_off + whole.width)))
        window = Window(cols[0], rows[0], max(cols[1] - cols[0], 1), max(rows[1] - rows[0], 1))
        values = np.full((int(window.height), int(window.width)), source.nodata, np.uint8)
        inner = Window(0, 0, source.width, source.height)
        seen = _overlap(window, inner)
        if seen is not None:
            part = read_part(source, seen, [1], change_raster)[0]
            top, left = int(seen.row_off - window.row_off), int(seen.col_off - window.col_off)
            values[top : top + part.shape[0], left : left + part.shape[1]] = part
        inside = geometry_mask(
            [shapely.geometry.mapping(ground)],
            values.shape,
            transform_of(window, source.transform),
            all_touched=True,
            invert=True,
        )
        pixels = values[inside]
        observed = pixels[pixels != source.nodata]
    if observed.size == 0:
        return Look(0.0, 0.0)
    return Look(float(observed.size / pixels.size), float((observed == 1).mean()))


def _overlap(one: Window, other: Window) -> Window | None:
    left, top = max(one.col_off, other.col_off), max(one.row_off, other.row_off)
    right = min(one.col_off + one.width, other.col_off + other.width)
    bottom = min(one.row_off + one.height, other.row_off + other.height)
    return Window(left, top, right - left, bottom - top) if right > left and bottom > top else None

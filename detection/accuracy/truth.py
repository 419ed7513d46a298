"""Ground truth of a pair: a raster in any of the usual codings, or outlines, on the grid of the result."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window

from detection.pixels.align import Registration
from foundation.errors import InvalidInput
from ingest.raster import RasterGrid, describe_raster, open_raster, read_part

VECTOR_SUFFIXES = frozenset({".gpkg", ".geojson", ".shp"})
FEW_VALUES = 8
Frame = Literal["before", "after"]


@dataclass(frozen=True)
class Truth:
    """Where land changed and where that is known; both bool (rows, cols) on the result's grid."""

    is_changed: NDArray[np.bool_]
    is_labelled: NDArray[np.bool_]
    coding: str

    @property
    def is_partial(self) -> bool:
        """Whether some pixels carry no label."""
        return not bool(self.is_labelled.all())


def read_truth(
    path: Path,
    grid: RasterGrid,
    *,
    changed_value: int | None = None,
    unchanged_value: int | None = None,
) -> Truth:
    """Truth on a grid.

    Parameters
    ----------
    path : Path
        Raster (GeoTIFF, PNG), or polygons of what changed (GeoPackage, GeoJSON, Shapefile).
    changed_value, unchanged_value : int, optional
        Values of a raster; every other value is unlabelled. Without them the coding is told by the values:
        {0, 255} or {0, 1} changed above 0; {0, 1, 2} unlabelled, unchanged, changed; {0, 128, 255}
        unlabelled, unchanged, changed; a picture with many values is cut at its middle.

    Raises
    ------
    InvalidInput
        ``detection.evaluate.truth_coding``, ``.truth_grid``, ``.unreadable``.
    """
    if path.suffix.lower() in VECTOR_SUFFIXES:
        is_changed = _drawn(path, grid)
        return Truth(is_changed, np.ones(grid.shape, bool), "outlines")
    values, is_known = _on_grid(path, grid)
    truth = _decoded(values, changed_value, unchanged_value, path.name)
    return Truth(truth.is_changed & is_known, truth.is_labelled & is_known, truth.coding)


def moved_truth(truth: Truth, registration: Registration) -> Truth:
    """Truth that was drawn on the later image, brought onto the earlier one's grid."""
    rows, cols = truth.is_changed.shape
    ys, xs = np.mgrid[0:rows, 0:cols].astype(np.float64)
    dx, dy = registration.shifts(xs, ys)
    col, row = np.rint(xs + dx).astype(np.int64), np.rint(ys + dy).astype(np.int64)
    is_inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
    col, row = np.clip(col, 0, cols - 1), np.clip(row, 0, rows - 1)
    return Truth(
        truth.is_changed[row, col] & is_inside, truth.is_labelled[row, col] & is_inside, truth.coding
    )


def _decoded(
    values: NDArray[Any], changed_value: int | None, unchanged_value: int | None, name: str
) -> Truth:
    """By the values that were named, else by those that occur."""
    found = np.unique(values)
    if changed_value is not None or unchanged_value is not None:
        is_changed = values == changed_value if changed_value is not None else values != unchanged_value
        is_same = values == unchanged_value if unchanged_value is not None else ~is_changed
        if not is_changed.any() and not is_same.any():
            raise InvalidInput("detection.evaluate.truth_coding", file=name, values=_listed(found))
        return Truth(
            is_changed, is_changed | is_same, f"changed {changed_value}, unchanged {unchanged_value}"
        )
    levels = {int(value) for value in found} if len(found) <= FEW_VALUES else set()
    for unlabelled, same, changed in ((0, 1, 2), (0, 128, 255)):
        if levels == {unlabelled, same, changed} or levels == {same, changed}:
            coding = f"unlabelled {unlabelled}, unchanged {same}, changed {changed}"
            return Truth(values == changed, values != unlabelled, coding)
    if levels and levels <= {0, 1}:
        return Truth(values == 1, np.ones(values.shape, bool), "unchanged 0, changed 1")
    if (levels and levels <= {0, 255}) or (not levels and values.dtype == np.uint8 and values.max() > 127):
        return Truth(values > 127, np.ones(values.shape, bool), "unchanged 0, changed 255")
    raise InvalidInput("detection.evaluate.truth_coding", file=name, values=_listed(found))


def _on_grid(path: Path, grid: RasterGrid) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """First band on the grid, by nearest neighbour where it lies on another, and where it is known."""
    info = describe_raster(path, pixel_grid=True)
    if info.grid.crs_wkt is None or grid.crs_wkt is None:
        if info.grid.shape != grid.shape:
            raise InvalidInput(
                "detection.evaluate.truth_grid",
                file=path.name,
                size=f"{info.grid.cols}×{info.grid.rows}",
                needed=f"{grid.cols}×{grid.rows}",
            )
        return _read(path, info.driver, info.grid), np.ones(grid.shape, bool)
    values = _read(path, info.driver, info.grid)
    if info.grid == grid:
        return values, np.ones(grid.shape, bool)
    target, seen = np.zeros(grid.shape, values.dtype), np.zeros(grid.shape, np.uint8)
    for source, sink in ((values, target), (np.ones(values.shape, np.uint8), seen)):
        reproject(
            source,
            sink,
            src_transform=info.grid.transform,
            src_crs=info.grid.crs_wkt,
            dst_transform=grid.transform,
            dst_crs=grid.crs_wkt,
            resampling=Resampling.nearest,
        )
    return target, seen > 0


def _read(path: Path, driver: str, grid: RasterGrid) -> NDArray[Any]:
    with open_raster(path, driver) as source:
        values: NDArray[Any] = read_part(source, Window(0, 0, grid.cols, grid.rows), [1], path)[0]
    return values


def _drawn(path: Path, grid: RasterGrid) -> NDArray[np.bool_]:
    try:
        with _quiet():
            frame = gpd.read_file(path, engine="pyogrio")
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InvalidInput("detection.evaluate.unreadable", file=path.name, reason=reason) from error
    if grid.crs_wkt is not None:
        if frame.crs is None:
            raise InvalidInput("detection.evaluate.unreadable", file=path.name, reason="无坐标系 no CRS")
        frame = frame.to_crs(grid.crs_wkt)
    if "is_visible" in frame:
        frame = frame[frame["is_visible"].astype(bool)]
    shapes = [shape for shape in frame.geometry if shape is not None and not shape.is_empty]
    if not shapes:
        return np.zeros(grid.shape, bool)
    transform = grid.transform if grid.crs_wkt is not None else rasterio.Affine.identity()
    with _quiet():
        drawn = rasterize(shapes, out_shape=grid.shape, transform=transform, dtype="uint8")
    return np.asarray(drawn > 0)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _listed(values: NDArray[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:FEW_VALUES])
    return shown if len(values) <= FEW_VALUES else f"{shown}, …"

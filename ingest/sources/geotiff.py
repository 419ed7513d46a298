"""A checked GeoTIFF becomes a scene: rewritten as a COG; footprint and display stretch from its overviews."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import shapes, sieve
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window
from shapely.geometry import MultiPolygon, shape
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, describe_crs, lies_in_china, reproject
from foundation.errors import InvalidInput, LandwardenError
from ingest.raster import (
    GDAL_SETTINGS,
    RasterInfo,
    describe_raster,
    open_raster,
    read_part,
    sniff_driver,
    written_whole,
)
from ingest.scenes import name_bands

LOOK_PX = 1024
"""Edge of the decimated image from which footprint and stretch are taken."""
STRETCH_PCT = (2.0, 98.0)
STRIP_ROWS = 512
PINHOLE_SHARE = 1 / 2000
"""Holes and islands below this share of the image are not drawn in its footprint."""
COG_OPTIONS = {
    "COMPRESS": "ZSTD", "LEVEL": "1", "PREDICTOR": "YES", "BLOCKSIZE": "512", "BIGTIFF": "IF_SAFER",
    "OVERVIEWS": "IGNORE_EXISTING", "OVERVIEW_RESAMPLING": "AVERAGE", "NUM_THREADS": "ALL_CPUS",
}  # fmt: skip
"""4000 × 3000 × 4 uint16 on 2 cores: level 1 writes 3 % more bytes than level 3 in three quarters of its
time; overviews whose intermediate file is not compressed (COG_TMP_COMPRESSION) take half the time."""


@dataclass(frozen=True)
class CheckedImage:
    """What is known of an image after the checks; the COG lies at ``cog``."""

    info: RasterInfo
    bands: tuple[str, ...]
    crs: str
    gsd_m: float
    cloud_pct: float | None
    footprint: BaseGeometry
    display_range: dict[str, tuple[float, float]]

    def facts(self) -> dict[str, Any]:
        """What a scene takes over as it is."""
        names = ("bands", "gsd_m", "crs", "cloud_pct", "footprint", "display_range")
        return {name: getattr(self, name) for name in names}


def check_image(path: Path) -> CheckedImage:
    """Check a GeoTIFF and say what it is.

    Raises
    ------
    InvalidInput
        No or implausible CRS, corrupt, unsupported driver (``ingest.raster.…``); nodata everywhere
        (``ingest.scene.empty``); outside China (``ingest.scene.outside``).
    """
    info = describe_raster(path)
    bands = name_bands(info.descriptions, info.bands)
    with open_raster(path, info.driver) as source:
        factor = max(1.0, max(source.width, source.height) / LOOK_PX)
        size = (max(1, math.ceil(source.height / factor)), max(1, math.ceil(source.width / factor)))
        try:
            pixels = source.read(out_shape=(source.count, *size), resampling=Resampling.nearest)
            mask = (source.dataset_mask(out_shape=size) > 0) & _is_measured(pixels[: len(bands)])
        except RasterioError as error:
            raise InvalidInput("ingest.raster.corrupt", file=path.name, reason=str(error)[:200]) from error
        transform = source.transform @ source.transform.scale(source.width / size[1], source.height / size[0])
        footprint = _footprint(mask, transform, source.crs.to_wkt(), path)
        tags = source.tags()
        crs = describe_crs(source.crs.to_wkt())
    return CheckedImage(
        info=info,
        bands=bands,
        crs=crs,
        gsd_m=round(info.grid.gsd_m() or 0.0, 4),
        cloud_pct=_number(tags.get("CLOUD_PCT")),
        footprint=footprint,
        display_range={name: _stretch(pixels[i][mask]) for i, name in enumerate(bands)},
    )


def write_cog(source: Path, target: Path) -> None:
    """Rewrite as a tiled, compressed COG with overviews; values unchanged.

    Raises
    ------
    Unavailable
        The disk is full; the half file is removed.
    InvalidInput
        ``ingest.raster.corrupt``: part of the source cannot be decoded.
    """
    with open_raster(source, sniff_driver(source)) as image:
        try:
            with written_whole(target) as part:
                _copy(image, part)
                _compare(image, part, source)
        except LandwardenError:
            for window in _strips(image):
                read_part(image, window, image.indexes, source)
            raise


def _copy(image: Any, part: Path) -> None:
    """The folder could be written when ``part`` was made: what fails now is the source or the room."""
    try:
        with rasterio.Env(**GDAL_SETTINGS, COG_TMP_COMPRESSION="NONE"):
            copy_raster(image, str(part), driver="COG", **COG_OPTIONS)
    except CPLE_BaseError as error:
        raise OSError(errno.ENOSPC, str(error)) from error


def _compare(image: Any, part: Path, path: Path) -> None:
    """Read the copy back: GDAL reports success even where the disk filled up under its last tiles."""
    try:
        with rasterio.Env(**GDAL_SETTINGS), rasterio.open(part, driver="GTiff") as copy:
            for window in _strips(image):
                wanted = read_part(image, window, image.indexes, path)
                found = copy.read(window=window)
                if not np.array_equal(wanted.view(np.uint8), found.view(np.uint8)):
                    raise OSError(errno.ENOSPC, "the copy differs")
    except RasterioError as error:
        raise OSError(errno.ENOSPC, str(error)) from error


def _strips(image: Any) -> Iterator[Window]:
    for first in range(0, image.height, STRIP_ROWS):
        yield Window(0, first, image.width, min(STRIP_ROWS, image.height - first))


def _footprint(is_valid: NDArray[np.bool_], transform: object, crs_wkt: str, path: Path) -> BaseGeometry:
    if not is_valid.any():
        raise InvalidInput("ingest.scene.empty", file=path.name)
    drawn = sieve(is_valid.astype(np.uint8), size=max(2, round(is_valid.size * PINHOLE_SHARE)))
    drawn = drawn if drawn.any() else is_valid.astype(np.uint8)
    found = shapes(drawn, mask=drawn > 0, transform=transform)
    outline = shapely.union_all([shape(geometry) for geometry, _ in found])
    # The outline is drawn to a thousandth of its size.
    simple = outline.simplify(math.sqrt(outline.area) / 1000)
    moved = shapely.make_valid(reproject(simple, crs_wkt, STORAGE_EPSG))
    if not lies_in_china(moved.bounds):
        west, south, _, _ = moved.bounds
        raise InvalidInput("ingest.scene.outside", file=path.name, west=round(west, 4), south=round(south, 4))
    polygons = [part for part in shapely.get_parts(moved) if part.geom_type == "Polygon"]
    return MultiPolygon(polygons)


def _is_measured(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """Where all bands are finite; nowhere when the whole image is one value."""
    is_finite: NDArray[np.bool_] = np.isfinite(pixels).all(axis=0)
    if is_finite.any() and np.ptp(pixels[:, is_finite], axis=1).max() == 0:
        is_finite[:] = False
    return is_finite


def _stretch(values: NDArray[np.generic]) -> tuple[float, float]:
    low, high = (float(value) for value in np.percentile(values.astype(np.float64), STRETCH_PCT))
    return low, high if high > low else low + 1.0


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None

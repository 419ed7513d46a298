"""A checked GeoTIFF becomes a scene: rewritten as a COG; footprint and display stretch from its overviews."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import shapes
from rasterio.shutil import copy as copy_raster
from shapely.geometry import MultiPolygon, shape
from shapely.geometry.base import BaseGeometry

from foundation.blobs import storage_error
from foundation.crs import STORAGE_EPSG, describe_crs, lies_in_china, reproject
from foundation.errors import InvalidInput, Unavailable
from ingest.raster import GDAL_SETTINGS, RasterInfo, describe_raster, open_raster
from ingest.scenes import name_bands

LOOK_PX = 1024
"""Edge of the decimated image from which footprint and stretch are taken."""
STRETCH_PCT = (1.0, 99.0)


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
            mask = source.dataset_mask(out_shape=size) > 0
            pixels = source.read(out_shape=(source.count, *size), resampling=Resampling.nearest)
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
        The disk is full or the folder cannot be written; the half file is removed.
    """
    options = {
        "COMPRESS": "ZSTD", "LEVEL": "3", "PREDICTOR": "STANDARD", "BLOCKSIZE": "512", "BIGTIFF": "IF_SAFER",
        "OVERVIEWS": "IGNORE_EXISTING", "OVERVIEW_RESAMPLING": "AVERAGE", "NUM_THREADS": "2",
    }  # fmt: skip
    try:
        with rasterio.Env(**GDAL_SETTINGS):
            copy_raster(str(source), str(target), driver="COG", **options)
    except (RasterioError, OSError) as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(error, target.parent) from error
        raise Unavailable("ingest.raster.disk_full", path=str(target)) from error


def _footprint(is_valid: NDArray[np.bool_], transform: object, crs_wkt: str, path: Path) -> BaseGeometry:
    if not is_valid.any():
        raise InvalidInput("ingest.scene.empty", file=path.name)
    found = shapes(is_valid.astype(np.uint8), mask=is_valid, transform=transform)
    outline = shapely.union_all([shape(geometry) for geometry, _ in found])
    # Pinholes of nodata are no gap in what the image shows; the outline is drawn to a thousandth of its size.
    simple = outline.simplify(math.sqrt(outline.area) / 1000)
    moved = shapely.make_valid(reproject(simple, crs_wkt, STORAGE_EPSG))
    if not lies_in_china(moved.bounds):
        west, south, _, _ = moved.bounds
        raise InvalidInput("ingest.scene.outside", file=path.name, west=round(west, 4), south=round(south, 4))
    polygons = [part for part in shapely.get_parts(moved) if part.geom_type == "Polygon"]
    return MultiPolygon(polygons)


def _stretch(values: NDArray[np.generic]) -> tuple[float, float]:
    low, high = (float(value) for value in np.percentile(values.astype(np.float64), STRETCH_PCT))
    return low, high if high > low else low + 1.0


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None

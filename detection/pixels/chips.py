"""Before and after chips: small pictures of the ground around one outline, as evidence.

Images in true colour; surface models as shaded relief, tinted by height above the lowest ground of the chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, gauss_krueger_epsg, reproject
from ingest.raster import open_raster
from ingest.scenes import Scene

WIDTH_PX, HEIGHT_PX = 360, 280
MARGIN = 0.35
"""Ground shown around the outline, as a share of its extent on each side."""
LEAST_WIDTH_M = 120.0
QUALITY = 88
HEADROOM = 1.35
GAMMA = 1.8
"""Fields are dark and roofs bright: white lies above the stretch, and the middle is lifted."""
TINT_M = 18.0
TINT_STOPS = (0.0, 0.12, 0.35, 0.6, 1.0)
TINTS = ((120, 140, 112), (190, 190, 140), (226, 168, 92), (206, 92, 70), (150, 60, 140))
"""Ground, low, one storey, two to three, six: height shows as colour on both dates alike."""


@dataclass(frozen=True, slots=True)
class ChipSource:
    """A scene to cut chips from.

    Attributes
    ----------
    bands : (int, int, int)
        1-based numbers shown as red, green, blue.
    stretch : three pairs
        Stored values shown as black and as white.
    is_surface : bool
        Heights, shown as shaded relief.
    """

    path: Path
    bands: tuple[int, int, int]
    stretch: tuple[tuple[float, float], ...]
    is_surface: bool = False


def chip_source(scene: Scene, cog: Path) -> ChipSource:
    """How a scene is shown: its display bands and their stretch."""
    bands = scene.display_bands()
    ranges = [scene.display_range[scene.bands[number - 1]] for number in bands]
    stretch = tuple((float(low), float(high)) for low, high in ranges)
    return ChipSource(cog, bands, stretch, scene.is_surface)


def cut_chips(source: ChipSource, outlines: Sequence[BaseGeometry]) -> list[bytes]:
    """JPEG chips of 360 × 280 pixels, north up, one an outline (EPSG:4490); black where nothing was seen."""
    chips = []
    with open_raster(source.path, "GTiff") as dataset:
        for outline in outlines:
            epsg, transform = _frame(outline)
            pixels = _warped(dataset, source.bands, epsg, transform)
            if source.is_surface:
                picture = shaded_relief(pixels[0], transform.a, nodata=dataset.nodata)
            else:
                picture = _true_colour(pixels, source.stretch)
            chips.append(_jpeg(picture))
    return chips


def shaded_relief(height_m: NDArray[Any], step_m: float, *, nodata: float | None = None) -> NDArray[np.uint8]:
    """Heights as a picture, uint8 (rows, cols, 3): light from the north-west, tint by height; black unknown.

    The tint runs from the lowest ground (2nd percentile) to ``TINT_M`` above it, on one scale for all chips.
    """
    height = height_m.astype(np.float32)
    is_known = np.isfinite(height) & (height != np.float32(np.nan if nodata is None else nodata))
    if not is_known.any():
        return np.zeros((*height.shape, 3), np.uint8)
    ground = np.float32(np.percentile(height[is_known], 2.0))
    height = np.where(is_known, height, ground)
    down, right = np.gradient(height, step_m)
    light = (1.0 + 0.7 * right + 0.7 * down) / np.sqrt(1.0 + right**2 + down**2) / np.sqrt(2.0)
    share = np.clip((height - ground) / TINT_M, 0.0, 1.0)
    tint = np.stack([np.interp(share, TINT_STOPS, column) for column in zip(*TINTS, strict=True)], axis=-1)
    shaded = tint * (0.45 + 0.75 * np.clip(light, 0.0, 1.0))[..., None]
    shaded[~is_known] = 0.0
    return np.asarray(np.clip(shaded, 0.0, 255.0), np.uint8)


def outline_in_chip(outline: BaseGeometry) -> list[NDArray[np.float64]]:
    """Outer rings of an outline (EPSG:4490) in the pixels of its own chip, each (n, 2) of column and row."""
    epsg, transform = _frame(outline)
    into = ~transform
    rings = []
    for part in shapely.get_parts(reproject(outline, STORAGE_EPSG, epsg)):
        corners = shapely.get_coordinates(part.exterior)
        x, y = corners[:, 0], corners[:, 1]
        rings.append(np.stack([into.a * x + into.b * y + into.c, into.d * x + into.e * y + into.f], axis=1))
    return rings


def chip_gsd_m(outline: BaseGeometry) -> float:
    """Metres that a pixel of an outline's chip measures."""
    return float(_frame(outline)[1].a)


def _frame(outline: BaseGeometry) -> tuple[int, Affine]:
    """Ground of a chip: the outline in its middle with a margin, in metres."""
    epsg = gauss_krueger_epsg(float(outline.representative_point().x))
    west, south, east, north = reproject(outline, STORAGE_EPSG, epsg).bounds
    ratio = WIDTH_PX / HEIGHT_PX
    grown = 1.0 + 2.0 * MARGIN
    width_m = max((east - west) * grown, (north - south) * grown * ratio, LEAST_WIDTH_M)
    step_m = width_m / WIDTH_PX
    left, top = (west + east) / 2 - width_m / 2, (south + north) / 2 + width_m / ratio / 2
    return epsg, Affine(step_m, 0.0, left, 0.0, -step_m, top)


def _warped(dataset: Any, bands: tuple[int, int, int], epsg: int, transform: Affine) -> NDArray[Any]:
    grid = {"crs": f"EPSG:{epsg}", "transform": transform, "width": WIDTH_PX, "height": HEIGHT_PX}
    with WarpedVRT(dataset, resampling=Resampling.cubic, **grid) as plane:
        pixels: NDArray[Any] = plane.read(list(bands))
    return pixels


def _true_colour(pixels: NDArray[Any], stretch: Sequence[tuple[float, float]]) -> NDArray[np.uint8]:
    low = np.array([pair[0] for pair in stretch], np.float32)[:, None, None]
    high = np.array([pair[1] for pair in stretch], np.float32)[:, None, None]
    shown = (pixels.astype(np.float32) - low) / np.maximum((high - low) * HEADROOM, 1e-6)
    picture = np.rint(np.clip(shown, 0.0, 1.0) ** (1.0 / GAMMA) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(picture, 0, -1))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()

"""Before and after chips: small true-colour pictures of the ground around one outline, as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
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


@dataclass(frozen=True, slots=True)
class ChipSource:
    """A scene to cut chips from.

    Attributes
    ----------
    bands : (int, int, int)
        1-based numbers shown as red, green, blue.
    stretch : three pairs
        Stored values shown as black and as white.
    """

    path: Path
    bands: tuple[int, int, int]
    stretch: tuple[tuple[float, float], ...]


def chip_source(scene: Scene, cog: Path) -> ChipSource:
    """How a scene is shown: its display bands and their stretch."""
    bands = scene.display_bands()
    ranges = [scene.display_range[scene.bands[number - 1]] for number in bands]
    return ChipSource(cog, bands, tuple((float(low), float(high)) for low, high in ranges))


def cut_chips(source: ChipSource, outlines: Sequence[BaseGeometry]) -> list[bytes]:
    """JPEG chips of 360 × 280 pixels, north up, one an outline (EPSG:4490); black where nothing was seen."""
    chips = []
    with open_raster(source.path, "GTiff") as dataset:
        for outline in outlines:
            epsg, transform = _frame(outline)
            chips.append(_jpeg(_warped(dataset, source.bands, epsg, transform), source.stretch))
    return chips


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


def _jpeg(pixels: NDArray[Any], stretch: Sequence[tuple[float, float]]) -> bytes:
    low = np.array([pair[0] for pair in stretch], np.float32)[:, None, None]
    high = np.array([pair[1] for pair in stretch], np.float32)[:, None, None]
    shown = (pixels.astype(np.float32) - low) / np.maximum((high - low) * HEADROOM, 1e-6)
    picture = np.rint(np.clip(shown, 0.0, 1.0) ** (1.0 / GAMMA) * 255.0).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.moveaxis(picture, 0, -1)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()

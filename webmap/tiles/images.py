"""Tiles of scenes: warped from the COG's overviews, stretched, 256 px WebP, transparent outside.

GDAL's warped VRT is asked directly: for the same pixels it answers several times as many tiles a second as
rio-tiler (docs/decisions/0005).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT

from foundation.errors import Unavailable
from ingest.raster import GDAL_SETTINGS, open_raster
from ingest.scenes import Scene
from webmap.tiles.grid import Tile

TILE_PX = 256
QUALITY = 82
WHOLE_RANGE = (0.0, 255.0)
MEDIA_TYPE = "image/webp"
METRES_PER_DEGREE = 111_320.0
HEADROOM = 1.3
GAMMA = 1.9
"""Fields are dark and roofs bright: white lies above the stretch, and the middle is lifted."""
STEPS = 1023
SHADES = np.rint((np.arange(STEPS + 1) / STEPS) ** (1.0 / GAMMA) * 255.0).astype(np.uint8)
"""What is shown, by how far a value lies between black (0) and white (STEPS)."""
LOOK = f"{HEADROOM}-{GAMMA}"
"""Part of a tile's tag: tiles drawn another way are other tiles."""
FINER = 1.25
"""An overview may be this much coarser than the tile: not seen, and read several times as fast."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is needed to draw a scene.

    Attributes
    ----------
    shown_bands : (int, int, int)
        1-based numbers of the bands shown as red, green, blue.
    stretch : tuple of (low, high)
        Of each shown band, in stored values.
    """

    cog: Path
    shown_bands: tuple[int, int, int]
    stretch: tuple[tuple[float, float], ...]


def picture_of(scene: Scene, cog: Path) -> Picture:
    """How a scene is drawn."""
    shown = scene.display_bands()
    names = [scene.bands[number - 1] for number in shown]
    limits = [scene.display_range.get(name, WHOLE_RANGE) for name in names]
    return Picture(cog, shown, tuple((float(low), float(high)) for low, high in limits))


def draw_tile(picture: Picture, tile: Tile) -> bytes:
    """One tile of a scene as WebP; wholly transparent where the scene does not reach.

    Raises
    ------
    Unavailable
        ``webmap.tile.unreadable`` when the stored file cannot be read.
    """
    values, alpha = _read(picture.cog, tile, picture.shown_bands)
    colours = np.empty((TILE_PX, TILE_PX, 4), np.uint8)
    for channel, limits in enumerate(picture.stretch):
        colours[..., channel] = _stretched(values[channel], limits)
    colours[..., 3] = alpha
    colours[alpha == 0] = 0
    return _webp(colours)


def _read(cog: Path, tile: Tile, bands: tuple[int, ...]) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Values, shape (3, 256, 256), and alpha 0 or 255, resampled from the overview that fits."""
    pixel_m = tile.side_m / TILE_PX
    west, _, _, north = tile.bounds_3857
    options = {
        "crs": "EPSG:3857",
        "transform": Affine(pixel_m, 0.0, west, 0.0, -pixel_m, north),
        "width": TILE_PX,
        "height": TILE_PX,
        "resampling": Resampling.bilinear,
    }
    level = _overview(cog, pixel_m / tile.stretch)
    try:
        with rasterio.Env(**GDAL_SETTINGS):  # for the opening only: its cache limit would slow the reading
            source = rasterio.open(cog, driver="GTiff", **level)
        with source:
            has_alpha = ColorInterp.alpha in source.colorinterp
            with WarpedVRT(source, add_alpha=not has_alpha, **options) as warped:
                data = warped.read([*bands, warped.count])
    except RasterioError as error:
        raise Unavailable("webmap.tile.unreadable", reason=str(error)[:200]) from error
    alpha = np.where(data[3] > 0, np.uint8(255), np.uint8(0))
    return data[:3], alpha


def _overview(cog: Path, ground_m: float) -> dict[str, int]:
    """Opening option of the coarsest overview that is still about as fine as the tile's pixel."""
    levels = [level for level, gsd_m in enumerate(_overview_gsds_m(cog)) if gsd_m <= ground_m * FINER]
    return {"overview_level": levels[-1]} if levels else {}


@lru_cache(maxsize=512)
def _overview_gsds_m(cog: Path) -> tuple[float, ...]:
    """Ground sampling distances of a COG's overviews, finest first."""
    with open_raster(cog, "GTiff") as source:
        unit_m = source.crs.linear_units_factor[1] if source.crs.is_projected else METRES_PER_DEGREE
        return tuple(source.res[0] * unit_m * factor for factor in source.overviews(1))


def _stretched(values: NDArray[np.generic], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    scaled = (values.astype(np.float32) - low) * (STEPS / max((high - low) * HEADROOM, 1e-6))
    shown: NDArray[np.uint8] = SHADES[np.clip(np.nan_to_num(scaled), 0, STEPS).astype(np.intp)]
    return shown


def _webp(colours: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(colours, "RGBA").save(buffer, "WEBP", quality=QUALITY, method=2)
    return buffer.getvalue()

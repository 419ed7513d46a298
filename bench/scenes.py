"""Seeded scenes to measure on: a 10 m multispectral pair of farmland and villages, written strip by strip.

The pixels compress as satellite imagery does: fields with sharp edges, slow variation of three scales, and
sensor noise of a few counts. Nothing is downloaded and nothing is committed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

GSD_M = 10.0
EPSG = 4547
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
STRIP_ROWS = 512
TILE_PX = 512
SEED = 4108
NOISE_COUNTS = 9.0
CHANGES_PER_MPX = 60
CHANGE_PX = (4, 26)
"""Shortest and longest side of a planted change: 40 m to 260 m."""

SIDES: Mapping[str, int] = {"T": 512, "S": 1024, "M": 3464, "L": 10_000}
"""Columns and rows: 0.26 Mpx (warming up), 1 Mpx, 12 Mpx, 100 Mpx."""

COMPRESSIONS: Mapping[str, Mapping[str, Any]] = {
    "deflate": {"compress": "deflate", "predictor": 2, "zlevel": 6},
    "zstd9": {"compress": "zstd", "predictor": 2, "zstd_level": 9},
    "none": {},
}

_SURFACES = np.array(
    [
        [520, 760, 690, 3300, 1900, 1050],
        [640, 900, 1050, 2300, 2350, 1600],
        [1050, 1350, 1750, 2350, 2900, 2450],
        [1250, 1450, 1600, 2000, 2200, 2000],
    ],
    np.float32,
)
"""Crop, stubble, bare soil, village in the bands above, as reflectance × 10,000."""
_BRIGHT = np.array([2400, 2600, 2750, 2950, 2900, 2700], np.float32)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files of one place."""

    before: Path
    after: Path
    pixels: int


def make_pair(folder: Path, *, side_px: int, compression: str, bands: int = 4, seed: int = SEED) -> Pair:
    """Write a pair of ``side_px`` × ``side_px`` × ``bands`` uint16, or find it there from an earlier call.

    Parameters
    ----------
    compression : str
        ``deflate``, ``zstd9`` or ``none``. The pixels do not depend on it.
    """
    stem = f"pair-{side_px}-{bands}-{compression}-{seed}"
    pair = Pair(folder / f"{stem}-before.tif", folder / f"{stem}-after.tif", side_px * side_px)
    for path, is_after in ((pair.before, False), (pair.after, True)):
        if not path.exists():
            _write(path, _Fields(side_px, bands, seed), compression=compression, is_after=is_after)
    return pair


def planted_boxes(side_px: int, seed: int = SEED) -> NDArray[np.int64]:
    """Planted changes as rows of (first row, first column, rows, columns); they may touch one another."""
    random = np.random.default_rng((seed, 7))
    count = max(8, round(CHANGES_PER_MPX * side_px**2 / 1e6))
    sizes = random.integers(*CHANGE_PX, size=(count, 2))
    places = random.integers(20, max(side_px - 20 - CHANGE_PX[1], 21), size=(count, 2))
    return np.concatenate([places, sizes], axis=1)


def profile_of(side_px: int, compression: str, *, count: int, dtype: str) -> dict[str, Any]:
    """GDAL's creation options of a tiled GeoTIFF on the scene's grid."""
    return {
        "driver": "GTiff",
        "width": side_px,
        "height": side_px,
        "count": count,
        "dtype": dtype,
        "crs": rasterio.crs.CRS.from_epsg(EPSG),
        "transform": Affine(GSD_M, 0, 420_000.0, 0, -GSD_M, 3_850_000.0),
        "tiled": True,
        "blockxsize": TILE_PX,
        "blockysize": TILE_PX,
        "BIGTIFF": "IF_SAFER",
        **COMPRESSIONS[compression],
    }


def _write(path: Path, fields: _Fields, *, compression: str, is_after: bool) -> None:
    part = path.with_suffix(".part")
    side_px, bands = fields.side_px, fields.bands
    boxes = planted_boxes(side_px, fields.seed)
    profile = profile_of(side_px, compression, count=bands, dtype="uint16")
    with rasterio.open(part, "w", **profile) as sink:
        sink.update_tags(ACQUIRED="2025-09-18" if is_after else "2025-04-06")
        for first in range(0, side_px, STRIP_ROWS):
            last = min(first + STRIP_ROWS, side_px)
            pixels = fields.strip(first, last, is_after=is_after)
            if is_after:
                _plant(pixels, boxes, first)
            random = np.random.default_rng((fields.seed, 11 + is_after, first))
            pixels += NOISE_COUNTS * random.standard_normal(pixels.shape, np.float32)
            sink.write(
                np.clip(np.rint(pixels), 1, 10_000).astype(np.uint16),
                window=Window(0, first, side_px, last - first),
            )
        for band, name in enumerate(BANDS[:bands], start=1):
            sink.set_band_description(band, name)
    part.replace(path)


def _plant(pixels: NDArray[np.float32], boxes: NDArray[np.int64], first: int) -> None:
    """Bright hard surface over whatever was there."""
    rows = pixels.shape[1]
    for row, col, height, width in boxes[(boxes[:, 0] < first + rows) & (boxes[:, :3:2].sum(axis=1) > first)]:
        cut = slice(max(row - first, 0), min(row + height - first, rows)), slice(col, col + width)
        pixels[(slice(None), *cut)] = _BRIGHT[: len(pixels), None, None]


class _Fields:
    """The land before sensor noise, any strip of rows at a time."""

    def __init__(self, side_px: int, bands: int, seed: int) -> None:
        random = np.random.default_rng((seed, 3))
        self.side_px, self.bands, self.seed = side_px, bands, seed
        self._steps = (24, 90, 400)
        self._lattices = [
            random.standard_normal((5, side_px // step + 5, side_px // step + 5)).astype(np.float32)
            for step in self._steps
        ]
        self._salt = int(random.integers(1, 1 << 30))

    def strip(self, first: int, last: int, *, is_after: bool) -> NDArray[np.float32]:
        """Reflectance × 10,000, float32 (bands, last − first, columns)."""
        slow = [self._slow(number, first, last) for number in range(5)]
        kind, number = self._parcels(first, last, slow[0], slow[1])
        # A second season: crops ripen by field, light and haze differ by band; all of it is no change.
        season = 1 if is_after else 0
        surface = _SURFACES[kind, : self.bands]
        shade = ((number >> (3 + 5 * season)) & 31).astype(np.float32) / 31.0 - 0.5
        pixels = np.ascontiguousarray(np.moveaxis(surface, -1, 0))
        for band in range(self.bands):
            pixels[band] += pixels[band] * (0.10 * slow[2] + 0.05 * slow[3] + 0.12 * shade)
            pixels[band] *= 1.0 + season * (0.06 - 0.03 * band) + season * 0.02 * slow[4]
            pixels[band] += 40.0 * season
        return pixels

    def _slow(self, number: int, first: int, last: int) -> NDArray[np.float32]:
        """Smooth variation of about unit spread."""
        ys = np.arange(first, last, dtype=np.float32)[:, None]
        xs = np.arange(self.side_px, dtype=np.float32)[None, :]
        total = np.zeros((last - first, self.side_px), np.float32)
        for step, lattice in zip(self._steps, self._lattices, strict=True):
            low = first // step
            high = math.ceil(last / step) + 4
            map_y = np.repeat((ys / step - low + 1).astype(np.float32), self.side_px, axis=1)
            map_x = np.repeat((xs / step + 1).astype(np.float32), last - first, axis=0)
            part = np.ascontiguousarray(lattice[number, low:high])
            total += cv2.remap(part, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return total / np.float32(math.sqrt(len(self._steps)))

    def _parcels(
        self, first: int, last: int, bend_x: NDArray[np.float32], bend_y: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Kind of surface and a random number for each field: strips of farmland bent by the terrain."""
        ys = np.arange(first, last, dtype=np.float32)[:, None]
        xs = np.arange(self.side_px, dtype=np.float32)[None, :]
        across = np.floor((xs + 0.35 * ys + 9.0 * bend_x) / 14.0).astype(np.int64)
        down = np.floor((ys - 0.35 * xs + 9.0 * bend_y) / 46.0).astype(np.int64)
        number = (across * 73_856_093) ^ (down * 19_349_663) ^ self._salt
        number = (number ^ (number >> 13)) * 1_274_126_177 & 0x7FFF_FFFF
        number ^= number >> 15
        kind = np.choose(number & 7, [0, 0, 0, 1, 1, 2, 2, 3])
        return kind.astype(np.int64), number

"""Seeded scenes to measure on: a 10 m multispectral pair of farmland and villages, written strip by strip.

The pixels compress as satellite imagery does: fields with sharp edges, slow variation of three scales, and
sensor noise of a few counts. Nothing is downloaded and nothing is committed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
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


Strip = NDArray[np.uint16]


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
    pair = _pair_at(folder, side_px=side_px, compression=compression, bands=bands, seed=seed)
    if pair.before.exists() and pair.after.exists():
        return pair
    known = [
        other
        for name in COMPRESSIONS
        for other in [_pair_at(folder, side_px=side_px, compression=name, bands=bands, seed=seed)]
        if other.before.exists() and other.after.exists()
    ]
    profile = profile_of(side_px, compression, count=bands, dtype="uint16")
    with ExitStack() as stack:
        sinks = [
            stack.enter_context(rasterio.open(path.with_suffix(".part"), "w", **profile))
            for path in (pair.before, pair.after)
        ]
        sinks[0].update_tags(ACQUIRED="2025-04-06")
        sinks[1].update_tags(ACQUIRED="2025-09-18")
        strips = _packed_anew(known[0]) if known else _drawn(_Fields(side_px, bands, seed))
        for first, dates in strips:
            for sink, pixels in zip(sinks, dates, strict=True):
                sink.write(pixels, window=Window(0, first, side_px, pixels.shape[1]))
        for sink in sinks:
            for band, name in enumerate(BANDS[:bands], start=1):
                sink.set_band_description(band, name)
    for path in (pair.before, pair.after):
        path.with_suffix(".part").replace(path)
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


def _pair_at(folder: Path, *, side_px: int, compression: str, bands: int, seed: int) -> Pair:
    stem = f"pair-{side_px}-{bands}-{compression}-{seed}"
    return Pair(folder / f"{stem}-before.tif", folder / f"{stem}-after.tif", side_px * side_px)


def _packed_anew(pair: Pair) -> Iterator[tuple[int, list[Strip]]]:
    """The strips of a pair that is there in another compression."""
    with rasterio.open(pair.before) as before, rasterio.open(pair.after) as after:
        for first in range(0, before.height, STRIP_ROWS):
            window = Window(0, first, before.width, min(STRIP_ROWS, before.height - first))
            yield first, [source.read(window=window) for source in (before, after)]


def _drawn(fields: _Fields) -> Iterator[tuple[int, list[Strip]]]:
    """First row of each strip and both dates there, uint16 (bands, rows, columns)."""
    boxes = planted_boxes(fields.side_px, fields.seed)
    for first in range(0, fields.side_px, STRIP_ROWS):
        land = fields.strip(first, min(first + STRIP_ROWS, fields.side_px))
        dates = []
        for season in (0, 1):
            pixels = land.seen(season, fields.bands)
            if season:
                _plant(pixels, boxes, first)
            random = np.random.default_rng((fields.seed, 11 + season, first))
            pixels += NOISE_COUNTS * random.standard_normal(pixels.shape, np.float32)
            dates.append(np.clip(np.rint(pixels), 1, 10_000).astype(np.uint16))
        yield first, dates


def _plant(pixels: NDArray[np.float32], boxes: NDArray[np.int64], first: int) -> None:
    """Bright hard surface over whatever was there."""
    rows = pixels.shape[1]
    for row, col, height, width in boxes[(boxes[:, 0] < first + rows) & (boxes[:, :3:2].sum(axis=1) > first)]:
        cut = slice(max(row - first, 0), min(row + height - first, rows)), slice(col, col + width)
        pixels[(slice(None), *cut)] = _BRIGHT[: len(pixels), None, None]


@dataclass(frozen=True)
class _Land:
    """A strip of land: its kind of surface, a random number for each field, and five slow variations."""

    kind: NDArray[np.int64]
    number: NDArray[np.int64]
    slow: list[NDArray[np.float32]]

    def seen(self, season: int, bands: int) -> NDArray[np.float32]:
        """Reflectance × 10,000 before sensor noise, float32 (bands, rows, columns).

        In the second season crops have ripened field by field, and light and haze differ by band: all of it
        is no change.
        """
        shade = ((self.number >> (3 + 5 * season)) & 31).astype(np.float32) / np.float32(31.0) - np.float32(
            0.5
        )
        relief = np.float32(1.0) + 0.10 * self.slow[2] + 0.05 * self.slow[3] + 0.12 * shade
        pixels = np.empty((bands, *self.kind.shape), np.float32)
        for band in range(bands):
            np.multiply(_SURFACES[:, band][self.kind], relief, out=pixels[band])
            pixels[band] *= 1.0 + season * (0.06 - 0.03 * band) + season * 0.02 * self.slow[4]
            pixels[band] += 40.0 * season
        return pixels


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

    def strip(self, first: int, last: int) -> _Land:
        """Land of rows ``first`` to ``last``."""
        slow = [self._slow(number, first, last) for number in range(5)]
        return _Land(*self._parcels(first, last, slow[0], slow[1]), slow)

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

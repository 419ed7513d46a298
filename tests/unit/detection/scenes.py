"""Small made-up pairs: smooth ground, sharp plot edges, noise, one slanted change of known area."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

UTM = "EPSG:32649"
ORIGIN = Affine.translation(650_000.0, 3_870_000.0) @ Affine.scale(10.0, -10.0)


@dataclass(frozen=True)
class Pair:
    """Both dates (bands, rows, cols) and where the planted change lies (rows, cols)."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    is_planted: NDArray[np.bool_]


def ground(shape: tuple[int, int], bands: int, seed: int) -> NDArray[np.float32]:
    """Plots of various brightness with texture, values about 40 to 200."""
    random = np.random.default_rng(seed)
    rows, cols = shape
    plots = random.uniform(0.4, 1.0, (rows // 24 + 2, cols // 32 + 2)).astype(np.float32)
    rotation = cv2.getRotationMatrix2D((cols / 2, rows / 2), 10.0 + seed % 70, 1.3)
    coarse = cv2.resize(plots, (cols, rows), interpolation=cv2.INTER_NEAREST)
    base = cv2.warpAffine(
        coarse, rotation, (cols, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    layers = []
    for band in range(bands):
        texture = cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), 2.5 + band % 3)
        layers.append(150.0 * base * (0.7 + 0.1 * band) + 60.0 * texture + 30.0)
    return np.stack(layers).astype(np.float32)


def slanted(shape: tuple[int, int], *, size: tuple[float, float] = (60.0, 30.0)) -> NDArray[np.bool_]:
    """A rectangle turned by 30°, right of and below the middle."""
    rows, cols = shape
    box = cv2.boxPoints(((cols * 0.68, rows * 0.62), size, 30.0))
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(box).astype(np.int32)], 1)
    return mask.astype(bool)


def optical_pair(
    shape: tuple[int, int] = (320, 400),
    *,
    bands: int = 4,
    seed: int = 7,
    planted: bool = True,
    noise: float = 2.0,
) -> Pair:
    """AFTER differs by gain, offset and noise; inside the planted rectangle bands are raised or lowered."""
    random = np.random.default_rng(seed + 1)
    land = ground(shape, bands, seed)
    before = land + random.normal(0, noise, land.shape)
    after = land * 1.15 + 9.0 + random.normal(0, noise, land.shape)
    mask = slanted(shape)
    if planted:
        signs = np.where(np.arange(bands) % 2 == 0, 1.0, -1.0)
        after[:, mask] += 55.0 * signs[:, None]
    return Pair(before.astype(np.float32), after.astype(np.float32), mask)


def sar_pair(shape: tuple[int, int] = (320, 400), *, seed: int = 3, planted: bool = True) -> Pair:
    """Four-look amplitude; the planted rectangle is four times brighter in amplitude."""
    random = np.random.default_rng(seed)
    land = ground(shape, 1, seed)
    before = land * np.sqrt(random.gamma(4.0, 0.25, land.shape))
    after = land * 1.2 * np.sqrt(random.gamma(4.0, 0.25, land.shape))
    mask = slanted(shape)
    if planted:
        after[:, mask] *= 4.0
    return Pair(before.astype(np.float32), after.astype(np.float32), mask)


def write(
    path: Path, pixels: NDArray[Any], *, crs: str | None = UTM, transform: Affine = ORIGIN, **more: Any
) -> Path:
    """A GeoTIFF; keyword ``tags`` sets metadata, others go to the profile."""
    tags = more.pop("tags", {})
    profile = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
    }
    profile |= {"dtype": pixels.dtype.name, **more}
    if crs is not None:
        profile |= {"crs": crs, "transform": transform}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as sink:
            sink.write(pixels)
            sink.update_tags(**tags)
    return path


def as_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounded into 1–255: 0 would mean no data."""
    return np.clip(np.round(pixels * 0.6), 1, 255).astype(np.uint8)


def as_words(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Tenfold, 16 bits."""
    return np.clip(np.round(pixels * 10.0), 1, 65_535).astype(np.uint16)

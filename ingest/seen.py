"""What of a block of a raster was seen: by nodata, empty pixels, its mask, its band of cloud classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ingest.decoded import Stored
from ingest.raster import HIDDEN_CLASSES, RasterInfo, read_part


def band_step(bands: int, at_least: int) -> int:
    """Every which band is taken where so many are enough."""
    return max(1, bands // at_least)


def seen_by(
    source: Any, info: RasterInfo, window: Window, raw: Stored, *, is_warped: bool = False
) -> NDArray[np.bool_]:
    """Where something was seen, (rows, cols), by the file's mask or by its pixels."""
    if is_warped or (info.has_mask and info.nodata is None):
        is_valid: NDArray[np.bool_] = source.dataset_mask(window=window) > 0
    else:
        is_valid = validity(raw, info)
    if raw.dtype.kind == "f":
        is_valid &= np.isfinite(raw.astype(np.float32, copy=False)).all(axis=0)
    return is_valid


def converted(
    raw: Stored, is_valid: NDArray[np.bool_], *, step: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Every ``step``-th band as float32, 0 where nothing was seen."""
    pixels = raw[::step].astype(np.float32)
    if not is_valid.all():
        pixels[:, ~is_valid] = 0.0
    return pixels, is_valid


def validity(raw: Stored, info: RasterInfo) -> NDArray[np.bool_]:
    """Where the pixels themselves say that something was seen, (rows, cols): where a band is not empty."""
    if info.nodata is not None and not np.isnan(info.nodata):
        empty: Any = np.asarray(info.nodata).astype(raw.dtype)
    elif info.bands > 1 and info.grid.crs_wkt is not None:
        empty = raw.dtype.type(0)
    else:
        return np.ones(raw.shape[1:], bool)
    is_valid: NDArray[np.bool_] = raw[0] != empty
    for band in raw[1:]:
        if is_valid.all():
            break  # most blocks are seen whole, which one band tells
        is_valid |= band != empty
    return is_valid


def without_hidden(
    pixels: NDArray[np.float32], is_valid: NDArray[np.bool_], source: Any, info: RasterInfo, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Without what the file's own class band calls cloud, shadow or worse."""
    if info.classes is None:
        return pixels, is_valid
    number, name = info.classes
    classes = read_part(source, window, [number], info.path)[0]
    is_valid &= ~np.isin(classes, list(HIDDEN_CLASSES[name]))
    pixels[:, ~is_valid] = 0.0
    return pixels, is_valid

"""Pictures of a pair for notebooks and reports: both dates, scores, what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRETCH_PCT = (1.0, 99.0)
FOUND_RGB = (230, 40, 30)
TRUE_RGB = (250, 210, 0)


def picture(
    pixels: NDArray[Any], bands: Sequence[int], *, is_valid: NDArray[np.bool_] | None = None
) -> Image.Image:
    """Bands of a raster as red, green and blue, each stretched between its 1st and 99th percentile.

    Parameters
    ----------
    pixels : ndarray, shape (bands, rows, cols)
    bands : sequence of int
        Three positions from 0; one gives a grey picture.
    is_valid : ndarray, optional
        Pixels that count for the stretch; the others turn black.
    """
    seen = np.ones(pixels.shape[1:], bool) if is_valid is None else is_valid
    layers = []
    for band in bands:
        low, high = np.percentile(pixels[band][seen], STRETCH_PCT)
        shown = np.clip((pixels[band] - low) / max(float(high - low), 1e-9), 0.0, 1.0)
        layers.append(np.where(seen, 255 * shown, 0).astype(np.uint8))
    stacked = np.stack(layers * (3 if len(layers) == 1 else 1), axis=-1)
    return Image.fromarray(stacked)


def heat(score: NDArray[Any], *, top: float) -> Image.Image:
    """A score from 0 (dark) to ``top`` (bright) and beyond."""
    level = np.clip(np.asarray(score, np.float64) / top, 0.0, 1.0)
    colours = cv2.applyColorMap((255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return Image.fromarray(np.ascontiguousarray(colours[:, :, ::-1]))


def outlined(
    base: Image.Image, mask: NDArray[np.bool_], colour: tuple[int, int, int] = FOUND_RGB
) -> Image.Image:
    """The picture with the mask's outlines drawn on it."""
    shown = np.array(base.convert("RGB"))
    edges = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    shown[np.asarray(edges) > 0] = colour
    return Image.fromarray(shown)


def side_by_side(pictures: Sequence[Image.Image], *, width_px: int = 1200, gap_px: int = 8) -> Image.Image:
    """Pictures of one height beside each other, scaled to a width in all."""
    each = (width_px - gap_px * (len(pictures) - 1)) // len(pictures)
    scaled = [one.convert("RGB").resize((each, round(one.height * each / one.width))) for one in pictures]
    sheet = Image.new("RGB", (width_px, max(one.height for one in scaled)), "white")
    for number, one in enumerate(scaled):
        sheet.paste(one, (number * (each + gap_px), 0))
    return sheet

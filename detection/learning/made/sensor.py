"""What stands between the ground and the file: light, haze, cast, blur, misfit, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.learning.made.buildings import View
from detection.learning.made.canvas import Grid, fractal

Bytes = NDArray[np.uint8]


def random_view(rng: np.random.Generator, gsd_m: float, azimuth: float) -> View:
    """Light and viewpoint of one date; the sun stands near ``azimuth`` (radians in x, y pixels)."""
    azimuth += float(rng.normal(0, 0.6))
    sun = np.array([np.cos(azimuth), np.sin(azimuth)])
    elevation = np.deg2rad(rng.uniform(28.0, 72.0))
    lean = rng.normal(0.0, 0.12, 2)
    return View(
        gsd_m=gsd_m,
        sun=sun,
        shadow_per_m=-sun / np.tan(elevation) / gsd_m,
        lean_per_m=np.clip(lean, -0.3, 0.3) / gsd_m,
        shadow_depth=float(rng.uniform(0.35, 0.8)),
        facet_contrast=float(rng.uniform(0.06, 0.4)),
    )


def see(rng: np.random.Generator, ground: Grid) -> Grid:
    """Light of the day: exposure, colour cast, saturation, contrast, haze, uneven light.

    Parameters
    ----------
    ground : ndarray, shape (rows, cols, 3), float32
        Values of an 8-bit display, not clipped.
    """
    grey = ground.mean(axis=2, keepdims=True)
    pixels = grey + (ground - grey) * np.float32(np.exp(rng.normal(-0.1, 0.3)))
    pixels = pixels * np.exp(rng.normal(0.0, 0.05, 3)).astype(np.float32)
    pixels = pixels * np.float32(np.exp(rng.normal(-0.12, 0.25)))
    contrast = float(np.exp(rng.normal(0.0, 0.18)))
    middle = float(pixels.mean())
    pixels = middle + (pixels - middle) * np.float32(contrast)
    gamma = float(np.exp(rng.normal(0.0, 0.15)))
    pixels = 255.0 * np.power(np.clip(pixels, 0.0, None) / 255.0, np.float32(gamma))
    haze = float(rng.uniform(0.0, 0.3)) if rng.random() < 0.4 else 0.0
    veil = np.array([150.0, 158.0, 165.0], np.float32) * np.float32(rng.uniform(0.7, 1.1))
    pixels = pixels * (1.0 - haze) + veil * haze
    pixels = pixels + rng.normal(0.0, 5.0, 3).astype(np.float32)
    light = fractal(rng, (ground.shape[0], ground.shape[1]), ground.shape[0] / 1.5, 2)
    lit: Grid = pixels * (1.0 + np.float32(rng.uniform(0, 0.06)) * light)[..., None]
    return lit


def record(rng: np.random.Generator, pixels: Grid) -> Bytes:
    """Blur, resample, sharpen, add noise, clip to 8 bits and compress."""
    pixels = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.35, 1.1))).astype(np.float32)
    if rng.random() < 0.35:
        pixels = pixels + (pixels - cv2.GaussianBlur(pixels, (0, 0), 1.2)) * np.float32(rng.uniform(0.3, 1.2))
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(0.3, 3.5))
    picture = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        quality = int(rng.integers(55, 96))
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return picture


def misfit(rng: np.random.Generator, pixels: Grid, reach_px: float) -> Grid:
    """Shift, turn and locally warp one date against the other by up to about ``reach_px``."""
    rows, cols = np.mgrid[: pixels.shape[0], : pixels.shape[1]].astype(np.float32)
    shift = rng.uniform(-1.0, 1.0, 2) * reach_px * 0.7
    turn = rng.normal(0.0, 0.004)
    half = pixels.shape[0] / 2.0
    dx = shift[0] - turn * (rows - half) + fractal(rng, pixels.shape[:2], 60.0, 2) * reach_px * 0.2
    dy = shift[1] + turn * (cols - half) + fractal(rng, pixels.shape[:2], 60.0, 2) * reach_px * 0.2
    to_x, to_y = cols + dx.astype(np.float32), rows + dy.astype(np.float32)
    moved = cv2.remap(pixels, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return moved.astype(np.float32)

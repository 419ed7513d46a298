"""What lies between ground and file: trees, shadows, haze, a cloud, optics, misregistration, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.sources.synthetic.landscape.frame import FloatGrid, Frame, Seed, fractal
from ingest.sources.synthetic.landscape.materials import Date, read_table

POINT_SPREAD_PX = 0.6
SHADOW_LIGHT = (0.52, 0.46, 0.42, 0.38)
"""Light left in a shadow (sky light), by band."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud and its shadow, centres and radius in local metres."""

    x: float
    y: float
    radius_m: float


def sun_vector(date: Date) -> tuple[float, float, float]:
    """Unit step towards the sun on the ground (x east, y south) and the tangent of its elevation."""
    settings = read_table("spectra")["date"][date]
    azimuth, elevation = np.deg2rad([settings["sun_azimuth_deg"], settings["sun_elevation_deg"]])
    return float(np.sin(azimuth)), float(-np.cos(azimuth)), float(np.tan(elevation))


def crowns(frame: Frame, points: NDArray[np.float64], *, sigma_px: float, strength: float) -> FloatGrid:
    """Crown cover 0–1 of trees at points (local metres), each a soft disc placed below the pixel."""
    grid = np.zeros((frame.rows + 1, frame.cols + 1), np.float64)
    x, y = points[:, 0] / frame.gsd_m - 0.5, points[:, 1] / frame.gsd_m - 0.5
    inside = (x >= 0) & (y >= 0) & (x < frame.cols - 1) & (y < frame.rows - 1)
    col, row = np.floor(x[inside]).astype(np.int64), np.floor(y[inside]).astype(np.int64)
    dx, dy = x[inside] - col, y[inside] - row
    flat = grid.ravel()
    width = frame.cols + 1
    for down, right, weight in (
        (0, 0, (1 - dx) * (1 - dy)),
        (0, 1, dx * (1 - dy)),
        (1, 0, (1 - dx) * dy),
        (1, 1, dx * dy),
    ):
        flat += np.bincount((row + down) * width + col + right, weights=weight, minlength=flat.size)
    soft = cv2.GaussianBlur(grid[:-1, :-1].astype(np.float32), (0, 0), sigma_px)
    return np.asarray(1.0 - np.exp(-strength * soft), dtype=np.float32)


def plant_trees(image: FloatGrid, cover: FloatGrid, *, date: Date, depth: float) -> None:
    """Blend crowns into the image in place, lit on the sun side."""
    spectrum = read_table("spectra")["material"][read_table("spectra")["date"][date]["crown"]]
    sun_x, sun_y, _ = sun_vector(date)
    slope = cv2.warpAffine(
        cover, np.array([[1, 0, -sun_x], [0, 1, -sun_y]]), cover.shape[::-1], flags=cv2.INTER_LINEAR
    )
    light = 1.0 + depth * (cover - slope)
    np.clip(light, 0.45, 1.7, out=light)
    for band in range(4):
        image[band] += cover * (spectrum[band] * light - image[band])


def cast_shadows(heights: FloatGrid, frame: Frame, date: Date) -> FloatGrid:
    """Share of direct light lost at each pixel (0–1) behind objects of a height grid in metres."""
    sun_x, sun_y, slope = sun_vector(date)
    tallest = float(heights.max(initial=0.0))
    shadow = np.zeros_like(heights)
    step_px = 0.75
    for number in range(1, int(tallest / slope / frame.gsd_m / step_px) + 2):
        reach = number * step_px
        matrix = np.array([[1, 0, -reach * sun_x], [0, 1, -reach * sun_y]])
        towards_sun = cv2.warpAffine(heights, matrix, heights.shape[::-1], flags=cv2.INTER_LINEAR)
        excess = np.asarray(towards_sun, dtype=np.float32)
        excess -= heights
        excess -= np.float32(reach * frame.gsd_m * slope - 0.6)
        np.clip(excess, 0.0, 1.0, out=excess)
        np.maximum(shadow, excess, out=shadow)
    return shadow


def hill_shade(terrain_m: FloatGrid, frame: Frame, date: Date) -> FloatGrid:
    """Relative illumination of the terrain, 1 on flat ground, at image resolution."""
    cell = frame.height_m / terrain_m.shape[0]
    down, right = np.gradient(terrain_m, cell)
    sun_x, sun_y, slope = sun_vector(date)
    cosine = (slope - (right * sun_x + down * sun_y)) / np.sqrt(1 + right**2 + down**2) / slope
    shade = np.clip(cosine, 0.35, 1.5).astype(np.float32)
    return np.asarray(cv2.resize(shade, (frame.cols, frame.rows), interpolation=cv2.INTER_LINEAR))


def darken(image: FloatGrid, shadow: FloatGrid) -> None:
    """Apply a shadow share in place."""
    for band, light in enumerate(SHADOW_LIGHT):
        image[band] *= 1.0 - (1.0 - light) * shadow


def cloud_cover(
    cloud: Cloud, frame: Frame, seed: Seed, *, shift_m: tuple[float, float] = (0.0, 0.0)
) -> FloatGrid:
    """Opacity 0–1 of the cloud, or of its shadow when shifted."""
    rows, cols = np.mgrid[0 : frame.rows // 4, 0 : frame.cols // 4].astype(np.float32) * (4 * frame.gsd_m)
    ragged = fractal(seed.stream("cloud"), rows.shape, cell_px=max(cloud.radius_m / 10, 4), octaves=5)
    x, y = cloud.x + shift_m[0], cloud.y + shift_m[1]
    matrix = np.array([[1, 0, shift_m[0] / 4 / frame.gsd_m], [0, 1, shift_m[1] / 4 / frame.gsd_m]])
    drifted = cv2.warpAffine(ragged, matrix, ragged.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    distance = np.hypot((cols - x) / 1.25, rows - y) / cloud.radius_m
    cover = np.clip((0.9 - distance) * 1.9 + 0.62 * drifted * (distance < 1.7), 0.0, 1.0).astype(np.float32)
    return np.asarray(cv2.resize(cover, (frame.cols, frame.rows), interpolation=cv2.INTER_CUBIC)).clip(0, 1)


def cloud_shift_m(cloud_height_m: float, date: Date) -> tuple[float, float]:
    """Where the shadow of a cloud falls, relative to the cloud."""
    sun_x, sun_y, slope = sun_vector(date)
    return -sun_x * cloud_height_m / slope, -sun_y * cloud_height_m / slope


def atmosphere(image: FloatGrid, frame: Frame, date: Date) -> None:
    """Haze that thickens across the image, gain and offset by band, in place."""
    settings: dict[str, Any] = read_table("spectra")["date"][date]
    across = np.linspace(0.0, 1.0, frame.cols, dtype=np.float32)[None, :]
    down = np.linspace(0.0, 1.0, frame.rows, dtype=np.float32)[:, None]
    veil = 1.0 + settings["haze_gradient"] * (0.7 * across + 0.3 * down - 0.5)
    for band in range(4):
        haze = settings["haze"][band]
        image[band] *= settings["gain"][band] * (1.0 - 0.8 * haze)
        image[band] += (haze * veil + settings["offset"][band]).astype(np.float32)


def misregister(image: FloatGrid, frame: Frame, seed: Seed) -> FloatGrid:
    """The image with a slowly varying displacement of 1–3 pixels."""
    rng = seed.stream("misregistration")
    turn = rng.uniform(0, 2 * np.pi)
    mean = rng.uniform(1.6, 2.2)
    shape = (frame.rows // 16 + 2, frame.cols // 16 + 2)
    maps = []
    for axis, centre in enumerate((float(mean * np.cos(turn)), float(mean * np.sin(turn)))):
        wave = fractal(seed.stream("misregistration", axis), shape, cell_px=min(shape) / 1.6, octaves=1)
        shift = np.clip(centre + 0.28 * wave, centre - 0.6, centre + 0.6).astype(np.float32)
        maps.append(cv2.resize(shift, (frame.cols, frame.rows), interpolation=cv2.INTER_CUBIC))
    map_x = maps[0] + np.arange(frame.cols, dtype=np.float32)[None, :]
    map_y = maps[1] + np.arange(frame.rows, dtype=np.float32)[:, None]
    result = np.empty_like(image)
    for band in range(image.shape[0]):
        result[band] = cv2.remap(
            image[band],
            map_x.astype(np.float32),
            map_y.astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
    return result


def expose(image: FloatGrid, frame: Frame, *, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Point spread, noise and quantisation to reflectance × 10,000; 0 stays free for nodata."""
    result = np.empty(image.shape, np.uint16)
    for band in range(image.shape[0]):
        sharp = cv2.GaussianBlur(image[band], (0, 0), POINT_SPREAD_PX)
        noise = rng.standard_normal(frame.shape, dtype=np.float32)
        sharp += noise * (0.0012 + 0.012 * sharp)
        result[band] = np.clip(sharp * 10000.0 + 0.5, 1, 65535)
    return result


def veil(image: FloatGrid, cover: FloatGrid) -> None:
    """Lay a cloud of an opacity over the image, in place."""
    spectrum = read_table("spectra")["material"]["cloud"]
    for band in range(image.shape[0]):
        image[band] += cover * (spectrum[band] - image[band])

"""Material map to pixels: style numbers at twice the resolution, then reflectance of one date."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from ingest.sources.synthetic.landscape.frame import FloatGrid, Frame, Seed, fractal
from ingest.sources.synthetic.landscape.ground import Ground
from ingest.sources.synthetic.landscape.materials import Date, Palette, StyleTable, read_table

StyleGrid = NDArray[np.uint16]
OVERSAMPLING = 2
TALL_M = 7.0
"""From this height the view angle visibly leans a roof."""


def draw(frame: Frame, grounds: Iterable[Ground], out: StyleGrid) -> None:
    """Burn style numbers in order into a grid of ``OVERSAMPLING`` × the image resolution, in place."""
    scale = frame.gsd_m / OVERSAMPLING
    pairs = [(ground.shape, ground.style) for ground in grounds if not ground.shape.is_empty]
    if pairs:
        rasterize(pairs, out=out, transform=Affine(scale, 0, 0, 0, scale, 0))


def new_grid(frame: Frame) -> StyleGrid:
    """An empty style grid."""
    return np.zeros((frame.rows * OVERSAMPLING, frame.cols * OVERSAMPLING), np.uint16)


def leaned(grounds: Iterable[Ground], palette: Palette, date: Date) -> list[Ground]:
    """Tall roofs shifted away from the sensor, with their façade left on the ground.

    The shift is height × tan(view angle), as in an image rectified to the ground.
    """
    settings = read_table("spectra")["date"][date]
    turn = np.deg2rad(settings["view_azimuth_deg"])
    slope = np.tan(np.deg2rad(settings["view_angle_deg"]))
    result: list[Ground] = []
    for ground in grounds:
        height = palette.height_m(ground.style, date)
        if height < TALL_M:
            result.append(ground)
            continue
        shift_x, shift_y = height * slope * np.sin(turn), -height * slope * np.cos(turn)
        result.append(Ground(ground.shape, palette["facade"]))
        result.append(Ground(shapely.affinity.translate(ground.shape, shift_x, shift_y), ground.style))
    return result


class Weather:
    """Noise fields that both dates share: soil, vigour, grain of the ground. Computed once."""

    def __init__(self, frame: Frame, seed: Seed) -> None:
        self.vigour: FloatGrid = fractal(
            seed.stream("vigour"), frame.shape, cell_px=48, octaves=6, persistence=0.62
        )
        self.grain: FloatGrid = fractal(
            seed.stream("grain"), frame.shape, cell_px=8, octaves=4, persistence=0.85
        )


def reflectance(
    grid: StyleGrid, table: StyleTable, *, frame: Frame, weather: Weather, terrain_m: FloatGrid
) -> FloatGrid:
    """Reflectance of the bare ground, before trees, shadows and atmosphere.

    Returns
    -------
    ndarray, shape (4, rows, cols), float32
    """
    centre = grid[::OVERSAMPLING, ::OVERSAMPLING]
    share = np.take(table["mix"], centre)
    share += np.take(table["mix_amp"], centre) * weather.vigour * 0.5
    _add_rows(share, centre, table, frame=frame, weather=weather, terrain_m=terrain_m)
    np.clip(share, 0.0, 1.0, out=share)
    light = np.take(table["texture"], centre) * weather.grain + 1.0
    np.clip(light, 0.5, 1.6, out=light)
    image = np.empty((4, *frame.shape), np.float32)
    offsets = [(row, col) for row in range(OVERSAMPLING) for col in range(OVERSAMPLING)]
    for band in range(4):
        first = sum(np.take(table.a[band], grid[r::OVERSAMPLING, c::OVERSAMPLING]) for r, c in offsets)
        second = sum(np.take(table.b[band], grid[r::OVERSAMPLING, c::OVERSAMPLING]) for r, c in offsets)
        image[band] = (first + (second - first) * share) * (light / len(offsets))
    return image


def _add_rows(
    share: FloatGrid,
    centre: StyleGrid,
    table: StyleTable,
    *,
    frame: Frame,
    weather: Weather,
    terrain_m: FloatGrid,
) -> None:
    """Waves of the mixing share along crop rows and contour lines, added in place."""
    cols = np.arange(frame.cols, dtype=np.float32)[None, :] * np.float32(frame.gsd_m)
    rows = np.arange(frame.rows, dtype=np.float32)[:, None] * np.float32(frame.gsd_m)
    phase = np.take(table["wave_x"], centre) * cols
    phase += np.take(table["wave_y"], centre) * rows
    phase += np.take(table["phase"], centre)
    phase += weather.vigour * np.float32(0.35)
    share += np.take(table["row_amp"], centre) * np.sin(phase)
    terrace = np.take(table["terrace"], centre)
    if terrace.any():
        heights = cv2.resize(terrain_m, (frame.cols, frame.rows), interpolation=cv2.INTER_CUBIC)
        share += terrace * np.sin(heights * np.float32(2 * np.pi / 5.0))


def height_grid(grid: StyleGrid, table: StyleTable) -> FloatGrid:
    """Height of objects above the ground at image resolution, float32 metres."""
    return np.asarray(np.take(table["height_m"], grid[::OVERSAMPLING, ::OVERSAMPLING]), dtype=np.float32)

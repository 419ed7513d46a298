"""The ground frame of the county: local metres, the map projection, seeded random streams and noise."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from foundation.crs import STORAGE_EPSG, transformer

FloatGrid = NDArray[np.float32]
PROJECTED_EPSG = 4547


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of ground.

    Local coordinates are metres from the upper left corner, x east and y **south**, so that a pixel is
    ``x / gsd_m, y / gsd_m``. The projected frame is EPSG:4547.

    Attributes
    ----------
    east_m, north_m : float
        EPSG:4547 coordinates of the upper left corner.
    """

    cols: int
    rows: int
    gsd_m: float
    east_m: float
    north_m: float

    @property
    def width_m(self) -> float:
        """Ground width in metres."""
        return self.cols * self.gsd_m

    @property
    def height_m(self) -> float:
        """Ground height in metres."""
        return self.rows * self.gsd_m

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols) of the imagery."""
        return self.rows, self.cols

    @property
    def rectangle(self) -> shapely.Polygon:
        """The whole frame in local metres."""
        return shapely.box(0.0, 0.0, self.width_m, self.height_m)

    @property
    def affine(self) -> Affine:
        """Pixel to EPSG:4547."""
        return Affine(self.gsd_m, 0.0, self.east_m, 0.0, -self.gsd_m, self.north_m)

    def to_lonlat(self, geometry: Any) -> Any:
        """Local metres to EPSG:4490 lon/lat, for one geometry or an array of them."""
        move = transformer(PROJECTED_EPSG, STORAGE_EPSG)

        def transform(points: NDArray[np.float64]) -> NDArray[np.float64]:
            lon, lat = move.transform(self.east_m + points[:, 0], self.north_m - points[:, 1])
            return np.column_stack([lon, lat])

        return shapely.transform(geometry, transform)


def frame_around(lonlat: tuple[float, float], *, cols: int, rows: int, gsd_m: float = 2.0) -> Frame:
    """Frame of a size around a place, its corner on whole pixels."""
    east, north = transformer(STORAGE_EPSG, PROJECTED_EPSG).transform(*lonlat)
    left = round((east - cols * gsd_m / 2) / gsd_m) * gsd_m
    top = round((north + rows * gsd_m / 2) / gsd_m) * gsd_m
    return Frame(cols, rows, gsd_m, left, top)


@dataclass(frozen=True, slots=True)
class Seed:
    """Independent random streams by name: leaving one thing out moves nothing else."""

    value: int

    def stream(self, *names: object) -> np.random.Generator:
        """Generator of one purpose."""
        text = "/".join(str(name) for name in names)
        return np.random.default_rng([self.value, zlib.crc32(text.encode("utf-8"))])


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    cell_px: float,
    octaves: int,
    persistence: float = 0.55,
) -> FloatGrid:
    """Fractal noise of unit variance and zero mean.

    Parameters
    ----------
    cell_px : float
        Size in pixels of the coarsest lumps; each octave halves it.

    Returns
    -------
    ndarray, shape (rows, cols), float32
    """
    rows, cols = shape
    total = np.zeros(shape, np.float32)
    power, weight = 0.0, 1.0
    for octave in range(octaves):
        cell = cell_px / 2**octave
        if cell < 1.0:
            break
        coarse = rng.standard_normal((int(rows / cell) + 3, int(cols / cell) + 3), dtype=np.float32)
        shift = rng.random(2)
        matrix = np.array([[cell, 0, -cell * (1 + shift[0])], [0, cell, -cell * (1 + shift[1])]])
        layer = cv2.warpAffine(
            coarse, matrix, (cols, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        cv2.scaleAdd(layer, weight, total, total)
        power += weight**2
        weight *= persistence
    deviation = float(total.std()) or 1.0
    return np.asarray((total - float(total.mean())) / deviation, dtype=np.float32)


def meander(
    points: NDArray[np.float64], *, amplitude_m: float, wave_m: float, phase: float
) -> NDArray[np.float64]:
    """Smooth displacement of points: straight lines become gentle curves, and neighbours stay neighbours.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Local metres.
    """
    x, y = points[:, 0] / wave_m * 2 * np.pi, points[:, 1] / wave_m * 2 * np.pi
    dx = np.sin(0.9 * y + 0.31 * x + phase) + 0.5 * np.sin(2.3 * y - 0.9 * x + 2.1 * phase)
    dy = np.sin(1.1 * x - 0.27 * y + 1.7 * phase) + 0.5 * np.sin(2.1 * x + 1.1 * y + 0.6 * phase)
    return np.column_stack([points[:, 0] + amplitude_m * dx, points[:, 1] + amplitude_m * dy])


def bend(geometry: Any, *, step_m: float, amplitude_m: float, wave_m: float, phase: float) -> Any:
    """Geometry (or array) with vertices every ``step_m`` moved by :func:`meander`."""
    dense = shapely.segmentize(geometry, step_m)
    return shapely.transform(
        dense, lambda points: meander(points, amplitude_m=amplitude_m, wave_m=wave_m, phase=phase)
    )

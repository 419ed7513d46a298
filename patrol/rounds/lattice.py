"""A lattice of about ten metres over a stretch of ground, on which many fixes are looked up at once.

Nodes are spaced evenly in degrees, east and north by the same number of metres at the middle latitude: over
half a degree of latitude the spacing east is off by less than half a percent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from patrol.rounds.tracks import DEGREE_UNITS

LATTICE_M = 10.0
DEGREE_M = 111_320.0


@dataclass(frozen=True)
class Lattice:
    """Nodes ``(rows, columns)``, rows run north.

    Attributes
    ----------
    frame : (4,) int64
        Longitude and latitude of the first node, and the spacing along both, 1e-7 degrees.
    """

    frame: NDArray[np.int64]
    rows: int
    columns: int

    @property
    def spacing_m(self) -> float:
        """Metres from node to node."""
        return float(self.frame[3]) / DEGREE_UNITS * DEGREE_M

    def part(self, row: int, col: int, rows: int, columns: int) -> Lattice:
        """A window of it that begins at a row and a column."""
        shift = np.array([col * self.frame[2], row * self.frame[3], 0, 0], dtype=np.int64)
        return Lattice(self.frame + shift, rows, columns)

    def draw(self, shapes_4490: Iterable[tuple[BaseGeometry, int]], dtype: str) -> NDArray[Any]:
        """Numbers of the shapes at the nodes that they hold; 0 outside all, later shapes over earlier."""
        # GDAL is loaded by whoever draws.
        from rasterio.features import rasterize

        rows = list(shapes_4490)
        if not rows:
            return np.zeros((self.rows, self.columns), dtype=dtype)
        drawn: NDArray[Any] = rasterize(
            rows, out_shape=(self.rows, self.columns), transform=self._to_lonlat(), dtype=dtype
        )
        return drawn

    def places(self, lon: NDArray[np.int32], lat: NDArray[np.int32]) -> NDArray[np.float64]:
        """Columns and rows (k, 2) of positions in 1e-7 degrees, with fractions."""
        return np.column_stack(
            [(lon - self.frame[0]) / float(self.frame[2]), (lat - self.frame[1]) / float(self.frame[3])]
        )

    def north_up(self) -> Affine:
        """Of pixels whose centres are the nodes, first row in the north: as images are kept."""
        west, south, x_deg, y_deg = (float(value) / DEGREE_UNITS for value in self.frame)
        return Affine(x_deg, 0, west - x_deg / 2, 0, -y_deg, south + (self.rows - 0.5) * y_deg)

    def _to_lonlat(self) -> Affine:
        """Of pixels whose centres are the nodes."""
        west, south, x_deg, y_deg = (float(value) / DEGREE_UNITS for value in self.frame)
        return Affine(x_deg, 0, west - x_deg / 2, 0, y_deg, south - y_deg / 2)


def lattice_over(bounds_4490: tuple[float, float, float, float], *, margin_m: float = 0.0) -> Lattice:
    """A lattice over west, south, east, north in degrees and a margin around them."""
    west, south, east, north = bounds_4490
    step_y = round(LATTICE_M / DEGREE_M * DEGREE_UNITS)
    step_x = round(step_y / math.cos(math.radians((south + north) / 2)))
    around = math.ceil(margin_m / LATTICE_M) + 1
    frame = np.array(
        [
            math.floor(west * DEGREE_UNITS) - around * step_x,
            math.floor(south * DEGREE_UNITS) - around * step_y,
            step_x,
            step_y,
        ],
        dtype=np.int64,
    )
    columns = int((east * DEGREE_UNITS - frame[0]) // step_x) + 1 + around
    rows = int((north * DEGREE_UNITS - frame[1]) // step_y) + 1 + around
    return Lattice(frame, rows, columns)

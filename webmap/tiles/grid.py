"""The web tile grid: EPSG:3857, 2^zoom tiles a side, row 0 in the north."""

from __future__ import annotations

import math
from typing import NamedTuple

from foundation.errors import NotFound

HALF_M = 20_037_508.342_789_244
"""Half the side of the world square, in metres of EPSG:3857."""
MAX_ZOOM = 22


class Tile(NamedTuple):
    """One tile."""

    z: int
    x: int
    y: int

    @property
    def side_m(self) -> float:
        """Side in metres of EPSG:3857."""
        return 2 * HALF_M / (1 << self.z)

    @property
    def stretch(self) -> float:
        """Metres of EPSG:3857 for one metre on the ground, in the tile's middle."""
        return math.cosh((HALF_M - (self.y + 0.5) * self.side_m) * math.pi / HALF_M)

    @property
    def bounds_3857(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres of EPSG:3857."""
        west, north = -HALF_M + self.x * self.side_m, HALF_M - self.y * self.side_m
        return west, north - self.side_m, west + self.side_m, north


def tile_of(z: int, x: int, y: int) -> Tile:
    """A tile that exists.

    Raises
    ------
    NotFound
        ``webmap.tile.outside``.
    """
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise NotFound("webmap.tile.outside", z=z, x=x, y=y)
    return Tile(z, x, y)

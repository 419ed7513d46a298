"""The CGCS2000 ellipsoid rolled out on a cylinder that keeps areas: plane areas there are ellipsoidal ones.

Lambert's equal-area cylinder with the standard parallel in the middle of the county, so that a metre is
nearly a metre and a square stays nearly square. Straight lines of the cylinder leave geodesics by up to
0.2 mm over 100 m; long edges are divided along their geodesics, so that areas are right to a millionth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.judging.areas.compiled import compiled

SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1.0 / 298.257222101
ECCENTRICITY_SQUARED = FLATTENING * (2.0 - FLATTENING)
DEGREE = math.pi / 180.0
LONGEST_M = 30.0
"""Longer edges get points of their geodesic between their ends, which keeps areas to a millionth."""


@dataclass(frozen=True, slots=True)
class Cylinder:
    """Where the plane has its origin.

    Attributes
    ----------
    longitude_deg, latitude_deg : float
        Of the origin, EPSG:4490; the parallel through it is true to length.
    """

    longitude_deg: float
    latitude_deg: float

    def plane_m(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points in metres east and north of the origin.

        Parameters
        ----------
        lonlat : ndarray, shape (n, 2), float64
            Degrees, EPSG:4490.

        Returns
        -------
        ndarray, shape (n, 2), float64
            Areas between straight lines are areas on the ellipsoid.

        References
        ----------
        Snyder (1987), Map Projections: A Working Manual, USGS PP 1395, eq. 3-12 and 10-15.
        """
        sine = math.sin(self.latitude_deg * DEGREE)
        along = math.cos(self.latitude_deg * DEGREE) / math.sqrt(1.0 - ECCENTRICITY_SQUARED * sine**2)
        points = np.empty(lonlat.shape, dtype=np.float64)
        _roll_out(lonlat, self.longitude_deg, sine, along, points)
        return points


def with_geodesic_edges(
    lonlat: NDArray[np.float64], rings: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Rings whose long edges are divided along their geodesics.

    Parameters
    ----------
    lonlat : ndarray, shape (n, 2), float64
        Degrees, EPSG:4490, ring after ring, each closed.
    rings : ndarray, shape (rings + 1,), int
        First point of each ring.

    Returns
    -------
    tuple
        Points and first points; the same arrays where no edge is long.

    References
    ----------
    Geodesic equations of the sphere, to the second order in the length of the edge: leaves 1e-9 of areas.
    """
    room = _points_needed(lonlat, rings)
    if room == len(lonlat):
        return lonlat, rings
    points, begins = np.empty((room, 2)), np.empty_like(rings)
    _divide(lonlat, rings, points, begins)
    return points, begins


@compiled
def _pieces(lonlat: NDArray[Any], place: int) -> int:
    """Into how many equal pieces the edge that begins at a point is divided."""
    east = lonlat[place + 1, 0] - lonlat[place, 0]
    north = lonlat[place + 1, 1] - lonlat[place, 1]
    if abs(east) + abs(north) < 0.9 * LONGEST_M / (SEMI_MAJOR_M * DEGREE):
        return 1
    along = math.cos(0.5 * (lonlat[place, 1] + lonlat[place + 1, 1]) * DEGREE)
    metres = SEMI_MAJOR_M * DEGREE * math.sqrt(east * east * along * along + north * north)
    return max(math.ceil(metres / LONGEST_M), 1)


@compiled
def _points_needed(lonlat: NDArray[Any], rings: NDArray[Any]) -> int:
    room = len(lonlat)
    for ring in range(len(rings) - 1):
        for place in range(rings[ring], rings[ring + 1] - 1):
            room += _pieces(lonlat, place) - 1
    return room


@compiled
def _divide(lonlat: NDArray[Any], rings: NDArray[Any], points: NDArray[Any], begins: NDArray[Any]) -> None:
    count = 0
    for ring in range(len(rings) - 1):
        begins[ring] = count
        first, last = rings[ring], rings[ring + 1]
        for place in range(first, last):
            points[count, 0], points[count, 1] = lonlat[place, 0], lonlat[place, 1]
            count += 1
            pieces = _pieces(lonlat, place) if place < last - 1 else 1
            if pieces == 1:
                continue
            east = lonlat[place + 1, 0] - lonlat[place, 0]
            north = lonlat[place + 1, 1] - lonlat[place, 1]
            middle = 0.5 * (lonlat[place, 1] + lonlat[place + 1, 1]) * DEGREE
            aside = -math.tan(middle) * east * north * DEGREE
            upward = 0.5 * math.sin(middle) * math.cos(middle) * east * east * DEGREE
            for piece in range(1, pieces):
                share = piece / pieces
                bow = share * (1.0 - share)
                points[count, 0] = lonlat[place, 0] + share * east + bow * aside
                points[count, 1] = lonlat[place, 1] + share * north + bow * upward
                count += 1
    begins[len(rings) - 1] = count


@compiled
def zone_height(sine: float) -> float:
    """Height of the authalic cylinder above the equator for a latitude's sine, in units of a·(1−e²).

    The closed form's logarithm as a series in e²: nine terms leave less than 1e-15.
    """
    step = ECCENTRICITY_SQUARED * sine * sine
    total = 0.0
    for order in range(8, -1, -1):
        total = total * step + (order + 1.0) / (2.0 * order + 1.0)
    return total * sine


@compiled
def _roll_out(
    lonlat: NDArray[Any], longitude_deg: float, sine: float, along: float, points: NDArray[Any]
) -> None:
    east = SEMI_MAJOR_M * along * DEGREE
    north = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / along
    bottom = zone_height(sine)
    for place in range(lonlat.shape[0]):
        points[place, 0] = (lonlat[place, 0] - longitude_deg) * east
        points[place, 1] = (zone_height(math.sin(lonlat[place, 1] * DEGREE)) - bottom) * north

"""Coordinate reference systems: CGCS2000 storage, ellipsoidal areas, Gauss-Krüger zones that do not mix.

Storage is EPSG:4490, longitude before latitude everywhere. Areas are taken on the CGCS2000 ellipsoid,
never on a map projection.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from foundation.errors import InvalidInput

STORAGE_EPSG = 4490
DISPLAY_EPSG = 3857
M2_PER_MU = 2000.0 / 3.0
"""One 亩 is 2000/3 m²."""

CHINA_LONLAT = (73.0, 3.0, 136.0, 54.0)
"""West, south, east, north: whatever lies outside has a wrong CRS or swapped axes."""

UNSAFE_DATUMS = ("Beijing 1954", "Xian 1980", "Xi'an 1980")


@lru_cache(maxsize=64)
def parse_crs(text: str | int) -> CRS:
    """CRS from an EPSG number, ``EPSG:n`` or WKT.

    Raises
    ------
    InvalidInput
        ``foundation.crs.unknown``; ``foundation.crs.unsafe_datum`` for Beijing 1954 and Xi'an 1980, for
        which PROJ knows only ballpark operations to CGCS2000 (tens of metres).
    """
    try:
        crs = CRS.from_user_input(text)
    except CRSError as error:
        raise InvalidInput("foundation.crs.unknown", crs=str(text)[:200]) from error
    refuse_unsafe_datum(crs)
    return crs


def refuse_unsafe_datum(crs: CRS) -> None:
    """Refuse datums whose shift to CGCS2000 is not known without local parameters."""
    name = f"{crs.name} {crs.datum.name if crs.datum else ''}"
    if any(datum in name for datum in UNSAFE_DATUMS):
        raise InvalidInput("foundation.crs.unsafe_datum", crs=crs.name)


@lru_cache(maxsize=64)
def transformer(source: str | int, target: str | int) -> Transformer:
    """Cached transformer in lon/lat (x, y) order."""
    return Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)


def reproject(geometry: BaseGeometry, source: str | int, target: str | int = STORAGE_EPSG) -> BaseGeometry:
    """One geometry into another CRS, x before y."""
    moved = transformer(source, target)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        xs, ys = moved.transform(points[:, 0], points[:, 1])
        return np.column_stack([xs, ys])

    result: BaseGeometry = shapely.transform(geometry, move)
    return result


@lru_cache(maxsize=1)
def _geod() -> Geod:
    return Geod(a=6378137.0, rf=298.257222101)


def ellipsoidal_area_m2(geometry_4490: BaseGeometry) -> float:
    """Area on the CGCS2000 ellipsoid.

    Parameters
    ----------
    geometry_4490 : Polygon or MultiPolygon
        Degrees, EPSG:4490, lon/lat.

    Returns
    -------
    float
        Square metres, ≥ 0; holes are taken off. 0 for points and lines.

    References
    ----------
    Karney (2013), Algorithms for geodesics, J. Geodesy 87.
    """
    return float(ellipsoidal_areas_m2(np.array([geometry_4490], object))[0])


def ellipsoidal_areas_m2(geometries_4490: NDArray[np.object_]) -> NDArray[np.float64]:
    """`ellipsoidal_area_m2` of many geometries, (n,)."""
    polygons, owner = shapely.get_parts(geometries_4490, return_index=True)
    is_polygon = (shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(polygons)
    polygons, owner = polygons[is_polygon], owner[is_polygon]
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.searchsorted(ring, np.arange(len(rings) + 1))
    xs, ys = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    geod = _geod()
    areas = np.array(
        [
            abs(geod.polygon_area_perimeter(xs[first:last], ys[first:last])[0])
            for first, last in pairwise(ends.tolist())
        ],
        np.float64,
    )
    is_hole = np.ones(len(rings), bool)
    is_hole[np.searchsorted(polygon, np.arange(len(polygons)))] = False
    signed = np.where(is_hole, -areas, areas)
    total = np.bincount(owner[polygon], signed, minlength=len(geometries_4490))
    return np.maximum(total, 0.0)


def ellipsoidal_length_m(line_4490: BaseGeometry) -> float:
    """Geodesic length of a line in metres; for polygons the perimeter."""
    return float(_geod().geometry_length(line_4490))


def distance_m(lonlat_a: tuple[float, float], lonlat_b: tuple[float, float]) -> float:
    """Geodesic distance between two lon/lat points in metres."""
    _, _, metres = _geod().inv(*lonlat_a, *lonlat_b)
    return float(metres)


def destination(lonlat: tuple[float, float], *, bearing_deg: float, distance_m: float) -> tuple[float, float]:
    """End of a geodesic that leaves a point under a bearing clockwise from north; lon/lat, EPSG:4490."""
    longitude, latitude, _ = _geod().fwd(*lonlat, bearing_deg, distance_m)
    return float(longitude), float(latitude)


def geodesic_disc(lonlat: tuple[float, float], radius_m: float) -> shapely.Polygon:
    """All ground within a radius of a point: a polygon of 64 corners around the circle, EPSG:4490."""
    corners = 64
    reach_m = radius_m / np.cos(np.pi / corners)
    bearings = np.arange(corners) * (360.0 / corners)
    longitudes, latitudes, _ = _geod().fwd(
        np.full(corners, lonlat[0]), np.full(corners, lonlat[1]), bearings, np.full(corners, reach_m)
    )
    return shapely.Polygon(np.column_stack([longitudes, latitudes]))


def gauss_krueger_epsg(longitude_deg: float) -> int:
    """3° Gauss-Krüger zone without zone prefix (EPSG:4534–4554, CGCS2000) that holds a longitude.

    Raises
    ------
    InvalidInput
        ``foundation.crs.outside_china`` outside 73.5°–136.5° E.
    """
    zone = round(longitude_deg / 3.0)
    if not 25 <= zone <= 45:
        raise InvalidInput("foundation.crs.outside_china", longitude_deg=longitude_deg)
    return 4534 + zone - 25


def describe_crs(crs: Any) -> str:
    """Short name for messages: ``EPSG:4547`` or the WKT name."""
    parsed = CRS.from_user_input(crs)
    epsg = parsed.to_epsg()
    return f"EPSG:{epsg}" if epsg else parsed.name


def lies_in_china(bounds_lonlat: tuple[float, float, float, float]) -> bool:
    """Whether (west, south, east, north) in degrees is finite and within `CHINA_LONLAT`."""
    west, south, east, north = bounds_lonlat
    if not np.isfinite(bounds_lonlat).all():
        return False
    return bool(
        CHINA_LONLAT[0] <= west
        and east <= CHINA_LONLAT[2]
        and CHINA_LONLAT[1] <= south
        and north <= CHINA_LONLAT[3]
    )

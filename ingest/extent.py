"""Where the data of a county may lie, and in which coordinate system its numbers would make sense."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pyproj.exceptions import ProjError

from foundation.crs import STORAGE_EPSG, lies_in_china, transformer

EXTENTS_FILE = Path(__file__).resolve().parents[1] / "data" / "reference" / "extents.toml"
MARGIN_DEG = 0.5
"""Layers and images run past the border; a wrong 3° zone is off by more than this and the city together."""
CANDIDATES = (STORAGE_EPSG, *range(4534, 4555), *range(4513, 4534), *range(4502, 4513), *range(4491, 4502))
"""Degrees, then CGCS2000 Gauss-Krüger: 3° without and with zone number, 6° without and with."""

Bounds = tuple[float, float, float, float]


@lru_cache(maxsize=1)
def _extents() -> Mapping[str, Bounds]:
    table = tomllib.loads(EXTENTS_FILE.read_text("utf-8"))
    return {digits: tuple(row["lonlat"]) for digits, row in table.items()}


def city_extent(county_code: str) -> Bounds | None:
    """West, south, east, north of the city of a county in degrees; None where it is not known."""
    return _extents().get(county_code[:4])


def lies_near(bounds_lonlat: Bounds, county_code: str) -> bool:
    """Whether bounds in degrees lie in the county's city, or within `MARGIN_DEG` of it; in China at least."""
    extent = city_extent(county_code)
    if extent is None or not lies_in_china(bounds_lonlat):
        return lies_in_china(bounds_lonlat)
    west, south, east, north = bounds_lonlat
    return (
        extent[0] - MARGIN_DEG <= west
        and east <= extent[2] + MARGIN_DEG
        and extent[1] - MARGIN_DEG <= south
        and north <= extent[3] + MARGIN_DEG
    )


def touches(bounds_lonlat: Bounds, county_code: str) -> bool:
    """Whether bounds in degrees have a place in common with the county's city."""
    extent = city_extent(county_code)
    if extent is None:
        return True
    west, south, east, north = bounds_lonlat
    return west <= extent[2] and extent[0] <= east and south <= extent[3] and extent[1] <= north


def likely_crs(bounds: Bounds, county_code: str) -> tuple[str, ...]:
    """Coordinate systems in which bounds (x before y, of unknown unit) would lie near the county's city.

    A suggestion for a person; an import never acts on it.
    """
    if city_extent(county_code) is None:
        return ()
    return tuple(f"EPSG:{epsg}" for epsg in CANDIDATES if fits(bounds, epsg, county_code))


def fits(bounds: Bounds, crs: str | int, county_code: str) -> bool:
    """Whether bounds (x before y), read in a coordinate system, lie near the county's city."""
    west, south, east, north = bounds
    try:
        lons, lats = transformer(crs, STORAGE_EPSG).transform([west, east], [south, north])
    except ProjError:
        return False
    return lies_near((min(lons), min(lats), max(lons), max(lats)), county_code)

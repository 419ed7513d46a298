"""A patch in pieces that add up: by village and what lies in none, or what was approved and what exceeds.

Where a cut meets a long edge, the two halves of the edge are other geodesics than the whole, and geodesic
areas of the pieces do not add up to a hundredth of a square metre. So pieces are measured with their edges as
the straight lines of longitude and latitude along which they were cut, and the area of the whole is divided
in that proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from foundation.crs import ellipsoidal_area_m2

STEP_DEG = 5e-5
"""About 5 m: so short an edge and its geodesic differ by a micrometre."""
GRID_DEG = 1e-11
"""About a micrometre: cuts are snapped to it, so that no hair of a polygon stays."""
ROUNDING = 1000
"""Areas are told in thousandths of a square metre."""
OUTSIDE = ""
LEVEL_DIGITS = {"village": 12, "township": 9, "county": 6, "city": 4}


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a patch inside one division.

    Attributes
    ----------
    code : str
        12 digits; ``""`` for what lies in no division that is known.
    area_m2 : float
        Three decimals; the pieces of a patch add up to its area exactly.
    geometry : MultiPolygon
        EPSG:4490.
    """

    code: str
    area_m2: float
    geometry: BaseGeometry


def divide_area(whole_m2: float, parts: Sequence[BaseGeometry]) -> list[float]:
    """Area of each part, in thousandths, so that they add up to the whole rounded to thousandths.

    Parameters
    ----------
    whole_m2 : float
        Ellipsoidal area of the whole.
    parts : sequence of Polygon or MultiPolygon
        EPSG:4490, without overlap, together the whole.
    """
    weights = [_straight_m2(part) for part in parts]
    total = sum(weights)
    if total <= 0.0:
        return [0.0] * len(parts)
    exact = [whole_m2 * weight / total * ROUNDING for weight in weights]
    units = [int(value) for value in exact]
    left = round(whole_m2 * ROUNDING) - sum(units)
    order = sorted(range(len(parts)), key=lambda index: (units[index] - exact[index], index))
    for index in order[:left]:
        units[index] += 1
    return [unit / ROUNDING for unit in units]


def village_pieces(outline: BaseGeometry, villages: Iterable[tuple[str, BaseGeometry]]) -> list[Piece]:
    """A patch divided by villages, largest piece first, what lies outside all of them last.

    Where outlines of villages overlap, the ground belongs to the lower code, so that nothing counts twice.

    Parameters
    ----------
    villages : iterable of (code, Polygon or MultiPolygon)
        12-digit codes; EPSG:4490.
    """
    rest, cut = outline, []
    for code, village in sorted(villages, key=lambda row: row[0]):
        if shapely.intersects(rest, village):
            cut.append((code, polygons_of(shapely.intersection(rest, village, grid_size=GRID_DEG))))
            rest = polygons_of(shapely.difference(rest, village, grid_size=GRID_DEG))
    parts = [*cut, (OUTSIDE, polygons_of(rest))]
    areas_m2 = divide_area(ellipsoidal_area_m2(outline), [part for _, part in parts])
    pieces = [
        Piece(code, area_m2, part)
        for (code, part), area_m2 in zip(parts, areas_m2, strict=True)
        if area_m2 > 0.0
    ]
    return sorted(pieces, key=lambda piece: (piece.code == OUTSIDE, -piece.area_m2, piece.code))


def areas_by_level(pieces: Iterable[Piece], level: str) -> Mapping[str, float]:
    """Area by division of one level (``village``, ``township``, ``county``, ``city``), codes of 12 digits.

    What lies in no known division stays under ``""`` on every level.
    """
    units: dict[str, int] = {}
    for piece in pieces:
        code = piece.code[: LEVEL_DIGITS[level]].ljust(12, "0") if piece.code else OUTSIDE
        units[code] = units.get(code, 0) + round(piece.area_m2 * ROUNDING)
    return {code: unit / ROUNDING for code, unit in units.items()}


def polygons_of(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry as one MultiPolygon; lines and points are dropped."""
    parts = [part for part in _flat(geometry) if isinstance(part, shapely.Polygon) and not part.is_empty]
    return shapely.MultiPolygon(parts)


def _flat(geometry: BaseGeometry) -> list[BaseGeometry]:
    found: list[BaseGeometry] = []
    for part in shapely.get_parts(geometry):
        found += _flat(part) if part.geom_type.startswith(("Multi", "Geometry")) else [part]
    return found


def _straight_m2(geometry: BaseGeometry) -> float:
    return 0.0 if geometry.is_empty else ellipsoidal_area_m2(shapely.segmentize(geometry, STEP_DEG))

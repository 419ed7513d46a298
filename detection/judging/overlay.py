"""Geometry of desk judgement: how much of a patch lies in what, with error bands. Numbers out, no opinions.

Areas are ellipsoidal, on EPSG:4490. Outlines are moved inwards and outwards, and slivers opened, in the
3° Gauss-Krüger zone of the patch, where a metre is a metre to 1 in 10,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2, gauss_krueger_epsg, reproject

APPROVAL_KINDS = ("construction_approval", "facility_filing", "temporary_use", "mining_right")
CONTROL_KINDS = ("basic_farmland", "ecological_redline", "urban_boundary")
JUDGED_KINDS = ("land_survey", *CONTROL_KINDS, *APPROVAL_KINDS, "planning_permit", "parcel")
LAND_GROUPS = ("cropland", "other_agricultural", "construction", "unused")


@dataclass(frozen=True, slots=True)
class LegalFeature:
    """One feature of a reference layer, as judgement sees it.

    Attributes
    ----------
    valid_from, valid_to : date or None
        First and last day of the right itself.
    net_share : float
        Statutory share of the gross area (TBDLMJ / TBMJ, ridges and ditches taken off); 1 where unknown.
    geometry : Polygon or MultiPolygon
        EPSG:4490.
    version_id : str or None
        Version of the layer that it belongs to.
    """

    layer_kind: str
    feature_no: str
    name: str
    geometry: BaseGeometry
    land_class_code: str | None = None
    use: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    net_share: float = 1.0
    version_id: str | None = None


@dataclass(frozen=True)
class JudgedShape:
    """Outline of a patch and its change window.

    Attributes
    ----------
    outline : Polygon or MultiPolygon
        EPSG:4490.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal, with the error band of the observation.
    """

    outline: BaseGeometry
    area_m2: float
    area_min_m2: float
    area_max_m2: float
    before_on: date
    after_on: date
    epsg: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsg", gauss_krueger_epsg(float(self.outline.representative_point().x)))

    @cached_property
    def plane(self) -> BaseGeometry:
        """Outline in metres."""
        return reproject(self.outline, STORAGE_EPSG, self.epsg)

    @cached_property
    def band_m(self) -> float:
        """How far the true edge may lie from the outline, in metres: half the area band per metre of edge."""
        edge_m = float(self.plane.length)
        return max(self.area_max_m2 - self.area_min_m2, 0.0) / (2.0 * edge_m) if edge_m else 0.0

    @cached_property
    def inner(self) -> BaseGeometry:
        """Outline moved inwards by the error band."""
        return self._moved(-self.band_m)

    @cached_property
    def outer(self) -> BaseGeometry:
        """Outline moved outwards by the error band."""
        return self._moved(self.band_m)

    def strip(self) -> tuple[float, float]:
        """Mean width and length in metres of the shape taken for a strip: from its area and its edge."""
        plane = self.plane.simplify(max(self.band_m, 0.5))
        half_m, area_m2 = float(plane.length) / 2.0, float(plane.area)
        root = max(half_m**2 - 4.0 * area_m2, 0.0) ** 0.5
        return (half_m - root) / 2.0, (half_m + root) / 2.0

    def _moved(self, metres: float) -> BaseGeometry:
        if metres == 0.0:
            return self.outline
        moved = self.plane.buffer(metres, join_style="mitre")
        return reproject(moved, self.epsg, STORAGE_EPSG)


def land_group(code: str, table: Mapping[str, Sequence[str]]) -> str:
    """Group of a land class code of the annual survey: cropland, other_agricultural, construction, unused."""
    for form in (code, code.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")):
        for group, codes in table.items():
            if form in codes:
                return group
    return "construction"


def land_overlay(
    shape: JudgedShape, features: Iterable[LegalFeature], table: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Areas by land class of the survey, largest first."""
    by_code: dict[str, list[LegalFeature]] = {}
    for feature in features:
        by_code.setdefault(feature.land_class_code or "", []).append(feature)
    rows = []
    for code, group in sorted(by_code.items()):
        likely_m2, net_m2, numbers = 0.0, 0.0, []
        for feature in group:
            piece_m2 = _common_m2(shape.outline, feature.geometry)
            if piece_m2 > 0.005:
                likely_m2, net_m2 = likely_m2 + piece_m2, net_m2 + piece_m2 * feature.net_share
                numbers.append(feature.feature_no)
        if likely_m2:
            low_m2 = sum(_common_m2(shape.inner, feature.geometry) for feature in group)
            high_m2 = sum(_common_m2(shape.outer, feature.geometry) for feature in group)
            rows.append(
                {
                    "class_code": code,
                    "class_name": group[0].name,
                    "group": land_group(code, table),
                    **_band(likely_m2, low_m2, high_m2),
                    "net_area_m2": _rounded(net_m2),
                    "features": sorted(numbers),
                }
            )
    return sorted(rows, key=lambda row: (-row["area_m2"], row["class_code"]))


def control_overlay(shape: JudgedShape, features: Sequence[LegalFeature]) -> dict[str, Any]:
    """Area inside one kind of control line, features joined so that overlaps count once."""
    touching = [feature for feature in features if _common_m2(shape.outline, feature.geometry) > 0.005]
    joined = _joined(features)
    return {
        **_band(
            _common_m2(shape.outline, joined),
            _common_m2(shape.inner, joined),
            _common_m2(shape.outer, joined),
        ),
        "features": sorted(feature.feature_no for feature in touching),
        "names": sorted({feature.name for feature in touching if feature.name}),
    }


def land_partition(
    shape: JudgedShape,
    land: Sequence[LegalFeature],
    basic_farmland: Sequence[LegalFeature],
    table: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """The patch divided without rest: basic farmland, then land outside it by group, then not surveyed."""
    protected = _joined(basic_farmland)
    outside = shapely.difference(shape.outline, protected)
    areas_m2 = {"basic_farmland": _common_m2(shape.outline, protected), **dict.fromkeys(LAND_GROUPS, 0.0)}
    for feature in land:
        areas_m2[land_group(feature.land_class_code or "", table)] += _common_m2(outside, feature.geometry)
    areas_m2["unsurveyed"] = max(ellipsoidal_area_m2(shape.outline) - sum(areas_m2.values()), 0.0)
    return {key: _rounded(value) for key, value in areas_m2.items()}


def largest_parcel(shape: JudgedShape, parcels: Iterable[LegalFeature]) -> dict[str, Any] | None:
    """The parcel that holds most of the patch."""
    shares = [
        (_common_m2(shape.outline, parcel.geometry), parcel.feature_no, parcel.use, parcel.land_class_code)
        for parcel in parcels
    ]
    if not shares or max(row[0] for row in shares) <= 0.005:
        return None
    covered_m2, number, use, land_class = max(shares, key=lambda row: (row[0], row[1]))
    share = covered_m2 / ellipsoidal_area_m2(shape.outline)
    return {"feature_no": number, "use": use, "land_class_code": land_class, "share": round(share, 6)}


def _joined(features: Iterable[LegalFeature]) -> BaseGeometry:
    return shapely.union_all([feature.geometry for feature in features])


def _common_m2(one: BaseGeometry, other: BaseGeometry) -> float:
    if not one.intersects(other):
        return 0.0
    return ellipsoidal_area_m2(shapely.intersection(one, other))


def _band(likely_m2: float, low_m2: float, high_m2: float) -> dict[str, float]:
    return {
        "area_m2": _rounded(likely_m2),
        "area_min_m2": _rounded(min(low_m2, likely_m2)),
        "area_max_m2": _rounded(max(high_m2, likely_m2)),
    }


def _rounded(area_m2: float) -> float:
    return round(area_m2, 3)

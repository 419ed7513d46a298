"""Geometry of desk judgement: how much of a patch lies in what, with error bands. Numbers out, no opinions.

Areas are ellipsoidal, on EPSG:4490. Outlines are moved inwards and outwards, and slivers opened, in the
3° Gauss-Krüger zone of the patch, where a metre is a metre to 1 in 10,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2, gauss_krueger_epsg, reproject

Timing = Literal["valid", "inside", "later", "expired"]
APPROVAL_KINDS = ("construction_approval", "facility_filing", "temporary_use", "mining_right")
CONTROL_KINDS = ("basic_farmland", "ecological_redline", "urban_boundary")
JUDGED_KINDS = ("land_survey", *CONTROL_KINDS, *APPROVAL_KINDS, "planning_permit", "parcel")
NEAR_MINE_M = 60.0
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


def permit_timing(valid_from: date | None, valid_to: date | None, before_on: date, after_on: date) -> Timing:
    """Where the life of a permit lies against the change window.

    A permit without a first day counts as old; its last day is inclusive.
    """
    if valid_from is not None and valid_from > after_on:
        return "later"
    if valid_to is not None and valid_to < after_on:
        return "expired"
    if valid_from is not None and valid_from > before_on:
        return "inside"
    return "valid"


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


def approval_rows(shape: JudgedShape, features: Iterable[LegalFeature]) -> list[dict[str, Any]]:
    """Permits that touch the patch, with the share they cover and their timing, largest first."""
    rows = []
    for feature in features:
        covered_m2 = _common_m2(shape.outline, feature.geometry)
        if covered_m2 > 0.005:
            timing = permit_timing(feature.valid_from, feature.valid_to, shape.before_on, shape.after_on)
            rows.append(
                {
                    "kind": feature.layer_kind,
                    "feature_no": feature.feature_no,
                    "name": feature.name,
                    "use": feature.use,
                    "valid_from": feature.valid_from.isoformat() if feature.valid_from else None,
                    "valid_to": feature.valid_to.isoformat() if feature.valid_to else None,
                    "timing": timing,
                    "area_m2": _rounded(covered_m2),
                    "share": round(covered_m2 / ellipsoidal_area_m2(shape.outline), 6),
                }
            )
    return sorted(rows, key=lambda row: (-row["area_m2"], row["kind"], row["feature_no"]))


def coverage(shape: JudgedShape, features: Sequence[LegalFeature], sliver_m: float) -> dict[str, Any]:
    """How much of the patch some permits leave open, slivers taken off.

    Parameters
    ----------
    sliver_m : float
        Parts of the excess narrower than this come from drawing, not from building.

    Returns
    -------
    dict
        excess_m2, excess_min_m2, excess_max_m2, covered_m2, excess (GeoJSON or None).
    """
    whole_m2 = ellipsoidal_area_m2(shape.outline)
    open_ground = shapely.difference(shape.plane, _plane(_joined(features), shape.epsg))
    radius_m = sliver_m / 2.0
    opened = open_ground.buffer(-radius_m, join_style="mitre").buffer(radius_m, join_style="mitre")
    excess_plane = shapely.intersection(opened, open_ground)
    excess = reproject(excess_plane, shape.epsg, STORAGE_EPSG) if not excess_plane.is_empty else None
    excess_m2 = ellipsoidal_area_m2(excess) if excess is not None else 0.0
    on_edge_m = float(shapely.intersection(shape.plane.boundary.buffer(0.05), excess_plane.boundary).length)
    play_m2 = shape.band_m * on_edge_m
    return {
        "covered_m2": _rounded(whole_m2 - excess_m2),
        "excess_m2": _rounded(excess_m2),
        "excess_min_m2": _rounded(max(excess_m2 - play_m2, 0.0)),
        "excess_max_m2": _rounded(min(excess_m2 + play_m2, whole_m2)) if excess_m2 else 0.0,
        "excess": _geojson(excess) if excess is not None else None,
    }


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


def nearest_mine(shape: JudgedShape, rights: Iterable[LegalFeature]) -> dict[str, Any] | None:
    """The mining right in force that lies nearest, within 60 m."""
    near = []
    for right in rights:
        timing = permit_timing(right.valid_from, right.valid_to, shape.before_on, shape.after_on)
        distance_m = float(shape.plane.distance(_plane(right.geometry, shape.epsg)))
        if timing == "valid" and distance_m <= NEAR_MINE_M:
            near.append((round(distance_m, 1), right.feature_no))
    if not near:
        return None
    distance_m, number = min(near)
    return {"feature_no": number, "distance_m": distance_m}


def _joined(features: Iterable[LegalFeature]) -> BaseGeometry:
    return shapely.union_all([feature.geometry for feature in features])


def _plane(geometry: BaseGeometry, epsg: int) -> BaseGeometry:
    return reproject(geometry, STORAGE_EPSG, epsg) if not geometry.is_empty else geometry


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


def _geojson(geometry: BaseGeometry) -> dict[str, Any]:
    polygons = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    tidy = shapely.set_precision(shapely.MultiPolygon(polygons), 1e-9)
    shape: dict[str, Any] = mapping(tidy)
    return {"type": shape["type"], "coordinates": _lists(shape["coordinates"])}


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else round(value, 9)

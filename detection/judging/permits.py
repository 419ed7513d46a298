"""Permits against the change window: which were in force when, what ground they cover, what exceeds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from detection.judging.overlay import JudgedShape, LegalFeature
from detection.judging.pieces import GRID_DEG, divide_area, polygons_of
from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2, reproject

Timing = Literal["valid", "renewed", "inside", "brief", "lapsed", "later", "expired", "undated"]
NEAR_MINE_M = 60.0
SAME_GROUND = 0.99
"""Share of a permit's ground that its neighbours in time must cover with it."""
SEAM_M = 0.02
"""Opened shapes are widened by it before they choose their ground, since two projections meet there."""


def permit_timing(valid_from: date | None, valid_to: date | None, before_on: date, after_on: date) -> Timing:
    """Where the life of one permit lies against the change window, as ``permit_orders.toml`` tells.

    Both days of a permit are inclusive. The ground was untouched on the day of the image before: what ended
    that day no longer covers the change, what began that day does.

    Returns
    -------
    str
        ``valid``: in force through the whole window; ``later``: granted after the image after;
        ``expired``: ended before the change; ``inside``: granted inside the window; ``lapsed``: ended inside
        it; ``brief``: both; ``undated``: no first day is known.
    """
    if valid_from is not None and valid_from > after_on:
        return "later"
    if valid_to is not None and valid_to <= before_on:
        return "expired"
    is_over = valid_to is not None and valid_to < after_on
    if valid_from is None:
        return "lapsed" if is_over else "undated"
    if valid_from > before_on:
        return "brief" if is_over else "inside"
    return "lapsed" if is_over else "valid"


def ground_throughout(features: Iterable[LegalFeature], before_on: date, after_on: date) -> BaseGeometry:
    """Ground on which on every day of the window some permit was in force: one, or several in succession.

    Permits without a first day prove nothing here.
    """
    dated = [feature for feature in features if feature.valid_from is not None]
    ground: BaseGeometry | None = None
    for day in _first_days(dated, before_on, after_on):
        standing = shapely.union_all([feature.geometry for feature in dated if _is_in_force(feature, day)])
        # Ground that only touched would leave lines and points, which GEOS cannot lay over the next day's.
        ground = polygons_of(standing if ground is None else shapely.intersection(ground, standing))
    return shapely.MultiPolygon() if ground is None else ground


def mark_renewed(
    rows: Sequence[dict[str, Any]], features: Sequence[LegalFeature], shape: JudgedShape
) -> None:
    """Give rows the timing ``renewed`` whose permit covers the window together with those next to it."""
    passing = {"inside", "lapsed", "brief"}
    if not any(row["timing"] in passing for row in rows):
        return
    held = [f for f in features if timing_of(f, shape) == "valid"]
    ground = ground_throughout(features, shape.before_on, shape.after_on)
    won = shapely.difference(ground, shapely.union_all([feature.geometry for feature in held]))
    by_key = {(feature.layer_kind, feature.feature_no): feature for feature in features}
    for row in rows:
        feature = by_key.get((row["kind"], row["feature_no"]))
        if row["timing"] not in passing or feature is None:
            continue
        own = shapely.intersection(shape.outline, feature.geometry)
        if own.area > 0.0 and shapely.intersection(own, won).area >= SAME_GROUND * own.area:
            row["timing"] = "renewed"


def timing_of(feature: LegalFeature, shape: JudgedShape) -> Timing:
    """`permit_timing` of a feature against the window of a patch."""
    return permit_timing(feature.valid_from, feature.valid_to, shape.before_on, shape.after_on)


def approval_rows(shape: JudgedShape, features: Iterable[LegalFeature]) -> list[dict[str, Any]]:
    """Permits that touch the patch, with the share they cover and their timing, largest first."""
    rows = []
    whole_m2 = ellipsoidal_area_m2(shape.outline)
    for feature in features:
        covered_m2 = _common_m2(shape.outline, feature.geometry)
        if covered_m2 > 0.005:
            rows.append(
                {
                    "kind": feature.layer_kind,
                    "feature_no": feature.feature_no,
                    "version_id": feature.version_id,
                    "name": feature.name,
                    "use": feature.use,
                    "valid_from": feature.valid_from.isoformat() if feature.valid_from else None,
                    "valid_to": feature.valid_to.isoformat() if feature.valid_to else None,
                    "timing": timing_of(feature, shape),
                    "area_m2": round(covered_m2, 3),
                    "share": round(covered_m2 / whole_m2, 6),
                }
            )
    return sorted(rows, key=lambda row: (-row["area_m2"], row["kind"], row["feature_no"]))


def coverage(shape: JudgedShape, ground: BaseGeometry, sliver_m: float) -> dict[str, Any]:
    """How much of the patch approved ground leaves open, slivers taken off; both parts as geometry.

    Parameters
    ----------
    ground : Polygon or MultiPolygon
        What permits cover, EPSG:4490.
    sliver_m : float
        Parts of the excess narrower than this come from drawing, not from building: they stay with the
        approved part.

    Returns
    -------
    dict
        covered_m2 and excess_m2, which add up to the whole; excess_min_m2, excess_max_m2 (error band);
        excess and approved (GeoJSON MultiPolygon or None), which divide the outline without overlap.
    """
    whole_m2 = ellipsoidal_area_m2(shape.outline)
    excess = _opened(shape, shapely.difference(shape.outline, ground, grid_size=GRID_DEG), sliver_m)
    approved = polygons_of(shapely.difference(shape.outline, excess, grid_size=GRID_DEG))
    covered_m2, excess_m2 = divide_area(whole_m2, [approved, excess])
    play_m2 = shape.band_m * _edge_m(shape, excess)
    return {
        "covered_m2": covered_m2,
        "excess_m2": excess_m2,
        "excess_min_m2": round(max(excess_m2 - play_m2, 0.0), 3),
        "excess_max_m2": round(min(excess_m2 + play_m2, whole_m2), 3) if excess_m2 else 0.0,
        "excess": _geojson(excess),
        "approved": _geojson(approved),
    }


def nearest_mine(shape: JudgedShape, rights: Iterable[LegalFeature]) -> dict[str, Any] | None:
    """The mining right in force that lies nearest, within 60 m."""
    near = []
    for right in rights:
        plane = reproject(right.geometry, STORAGE_EPSG, shape.epsg) if not right.geometry.is_empty else None
        distance_m = float(shape.plane.distance(plane)) if plane is not None else NEAR_MINE_M + 1.0
        if timing_of(right, shape) in {"valid", "undated"} and distance_m <= NEAR_MINE_M:
            near.append((round(distance_m, 1), right.feature_no))
    if not near:
        return None
    distance_m, number = min(near)
    return {"feature_no": number, "distance_m": distance_m}


def _first_days(features: Iterable[LegalFeature], before_on: date, after_on: date) -> list[date]:
    """Days of the window from which on another set of permits is in force."""
    days = {before_on}
    for feature in features:
        days.add(feature.valid_from or before_on)
        if feature.valid_to is not None:
            days.add(feature.valid_to + timedelta(days=1))
    return sorted(day for day in days if before_on <= day <= after_on)


def _is_in_force(feature: LegalFeature, day: date) -> bool:
    begins, ends = feature.valid_from, feature.valid_to
    return begins is not None and begins <= day and (ends is None or day <= ends)


def _opened(shape: JudgedShape, open_ground: BaseGeometry, sliver_m: float) -> BaseGeometry:
    """Parts of the open ground that are nowhere narrower than a sliver."""
    whole = polygons_of(open_ground)
    if whole.is_empty:
        return whole
    radius_m = sliver_m / 2.0
    core = reproject(whole, STORAGE_EPSG, shape.epsg).buffer(-radius_m, join_style="mitre")
    if core.is_empty:
        return shapely.MultiPolygon()
    kept = reproject(core.buffer(radius_m + SEAM_M, join_style="mitre"), shape.epsg, STORAGE_EPSG)
    return polygons_of(shapely.intersection(whole, kept, grid_size=GRID_DEG))


def _edge_m(shape: JudgedShape, excess: BaseGeometry) -> float:
    """Metres of the patch's own edge along the excess: there the outline may lie elsewhere."""
    if excess.is_empty:
        return 0.0
    edge = reproject(excess, STORAGE_EPSG, shape.epsg).boundary
    return float(shapely.intersection(shape.plane.boundary.buffer(0.05), edge).length)


def _common_m2(one: BaseGeometry, other: BaseGeometry) -> float:
    return ellipsoidal_area_m2(shapely.intersection(one, other)) if one.intersects(other) else 0.0


def _geojson(geometry: BaseGeometry) -> Mapping[str, Any] | None:
    if geometry.is_empty:
        return None
    shape: dict[str, Any] = mapping(geometry)
    return {"type": shape["type"], "coordinates": _lists(shape["coordinates"])}


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else round(value, 11)

"""A patch (图斑): one event on one piece of ground, made of leads; its outline follows from them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from detection.leads import Lead
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2


@dataclass(frozen=True, slots=True)
class PatchShape:
    """What a set of leads says of one event.

    Attributes
    ----------
    outline : MultiPolygon
        EPSG:4490.
    before_at, after_at : datetime
        Last seen without, first seen with.
    """

    outline: shapely.MultiPolygon
    area_m2: float
    area_min_m2: float
    area_max_m2: float
    change_class: str
    confidence: float
    before_at: datetime
    after_at: datetime


@dataclass(frozen=True, slots=True)
class Patch:
    """One stored patch."""

    patch_id: UUID
    number: str
    division_code: str
    shape: PatchShape
    created_at: datetime


def combine(leads: Sequence[Lead], fusion: Mapping[str, Any]) -> PatchShape:
    """The patch that some leads make; the order of the leads does not matter.

    Sources that draw outlines (drone, satellite, cadastre) decide the outline; without any, all do. The
    best of them gives class and relative error band; the window is what all of them agree on, or spans
    them where they follow one another.

    Parameters
    ----------
    leads : sequence of Lead
        At least one.
    fusion : mapping
        The ``fusion`` table of ``thresholds.toml``.
    """
    ordered = sorted(leads, key=lambda lead: str(lead.lead_id))
    drawing = [lead for lead in ordered if lead.source in fusion["outlining"]] or ordered
    best = min(drawing, key=lambda lead: (_rank(lead.source, fusion), -lead.confidence, str(lead.lead_id)))
    if len(drawing) == 1:
        outline, area_m2 = _multi(best.outline), best.area_m2
    else:
        outline = _multi(shapely.union_all([lead.outline for lead in drawing]))
        area_m2 = ellipsoidal_area_m2(outline)
    before_at, after_at = _window(drawing)
    return PatchShape(
        outline,
        area_m2,
        area_m2 * best.area_min_m2 / best.area_m2,
        area_m2 * best.area_max_m2 / best.area_m2,
        best.change_class,
        max(lead.confidence for lead in ordered),
        before_at,
        after_at,
    )


def is_same_place(one: BaseGeometry, other: BaseGeometry, fusion: Mapping[str, Any]) -> bool:
    """Whether two outlines are one piece of ground: by their overlap, or the smaller inside the larger."""
    common = overlap_share(one, other)
    return bool(common[0] >= fusion["iou"] or common[1] >= fusion["containment"])


def overlap_share(one: BaseGeometry, other: BaseGeometry) -> tuple[float, float]:
    """Intersection over union, and intersection over the smaller; degrees² cancel out at one latitude."""
    shared = float(shapely.intersection(one, other).area)
    smaller = min(float(one.area), float(other.area))
    if shared <= 0.0 or smaller <= 0.0:
        return 0.0, 0.0
    return shared / (float(one.area) + float(other.area) - shared), shared / smaller


def number_prefix(division_code: str, after_at: datetime) -> str:
    """County and period of a patch number: ``410883-2609``, by the month of the image after, in Shanghai."""
    return f"{division_code[:6]}-{after_at.astimezone(SHANGHAI):%y%m}"


def patch_number(prefix: str, serial: int) -> str:
    """图斑编号: ``410883-2609-0098``."""
    return f"{prefix}-{serial:04d}"


def _rank(source: str, fusion: Mapping[str, Any]) -> int:
    outlining: list[str] = fusion["outlining"]
    return outlining.index(source) if source in outlining else len(outlining)


def _window(leads: Sequence[Lead]) -> tuple[datetime, datetime]:
    latest_from = max(lead.observed_from for lead in leads)
    earliest_to = min(lead.observed_to for lead in leads)
    if latest_from < earliest_to:
        return latest_from, earliest_to
    return min(lead.observed_from for lead in leads), max(lead.observed_to for lead in leads)


def _multi(geometry: BaseGeometry) -> shapely.MultiPolygon:
    polygons = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(polygons)

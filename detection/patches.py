"""A patch (图斑): one event on one piece of ground, made of leads; its outline follows from them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from detection.leads import Lead
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import Defect


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
class Standing:
    """How the matter of a patch stands, as patrol keeps it.

    Attributes
    ----------
    state : str
        ``open``; ``closed``: put right; ``dismissed``: lawful, or nothing new.
    settled_at : datetime or None
        When it was closed or dismissed.
    watched_until : date or None
        A change on the ground of a closed patch until that day is a relapse, later a matter of its own.
    shaped_since : datetime or None
        After a relapse: only leads that ended later draw the patch.
    """

    state: str = "open"
    settled_at: datetime | None = None
    watched_until: date | None = None
    shaped_since: datetime | None = None


OPEN = Standing()


@dataclass(frozen=True, slots=True)
class Patch:
    """One stored patch."""

    patch_id: UUID
    number: str
    division_code: str
    shape: PatchShape
    created_at: datetime
    standing: Standing = OPEN
    follows_patch_id: UUID | None = None


def combine(leads: Sequence[Lead], fusion: Mapping[str, Any], *, since: datetime | None = None) -> PatchShape:
    """The patch that some leads make; the order of the leads does not matter, sightings draw nothing.

    Sources that draw well (drone, satellite, cadastre) decide the outline; without any, all that draw. The
    window is that of the leads that speak of the first finding, which is what they agree on, or spans them
    where they follow one another; what was seen again later adds its ground, and its class where that is the
    graver one, but moves neither window nor error band. What one comparison found right beside it (the roof
    in a yard) counts likewise. A later restoration adds nothing. Where somebody has corrected the patch, the
    newest correction speaks for all that was known until then.

    Parameters
    ----------
    leads : sequence of Lead
        At least one with an outline.
    fusion : mapping
        The ``fusion`` table of ``thresholds.toml``.
    since : datetime, optional
        Leads that ended by then tell of an earlier event; they count only where there are no others.

    Raises
    ------
    Defect
        ``detection.patch.no_outline``.
    """
    drawn = sorted((lead for lead in leads if lead.outline is not None), key=lambda lead: str(lead.lead_id))
    told = [lead for lead in drawn if since is None or lead.observed_to > since] or drawn
    told = _with_correction(told)
    drawing = [lead for lead in told if lead.source in fusion["outlining"] or lead.corrects] or told
    if not drawing:
        raise Defect("detection.patch.no_outline")
    first = _first_findings(drawing, fusion)
    best = min(first, key=lambda lead: _merit(lead, fusion))
    later = [lead for lead in drawing if lead not in first and not is_restoring(lead.change_class, fusion)]
    shown = [*first, *later]
    if len(shown) == 1:
        outline, area_m2 = _multi(best.ground), best.area_m2
    else:
        outline = _multi(shapely.union_all([lead.ground for lead in shown]))
        area_m2 = ellipsoidal_area_m2(outline)
    before_at, after_at = _window(first)
    beside = [lead for lead in first if lead.site is not None and lead.site == best.site]
    gravest = min([best, *beside, *later], key=lambda lead: (_gravity(lead, fusion), lead is not best))
    return PatchShape(
        outline,
        area_m2,
        area_m2 * best.area_min_m2 / best.area_m2,
        area_m2 * best.area_max_m2 / best.area_m2,
        gravest.change_class,
        max(lead.confidence for lead in told),
        before_at,
        after_at,
    )


def windows_meet(
    one: tuple[datetime, datetime], other: tuple[datetime, datetime], *, gap: timedelta = timedelta(0)
) -> bool:
    """Whether two change windows overlap or follow each other within a gap."""
    return one[0] <= other[1] + gap and other[0] <= one[1] + gap


def is_restoring(change_class: str, fusion: Mapping[str, Any]) -> bool:
    """Whether a class of change undoes a violation rather than makes one."""
    return change_class in fusion["restoring"]


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


def _with_correction(told: list[Lead]) -> list[Lead]:
    """The newest correction, and what was seen after the day on which it was made."""
    made = [lead for lead in told if lead.corrects]
    if not made:
        return told
    newest = max(made, key=lambda lead: (lead.attributes["corrected_at"], str(lead.lead_id)))
    since = datetime.fromisoformat(newest.attributes["corrected_at"])
    return [newest, *(lead for lead in told if not lead.corrects and lead.observed_to > since)]


def _first_findings(drawing: Sequence[Lead], fusion: Mapping[str, Any]) -> list[Lead]:
    """Leads whose windows meet that of the earliest."""
    earliest = min(drawing, key=lambda lead: (lead.observed_to, lead.observed_from, str(lead.lead_id)))
    window = (earliest.observed_from, earliest.observed_to)
    gap = timedelta(days=fusion["gap_days"])
    return [lead for lead in drawing if windows_meet((lead.observed_from, lead.observed_to), window, gap=gap)]


def _merit(lead: Lead, fusion: Mapping[str, Any]) -> tuple[int, float, str]:
    return _rank(lead.source, fusion), -lead.confidence, str(lead.lead_id)


def _gravity(lead: Lead, fusion: Mapping[str, Any]) -> int:
    grave: list[str] = fusion["grave"]
    return grave.index(lead.change_class) if lead.change_class in grave else len(grave)


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

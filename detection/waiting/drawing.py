"""A person draws what a waiting lead speaks of: a patch begins where no image has drawn one yet."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from detection import service, store
from detection.fuse import distance_to_m
from detection.leads import SIGHTING_ONLY, Lead
from detection.patches import Patch
from detection.waiting import service as waiting
from detection.waiting import store as waiting_store
from foundation import access, audit
from foundation.access import Actor, system_actor
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2, ellipsoidal_length_m, lies_in_china
from foundation.errors import InvalidInput
from foundation.ids import derived_id

AREA_M2 = (10.0, 5_000_000.0)
REACH_M = 1_000.0
"""How far beyond the lead's own radius a drawing may begin; another place is another matter."""
DRAWN_ERROR_M = 2.0
"""How far off a border may lie that a person draws over an image."""
POINTS_MAX = 2_000


def open_patch(
    session: Session,
    actor: Actor,
    lead_id: UUID,
    outline: BaseGeometry,
    *,
    now: datetime,
    before_on: date | None = None,
) -> Patch:
    """Draw the ground of a waiting lead; the drawing is a lead of its own, fused like any other.

    Where a patch lies there already, the drawing becomes part of it.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
        EPSG:4490.
    before_on : date, optional
        A day on which nothing was to be seen there yet: the change lies between it and the lead. Left out,
        only the moment is known at which it was seen.

    Raises
    ------
    InvalidInput
        ``detection.lead.bad_drawing``, ``detection.lead.bad_before`` or ``detection.lead.drawn_elsewhere``.
    NotFound
        ``detection.lead.not_found``; the ground lies outside the actor's area.
    Conflict
        ``detection.lead.not_waiting``.
    """
    lead = waiting.waiting_lead(session, actor, lead_id)
    area_m2 = _drawn_area_m2(outline)
    away_m = distance_to_m(lead, outline)
    if away_m > (lead.radius_m or 0.0) + REACH_M:
        raise InvalidInput("detection.lead.drawn_elsewhere", away_m=round(away_m))
    division_code = service.village_of(session, outline)
    access.require(actor, waiting.RIGHT, division_code)
    drawn = _drawn(lead, actor, outline, area_m2, division_code, since=_since(lead, before_on))
    platform = system_actor(actor.area_code)
    service.record_leads(session, platform, [drawn], now)
    service.fuse(session, platform, [drawn.lead_id], now)
    patch_id = waiting_store.patch_of(session, drawn.lead_id)
    if store.unattached(session, [lead_id]):
        store.attach(session, patch_id, [lead_id], now)
    waiting.decide(session, actor, lead, "attached", now=now, patch_id=patch_id)
    patch = service.get_patch(session, actor, patch_id)
    facts = {"lead_id": str(lead_id), "number": patch.number, "area_m2": round(area_m2, 1)}
    audit.record(session, actor, "detection.lead.drawn", subject=("patch", patch_id), at=now, facts=facts)
    return patch


def _drawn_area_m2(outline: BaseGeometry) -> float:
    is_drawing = outline.geom_type in {"Polygon", "MultiPolygon"} and not outline.is_empty
    if not is_drawing or shapely.get_num_coordinates(outline) > POINTS_MAX:
        raise InvalidInput("detection.lead.bad_drawing", least=AREA_M2[0], most=AREA_M2[1])
    if not (outline.is_valid and lies_in_china(outline.bounds)):
        raise InvalidInput("detection.lead.bad_drawing", least=AREA_M2[0], most=AREA_M2[1])
    area_m2 = ellipsoidal_area_m2(outline)
    if not AREA_M2[0] <= area_m2 <= AREA_M2[1]:
        raise InvalidInput("detection.lead.bad_drawing", least=AREA_M2[0], most=AREA_M2[1])
    return area_m2


def _since(lead: Lead, before_on: date | None) -> datetime:
    """Noon of the day on which nothing was there yet; the lead's own moment where nobody knows one."""
    if before_on is None:
        return lead.observed_from
    since = datetime.combine(before_on, time(12), SHANGHAI)
    if since >= lead.observed_to:
        seen_on = lead.observed_to.astimezone(SHANGHAI).date()
        raise InvalidInput(
            "detection.lead.bad_before", before_on=before_on.isoformat(), seen_on=seen_on.isoformat()
        )
    return since


def _drawn(
    lead: Lead,
    actor: Actor,
    outline: BaseGeometry,
    area_m2: float,
    division_code: str,
    *,
    since: datetime,
) -> Lead:
    """Of the lead's own source: who drew is told beside it, who saw stays who saw."""
    band_m2 = DRAWN_ERROR_M * ellipsoidal_length_m(outline)
    return Lead(
        derived_id(
            "drawn-lead", lead.lead_id, since.isoformat(), shapely.to_wkb(shapely.normalize(outline)).hex()
        ),
        "patrol" if lead.source in SIGHTING_ONLY else lead.source,
        division_code,
        since,
        lead.observed_to,
        outline,
        area_m2,
        max(area_m2 - band_m2, 0.0),
        area_m2 + band_m2,
        lead.change_class,
        lead.confidence,
        attributes={"drawn_for": str(lead.lead_id), "drawn_by": actor.name},
    )

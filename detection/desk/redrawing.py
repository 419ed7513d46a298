"""A patch corrected by hand: the true outline, class or window as a lead that speaks before the others."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from detection import service, store
from detection.judgements import Judgement
from detection.leads import Lead
from detection.patches import Patch
from foundation import access, audit
from foundation.access import Actor
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import InvalidInput, NotFound
from foundation.ids import derived_id

CLASSES_FILE = Path(__file__).resolve().parents[2] / "data" / "reference" / "change_classes.toml"
RIGHT = "objection.decide"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a patch; None: as it stands.

    Attributes
    ----------
    outline : Polygon or MultiPolygon, optional
        EPSG:4490.
    before_on, after_on : date, optional
        Last seen without, first seen with.
    """

    outline: BaseGeometry | None = None
    change_class: str | None = None
    before_on: date | None = None
    after_on: date | None = None


@dataclass(frozen=True, slots=True)
class Redrawn:
    """The patch before and after, and its newest judgement."""

    former: Patch
    patch: Patch
    judgement: Judgement
    lead_id: UUID


def correct_patch(
    session: Session, actor: Actor, patch_id: UUID, truth: Truth, *, objection_id: UUID, now: datetime
) -> Redrawn:
    """Correct a patch and judge it again; taking the correcting lead out restores it exactly.

    Correcting twice under one objection corrects once.

    Raises
    ------
    NotFound
        ``detection.patch.not_found``.
    InvalidInput
        ``detection.redrawing.nothing_changed``, ``detection.redrawing.bad_outline``,
        ``detection.redrawing.bad_window``, ``detection.redrawing.unknown_class``,
        ``detection.redrawing.far_away``.
    """
    former = service.get_patch(session, actor, patch_id)
    access.require(actor, RIGHT, former.division_code)
    lead = _lead(session, former, truth, objection_id, now)
    if lead.lead_id not in {known.lead_id for known in store.active_leads(session, [patch_id])[patch_id]}:
        store.lock_patch(session, patch_id)
        store.add_leads(session, [lead], now)
        store.attach(session, patch_id, [lead.lead_id], now)
        session.flush()
        service.reshape(session, patch_id, store.active_leads(session, [patch_id])[patch_id])
        session.flush()
    patch = next(iter(store.patches(session, [patch_id])), None)
    if patch is None:
        raise NotFound("detection.patch.not_found")
    facts: dict[str, Any] = {
        "lead_id": str(lead.lead_id),
        "objection_id": str(objection_id),
        "former_area_m2": round(former.shape.area_m2, 3),
        "area_m2": round(patch.shape.area_m2, 3),
        "change_class": patch.shape.change_class,
    }
    audit.record(
        session, actor, "detection.patch.corrected", subject=("patch", patch_id), at=now, facts=facts
    )
    judgement = service.judge_found(session, actor, [patch], now)[0]
    return Redrawn(former, patch, judgement, lead.lead_id)


def _lead(session: Session, former: Patch, truth: Truth, objection_id: UUID, now: datetime) -> Lead:
    shape = former.shape
    outline = truth.outline if truth.outline is not None else shape.outline
    if outline.is_empty or outline.geom_type not in {"Polygon", "MultiPolygon"} or not outline.is_valid:
        raise InvalidInput("detection.redrawing.bad_outline", reason=shapely.is_valid_reason(outline))
    if truth.change_class is not None and truth.change_class not in _classes():
        raise InvalidInput("detection.redrawing.unknown_class", change_class=truth.change_class[:40])
    if not shapely.intersects(outline, shape.outline):
        raise InvalidInput("detection.redrawing.far_away", number=former.number)
    before_at, after_at = _moment(truth.before_on, shape.before_at), _moment(truth.after_on, shape.after_at)
    # What was seen at one moment has a window of no length: it stays so while nobody says otherwise.
    is_as_known = (before_at, after_at) == (shape.before_at, shape.after_at)
    if not (before_at < after_at or is_as_known) or after_at > now:
        raise InvalidInput(
            "detection.redrawing.bad_window",
            before_on=before_at.date().isoformat(),
            after_on=after_at.date().isoformat(),
        )
    change_class = truth.change_class or shape.change_class
    is_same = outline.equals(shape.outline) and change_class == shape.change_class
    if is_same and is_as_known:
        raise InvalidInput("detection.redrawing.nothing_changed", number=former.number)
    area_m2 = ellipsoidal_area_m2(outline)
    corrects = [str(lead.lead_id) for lead in store.active_leads(session, [former.patch_id])[former.patch_id]]
    drawn = truth.outline is not None
    return Lead(
        derived_id("correction", objection_id),
        "patrol",
        former.division_code,
        before_at,
        after_at,
        outline,
        area_m2,
        area_m2 if drawn else shape.area_min_m2,
        area_m2 if drawn else shape.area_max_m2,
        change_class,
        shape.confidence,
        class_probabilities={change_class: 1.0},
        attributes={
            "corrects": corrects,
            "objection_id": str(objection_id),
            "corrected_at": now.astimezone(SHANGHAI).isoformat(),
        },
    )


@lru_cache(maxsize=1)
def _classes() -> frozenset[str]:
    return frozenset(tomllib.loads(CLASSES_FILE.read_text("utf-8")))


def _moment(day: date | None, known: datetime) -> datetime:
    return known if day is None else datetime.combine(day, time(12), SHANGHAI)

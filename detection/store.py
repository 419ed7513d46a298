"""All SQL of detection. Never commits; geometry goes in and out as shapely, EPSG:4490."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, Select, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from detection.fuse import Candidate
from detection.judgements import Judgement
from detection.leads import Lead
from detection.patches import Patch, PatchShape
from detection.tables import (
    DetectionRunRow,
    FieldLabelRow,
    JudgementRow,
    LeadRow,
    PatchLeadRow,
    PatchRow,
    RuleSetRow,
)
from foundation.crs import STORAGE_EPSG
from foundation.tables import DivisionRow

LOCK_SPACE_CELL = 4490
LOCK_SPACE_NUMBER = 4108
VILLAGE_LEVEL = 5


def find_run(session: Session, run_id: UUID) -> DetectionRunRow | None:
    """A finished run."""
    return session.get(DetectionRunRow, run_id)


def runs(session: Session) -> Sequence[DetectionRunRow]:
    """All runs, oldest first."""
    return session.scalars(select(DetectionRunRow).order_by(DetectionRunRow.finished_at)).all()


def add_run(session: Session, values: Mapping[str, Any]) -> None:
    """Insert a run."""
    session.add(DetectionRunRow(**values))
    session.flush()


def add_leads(session: Session, leads: Sequence[Lead], now: datetime) -> None:
    """Insert leads; one that is there already stays as it is."""
    rows = [_lead_values(lead, now) for lead in leads]
    if rows:
        session.execute(insert(LeadRow).on_conflict_do_nothing(index_elements=["lead_id"]), rows)


def leads_by_id(session: Session, lead_ids: Sequence[UUID]) -> list[Lead]:
    """Leads in the order of their ids."""
    rows = session.scalars(select(LeadRow).where(LeadRow.lead_id.in_(lead_ids)).order_by(LeadRow.lead_id))
    return [_lead(row) for row in rows]


def leads_of_run(session: Session, run_id: UUID) -> list[Lead]:
    """Leads that a run made, in the order of their ids."""
    rows = session.scalars(select(LeadRow).where(LeadRow.run_id == run_id).order_by(LeadRow.lead_id))
    return [_lead(row) for row in rows]


def unattached(session: Session, lead_ids: Sequence[UUID] | None) -> list[Lead]:
    """Leads that belong to no patch now: of those named, or of all."""
    attached = select(PatchLeadRow.lead_id).where(PatchLeadRow.detached_at.is_(None))
    query = select(LeadRow).where(LeadRow.lead_id.not_in(attached)).order_by(LeadRow.lead_id)
    if lead_ids is not None:
        query = query.where(LeadRow.lead_id.in_(lead_ids))
    return [_lead(row) for row in session.scalars(query)]


def lock_ground(session: Session, cells: Iterable[int]) -> None:
    """Hold grid cells until the transaction ends; always in ascending order, so that nobody deadlocks."""
    for cell in cells:
        session.execute(
            text("SELECT pg_advisory_xact_lock(:space, :cell)"), {"space": LOCK_SPACE_CELL, "cell": cell}
        )


def candidates_near(session: Session, leads: Sequence[Lead]) -> list[Candidate]:
    """Patches whose boxes touch those of some leads, with the leads that make them."""
    boxes = shapely.MultiPolygon([shapely.box(*lead.outline.bounds) for lead in leads])
    near = select(PatchRow.patch_id).where(_touches(PatchRow.geometry, boxes))
    return [Candidate(patch_id, tuple(found)) for patch_id, found in active_leads(session, near).items()]


def active_leads(session: Session, patch_ids: Sequence[UUID] | Select[Any]) -> dict[UUID, list[Lead]]:
    """Leads attached to patches now, in the order of their ids."""
    rows = session.execute(
        select(PatchLeadRow.patch_id, LeadRow)
        .join(LeadRow, LeadRow.lead_id == PatchLeadRow.lead_id)
        .where(PatchLeadRow.patch_id.in_(patch_ids), PatchLeadRow.detached_at.is_(None))
        .order_by(PatchLeadRow.patch_id, LeadRow.lead_id)
    )
    found: dict[UUID, list[Lead]] = {}
    for patch_id, row in rows:
        found.setdefault(patch_id, []).append(_lead(row))
    return found


def next_serial(session: Session, prefix: str) -> int:
    """Next free serial of a county and period; others wait until this transaction ends, so no gaps."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(:space, hashtext(:prefix))"),
        {"space": LOCK_SPACE_NUMBER, "prefix": prefix},
    )
    serial = func.max(func.split_part(PatchRow.number, "-", 3).cast(_INTEGER))
    highest = session.scalar(select(serial).where(PatchRow.number.like(f"{prefix}-%")))
    return int(highest or 0) + 1


def add_patch(session: Session, patch: Patch) -> None:
    """Insert a patch."""
    values = {"patch_id": patch.patch_id, "number": patch.number, "created_at": patch.created_at}
    session.add(PatchRow(**values, division_code=patch.division_code, **_shape_values(patch.shape)))
    session.flush()


def reshape_patch(session: Session, patch_id: UUID, shape: PatchShape, division_code: str) -> None:
    """Store what the leads of a patch now make of it."""
    values = {"division_code": division_code, **_shape_values(shape)}
    session.execute(update(PatchRow).where(PatchRow.patch_id == patch_id).values(**values))


def attach(session: Session, patch_id: UUID, lead_ids: Sequence[UUID], now: datetime) -> None:
    """Make leads part of a patch."""
    session.add_all(
        [PatchLeadRow(patch_id=patch_id, lead_id=lead_id, attached_at=now) for lead_id in lead_ids]
    )
    session.flush()


def detach(session: Session, patch_id: UUID, lead_id: UUID, now: datetime) -> None:
    """End a lead's part in a patch; the link stays as history."""
    session.execute(
        update(PatchLeadRow)
        .where(
            PatchLeadRow.patch_id == patch_id,
            PatchLeadRow.lead_id == lead_id,
            PatchLeadRow.detached_at.is_(None),
        )
        .values(detached_at=now)
    )


def patches(session: Session, patch_ids: Sequence[UUID] | None = None) -> list[Patch]:
    """Patches in the order of their numbers: those named, or all that the actor sees."""
    query = select(PatchRow).order_by(PatchRow.number)
    if patch_ids is not None:
        query = query.where(PatchRow.patch_id.in_(patch_ids))
    return [_patch(row) for row in session.scalars(query)]


def patch_by_number(session: Session, number: str) -> UUID | None:
    """Id of the patch with a number."""
    return session.scalar(select(PatchRow.patch_id).where(PatchRow.number == number))


def unjudged(session: Session) -> list[UUID]:
    """Patches that have no judgement yet, in the order of their numbers."""
    judged = select(JudgementRow.patch_id)
    query = select(PatchRow.patch_id).where(PatchRow.patch_id.not_in(judged)).order_by(PatchRow.number)
    return list(session.scalars(query))


def patches_touching(session: Session, area: BaseGeometry) -> list[Patch]:
    """Patches whose boxes touch an area, in the order of their numbers."""
    query = select(PatchRow).where(_touches(PatchRow.geometry, area)).order_by(PatchRow.number)
    return [_patch(row) for row in session.scalars(query)]


def village_outlines(session: Session, area: BaseGeometry) -> list[tuple[str, BaseGeometry]]:
    """Codes and outlines of the villages that touch the box of an area."""
    rows = session.execute(
        select(DivisionRow.code, DivisionRow.outline)
        .where(DivisionRow.level == VILLAGE_LEVEL, _touches(DivisionRow.outline, shapely.box(*area.bounds)))
        .order_by(DivisionRow.code)
    )
    return [(code, to_shape(outline)) for code, outline in rows]


def keep_rules(session: Session, sha256: str, content: str, now: datetime) -> None:
    """Keep a rule set by its hash."""
    values = {"sha256": sha256, "text": content, "first_used_at": now}
    session.execute(insert(RuleSetRow).values(**values).on_conflict_do_nothing(index_elements=["sha256"]))


def rules_text(session: Session, sha256: str) -> str | None:
    """Canonical JSON of a kept rule set."""
    return session.scalar(select(RuleSetRow.text).where(RuleSetRow.sha256 == sha256))


def newest_judgements(session: Session, patch_ids: Sequence[UUID]) -> dict[UUID, Judgement]:
    """The newest revision of each patch that has one."""
    rows = session.scalars(
        select(JudgementRow)
        .where(JudgementRow.patch_id.in_(patch_ids))
        .ext(distinct_on(JudgementRow.patch_id))
        .order_by(JudgementRow.patch_id, JudgementRow.revision.desc())
    )
    return {row.patch_id: _judgement(row) for row in rows}


def judgement(session: Session, judgement_id: UUID) -> Judgement | None:
    """One revision."""
    row = session.get(JudgementRow, judgement_id)
    return _judgement(row) if row else None


def revisions(session: Session, patch_id: UUID) -> list[Judgement]:
    """All revisions of a patch, oldest first."""
    query = select(JudgementRow).where(JudgementRow.patch_id == patch_id).order_by(JudgementRow.revision)
    return [_judgement(row) for row in session.scalars(query)]


def add_judgement(session: Session, made: Judgement, division_code: str) -> None:
    """Insert a revision."""
    result = made.result
    session.add(
        JudgementRow(
            judgement_id=made.judgement_id,
            patch_id=made.patch_id,
            division_code=division_code,
            revision=made.revision,
            suggestion=made.suggestion,
            violation_code=made.violation_code,
            severity=made.severity,
            is_borderline=made.is_borderline,
            law_date=made.law_date,
            inputs=made.inputs_text,
            result=made.result_text,
            result_sha256=made.result_sha256,
            basic_farmland_m2=result["areas_m2"]["basic_farmland_m2"],
            cropland_m2=result["areas_m2"]["cropland_m2"],
            made_at=made.made_at,
        )
    )
    session.flush()


def add_label(session: Session, values: Mapping[str, Any]) -> None:
    """Insert what people found."""
    session.add(FieldLabelRow(**values))
    session.flush()


def labels(session: Session) -> Sequence[FieldLabelRow]:
    """All labels, oldest first."""
    return session.scalars(select(FieldLabelRow).order_by(FieldLabelRow.recorded_at)).all()


_INTEGER = PatchLeadRow.link_id.type


def _touches(column: Any, area: BaseGeometry) -> ColumnElement[bool]:
    """By boxes, which the index answers behind row-level security, then by geometry."""
    shape = from_shape(area, srid=STORAGE_EPSG)
    return and_(column.op("&&")(shape), func.ST_Intersects(column, shape))


def _shape_values(shape: PatchShape) -> dict[str, Any]:
    return {
        "geometry": from_shape(shape.outline, srid=STORAGE_EPSG),
        "area_m2": shape.area_m2,
        "area_min_m2": shape.area_min_m2,
        "area_max_m2": shape.area_max_m2,
        "change_class": shape.change_class,
        "confidence": shape.confidence,
        "before_at": shape.before_at,
        "after_at": shape.after_at,
    }


def _lead_values(lead: Lead, now: datetime) -> dict[str, Any]:
    polygons = [part for part in shapely.get_parts(lead.outline) if part.geom_type == "Polygon"]
    return {
        "lead_id": lead.lead_id,
        "source": lead.source,
        "run_id": lead.run_id,
        "division_code": lead.division_code,
        "observed_from": lead.observed_from,
        "observed_to": lead.observed_to,
        "geometry": from_shape(shapely.MultiPolygon(polygons), srid=STORAGE_EPSG),
        "area_m2": lead.area_m2,
        "area_min_m2": lead.area_min_m2,
        "area_max_m2": lead.area_max_m2,
        "change_class": lead.change_class,
        "class_probabilities": _plain(lead.class_probabilities),
        "confidence": lead.confidence,
        "witnesses": _plain(lead.witnesses),
        "before_chip_sha256": lead.before_chip_sha256,
        "after_chip_sha256": lead.after_chip_sha256,
        "attributes": _plain(lead.attributes),
        "created_at": now,
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """numpy numbers as Python's."""
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}


def _lead(row: LeadRow) -> Lead:
    return Lead(
        row.lead_id,
        row.source,
        row.division_code,
        row.observed_from,
        row.observed_to,
        to_shape(row.geometry),
        row.area_m2,
        row.area_min_m2,
        row.area_max_m2,
        row.change_class,
        row.confidence,
        run_id=row.run_id,
        class_probabilities=row.class_probabilities,
        witnesses=row.witnesses,
        before_chip_sha256=row.before_chip_sha256,
        after_chip_sha256=row.after_chip_sha256,
        attributes=row.attributes,
    )


def _patch(row: PatchRow) -> Patch:
    outline = to_shape(row.geometry)
    shape = PatchShape(
        shapely.MultiPolygon(shapely.get_parts(outline).tolist()),
        row.area_m2,
        row.area_min_m2,
        row.area_max_m2,
        row.change_class,
        row.confidence,
        row.before_at,
        row.after_at,
    )
    return Patch(row.patch_id, row.number, row.division_code, shape, row.created_at)


def _judgement(row: JudgementRow) -> Judgement:
    return Judgement(row.judgement_id, row.patch_id, row.revision, row.inputs, row.result, row.made_at)

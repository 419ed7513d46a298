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
from detection.patches import Patch, PatchShape, Standing
from detection.tables import (
    DetectionRunRow,
    FieldLabelRow,
    JudgementRow,
    LeadDecisionRow,
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
METRES_A_DEGREE = 66_000.0
"""At least so many metres make a degree anywhere in China: boxes widened by it are wide enough."""
SIGHTING_REACH_DEG = 0.005
"""Farther than the place of any sighting that may join a patch unasked lies from it."""


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
    """Leads that belong to no patch now and that nobody dismissed: of those named, or of all."""
    query = select(LeadRow).where(*is_waiting()).order_by(LeadRow.lead_id)
    if lead_ids is not None:
        query = query.where(LeadRow.lead_id.in_(lead_ids))
    return [_lead(row) for row in session.scalars(query)]


def sightings_near(session: Session, leads: Sequence[Lead]) -> list[Lead]:
    """Sightings that wait within the boxes of some leads, widened by the reach of any certain sighting."""
    # Boxes of leads overlap: side by side in one geometry they would not be a valid one.
    boxes = shapely.union_all([shapely.box(*lead.ground.bounds) for lead in leads])
    near = _touches(LeadRow.place, shapely.buffer(boxes, SIGHTING_REACH_DEG, join_style="mitre"))
    query = select(LeadRow).where(near, *is_waiting()).order_by(LeadRow.lead_id)
    return [_lead(row) for row in session.scalars(query)]


def parted(session: Session, lead_ids: Sequence[UUID]) -> frozenset[tuple[UUID, UUID]]:
    """Leads, and the patches that a person took them out of."""
    query = select(PatchLeadRow.lead_id, PatchLeadRow.patch_id).where(
        PatchLeadRow.lead_id.in_(lead_ids), PatchLeadRow.detached_at.is_not(None)
    )
    return frozenset((row.lead_id, row.patch_id) for row in session.execute(query))


def lock_ground(session: Session, cells: Iterable[int]) -> None:
    """Hold grid cells until the transaction ends; always in ascending order, so that nobody deadlocks."""
    for cell in cells:
        session.execute(
            text("SELECT pg_advisory_xact_lock(:space, :cell)"), {"space": LOCK_SPACE_CELL, "cell": cell}
        )


def candidates_near(
    session: Session, leads: Sequence[Lead], *, reach_m: float = 0.0, is_locking: bool = False
) -> list[Candidate]:
    """Patches whose boxes touch those of some leads, with the leads that make them, and their standing.

    Parameters
    ----------
    reach_m : float
        Further around the leads.
    is_locking : bool
        Hold the patches until the transaction ends, in the order of their ids: nobody else reshapes or
        settles them meanwhile.
    """
    # Boxes of leads overlap: side by side in one geometry they would not be a valid one.
    boxes = shapely.union_all([shapely.box(*lead.ground.bounds) for lead in leads])
    area = shapely.buffer(boxes, reach_m / METRES_A_DEGREE, join_style="mitre") if reach_m else boxes
    query = select(PatchRow).where(_touches(PatchRow.geometry, area)).order_by(PatchRow.patch_id)
    if is_locking:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    standings = {row.patch_id: _standing(row) for row in session.scalars(query)}
    found = active_leads(session, list(standings))
    return [Candidate(patch_id, tuple(told), standings[patch_id]) for patch_id, told in found.items()]


def lock_patch(session: Session, patch_id: UUID) -> Standing | None:
    """Hold one patch until the transaction ends; its standing."""
    query = select(PatchRow).where(PatchRow.patch_id == patch_id).with_for_update(key_share=True)
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _standing(row)


def set_standing(session: Session, patch_id: UUID, standing: Standing) -> None:
    """Store how the matter of a patch stands. Whatever it is now, a relapse has been dealt with."""
    values = {
        "standing": standing.state,
        "settled_at": standing.settled_at,
        "watched_until": standing.watched_until,
        "relapsed_at": None,
    }
    session.execute(update(PatchRow).where(PatchRow.patch_id == patch_id).values(**values))


def mark_relapse(
    session: Session, patch_id: UUID, *, since: datetime | None, found_at: datetime | None
) -> None:
    """Note that it happened again on the ground of a closed patch; ``found_at`` None takes the note back."""
    values = {"shaped_since": since, "relapsed_at": found_at}
    session.execute(update(PatchRow).where(PatchRow.patch_id == patch_id).values(**values))


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
    values |= {"division_code": patch.division_code, "follows_patch_id": patch.follows_patch_id}
    session.add(PatchRow(**values, **_shape_values(patch.shape)))
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


def end_attachment(session: Session, lead_id: UUID, now: datetime) -> None:
    """A person's attachment of a lead stands no longer."""
    session.execute(
        update(LeadDecisionRow)
        .where(
            LeadDecisionRow.lead_id == lead_id,
            LeadDecisionRow.kind == "attached",
            LeadDecisionRow.undone_at.is_(None),
        )
        .values(undone_at=now)
    )


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


def is_waiting() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Belongs to no patch now, and nobody's dismissal stands."""
    attached = select(PatchLeadRow.lead_id).where(PatchLeadRow.detached_at.is_(None))
    dismissed = select(LeadDecisionRow.lead_id).where(
        LeadDecisionRow.kind == "dismissed", LeadDecisionRow.undone_at.is_(None)
    )
    return LeadRow.lead_id.not_in(attached), LeadRow.lead_id.not_in(dismissed)


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
    return {
        "lead_id": lead.lead_id,
        "source": lead.source,
        "run_id": lead.run_id,
        "division_code": lead.division_code,
        "observed_from": lead.observed_from,
        "observed_to": lead.observed_to,
        "geometry": _stored_outline(lead.outline),
        "place": None if lead.place is None else from_shape(lead.place, srid=STORAGE_EPSG),
        "radius_m": lead.radius_m,
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


def _stored_outline(outline: BaseGeometry | None) -> Any:
    if outline is None:
        return None
    polygons = [part for part in shapely.get_parts(outline) if part.geom_type == "Polygon"]
    return from_shape(shapely.MultiPolygon(polygons), srid=STORAGE_EPSG)


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
        None if row.geometry is None else to_shape(row.geometry),
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
        place=None if row.place is None else shapely.Point(to_shape(row.place).coords[0]),
        radius_m=row.radius_m,
    )


def _standing(row: PatchRow) -> Standing:
    return Standing(row.standing, row.settled_at, row.watched_until, row.shaped_since)


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
    stored = (row.patch_id, row.number, row.division_code, shape, row.created_at)
    return Patch(*stored, _standing(row), row.follows_patch_id)


def _judgement(row: JudgementRow) -> Judgement:
    return Judgement(row.judgement_id, row.patch_id, row.revision, row.inputs, row.result, row.made_at)

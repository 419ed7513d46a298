"""All SQL of the second stage. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from detection import store as detection_store
from detection.leads import Lead
from detection.second_stage.models import KIND, ModelRecord
from detection.second_stage.tables import DetectionModelRow
from detection.tables import DetectionRunRow, FieldLabelRow, PatchRow

WITHDRAWN = "withdrawn"


class Label(NamedTuple):
    """What people last signed about a patch."""

    label_id: UUID
    patch_id: UUID
    number: str
    division_code: str
    verdict: str
    change_class: str | None
    reason_code: str | None
    recorded_at: datetime


class RunFacts(NamedTuple):
    """A comparison, as far as its objects' facts need it."""

    method: str
    method_version: str
    residual_px: float | None
    no_change_control: float | None


def models(session: Session) -> list[ModelRecord]:
    """All trained models, newest first."""
    query = select(DetectionModelRow).where(DetectionModelRow.kind == KIND)
    rows = session.scalars(query.order_by(DetectionModelRow.trained_at.desc(), DetectionModelRow.model_id))
    return [_record(row) for row in rows]


def find_model(session: Session, model_id: UUID) -> ModelRecord | None:
    """One trained model."""
    row = session.get(DetectionModelRow, model_id)
    return _record(row) if row is not None and row.kind == KIND else None


def active_model(session: Session) -> ModelRecord | None:
    """The model that serves; None: the shipped one."""
    query = select(DetectionModelRow).where(DetectionModelRow.kind == KIND, DetectionModelRow.is_active)
    row = session.scalar(query)
    return _record(row) if row is not None else None


def add_model(session: Session, record: ModelRecord) -> None:
    """Insert a trained model."""
    session.add(DetectionModelRow(kind=KIND, **asdict(record)))
    session.flush()


def activate(session: Session, model_id: UUID | None, now: datetime) -> None:
    """Let a model serve, and none beside it; None: the shipped one."""
    serving = DetectionModelRow.kind == KIND, DetectionModelRow.is_active
    session.execute(update(DetectionModelRow).where(*serving).values(is_active=False))
    if model_id is not None:
        chosen = update(DetectionModelRow).where(DetectionModelRow.model_id == model_id)
        session.execute(chosen.values(is_active=True, activated_at=now))
    session.expire_all()


def newest_labels(
    session: Session, *, since: datetime | None = None, until: datetime | None = None
) -> list[Label]:
    """The newest label of each patch that the actor sees, by time; of a period, those signed in it.

    A verdict that was taken back (``withdrawn``) leaves its patch without a label.
    """
    newest = (
        select(FieldLabelRow)
        .ext(distinct_on(FieldLabelRow.patch_id))
        .order_by(FieldLabelRow.patch_id, FieldLabelRow.recorded_at.desc(), FieldLabelRow.label_id.desc())
        .subquery()
    )
    query = (
        select(
            newest.c.label_id,
            newest.c.patch_id,
            PatchRow.number,
            newest.c.division_code,
            newest.c.verdict,
            func.coalesce(newest.c.change_class, PatchRow.change_class),
            newest.c.reason_code,
            newest.c.recorded_at,
        )
        .join(PatchRow, PatchRow.patch_id == newest.c.patch_id)
        .where(newest.c.verdict != WITHDRAWN)
        .order_by(newest.c.recorded_at, newest.c.label_id)
    )
    if since is not None:
        query = query.where(newest.c.recorded_at >= since)
    if until is not None:
        query = query.where(newest.c.recorded_at < until)
    return [Label(*row) for row in session.execute(query)]


def leads_of(session: Session, patch_ids: Sequence[UUID]) -> dict[UUID, list[Lead]]:
    """Leads that make each patch now."""
    return detection_store.active_leads(session, list(patch_ids))


def run_facts(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, RunFacts]:
    """The comparisons that leads came from."""
    rows = session.scalars(select(DetectionRunRow).where(DetectionRunRow.run_id.in_(run_ids)))
    return {
        row.run_id: RunFacts(
            row.method,
            row.method_version,
            row.registration.get("residual_px"),
            row.control.get("no_change_control"),
        )
        for row in rows
    }


def _record(row: DetectionModelRow) -> ModelRecord:
    return ModelRecord(
        row.model_id,
        row.trained_at,
        row.trained_by,
        row.data_sha256,
        row.label_count,
        row.data_until,
        row.scores,
        row.blob_sha256,
        row.is_active,
        row.activated_at,
    )

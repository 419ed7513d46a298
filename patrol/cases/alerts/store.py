"""SQL of warnings. Never commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from patrol.cases.tables import WarningRow
from patrol.tables import CaseEventRow, CaseRow


def told_keys(session: Session, now: datetime) -> set[tuple[object, ...]]:
    """Warnings told of clocks that still run: ``(patch, clock, deadline, level)``."""
    statement = select(WarningRow.patch_id, WarningRow.clock, WarningRow.due_at, WarningRow.level)
    rows = session.execute(statement.where(WarningRow.kind == "warn", WarningRow.due_at > now))
    return {tuple(row) for row in rows}


def escalations(session: Session, patch_id: UUID, clock: str, due_at: datetime) -> list[WarningRow]:
    """Who was told of a missed clock, first to last."""
    statement = select(WarningRow).where(
        WarningRow.patch_id == patch_id,
        WarningRow.clock == clock,
        WarningRow.due_at == due_at,
        WarningRow.kind == "escalate",
    )
    return list(session.scalars(statement.order_by(WarningRow.level)))


def cases_in(session: Session, states: Iterable[str]) -> list[CaseRow]:
    """Cases in some states."""
    statement = select(CaseRow).where(CaseRow.state.in_(sorted(states)))
    return list(session.scalars(statement.order_by(CaseRow.patch_id)))


def events_by_case(session: Session, patch_ids: Sequence[UUID]) -> dict[UUID, list[CaseEventRow]]:
    """Time lines of many cases, undone moves left out."""
    statement = select(CaseEventRow).where(
        CaseEventRow.patch_id.in_(list(patch_ids)), CaseEventRow.undone_by.is_(None)
    )
    found: dict[UUID, list[CaseEventRow]] = {}
    for event in session.scalars(statement.order_by(CaseEventRow.patch_id, CaseEventRow.version)):
        found.setdefault(event.patch_id, []).append(event)
    return found

"""SQL of leads that wait, and of what people decided about them. Never commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from detection import store
from detection.leads import Lead
from detection.tables import LeadDecisionRow, LeadRow, PatchLeadRow


def waiting_ids(session: Session, *, limit: int) -> tuple[list[UUID], int]:
    """The newest leads that wait, and how many there are."""
    waits = store.is_waiting()
    order = (LeadRow.observed_to.desc(), LeadRow.lead_id)
    ids = session.scalars(select(LeadRow.lead_id).where(*waits).order_by(*order).limit(limit))
    total = session.scalar(select(func.count()).select_from(LeadRow).where(*waits))
    return list(ids), int(total or 0)


def find_lead(session: Session, lead_id: UUID) -> Lead | None:
    """One lead, where the actor may see it."""
    found = store.leads_by_id(session, [lead_id])
    return found[0] if found else None


def patch_of(session: Session, lead_id: UUID) -> UUID:
    """The patch that a lead belongs to; it belongs to one."""
    query = select(PatchLeadRow.patch_id).where(
        PatchLeadRow.lead_id == lead_id, PatchLeadRow.detached_at.is_(None)
    )
    return session.scalars(query).one()


def add_decision(session: Session, decision: LeadDecisionRow) -> None:
    """Insert what a person decided."""
    session.add(decision)
    session.flush()


def standing_decision(session: Session, lead_id: UUID) -> LeadDecisionRow | None:
    """What stands of the decisions about a lead."""
    query = select(LeadDecisionRow).where(
        LeadDecisionRow.lead_id == lead_id, LeadDecisionRow.undone_at.is_(None)
    )
    return session.scalar(query.execution_options(populate_existing=True))


def end_decision(session: Session, decision_id: UUID, now: datetime) -> None:
    """Mark a decision as undone; it stays as history."""
    session.execute(
        update(LeadDecisionRow).where(LeadDecisionRow.decision_id == decision_id).values(undone_at=now)
    )

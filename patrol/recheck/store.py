"""SQL of the weekly lottery. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from patrol.recheck.tables import RecheckDrawRow, RecheckTicketRow

CLOSED = text(
    """
    SELECT c.patch_id, p.number, c.division_code, c.closed_at, p.area_m2, c.violation_code,
           ST_AsGeoJSON(p.geometry, 7, 0) AS outline,
           ARRAY(SELECT DISTINCT e.actor_id FROM case_event e WHERE e.patch_id = c.patch_id) AS involved
    FROM case_file c JOIN patch p USING (patch_id)
    WHERE c.state = 'closed' AND c.verdict_kind = 'unlawful'
      AND c.closed_at >= :since AND c.closed_at < :until
      AND starts_with(c.division_code, :prefix)
      AND NOT EXISTS (SELECT FROM recheck_ticket t WHERE t.patch_id = c.patch_id)
    ORDER BY p.number
    """
)
DISTANCE = text(
    """
    SELECT ST_Distance(ST_SetSRID(ST_GeomFromGeoJSON(CAST(:outline AS text)), 4490)::geography,
                       ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography)
    """
)


def find_draw(session: Session, week: str, division_code: str) -> RecheckDrawRow | None:
    """The lottery of a week."""
    return session.scalar(
        select(RecheckDrawRow).where(
            RecheckDrawRow.week == week, RecheckDrawRow.division_code == division_code
        )
    )


def closed_cases(session: Session, prefix: str, since: datetime, until: datetime) -> list[RowMapping]:
    """Closed violations that were never drawn."""
    return list(session.execute(CLOSED, {"prefix": prefix, "since": since, "until": until}).mappings())


def audit_head(session: Session) -> tuple[int, str]:
    """Number and hash of the newest link of the audit chain."""
    row = session.execute(text("SELECT seq, hash FROM audit_head")).one()
    return int(row.seq), str(row.hash)


def tickets_of(session: Session, draw_id: UUID) -> list[RecheckTicketRow]:
    """Tickets of a lottery by the number of their cases."""
    rows = session.scalars(
        select(RecheckTicketRow).where(RecheckTicketRow.draw_id == draw_id).order_by(RecheckTicketRow.number)
    )
    return list(rows)


def open_tickets(session: Session, account_id: UUID) -> list[RecheckTicketRow]:
    """Tickets that somebody still has to answer, soonest first."""
    rows = session.scalars(
        select(RecheckTicketRow)
        .where(RecheckTicketRow.holder_account_id == account_id, RecheckTicketRow.outcome.is_(None))
        .order_by(RecheckTicketRow.due_at, RecheckTicketRow.number)
    )
    return list(rows)


def lock_ticket(session: Session, ticket_id: UUID) -> RecheckTicketRow | None:
    """One ticket, held until the transaction ends."""
    return session.scalar(
        select(RecheckTicketRow).where(RecheckTicketRow.ticket_id == ticket_id).with_for_update()
    )


def distance_m(session: Session, outline: str, lonlat: Sequence[float]) -> float:
    """From an outline (GeoJSON) to a place, along the ellipsoid."""
    values: dict[str, Any] = {"outline": outline, "lon": lonlat[0], "lat": lonlat[1]}
    return float(session.execute(DISTANCE, values).scalar_one())

"""SQL of what a bundle holds beside evidence. Never commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from foundation.tables import AuditExportRow


def exported_heads(session: Session) -> list[AuditExportRow]:
    """Heads that were taken elsewhere, oldest first."""
    return list(session.scalars(select(AuditExportRow).order_by(AuditExportRow.seq)))


def entries_about(session: Session, subjects: Sequence[str]) -> list[dict[str, Any]]:
    """Audit entries about some subjects, in order."""
    statement = text("SELECT * FROM audit_entry WHERE subject_id = ANY(:ids) ORDER BY seq")
    return [dict(row) for row in session.execute(statement, {"ids": list(subjects)}).mappings()]


def entries_between(session: Session, first: int, last: int) -> list[dict[str, Any]]:
    """Audit entries by number, both ends included."""
    statement = text("SELECT * FROM audit_entry WHERE seq BETWEEN :first AND :last ORDER BY seq")
    rows = session.execute(statement, {"first": first, "last": last})
    return [dict(row) for row in rows.mappings()]


def tracks_of(session: Session, patch_id: UUID) -> list[dict[str, Any]]:
    """Outings during which the patch was visited by the holder of the task: GeoJSON lines, EPSG:4490."""
    rows = session.execute(
        text(
            "SELECT DISTINCT p.patrol_id, p.started_at, p.ended_at, ST_AsGeoJSON(p.track, 7, 0) AS line"
            " FROM visit v JOIN assignment a USING (assignment_id) JOIN patrol p ON p.post_id = a.post_id"
            " WHERE v.patch_id = :patch AND p.track IS NOT NULL"
            " AND v.device_time BETWEEN p.started_at AND p.ended_at ORDER BY p.started_at, p.patrol_id"
        ),
        {"patch": patch_id},
    )
    return [
        {
            "patrol_id": row.patrol_id,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            "line": json.loads(row.line),
        }
        for row in rows
    ]


def visit_places(session: Session, patch_id: UUID) -> dict[UUID, tuple[float, float]]:
    """Where each visit was recorded, EPSG:4490."""
    rows = session.execute(
        text("SELECT visit_id, ST_X(location) AS lon, ST_Y(location) AS lat FROM visit WHERE patch_id = :id"),
        {"id": patch_id},
    )
    return {row.visit_id: (row.lon, row.lat) for row in rows}

"""SQL of findings. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import MappingResult, RowMapping, text
from sqlalchemy.orm import Session

from patrol.tables import FindingRow

READ = """
SELECT f.finding_id, f.patrol_id, f.category, f.found_at, f.note, f.division_code, f.by_id, f.by_name,
       f.lead_id, f.radius_m, ST_X(f.place) AS lon, ST_Y(f.place) AS lat,
       (SELECT coalesce(d.reason_code, 'other') FROM lead_decision d WHERE d.lead_id = f.lead_id
        AND d.kind = 'dismissed' AND d.undone_at IS NULL ORDER BY d.made_at DESC LIMIT 1) AS dismissed,
       p.patch_id, p.number, c.state, c.verdict_kind,
       ARRAY(SELECT e.evidence_id FROM evidence e WHERE e.finding_id = f.finding_id
             ORDER BY e.captured_at, e.evidence_id) AS photos
FROM finding f
LEFT JOIN patch_lead l ON l.lead_id = f.lead_id AND l.detached_at IS NULL
LEFT JOIN patch p ON p.patch_id = l.patch_id
LEFT JOIN case_file c ON c.patch_id = l.patch_id
"""


def find(session: Session, finding_id: UUID) -> FindingRow | None:
    """One finding as it was told."""
    return session.get(FindingRow, finding_id)


def read(session: Session, finding_id: UUID) -> RowMapping | None:
    """One finding as it stands."""
    return _read(session, "WHERE f.finding_id = :id", id=finding_id).first()


def read_lead(session: Session, lead_id: UUID) -> RowMapping | None:
    """The finding behind a lead, as it stands."""
    return _read(session, "WHERE f.lead_id = :id", id=lead_id).first()


def newest_of(session: Session, account_id: UUID, limit: int) -> Sequence[RowMapping]:
    """What one person found, newest first."""
    order = "WHERE f.by_id = :id ORDER BY f.found_at DESC, f.finding_id LIMIT :limit"
    return _read(session, order, id=account_id, limit=limit).all()


def _read(session: Session, which: str, **values: Any) -> MappingResult:
    return session.execute(text(READ + which), values).mappings()

"""Reports in the database; row-level security keeps each caller to its own area."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import MappingResult, RowMapping, text, update
from sqlalchemy.orm import Session

from patrol.citizens.reports import Said
from patrol.citizens.tables import CitizenPhotoRow, CitizenReportRow

NEAR_M, NEAR_DEG = 300.0, 0.01
"""Reports so close may tell of the same thing; the degrees hold the metres anywhere in China."""
READ = """
SELECT r.report_id, r.division_code, r.category, r.description, ST_X(r.place) AS lon, ST_Y(r.place) AS lat,
       r.radius_m, r.received_at, r.lead_id, a.satisfaction, a.remark,
       EXISTS (SELECT FROM lead_decision d WHERE d.lead_id = r.lead_id AND d.kind = 'dismissed'
               AND d.undone_at IS NULL) AS is_dismissed,
       c.state, c.verdict_kind,
       ARRAY(SELECT p.sha256 FROM citizen_photo p WHERE p.report_id = r.report_id ORDER BY p.seq) AS photos,
       ARRAY(SELECT o.report_id FROM citizen_report o WHERE o.report_id <> r.report_id
             AND o.place && ST_Expand(r.place, :near_deg)
             AND ST_DWithin(o.place::geography, r.place::geography, :near_m)
             ORDER BY o.received_at DESC LIMIT 20) AS near
FROM citizen_report r
LEFT JOIN citizen_answer a USING (report_id)
LEFT JOIN patch_lead l ON l.lead_id = r.lead_id AND l.detached_at IS NULL
LEFT JOIN case_file c ON c.patch_id = l.patch_id
"""


def add_report(session: Session, values: dict[str, Any], said: Said, photos: Sequence[str]) -> None:
    """Store a report with its photos."""
    place = None if said.lonlat is None else from_shape(shapely.Point(said.lonlat), srid=4490)
    session.add(
        CitizenReportRow(
            division_code=said.division_code,
            category=said.category,
            description=said.description.strip(),
            place=place,
            radius_m=None if place is None else said.radius_m,
            **values,
        )
    )
    session.flush()
    for seq, sha256 in enumerate(photos):
        session.add(CitizenPhotoRow(report_id=values["report_id"], seq=seq, sha256=sha256))
    session.flush()


def set_lead(
    session: Session, report_id: UUID, lead_id: UUID, lonlat: tuple[float, float], radius: float
) -> None:
    """Say where a report lies and which lead it became."""
    session.execute(
        update(CitizenReportRow)
        .where(CitizenReportRow.report_id == report_id)
        .values(lead_id=lead_id, place=from_shape(shapely.Point(lonlat), srid=4490), radius_m=radius)
    )


def lock(session: Session, report_id: UUID) -> None:
    """Let nobody else place or answer this report until the transaction ends."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": f"citizen:{report_id}"}
    )


def find(session: Session, report_id: UUID) -> RowMapping | None:
    """One report as it stands."""
    return _read(session, "WHERE r.report_id = :id", id=report_id).first()


def find_by_code(session: Session, code_sha256: str) -> RowMapping | None:
    """The report that a code follows."""
    return _read(session, "WHERE r.code_sha256 = :code", code=code_sha256).first()


def newest(session: Session, limit: int) -> Sequence[RowMapping]:
    """Newest reports first."""
    return _read(session, "ORDER BY r.received_at DESC LIMIT :limit", limit=limit).all()


def _read(session: Session, which: str, **values: Any) -> MappingResult:
    values |= {"near_m": NEAR_M, "near_deg": NEAR_DEG}
    return session.execute(text(READ + which), values).mappings()

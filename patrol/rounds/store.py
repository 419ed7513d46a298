"""SQL of outings. Never commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from patrol.tables import PatrolRow


def find_patrol(session: Session, patrol_id: UUID) -> PatrolRow | None:
    """One outing."""
    return session.get(PatrolRow, patrol_id)


def ground_of(session: Session, division_code: str) -> BaseGeometry | None:
    """Ground that a post of a division walks: its grid cells, else the outline of the division.

    Returns
    -------
    MultiPolygon or None
        EPSG:4490, lon/lat.
    """
    found = session.execute(
        text(
            "SELECT ST_AsBinary(coalesce((SELECT ST_Union(geometry) FROM grid_cell WHERE valid_to IS NULL"
            " AND starts_with(division_code, landwarden_prefix(:code))),"
            " (SELECT outline FROM division WHERE code = :code)))"
        ),
        {"code": division_code},
    ).scalar()
    return shapely.from_wkb(bytes(found)) if found is not None else None


def formers(
    session: Session, patrol: PatrolRow, *, since: datetime, tolerance: float, limit: int
) -> list[PatrolRow]:
    """Earlier outings on the ground of one's division of about the same duration, most alike first."""
    minutes = patrol.duration_min
    found = session.scalars(
        select(PatrolRow)
        .where(
            PatrolRow.division_code == patrol.division_code,
            PatrolRow.patrol_id != patrol.patrol_id,
            PatrolRow.started_at >= since,
            PatrolRow.started_at < patrol.started_at,
            PatrolRow.track.is_not(None),
            PatrolRow.duration_min.between(minutes * (1 - tolerance), minutes * (1 + tolerance)),
        )
        .order_by(func.abs(PatrolRow.duration_min - minutes), PatrolRow.patrol_id)
        .limit(limit)
    )
    return list(found)


def proved_tasks(session: Session, post_id: UUID, started_at: datetime, ended_at: datetime) -> int:
    """Patches visited on an assignment of this post during an outing."""
    return int(
        session.execute(
            text(
                "SELECT count(DISTINCT v.patch_id) FROM visit v JOIN assignment a USING (assignment_id)"
                " WHERE a.post_id = :post_id AND v.device_time BETWEEN :started_at AND :ended_at"
            ),
            {"post_id": post_id, "started_at": started_at, "ended_at": ended_at},
        ).scalar_one()
    )

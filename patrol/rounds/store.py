"""SQL of outings. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from patrol.tables import PatrolRow, PostRow

FORMERS = text(
    """
    SELECT new.patrol_id AS of_id, former.patrol_id, former.fixes, former.started_at, former.ended_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:codes AS text[]), CAST(:begins AS timestamptz[]),
                CAST(:minutes AS float8[])) AS new (patrol_id, code, begins, minutes)
    CROSS JOIN LATERAL (
        SELECT patrol_id, fixes, started_at, ended_at FROM patrol
        WHERE division_code = new.code AND track IS NOT NULL AND patrol_id <> new.patrol_id
          AND started_at < new.begins AND started_at >= new.begins - CAST(:window AS interval)
          AND duration_min BETWEEN new.minutes * (1 - :tolerance) AND new.minutes * (1 + :tolerance)
        ORDER BY abs(duration_min - new.minutes), patrol_id LIMIT :most
    ) AS former
    """
)


def find_patrols(session: Session, patrol_ids: Sequence[UUID]) -> dict[UUID, PatrolRow]:
    """Those of some outings that are recorded."""
    rows = session.scalars(select(PatrolRow).where(PatrolRow.patrol_id.in_(patrol_ids)))
    return {row.patrol_id: row for row in rows}


def patrols_of(
    session: Session, post_ids: Sequence[UUID], walker_id: UUID, begin: datetime, end: datetime
) -> list[tuple[PatrolRow, str]]:
    """Outings of some posts, or walked by somebody, of a span of time, newest first, with titles."""
    is_own = PatrolRow.post_id.in_(post_ids) | (PatrolRow.walker_id == walker_id)
    statement = (
        select(PatrolRow, PostRow.title)
        .join(PostRow, PostRow.post_id == PatrolRow.post_id)
        .where(is_own, PatrolRow.started_at >= begin, PatrolRow.started_at < end)
        .order_by(PatrolRow.started_at.desc(), PatrolRow.patrol_id)
    )
    return [(row, title) for row, title in session.execute(statement)]


def findings_of(session: Session, patrol_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many findings each outing has; of the one who walked it, where that is known."""
    rows = session.execute(
        text(
            "SELECT p.patrol_id, count(*) AS findings FROM patrol p JOIN finding f USING (patrol_id)"
            " WHERE p.patrol_id = ANY(:ids) AND (p.walker_id IS NULL OR f.by_id = p.walker_id) GROUP BY 1"
        ),
        {"ids": list(patrol_ids)},
    )
    return {row.patrol_id: row.findings for row in rows}


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
    session: Session, patrols: Sequence[PatrolRow], *, window: timedelta, tolerance: float, limit: int
) -> dict[UUID, list[Row[Any]]]:
    """For each new outing the recorded ones on its division's ground of about its duration, most alike first.

    Rows have ``patrol_id, fixes, started_at, ended_at``.
    """
    if not patrols:
        return {}
    rows = session.execute(
        FORMERS,
        {
            "ids": [patrol.patrol_id for patrol in patrols],
            "codes": [patrol.division_code for patrol in patrols],
            "begins": [patrol.started_at for patrol in patrols],
            "minutes": [patrol.duration_min for patrol in patrols],
            "window": window,
            "tolerance": tolerance,
            "most": limit,
        },
    ).all()
    found: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.of_id, []).append(row)
    return found


def proved_tasks(
    session: Session, post_id: UUID, started_at: datetime, ended_at: datetime, walker_id: UUID | None
) -> int:
    """Patches visited on an assignment of this post during an outing, by its walker if known."""
    return int(
        session.execute(
            text(
                "SELECT count(DISTINCT v.patch_id) FROM visit v JOIN assignment a USING (assignment_id)"
                " WHERE a.post_id = :post_id AND v.device_time BETWEEN :started_at AND :ended_at"
                " AND v.visitor_id = coalesce(CAST(:walker AS uuid), v.visitor_id)"
            ),
            {"post_id": post_id, "started_at": started_at, "ended_at": ended_at, "walker": walker_id},
        ).scalar_one()
    )

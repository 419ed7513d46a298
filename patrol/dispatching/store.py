"""SQL of dispatching: what people have to do, corrected ground, shared patches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from patrol.dispatching.loads import Given
from patrol.dispatching.tables import CorrectionRow, HelperRow
from patrol.net.grid import CellShare
from patrol.net.posts import Holder
from patrol.tables import AssignmentRow

UNDONE = ("queued", "waiting", "sent", "signed")
ON_SITE = ("verify", "rectify", "recheck")
GIVEN = text(
    """
    SELECT count(*) FILTER (WHERE created_at >= :day) AS day, count(*) AS week FROM assignment
    WHERE kind = 'verify' AND status NOT IN ('queued', 'returned', 'cancelled') AND created_at >= :week
    AND (holder_account_id = :account_id OR (post_id = :post_id AND holder_name = :name))
    """
)
BESIDE_CELL = text(
    """
    WITH rest AS (
        SELECT ST_Difference(p.geometry, c.geometry) AS geometry, ST_Area(p.geometry::geography) AS area_m2
        FROM patch p, grid_cell c WHERE p.patch_id = :patch_id AND c.cell_id = :cell_id
    )
    SELECT c.cell_id, c.code, c.name, c.division_code, ST_Area(c.geometry::geography) AS cell_m2,
           ST_Area(ST_Intersection(c.geometry, r.geometry)::geography) AS overlap_m2, r.area_m2
    FROM rest r JOIN grid_cell c ON c.geometry && r.geometry AND ST_Intersects(c.geometry, r.geometry)
    WHERE c.valid_to IS NULL AND c.cell_id <> :cell_id
    """
)
CORRECTED = text(
    """
    SELECT correction_id, to_post_id, share FROM (
        SELECT d.correction_id, d.to_post_id, d.recorded_at,
               ST_Area(ST_Intersection(d.ground, p.geometry)::geography)
               / nullif(ST_Area(p.geometry::geography), 0) AS share
        FROM patch p JOIN dispatch_correction d ON d.ground && p.geometry
        WHERE p.patch_id = :patch_id AND d.revoked_at IS NULL
    ) AS found WHERE share >= :overlap ORDER BY recorded_at DESC, correction_id
    """
)
CORRECTIONS = text(
    """
    SELECT d.correction_id, d.division_code, p.number AS patch_number, d.patch_id, f.title AS from_title,
           f.holder_name AS from_name, t.title AS to_title, t.holder_name AS to_name, d.why, d.recorded_at,
           d.recorded_by_name, d.revoked_at, d.revoked_by_name, d.revoked_reason
    FROM dispatch_correction d JOIN patch p USING (patch_id) JOIN post f ON f.post_id = d.from_post_id
    JOIN post t ON t.post_id = d.to_post_id
    WHERE :with_revoked OR d.revoked_at IS NULL
    ORDER BY d.revoked_at IS NOT NULL, d.recorded_at DESC, d.correction_id LIMIT :limit
    """
)
PAST = text(
    """
    SELECT e.seq, e.patch_id, e.at, e.facts, o.number, o.division_code, o.severity, v.post_id, v.lasted
    FROM case_event e JOIN patch_overview o USING (patch_id)
    LEFT JOIN LATERAL (
        SELECT a.post_id, a.done_at - a.created_at AS lasted FROM assignment a WHERE a.patch_id = e.patch_id
        AND a.kind = 'verify' AND a.status <> 'queued' AND a.created_at >= e.at
        ORDER BY a.created_at, a.assignment_id LIMIT 1
    ) v ON true
    WHERE e.action = 'dispatch' AND e.undone_by IS NULL AND e.at >= :first AND e.at < :until
    ORDER BY e.at, o.number LIMIT :limit
    """
)
HELPS = """
    SELECT h.helper_id, h.patch_id, h.patch_number, h.division_code, h.cell_code, h.share, h.named_at,
           t.title AS helper_title, t.holder_name AS helper_name, h.lead_named, h.post_id, h.lead_post_id,
           ST_AsGeoJSON(h.outline, 7) AS outline,
           ST_X(ST_PointOnSurface(h.outline)) AS lon, ST_Y(ST_PointOnSurface(h.outline)) AS lat
    FROM dispatch_helper h JOIN post t ON t.post_id = h.post_id
    WHERE h.ended_at IS NULL AND {which} ORDER BY h.named_at, h.helper_id
"""
HELPER_NAMED = text(
    """
    INSERT INTO dispatch_helper (helper_id, patch_id, division_code, helper_division_code, post_id,
        lead_post_id, lead_named, cell_code, share, patch_number, outline, named_at)
    SELECT :helper_id, patch_id, division_code, :helper_division_code, :post_id, :lead_post_id, :lead_named,
           :cell_code, :share, number, geometry, :named_at FROM patch WHERE patch_id = :patch_id
    """
)
CORRECTION_ADDED = text(
    """
    INSERT INTO dispatch_correction (correction_id, patch_id, division_code, ground, from_post_id, to_post_id,
        why, recorded_at, recorded_by, recorded_by_name)
    SELECT :correction_id, patch_id, division_code, geometry, :from_post_id, :to_post_id, :why, :recorded_at,
           :recorded_by, :recorded_by_name FROM patch WHERE patch_id = :patch_id
    """
)


def open_loads(session: Session, post_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Undone tasks on site of each post, those included that are still on their way down."""
    rows = session.execute(
        select(AssignmentRow.post_id, func.count().label("open_count"))
        .where(
            AssignmentRow.post_id.in_(post_ids),
            AssignmentRow.status.in_(UNDONE),
            AssignmentRow.kind.in_(ON_SITE),
        )
        .group_by(AssignmentRow.post_id)
    )
    return {row.post_id: row.open_count for row in rows}


def given_to(session: Session, holder: Holder, *, day: datetime, week: datetime) -> Given:
    """Tasks on site laid out for a person since the day and the week began, in whatever post."""
    row = session.execute(
        GIVEN,
        {
            "day": day,
            "week": week,
            "account_id": holder.account_id,
            "post_id": holder.post.post_id,
            "name": holder.name,
        },
    ).one()
    return Given(row.day, row.week)


def severity_of(session: Session, patch_id: UUID) -> int:
    """Severity by the newest judgement; 1 where there is none."""
    return int(
        session.execute(
            text("SELECT severity FROM patch_overview WHERE patch_id = :id"), {"id": patch_id}
        ).scalar()
        or 1
    )


def cells_beside(session: Session, patch_id: UUID, cell_id: UUID) -> tuple[list[CellShare], float]:
    """Cells under what of a patch lies outside a cell, and the area of the whole patch (m², ellipsoidal)."""
    rows = session.execute(BESIDE_CELL, {"patch_id": patch_id, "cell_id": cell_id}).all()
    shares = [
        CellShare(row.cell_id, row.code, row.name, row.division_code, row.cell_m2, row.overlap_m2)
        for row in rows
    ]
    return shares, rows[0].area_m2 if rows else 0.0


def corrections_on(session: Session, patch_id: UUID, overlap: float) -> list[tuple[UUID, UUID, float]]:
    """Corrections in force on a patch's ground, newest first: id, the post named, the part they cover."""
    rows = session.execute(CORRECTED, {"patch_id": patch_id, "overlap": overlap})
    return [(row.correction_id, row.to_post_id, row.share) for row in rows]


def past_dispatches(session: Session, *, first: datetime, until: datetime, limit: int) -> list[RowMapping]:
    """Dispatches of a span that were not undone, with how long the task on site lasted."""
    rows = session.execute(PAST, {"first": first, "until": until, "limit": limit})
    return list(rows.mappings())


def add_correction(session: Session, **values: object) -> None:
    """Store a correction on the ground of a patch."""
    session.execute(CORRECTION_ADDED, values)


def list_corrections(session: Session, *, with_revoked: bool, limit: int) -> list[RowMapping]:
    """Corrections that may be seen, those in force first, newest first."""
    values = {"with_revoked": with_revoked, "limit": limit}
    return list(session.execute(CORRECTIONS, values).mappings())


def lock_correction(session: Session, correction_id: UUID) -> CorrectionRow | None:
    """One correction, locked."""
    return session.scalars(
        select(CorrectionRow).where(CorrectionRow.correction_id == correction_id).with_for_update()
    ).one_or_none()


def add_helper(session: Session, **values: object) -> None:
    """Store who helps with a patch."""
    session.execute(HELPER_NAMED, values)


def open_helpers(session: Session, patch_id: UUID) -> list[HelperRow]:
    """Who helps with a patch now: one, or nobody."""
    return list(
        session.scalars(select(HelperRow).where(HelperRow.patch_id == patch_id, HelperRow.ended_at.is_(None)))
    )


def end_idle_helpers(session: Session, now: datetime) -> int:
    """End the help with patches that are no longer on their way or being visited; how many."""
    ended = session.execute(
        text(
            "UPDATE dispatch_helper h SET ended_at = :now FROM case_file c WHERE c.patch_id = h.patch_id"
            " AND h.ended_at IS NULL AND c.state NOT IN ('dispatched', 'to_verify') RETURNING 1"
        ),
        {"now": now},
    )
    return len(ended.all())


def helps_of_posts(session: Session, post_ids: Collection[UUID]) -> list[RowMapping]:
    """Shared patches with which some posts help."""
    statement = text(HELPS.format(which="h.post_id = ANY(:ids)"))
    return list(session.execute(statement, {"ids": list(post_ids)}).mappings())


def helps_in_sight(session: Session, limit: int) -> list[RowMapping]:
    """Shared patches that the session sees, from the lead's side or the helper's."""
    statement = text(HELPS.format(which="true") + " LIMIT :limit")
    return list(session.execute(statement, {"limit": limit}).mappings())


def helps_of_patch(session: Session, patch_id: UUID) -> list[RowMapping]:
    """Who helps with a patch."""
    return list(session.execute(text(HELPS.format(which="h.patch_id = :id")), {"id": patch_id}).mappings())

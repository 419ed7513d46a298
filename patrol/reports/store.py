"""SQL of the facts that reports count. Never commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.divisions import LEVEL_DIGITS
from patrol.net.store import answering
from patrol.reports.indicators import Decision, Outing, Rectification, Step, Verification
from patrol.tables import BulletinRow

FIRST_SOURCE = """
    coalesce((SELECT l.source FROM patch_lead pl JOIN lead l USING (lead_id)
              WHERE pl.patch_id = {alias}.patch_id AND pl.detached_at IS NULL
              ORDER BY l.created_at, l.lead_id LIMIT 1), 'satellite')
"""


def people(
    session: Session, prefix: str, first: date, last: date, tiers: Sequence[int] = (1, 2, 3, 4)
) -> list[RowMapping]:
    """Holders of posts of some tiers at some time in a period, by number: one row for each time in a post."""
    return _all(
        session,
        "SELECT post_id, t.person_name AS holder_name, p.title, p.tier, p.kind, p.division_code,"
        " greatest(p.valid_from, t.valid_from) AS valid_from, least(p.valid_to, t.valid_to) AS valid_to"
        " FROM post p JOIN post_tenure t USING (post_id)"
        " WHERE starts_with(p.division_code, :prefix) AND p.valid_from <= :last"
        " AND (p.valid_to IS NULL OR p.valid_to > :first) AND tier = ANY(:tiers) AND t.part = 'holder'"
        " AND t.valid_from <= :last AND (t.valid_to IS NULL OR t.valid_to > greatest(:first, t.valid_from))"
        " ORDER BY post_no, t.valid_from, t.tenure_id",
        tiers=list(tiers),
        prefix=prefix,
        first=first,
        last=last,
    )


def walked_by_seat(session: Session, spans: Mapping[str, tuple[UUID, datetime, datetime]]) -> dict[str, int]:
    """Valid outings of posts, each between two moments of its own."""
    rows = session.execute(
        text(
            # A look-up of the post for each seat, and its days as a filter of the count: a join, or days in
            # the look-up, would read the outings of everybody.
            "SELECT s.seat, (SELECT count(*)"
            " FILTER (WHERE p.started_at >= s.begins AND p.started_at < s.ends)"
            " FROM patrol p WHERE p.post_id = s.post_id AND p.is_valid)"
            " FROM unnest(CAST(:seats AS text[]), CAST(:posts AS uuid[]),"
            " CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]))"
            " AS s (seat, post_id, begins, ends)"
        ),
        {
            "seats": list(spans),
            "posts": [post for post, _, _ in spans.values()],
            "begins": [begin for _, begin, _ in spans.values()],
            "ends": [end for _, _, end in spans.values()],
        },
    )
    return {row[0]: row[1] for row in rows}


def walked(
    session: Session, prefix: str, spans: Sequence[tuple[datetime, datetime]]
) -> list[dict[UUID, int]]:
    """Valid outings of each post, counted by the database, for each of some spans that follow one another."""
    wanted = ", ".join(
        f"count(*) FILTER (WHERE started_at >= :begin{n} AND started_at < :end{n})" for n in range(len(spans))
    )
    values: dict[str, Any] = {"prefix": prefix, "begin": min(begin for begin, _ in spans)}
    values["end"] = max(end for _, end in spans)
    for place, (begin, end) in enumerate(spans):
        values |= {f"begin{place}": begin, f"end{place}": end}
    rows = session.execute(
        text(
            f"SELECT post_id, {wanted} FROM patrol WHERE is_valid AND starts_with(division_code, :prefix)"
            " AND started_at >= :begin AND started_at < :end GROUP BY post_id"
        ),
        values,
    ).all()
    return [{row[0]: row[place + 1] for row in rows} for place in range(len(spans))]


def has_outings(session: Session, prefix: str, begin: datetime, end: datetime) -> bool:
    """Whether anybody went out between two moments."""
    statement = text(
        "SELECT EXISTS (SELECT FROM patrol WHERE starts_with(division_code, :prefix)"
        " AND started_at >= :begin AND started_at < :end)"
    )
    values = {"prefix": prefix, "begin": begin, "end": end}
    return bool(session.execute(statement, values).scalar_one())


def outings(session: Session, prefix: str, begin: datetime, end: datetime) -> list[Outing]:
    """Patrols that began between two moments."""
    rows = _all(
        session,
        "SELECT patrol_id, post_id, started_at, is_valid FROM patrol"
        " WHERE starts_with(division_code, :prefix) AND started_at >= :begin AND started_at < :end"
        " ORDER BY started_at, patrol_id",
        prefix=prefix,
        begin=begin,
        end=end,
    )
    return [Outing(**row) for row in rows]


def verifications(session: Session, prefix: str) -> list[Verification]:
    """Visits that were asked for; those taken away overdue ended when they were taken away."""
    rows = _all(
        session,
        "SELECT assignment_id, patch_id, division_code, due_at, done_at FROM assignment"
        " WHERE kind = 'verify' AND starts_with(division_code, :prefix)"
        " AND (status IN ('sent', 'signed', 'done') OR (status = 'cancelled' AND reason_code = 'overdue'))"
        " ORDER BY due_at, assignment_id",
        prefix=prefix,
    )
    return [Verification(**row) for row in rows]


def steps(session: Session, prefix: str) -> list[Step]:
    """Steps that had a deadline: those left, and those still open."""
    rows = _all(
        session,
        "SELECT concat(patch_id, '/', version) AS key, patch_id, division_code, due_at, at AS left_at"
        " FROM case_event WHERE due_at IS NOT NULL AND undone_by IS NULL AND action <> 'undo'"
        " AND starts_with(division_code, :prefix)"
        " UNION ALL SELECT concat(patch_id, '/open'), patch_id, division_code, due_at, NULL FROM case_file"
        " WHERE due_at IS NOT NULL AND starts_with(division_code, :prefix) ORDER BY 1",
        prefix=prefix,
    )
    return [Step(**row) for row in rows]


def decisions(session: Session, prefix: str) -> list[Decision]:
    """Verdicts in force, with the source that found the patch first."""
    rows = _all(
        session,
        f"SELECT patch_id, division_code, {FIRST_SOURCE.format(alias='c')} AS source, verdict_kind AS kind,"
        " reason_code, verdict_at AS decided_at FROM case_file c"
        " WHERE verdict_kind IS NOT NULL AND verdict_at IS NOT NULL"
        # What the desk suspects is not confirmed before somebody was there.
        " AND NOT (verdict_kind = 'unlawful' AND state IN ('triage', 'dispatched', 'to_verify'))"
        " AND starts_with(division_code, :prefix) ORDER BY patch_id",
        prefix=prefix,
    )
    return [Decision(**row) for row in rows]


def rectifications(session: Session, prefix: str) -> list[Rectification]:
    """Ordered rectifications with their deadline and their acceptance."""
    rows = _all(
        session,
        "SELECT e.patch_id, e.division_code, p.area_m2, e.at AS ordered_at,"
        " (SELECT min(a.due_at) FROM assignment a WHERE a.patch_id = e.patch_id AND a.kind = 'rectify'"
        "  AND a.created_at >= e.at) AS due_at,"
        " (SELECT min(k.at) FROM case_event k WHERE k.patch_id = e.patch_id AND k.action = 'accept_recheck'"
        "  AND k.undone_by IS NULL AND k.seq > e.seq) AS accepted_at"
        " FROM case_event e JOIN patch p USING (patch_id) WHERE e.action = 'order_rectification'"
        " AND e.undone_by IS NULL AND starts_with(e.division_code, :prefix)"
        " AND NOT EXISTS (SELECT FROM case_event later WHERE later.patch_id = e.patch_id"
        "  AND later.action = 'order_rectification' AND later.undone_by IS NULL AND later.seq > e.seq)"
        " ORDER BY e.patch_id",
        prefix=prefix,
    )
    return [Rectification(**row) for row in rows]


def tracks(session: Session, prefix: str, begin: datetime, end: datetime) -> list[RowMapping]:
    """Valid outings whose track was kept: packed fixes, begin and end."""
    return _all(
        session,
        "SELECT fixes, started_at, ended_at FROM patrol WHERE is_valid AND track IS NOT NULL"
        " AND starts_with(division_code, :prefix) AND started_at >= :begin AND started_at < :end"
        " ORDER BY patrol_id",
        prefix=prefix,
        begin=begin,
        end=end,
    )


def cropland(session: Session, prefix: str) -> list[RowMapping]:
    """Cropland (classes 0101-0103) of the newest change survey, cut by grid cell; areas ellipsoidal."""
    return _all(
        session,
        "SELECT code, division_code, ST_AsBinary(shape) AS shape, ST_Area(shape::geography) AS area_m2"
        " FROM (SELECT c.code, c.division_code, CASE WHEN ST_CoveredBy(f.geometry, c.geometry)"
        "  THEN f.geometry ELSE ST_Intersection(f.geometry, c.geometry) END AS shape"
        "  FROM grid_cell c JOIN layer_feature f ON ST_Intersects(f.geometry, c.geometry)"
        "  JOIN layer_version v USING (version_id) WHERE c.valid_to IS NULL AND v.valid_to IS NULL"
        "  AND starts_with(c.division_code, :prefix) AND f.layer_kind = 'land_survey'"
        "  AND left(f.land_class_code, 4) IN ('0101', '0102', '0103')) AS crop ORDER BY code",
        prefix=prefix,
    )


def leads_by_source(session: Session, prefix: str, begin: datetime, end: datetime) -> list[RowMapping]:
    """Leads received in a period; a person's correction of a patch is no finding."""
    return _all(
        session,
        "SELECT source, lead_id, division_code FROM lead WHERE starts_with(division_code, :prefix)"
        " AND NOT attributes ? 'corrects'"
        " AND created_at >= :begin AND created_at < :end ORDER BY source, lead_id",
        prefix=prefix,
        begin=begin,
        end=end,
    )


def moves(session: Session, prefix: str, begin: datetime, end: datetime) -> list[RowMapping]:
    """Moves of cases in a period, undone ones left out; a violation is confirmed after a visit only."""
    return _all(
        session,
        "SELECT e.seq, e.patch_id, p.number, e.division_code, e.to_state, e.at,"
        " CASE WHEN e.action = 'judge_unlawful' AND e.from_state = 'to_judge' THEN 'confirm_unlawful'"
        " ELSE e.action END AS action FROM case_event e"
        " JOIN patch p USING (patch_id) WHERE starts_with(e.division_code, :prefix) AND e.undone_by IS NULL"
        " AND e.at >= :begin AND e.at < :end ORDER BY e.seq",
        prefix=prefix,
        begin=begin,
        end=end,
    )


def stopped_visits(session: Session, prefix: str, begin: datetime, end: datetime) -> list[RowMapping]:
    """Visits on which the work was stopped on site."""
    return _all(
        session,
        "SELECT v.visit_id, v.patch_id, v.division_code FROM visit v"
        " WHERE starts_with(v.division_code, :prefix) AND (v.findings ->> 'is_stopped')::boolean"
        " AND v.received_at >= :begin AND v.received_at < :end ORDER BY v.visit_id",
        prefix=prefix,
        begin=begin,
        end=end,
    )


def patches_by_ids(session: Session, patch_ids: Sequence[str], on: date) -> dict[str, RowMapping]:
    """What lists and typical cases say of patches, with who stands in the owner's post on a day."""
    rows = _all(
        session,
        "SELECT o.patch_id, o.number, o.division_code, o.change_class, o.area_m2, o.basic_farmland_m2,"
        " o.cropland_m2, o.state, o.severity, coalesce(o.verdict_violation_code, o.suggested_violation_code)"
        " AS violation_code, o.due_at, o.before_at, o.after_at,"
        f" {answering('post', 'CAST(:day AS date)')} AS owner_name,"
        " post.title AS owner_title,"
        " (SELECT l.before_chip_sha256 FROM patch_lead pl JOIN lead l USING (lead_id)"
        "  WHERE pl.patch_id = o.patch_id AND pl.detached_at IS NULL AND l.before_chip_sha256 IS NOT NULL"
        "  ORDER BY l.created_at, l.lead_id LIMIT 1) AS before_chip,"
        " (SELECT l.after_chip_sha256 FROM patch_lead pl JOIN lead l USING (lead_id)"
        "  WHERE pl.patch_id = o.patch_id AND pl.detached_at IS NULL AND l.after_chip_sha256 IS NOT NULL"
        "  ORDER BY l.created_at, l.lead_id LIMIT 1) AS after_chip"
        " FROM patch_overview o LEFT JOIN post ON post.post_id = o.owner_post_id"
        " WHERE o.patch_id = ANY(CAST(:ids AS uuid[])) ORDER BY o.number",
        ids=list(patch_ids),
        day=on,
    )
    return {str(row["patch_id"]): row for row in rows}


def scenes_between(session: Session, county_prefix: str, begin: datetime, end: datetime) -> list[RowMapping]:
    """Images taken in a period, with what of them could not be seen."""
    return _all(
        session,
        "SELECT scene_id, sensor, acquired_at, cloud_pct, kind FROM scene"
        " WHERE starts_with(county_code, :prefix) AND acquired_at >= :begin AND acquired_at < :end"
        " ORDER BY acquired_at, scene_id",
        prefix=county_prefix[:6],
        begin=begin,
        end=end,
    )


def camera_signs(session: Session, prefix: str, begin: datetime, end: datetime) -> list[RowMapping]:
    """Registered cameras by id: signs of life received in a period, and the newest one before its end."""
    return _all(
        session,
        "SELECT c.camera_id, c.name, max(e.received_at) AS last_at,"
        " count(e.*) FILTER (WHERE e.received_at >= :begin) AS signs"
        " FROM camera c LEFT JOIN camera_event e ON e.camera_id = c.camera_id AND e.received_at < :end"
        " WHERE starts_with(c.division_code, :prefix) AND c.imported_at < :end"
        " GROUP BY c.camera_id, c.name ORDER BY c.camera_id",
        prefix=prefix,
        begin=begin,
        end=end,
    )


def units_below(session: Session, prefix: str, level: int) -> list[RowMapping]:
    """Divisions of a level in which there is a post or a patch."""
    return _all(
        session,
        "SELECT d.code, d.name, landwarden_prefix(d.code) AS prefix FROM division d WHERE d.level = :level"
        " AND starts_with(d.code, :prefix) AND left(d.code, :digits) IN (SELECT left(division_code, :digits)"
        " FROM post UNION SELECT left(division_code, :digits) FROM patch) ORDER BY d.code",
        prefix=prefix,
        level=level,
        digits=LEVEL_DIGITS[level],
    )


def find_bulletin(session: Session, kind: str, period: str, division_code: str) -> BulletinRow | None:
    """The bulletin of a kind, period and area, locked."""
    return session.scalar(
        select(BulletinRow)
        .where(
            BulletinRow.kind == kind,
            BulletinRow.period == period,
            BulletinRow.division_code == division_code,
        )
        .with_for_update()
    )


def bulletin_by_id(session: Session, bulletin_id: UUID) -> BulletinRow | None:
    """One bulletin."""
    return session.get(BulletinRow, bulletin_id)


def list_bulletins(session: Session) -> list[BulletinRow]:
    """All bulletins that may be seen, newest period first."""
    return list(
        session.scalars(
            select(BulletinRow).order_by(
                BulletinRow.period.desc(), BulletinRow.kind, BulletinRow.division_code
            )
        )
    )


def drafted(session: Session, division_code: str) -> set[tuple[str, str]]:
    """Kind and period of all bulletins of an area."""
    statement = select(BulletinRow.kind, BulletinRow.period)
    rows = session.execute(statement.where(BulletinRow.division_code == division_code))
    return {(row.kind, row.period) for row in rows}


def has_posts(session: Session) -> bool:
    """Whether the net has any post."""
    return bool(session.execute(text("SELECT EXISTS (SELECT FROM post)")).scalar_one())


def next_serial(session: Session, kind: str, year: int, division_code: str) -> int:
    """Number of the next bulletin of its kind in a year."""
    statement = text(
        "SELECT count(*) + 1 FROM bulletin WHERE kind = :kind AND left(period, 4) = :year"
        " AND division_code = :code"
    )
    values = {"kind": kind, "year": str(year), "code": division_code}
    return int(session.execute(statement, values).scalar_one())


def _all(session: Session, sql: str, **values: Any) -> list[RowMapping]:
    return list(session.execute(text(sql), values).mappings().all())

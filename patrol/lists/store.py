"""SQL of lists: filters, keyset pages in a total order, counts. Never commits."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.divisions import divisions
from foundation.errors import InvalidInput
from patrol.lists.views import PatchFilter
from patrol.net.store import answering

SORTS: dict[str, tuple[str, str, bool]] = {
    "-severity": ("o.severity", "int", True),
    "severity": ("o.severity", "int", False),
    "number": ("o.number", "text", False),
    "-number": ("o.number", "text", True),
    "-area_m2": ("o.area_m2", "float8", True),
    "area_m2": ("o.area_m2", "float8", False),
    "-basic_farmland_m2": ("o.basic_farmland_m2", "float8", True),
    "basic_farmland_m2": ("o.basic_farmland_m2", "float8", False),
    "due_at": ("coalesce(o.due_at, 'infinity')", "timestamptz", False),
    "-due_at": ("coalesce(o.due_at, '-infinity')", "timestamptz", True),
    "-updated_at": ("o.updated_at", "timestamptz", True),
}
"""Sort key -> expression, type, whether it descends. The number ends every order, so that it is total."""
LIMIT_MAX = 500
COLUMNS = f"""
    o.patch_id, o.number, o.division_code, o.change_class, o.area_m2, o.basic_farmland_m2, o.cropland_m2,
    o.state, o.display_state, o.version, o.due_at, o.updated_at, o.suggestion, o.severity,
    CASE WHEN o.verdict_kind IS NULL THEN o.suggested_violation_code
         ELSE o.verdict_violation_code END AS violation_code,
    {answering("owner", "(CAST(:now AS timestamptz) AT TIME ZONE 'Asia/Shanghai')::date")} AS owner_name,
    ST_X(at_point) AS lon, ST_Y(at_point) AS lat,
    ST_XMin(o.geometry) AS west, ST_YMin(o.geometry) AS south,
    ST_XMax(o.geometry) AS east, ST_YMax(o.geometry) AS north
"""
FROM = """
    FROM patch_overview o LEFT JOIN post owner ON owner.post_id = o.owner_post_id
    CROSS JOIN LATERAL ST_PointOnSurface(o.geometry) AS at_point
"""


class Keyset(NamedTuple):
    """Where a page ended: the sort value as text, and the number."""

    value: str
    number: str


def list_patches(
    session: Session,
    filters: PatchFilter,
    *,
    account_id: UUID,
    post_ids: Sequence[UUID],
    sort: str,
    limit: int,
    after: Keyset | None,
    now: datetime,
) -> list[RowMapping]:
    """One page, and one row more where there is a next page."""
    if sort not in SORTS:
        raise InvalidInput("patrol.list.unknown_sort", sort=sort, accepted=sorted(SORTS))
    expression, kind, descends = SORTS[sort]
    where, values = conditions(filters, account_id=account_id, post_ids=post_ids)
    if after is not None:
        sign = "<" if descends else ">"
        where.append(
            f"({expression} {sign} CAST(:after_value AS {kind}) OR"
            f" ({expression} = CAST(:after_value AS {kind}) AND o.number > :after_number))"
        )
        values |= {"after_value": after.value, "after_number": after.number}
    direction = "DESC" if descends else "ASC"
    statement = text(
        f"SELECT {COLUMNS}, CAST({expression} AS text) AS sort_value {FROM}"
        f" WHERE {' AND '.join(where)} ORDER BY {expression} {direction}, o.number LIMIT :limit"
    )
    return list(session.execute(statement, {**values, "limit": limit + 1, "now": now}).mappings())


def one_patch(session: Session, patch_id: UUID, now: datetime) -> RowMapping | None:
    """The list row of one patch."""
    statement = text(f"SELECT {COLUMNS} {FROM} WHERE o.patch_id = :patch_id")
    return session.execute(statement, {"patch_id": patch_id, "now": now}).mappings().one_or_none()


def patch_id_by_number(session: Session, number: str) -> UUID | None:
    """Id of a patch by its number."""
    statement = text("SELECT patch_id FROM patch WHERE number = :number")
    return session.execute(statement, {"number": number}).scalar()


def counts_by_state(
    session: Session, filters: PatchFilter, *, account_id: UUID, post_ids: Sequence[UUID]
) -> dict[str, int]:
    """Patches per displayed state."""
    where, values = conditions(filters, account_id=account_id, post_ids=post_ids)
    rows = session.execute(
        text(
            f"SELECT o.display_state AS state, count(*) AS n FROM patch_overview o"
            f" WHERE {' AND '.join(where)} GROUP BY 1"
        ),
        values,
    )
    return {row.state: row.n for row in rows}


def conditions(
    filters: PatchFilter, *, account_id: UUID, post_ids: Sequence[UUID]
) -> tuple[list[str], dict[str, Any]]:
    """WHERE clauses and their values; row-level security stands behind them."""
    where, values = ["o.severity >= :severity_min"], {"severity_min": filters.severity_min}
    bound: dict[str, Any] = dict(values)
    if filters.states:
        where.append("o.display_state = ANY(:states)")
        bound["states"] = list(filters.states)
    if filters.division_code:
        where.append("starts_with(o.division_code, :prefix)")
        bound["prefix"] = divisions().get(filters.division_code).prefix
    if filters.bbox:
        where.append("o.geometry && ST_MakeEnvelope(:w, :s, :e, :n, 4490)")
        bound |= dict(zip("wsen", filters.bbox, strict=True))
    if filters.change_class:
        where.append("o.change_class = :change_class")
        bound["change_class"] = filters.change_class
    if filters.q.strip():
        where.append(
            "(strpos(lower(o.number), lower(:q)) > 0 OR EXISTS (SELECT FROM division d WHERE d.level >= 3"
            " AND starts_with(o.division_code, landwarden_prefix(d.code)) AND strpos(d.name, :q) > 0))"
        )
        bound["q"] = filters.q.strip()
    if filters.is_mine:
        where.append(
            "(o.owner_post_id = ANY(:post_ids) OR EXISTS (SELECT FROM assignment a"
            " WHERE a.patch_id = o.patch_id AND a.status IN ('sent', 'signed')"
            " AND (a.holder_account_id = :account_id OR a.post_id = ANY(:post_ids))))"
        )
        bound |= {"post_ids": list(post_ids), "account_id": account_id}
    return where, bound


ASSIGNMENTS = """
    SELECT a.*, p.number, p.area_m2, p.change_class, c.version, post.title AS post_title,
           ST_X(ST_PointOnSurface(p.geometry)) AS lon, ST_Y(ST_PointOnSurface(p.geometry)) AS lat
    FROM assignment a JOIN patch p USING (patch_id) JOIN case_file c USING (patch_id)
    JOIN post USING (post_id)
"""


def assignments_of_patch(session: Session, patch_id: UUID) -> list[RowMapping]:
    """Assignments of one patch, oldest first."""
    statement = text(f"{ASSIGNMENTS} WHERE a.patch_id = :id ORDER BY a.created_at, a.tier, a.assignment_id")
    return list(session.execute(statement, {"id": patch_id}).mappings())


def list_assignments(
    session: Session,
    *,
    account_id: UUID,
    post_ids: Sequence[UUID],
    is_mine: bool,
    statuses: Sequence[str],
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> tuple[list[RowMapping], int]:
    """One page of assignments, soonest deadline first, and how many there are."""
    where = ["a.status = ANY(:statuses)"]
    values: dict[str, Any] = {"statuses": list(statuses), "limit": limit + 1}
    if is_mine:
        where.append("(a.holder_account_id = :account_id OR a.post_id = ANY(:post_ids))")
        values |= {"account_id": account_id, "post_ids": list(post_ids)}
    count = text(f"SELECT count(*) FROM assignment a WHERE {' AND '.join(where)}")
    total = int(session.execute(count, values).scalar_one())
    if after is not None:
        where.append("(a.due_at, a.assignment_id) > (:after_due, :after_id)")
        values |= {"after_due": after[0], "after_id": after[1]}
    statement = text(
        f"{ASSIGNMENTS} WHERE {' AND '.join(where)} ORDER BY a.due_at, a.assignment_id LIMIT :limit"
    )
    return list(session.execute(statement, values).mappings()), total


def visits_of(session: Session, patch_id: UUID) -> list[RowMapping]:
    """Visits of a patch in order of the device's counter within the time of receipt."""
    statement = text(
        "SELECT * FROM visit WHERE patch_id = :id ORDER BY received_at, device_counter, visit_id"
    )
    return list(session.execute(statement, {"id": patch_id}).mappings())


def account_names(session: Session, patch_id: UUID) -> dict[UUID, str]:
    """Names under which accounts acted on a case."""
    statement = text("SELECT DISTINCT actor_id, actor_name FROM case_event WHERE patch_id = :id")
    return {row.actor_id: row.actor_name for row in session.execute(statement, {"id": patch_id})}


def encode_cursor(*parts: str) -> str:
    """Opaque text of where a page ended."""
    return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, count: int) -> list[str]:
    """Parts of a cursor.

    Raises
    ------
    InvalidInput
        ``patrol.list.bad_cursor``.
    """
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise InvalidInput("patrol.list.bad_cursor", cursor=cursor[:80]) from error
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(x, str) for x in parts):
        raise InvalidInput("patrol.list.bad_cursor", cursor=cursor[:80])
    return parts

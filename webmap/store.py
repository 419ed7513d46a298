"""Reading SQL of the web floor: what no lower floor needs for itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


class PlatformState(NamedTuple):
    """What the readiness check asks of the database."""

    schema_version: str | None
    failed_jobs: int


class RunOfLead(NamedTuple):
    """The comparison that found a lead."""

    run_id: UUID
    method: str
    method_version: str
    before_scene_id: UUID
    after_scene_id: UUID


PLATFORM_STATE = text(
    """
    SELECT (SELECT version_num FROM alembic_version) AS schema_version,
           (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed') AS failed_jobs
    """
)
FIRST_DAY = text(
    """
    SELECT (least((SELECT min(opened_at) FROM case_file), (SELECT min(started_at) FROM patrol))
            AT TIME ZONE 'Asia/Shanghai')::date
    """
)


def platform_state(session: Session) -> PlatformState:
    """Schema version and dead-lettered jobs."""
    row = session.execute(PLATFORM_STATE).one()
    return PlatformState(row.schema_version, row.failed_jobs)


def newest_versions(session: Session, kind: str) -> list[UUID]:
    """Versions of a layer that are in force now, one a county, as far as the actor may see."""
    rows = session.execute(
        text("SELECT version_id FROM layer_version WHERE layer_kind = :kind AND valid_to IS NULL ORDER BY 1"),
        {"kind": kind},
    )
    return list(rows.scalars())


def version_counts(session: Session) -> dict[str, int]:
    """Layer kind -> number of versions ever imported."""
    rows = session.execute(text("SELECT layer_kind, count(*) AS n FROM layer_version GROUP BY 1"))
    return {row.layer_kind: row.n for row in rows}


def first_day(session: Session) -> date | None:
    """The first day of which the actor may see a case or a patrol."""
    return session.execute(FIRST_DAY).scalar()


def runs_of_leads(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, RunOfLead]:
    """Comparisons by id."""
    rows = session.execute(
        text(
            "SELECT run_id, method, method_version, before_scene_id, after_scene_id FROM detection_run"
            " WHERE run_id = ANY(:ids)"
        ),
        {"ids": list(run_ids)},
    )
    return {row.run_id: RunOfLead(*row) for row in rows}

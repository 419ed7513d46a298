"""SQL of cases, their events, assignments, visits and evidence. Never commits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.access import Actor
from patrol.cases.tables import ObjectionRow, PauseRow, WarningRow
from patrol.net.store import STANDING
from patrol.tables import AssignmentRow, CaseEventRow, CaseRow, EvidenceRow, PostRow, VisitRow

CHANNEL = "landwarden_live"
PATCH_FACTS = text(
    """
    SELECT p.patch_id, p.number, p.division_code, p.change_class,
           (SELECT f.number FROM patch f WHERE f.patch_id = p.follows_patch_id) AS follows_number,
           (SELECT j.suggestion FROM judgement j WHERE j.patch_id = p.patch_id
            ORDER BY j.revision DESC LIMIT 1) AS suggestion,
           (SELECT l.source FROM patch_lead pl JOIN lead l USING (lead_id)
            WHERE pl.patch_id = p.patch_id AND pl.detached_at IS NULL AND NOT l.attributes ? 'corrects'
            ORDER BY l.observed_to, l.lead_id LIMIT 1) AS source
    FROM patch p WHERE p.patch_id = :patch_id
    """
)


@dataclass(frozen=True, slots=True)
class PatchFacts:
    """What a case needs to know of its patch."""

    patch_id: UUID
    number: str
    division_code: str
    change_class: str
    suggestion: str | None
    source: str
    follows_number: str | None = None
    """Number of the settled patch on whose ground this one lies."""


def patch_facts(session: Session, patch_id: UUID) -> PatchFacts | None:
    """Facts of a patch, or None when there is none to be seen."""
    row = session.execute(PATCH_FACTS, {"patch_id": patch_id}).one_or_none()
    if row is None:
        return None
    return PatchFacts(
        row.patch_id,
        row.number,
        row.division_code,
        row.change_class,
        row.suggestion,
        row.source or "satellite",
        row.follows_number,
    )


def is_patch_number(session: Session, number: str) -> bool:
    """Whether a patch of this number is to be seen."""
    statement = text("SELECT EXISTS (SELECT FROM patch WHERE number = :number)")
    return bool(session.execute(statement, {"number": number}).scalar())


def lock_key(session: Session, key: str) -> None:
    """Wait until nobody else works under this key; held until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def find_case(session: Session, patch_id: UUID) -> CaseRow | None:
    """The case of a patch, not locked."""
    return session.get(CaseRow, patch_id)


def lock_case(session: Session, patch_id: UUID) -> CaseRow | None:
    """The case of a patch, locked until the transaction ends."""
    statement = select(CaseRow).where(CaseRow.patch_id == patch_id)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def patches_without_case(session: Session, limit: int) -> list[UUID]:
    """Patches that nobody has opened yet, in order of their numbers."""
    rows = session.execute(
        text(
            "SELECT p.patch_id FROM patch p WHERE NOT EXISTS"
            " (SELECT FROM case_file c WHERE c.patch_id = p.patch_id) ORDER BY p.number LIMIT :limit"
        ),
        {"limit": limit},
    )
    return list(rows.scalars())


def stale_triage(session: Session) -> list[UUID]:
    """Cases at the desk whose newest judgement came after their last event."""
    rows = session.execute(
        text(
            "SELECT c.patch_id FROM case_file c WHERE c.state = 'triage' AND c.verdict_kind IS NULL"
            " AND EXISTS (SELECT FROM judgement j WHERE j.patch_id = c.patch_id AND j.made_at >"
            " (SELECT max(e.at) FROM case_event e WHERE e.patch_id = c.patch_id)) ORDER BY c.patch_id"
        )
    )
    return list(rows.scalars())


def relapsed(session: Session) -> list[UUID]:
    """Closed cases on whose ground it happened again, in the order of their patches' numbers."""
    rows = session.execute(
        text(
            "SELECT p.patch_id FROM patch p JOIN case_file c USING (patch_id)"
            " WHERE p.relapsed_at IS NOT NULL AND c.state = 'closed' ORDER BY p.number"
        )
    )
    return list(rows.scalars())


def events_of(session: Session, patch_id: UUID) -> list[CaseEventRow]:
    """The time line in order of versions."""
    return list(
        session.scalars(
            select(CaseEventRow).where(CaseEventRow.patch_id == patch_id).order_by(CaseEventRow.version)
        )
    )


def last_event(session: Session, patch_id: UUID) -> CaseEventRow:
    """The newest move of a case; every case has one."""
    statement = select(CaseEventRow).where(CaseEventRow.patch_id == patch_id)
    return session.scalars(statement.order_by(CaseEventRow.version.desc()).limit(1)).one()


def find_event(session: Session, seq: int | None) -> CaseEventRow | None:
    """A move by its running number."""
    return None if seq is None else session.get(CaseEventRow, seq)


def add_event(session: Session, event: CaseEventRow) -> int:
    """Store a move; returns its running number."""
    session.add(event)
    session.flush()
    return event.seq


def notify(session: Session, payload: dict[str, Any]) -> None:
    """Tell listening servers when, and only when, this transaction commits."""
    session.execute(
        text("SELECT pg_notify(:channel, :payload)"),
        {"channel": CHANNEL, "payload": json.dumps(payload, ensure_ascii=False, separators=(",", ":"))},
    )


def assignments_of(session: Session, patch_id: UUID) -> list[AssignmentRow]:
    """All assignments of a patch, oldest first, from the higher tier down."""
    statement = select(AssignmentRow).where(AssignmentRow.patch_id == patch_id)
    return list(
        session.scalars(
            statement.order_by(AssignmentRow.created_at, AssignmentRow.tier, AssignmentRow.assignment_id)
        )
    )


def find_assignment(session: Session, assignment_id: UUID) -> AssignmentRow | None:
    """One assignment, not locked."""
    return session.get(AssignmentRow, assignment_id)


def overdue_assignments(session: Session, now: datetime) -> list[AssignmentRow]:
    """Sent or signed assignments whose deadline has passed, oldest deadline first."""
    statement = select(AssignmentRow).where(
        AssignmentRow.status.in_(("sent", "signed")), AssignmentRow.due_at < now
    )
    return list(session.scalars(statement.order_by(AssignmentRow.due_at, AssignmentRow.assignment_id)))


def queued_tasks(session: Session) -> list[AssignmentRow]:
    """Tasks that wait for room, in the order in which they go out."""
    statement = select(AssignmentRow).where(AssignmentRow.status == "queued")
    return list(session.scalars(statement.order_by(AssignmentRow.created_at, AssignmentRow.assignment_id)))


def queue_rows(session: Session, limit: int) -> list[RowMapping]:
    """Likewise, with what is shown of their patches and posts."""
    rows = session.execute(
        text(
            "SELECT a.patch_id, o.number, o.version, o.division_code, o.severity, p.title, a.holder_name,"
            " a.reason_code, a.created_at, a.due_at FROM assignment a JOIN patch_overview o USING (patch_id)"
            " JOIN post p ON p.post_id = a.post_id WHERE a.status = 'queued'"
            " ORDER BY a.created_at, a.assignment_id LIMIT :limit"
        ),
        {"limit": limit},
    )
    return list(rows.mappings())


def running_cases(session: Session) -> list[CaseRow]:
    """Cases with a clock, soonest deadline first."""
    statement = select(CaseRow).where(CaseRow.due_at.is_not(None))
    return list(session.scalars(statement.order_by(CaseRow.due_at, CaseRow.patch_id)))


def pauses_of(session: Session, patch_id: UUID) -> list[PauseRow]:
    """Pauses of a case in order of time, undone ones left out."""
    statement = select(PauseRow).where(PauseRow.patch_id == patch_id, PauseRow.is_undone.is_(False))
    return list(session.scalars(statement.order_by(PauseRow.started_at, PauseRow.pause_id)))


def open_pause(session: Session, case: CaseRow) -> PauseRow | None:
    """The pause that holds the clock now."""
    return None if case.pause_id is None else session.get(PauseRow, case.pause_id)


def end_pause(
    session: Session, case: CaseRow, actor: Actor, *, now: datetime, is_automatic: bool
) -> str | None:
    """End the pause of a case in its own row; its id. The case forgets it by the move."""
    row = open_pause(session, case)
    if row is None:
        return None
    if row.ended_at is None:
        row.ended_at, row.is_automatic = now, is_automatic
        row.ended_by, row.ended_name = actor.account_id, actor.name
    return str(row.pause_id)


def expired_pauses(session: Session, now: datetime) -> list[UUID]:
    """Cases whose pause has reached its end."""
    statement = select(CaseRow.patch_id).where(CaseRow.paused_until <= now)
    return list(session.scalars(statement.order_by(CaseRow.paused_until, CaseRow.patch_id)))


def objections_of(session: Session, patch_id: UUID) -> list[ObjectionRow]:
    """Objections to a patch, oldest first."""
    statement = select(ObjectionRow).where(ObjectionRow.patch_id == patch_id)
    return list(session.scalars(statement.order_by(ObjectionRow.raised_at, ObjectionRow.objection_id)))


def find_objection(session: Session, objection_id: UUID) -> ObjectionRow | None:
    """One objection, not locked: its case is."""
    return session.get(ObjectionRow, objection_id)


def open_objections(session: Session) -> list[ObjectionRow]:
    """Objections that wait for a decision, soonest deadline first."""
    statement = select(ObjectionRow).where(ObjectionRow.status == "open")
    return list(session.scalars(statement.order_by(ObjectionRow.due_at, ObjectionRow.objection_id)))


def warnings_of(session: Session, patch_id: UUID) -> list[WarningRow]:
    """Warnings told of a case, oldest first."""
    statement = select(WarningRow).where(WarningRow.patch_id == patch_id)
    return list(session.scalars(statement.order_by(WarningRow.told_at, WarningRow.warning_id)))


# A post in force in which somebody stands.
MANNED = "EXISTS (SELECT FROM standing s WHERE s.post_id = {post} AND {who})"
ANYBODY = "cardinality(s.names) > 0"
ORPHANED = f"""
    {STANDING}
    SELECT patch_id FROM (
        SELECT c.patch_id FROM case_file c WHERE c.state NOT IN ('closed', 'dismissed')
        AND NOT {MANNED.format(post="c.owner_post_id", who=ANYBODY)}
        UNION
        SELECT a.patch_id FROM assignment a WHERE a.status IN ('queued', 'waiting', 'sent', 'signed')
        AND NOT {MANNED.format(post="a.post_id", who="a.holder_name = ANY (s.names)")}
    ) AS orphans ORDER BY patch_id
"""


def orphaned_cases(session: Session, today: date) -> list[UUID]:
    """Open cases whose owner is gone, and cases one of whose tasks lies with somebody who is gone."""
    return list(session.execute(text(ORPHANED), {"today": today}).scalars())


def orphaned_objections(session: Session, today: date) -> list[ObjectionRow]:
    """Open objections whose decider is gone."""
    statement = text(
        f"{STANDING} SELECT o.objection_id FROM objection o WHERE o.status = 'open' AND NOT "
        + MANNED.format(post="o.owner_post_id", who=ANYBODY)
    )
    found = session.execute(statement, {"today": today}).scalars()
    return [row for one in found if (row := session.get(ObjectionRow, one)) is not None]


def disabled_holders(session: Session) -> list[UUID]:
    """Accounts that can no longer sign in, and still stand in a post."""
    statement = text(
        "SELECT account_id FROM account a WHERE a.disabled_at IS NOT NULL AND EXISTS (SELECT FROM post p"
        " WHERE a.account_id IN (p.holder_account_id, p.deputy_account_id)) ORDER BY account_id"
    )
    return list(session.execute(statement).scalars())


def posts_of_account(session: Session, account_id: UUID) -> list[PostRow]:
    """Posts in which somebody stands, as holder or deputy."""
    either = (PostRow.holder_account_id == account_id) | (PostRow.deputy_account_id == account_id)
    return list(session.scalars(select(PostRow).where(either).order_by(PostRow.post_no).with_for_update()))


def lock_post(session: Session, post_id: UUID) -> PostRow:
    """A post that is known to exist, locked."""
    return session.scalars(select(PostRow).where(PostRow.post_id == post_id).with_for_update()).one()


def find_visit(session: Session, visit_id: UUID) -> VisitRow | None:
    """One visit."""
    return session.get(VisitRow, visit_id)


def find_evidence(session: Session, evidence_id: UUID) -> EvidenceRow | None:
    """One piece of evidence."""
    return session.get(EvidenceRow, evidence_id)


def evidence_of(session: Session, patch_id: UUID) -> list[EvidenceRow]:
    """All evidence of a patch in order of receipt."""
    statement = select(EvidenceRow).where(EvidenceRow.patch_id == patch_id)
    return list(session.scalars(statement.order_by(EvidenceRow.received_at, EvidenceRow.evidence_id)))


def is_known_picture(session: Session, sha256: str, evidence_id: UUID) -> bool:
    """Whether the same bytes came in before under another id, as far as the actor may see."""
    statement = select(func.count()).where(
        EvidenceRow.sha256 == sha256, EvidenceRow.evidence_id != evidence_id
    )
    return bool(session.scalar(statement))


def distance_to_patch_m(session: Session, patch_id: UUID, lonlat: tuple[float, float]) -> float:
    """Geodesic distance from a CGCS2000 point to the patch's outline; 0 inside."""
    return float(
        session.execute(
            text(
                "SELECT ST_Distance(geometry::geography,"
                " ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography) FROM patch WHERE patch_id = :id"
            ),
            {"lon": lonlat[0], "lat": lonlat[1], "id": patch_id},
        ).scalar_one()
    )


def locations_of(session: Session, evidence_ids: Sequence[UUID]) -> dict[UUID, tuple[float, float]]:
    """CGCS2000 degrees of evidence that has a position."""
    rows = session.execute(
        text(
            "SELECT evidence_id, ST_X(location) AS lon, ST_Y(location) AS lat FROM evidence"
            " WHERE evidence_id = ANY(:ids) AND location IS NOT NULL"
        ),
        {"ids": list(evidence_ids)},
    )
    return {row.evidence_id: (row.lon, row.lat) for row in rows}


def names_of(session: Session, post_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Titles of posts."""
    rows = session.execute(
        text("SELECT post_id, title FROM post WHERE post_id = ANY(:ids)"), {"ids": list(set(post_ids))}
    )
    return {row.post_id: row.title for row in rows}


def point(lonlat: tuple[float, float]) -> str:
    """EWKT of a CGCS2000 point."""
    return f"SRID=4490;POINT({lonlat[0]:.9f} {lonlat[1]:.9f})"

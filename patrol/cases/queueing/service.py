"""The queue: what goes beyond what a person is given in a day or week waits here, and goes out in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.divisions import divisions
from foundation.errors import Conflict
from patrol.cases import store
from patrol.cases.assignments import Step
from patrol.cases.cases import transitions
from patrol.cases.dispatch import Way, chain_to, eased, set_off
from patrol.cases.ledger import AssignmentLog, Details, locked_case, situation_of, write_move
from patrol.cases.queueing.views import QueueView
from patrol.cases.reasons import reason_name
from patrol.dispatching import service as dispatching
from patrol.dispatching.loads import Turn
from patrol.tables import AssignmentRow, CaseRow

RELEASED = "released"


def list_queue(session: Session, actor: Actor, *, limit: int = 1000) -> list[QueueView]:
    """Patches that wait to be handed down, in the order in which they go out."""
    require(actor, "patch.dispatch")
    return [
        QueueView(
            patch_id=row["patch_id"],
            patch_number=row["number"],
            version=row["version"],
            division_code=row["division_code"],
            division_name=divisions().get(row["division_code"]).name,
            severity=row["severity"],
            post_title=row["title"],
            holder_name=row["holder_name"],
            reason_code=row["reason_code"],
            reason_name=reason_name(row["reason_code"], "queue") or "",
            queued_at=row["created_at"],
            latest_at=row["due_at"],
        )
        for row in store.queue_rows(session, limit)
    ]


def release_queued(
    session: Session,
    actor: Actor,
    *,
    now: datetime,
    attempt: Callable[[UUID, Callable[[], str | None]], str | None],
) -> list[UUID]:
    """Send out whatever there is room for, in the order of the queue; the others wait on.

    Parameters
    ----------
    attempt : callable
        Does one, so that what is wrong with it stays its own matter; says who has it then.

    Returns
    -------
    list of UUID
        Patches that went out.
    """
    require(actor, "clock.run")
    dispatching.end_idle_helps(session, actor, now=now)
    return [
        row.patch_id
        for row in store.queued_tasks(session)
        if attempt(row.patch_id, _trial(session, actor, row.patch_id, now)) is not None
    ]


def release_now(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    now: datetime,
    note: str | None = None,
    expected_version: int | None = None,
) -> CaseRow:
    """Send a queued patch out although the person's day or week is full.

    Raises
    ------
    Conflict
        ``patrol.dispatch.not_queued``, ``patrol.case.version_changed``, ``patrol.case.paused``.
    """
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    require(actor, "patch.dispatch", case.division_code)
    row = _queued_task(session, patch_id)
    if row is None:
        raise Conflict("patrol.dispatch.not_queued", patch_id=str(patch_id))
    _release(session, actor, case, row, *_way_out(session, actor, case, now), now=now, note=note)
    return case


def _trial(session: Session, actor: Actor, patch_id: UUID, now: datetime) -> Callable[[], str | None]:
    def release() -> str | None:
        case = locked_case(session, actor, patch_id)
        row = _queued_task(session, patch_id)
        if row is None or case.pause_id is not None or case.state != "dispatched":
            return None
        steps, turn = _way_out(session, actor, case, now)
        holder = steps[-1].holder
        waits = dispatching.why_waits(session, patch_id, holder, is_urgent=case.is_urgent, now=now)
        if waits is not None and row.due_at > now:
            if row.post_id == holder.post.post_id:
                row.reason_code = waits
            return None
        _release(session, actor, case, row, steps, turn, now=now, note=None)
        return holder.name

    return release


def _queued_task(session: Session, patch_id: UUID) -> AssignmentRow | None:
    return next((row for row in store.assignments_of(session, patch_id) if row.status == "queued"), None)


def _way_out(session: Session, actor: Actor, case: CaseRow, now: datetime) -> tuple[list[Step], Turn | None]:
    """The way down as things are now; a post chosen by hand is kept to while anybody stands in it."""
    events = [event for event in store.events_of(session, case.patch_id) if event.undone_by is None]
    facts = next(event.facts for event in reversed(events) if event.action == "dispatch")
    plan = facts["queue"]
    way = Way(plan["from_tier"], UUID(plan["post_id"]) if plan["post_id"] else None)
    try:
        return chain_to(session, actor, case, way, now)
    except Conflict as error:
        if way.post_id is None or error.code != "patrol.post.vacant":
            raise
        return chain_to(session, actor, case, Way(way.from_tier), now)


def _release(
    session: Session,
    actor: Actor,
    case: CaseRow,
    row: AssignmentRow,
    steps: list[Step],
    turn: Turn | None,
    *,
    now: datetime,
    note: str | None,
) -> None:
    move = transitions().find("release", situation_of(session, case))
    log = AssignmentLog(session)
    waited_for = {"queued_at": row.created_at.isoformat(), "queued_why": row.reason_code}
    log.change(row, status="cancelled", reason_code=RELEASED, done_at=now)
    details = set_off(session, actor, case, steps, log=log, is_urgent=case.is_urgent, now=now)
    facts = {**details.pop("facts"), **eased(steps, turn), **waited_for}
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(reason_code=RELEASED, note=note, facts=facts, **details),
    )

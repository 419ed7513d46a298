"""Clocks that ran out: the deputy is told first, then the tier above; never anybody without a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.errors import Conflict, LandwardenError
from patrol.cases import store
from patrol.cases.alerts.service import escalate_others, tell_warnings
from patrol.cases.assignments import Step
from patrol.cases.cases import FINAL_STATES, transitions
from patrol.cases.clocks import clock_table
from patrol.cases.dispatch import verify_deadline
from patrol.cases.ledger import AssignmentLog, Details, locked_case, situation_of, write_move
from patrol.cases.pausing import end_expired
from patrol.cases.queueing.service import release_queued
from patrol.cases.succession import rehome
from patrol.net import service as net
from patrol.net.posts import KINDS_BY_TIER, Holder, Post, deputy_of, holder_of, resolve_owner
from patrol.tables import AssignmentRow, CaseRow

HIGHEST_VISITOR_TIER = 3
"""County and city officers do not take over visits: above the township only the case escalates."""


@dataclass
class ClockReport:
    """What one run of the clocks did: escalated and to whom, warned of, resumed, given to others.

    Attributes
    ----------
    released : list of UUID
        Patches that waited in the queue and went out.
    failed : list of (UUID, str)
        Cases that could not be escalated, and the code of the error: the others are, all the same.
    """

    escalated: list[tuple[UUID, str]] = field(default_factory=list)
    warned: list[tuple[UUID, str]] = field(default_factory=list)
    resumed: list[UUID] = field(default_factory=list)
    rehomed: list[UUID] = field(default_factory=list)
    released: list[UUID] = field(default_factory=list)
    failed: list[tuple[UUID, str]] = field(default_factory=list)


def run_clocks(session: Session, actor: Actor, *, now: datetime) -> ClockReport:
    """Escalate what is overdue, name what soon will be. Running twice at one moment changes nothing more."""
    require(actor, "clock.run")
    report = ClockReport()
    report.rehomed = rehome(session, actor, now=now)
    report.resumed = end_expired(session, actor, now=now)
    report.released = release_queued(session, actor, now=now, attempt=partial(_done, session, report))
    touched = set(report.released)
    for row in store.overdue_assignments(session, now):
        if row.kind in {"hand_down", "verify"} and row.patch_id not in touched:
            escalate = partial(_escalate_assignment, session, actor, row, now=now)
            if _tried(session, report, row.patch_id, escalate):
                touched.add(row.patch_id)
    for case in store.running_cases(session):
        if case.due_at is None or case.state in FINAL_STATES or case.patch_id in touched:
            continue
        if case.due_at < now:
            escalate = partial(_escalate_case, session, actor, case.patch_id, now=now)
            _tried(session, report, case.patch_id, escalate)
    report.escalated += escalate_others(session, actor, now=now)
    report.warned = [*tell_warnings(session, actor, now=now)]
    return report


def _tried(session: Session, report: ClockReport, patch_id: UUID, escalate: Callable[[], str | None]) -> bool:
    """Escalate one case."""
    name = _done(session, report, patch_id, escalate)
    if name is not None:
        report.escalated.append((patch_id, name))
    return name is not None


def _done(session: Session, report: ClockReport, patch_id: UUID, act: Callable[[], str | None]) -> str | None:
    """Who has a case after something was done to it; what is wrong with it stays its own matter."""
    try:
        with session.begin_nested():
            return act()
    except LandwardenError as error:
        report.failed.append((patch_id, error.code))
        return None


def _escalate_assignment(session: Session, actor: Actor, row: AssignmentRow, *, now: datetime) -> str | None:
    """Give an overdue assignment to the deputy, then to the tier above; the name of who has it now."""
    case = locked_case(session, actor, row.patch_id)
    session.refresh(row)
    if row.status not in {"sent", "signed"} or row.due_at >= now or case.pause_id is not None:
        return None
    if case.state not in {"dispatched", "to_verify"}:
        return None
    post = net.get_post(session, row.post_id)
    successor = deputy_of(post, row.holder_name) or _above(session, actor, case, post, kind=row.kind, now=now)
    if successor is None:
        return _escalate_case(session, actor, case.patch_id, now=now)
    log = AssignmentLog(session)
    log.change(row, status="cancelled", reason_code="overdue", done_at=now)
    due_at = clock_table().deadline("hand_down", now)
    if row.kind == "verify":
        due_at = verify_deadline(is_urgent=case.is_urgent, now=now)
    log.add(case, Step(row.kind, successor.post.tier, successor), status="sent", due_at=due_at, now=now)
    move = transitions().find("escalate", situation_of(session, case))
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            reason_code="overdue",
            note=f"{row.holder_name}超期未办，改由{successor.post.title}{successor.name}办理",
            facts={"assignment_id": str(row.assignment_id), "to_post_id": str(successor.post.post_id)},
            due_at=due_at,
            owner_post_id=successor.post.post_id,
            values={"escalated_at": now},
            log=log,
        ),
    )
    return successor.name


def _escalate_case(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> str | None:
    """Tell the deputy, then hand the ownership to the tier above; the deadline stays missed."""
    case = locked_case(session, actor, patch_id)
    if case.due_at is None or case.due_at >= now or case.state in FINAL_STATES:
        return None
    if case.pause_id is not None:  # it was late when its clock was stopped: that is told when it goes on
        return None
    post = net.get_post(session, case.owner_post_id)
    if case.escalated_at is not None and not clock_table().escalates_again(
        case.escalated_at, now, tier=post.tier - 1
    ):
        return None
    holder = holder_of(post)
    is_first = case.escalated_at is None
    successor = deputy_of(post, holder.name if holder else "") if is_first else None
    successor = successor or _above(session, actor, case, post, kind="case", now=now)
    if successor is None:
        # The city's own: it is told once and stays overdue in every report.
        if not is_first or holder is None:
            return None
        successor = holder
    move = transitions().find("escalate", situation_of(session, case))
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            reason_code="overdue",
            note=f"{transitions().states[case.state].zh}超期，督办至{successor.post.title}{successor.name}",
            facts={"to_post_id": str(successor.post.post_id), "to_name": successor.name},
            owner_post_id=successor.post.post_id,
            values={"escalated_at": now},
        ),
    )
    return successor.name


def _above(
    session: Session, actor: Actor, case: CaseRow, post: Post, *, kind: str, now: datetime
) -> Holder | None:
    """Whoever stands above a post; a village's chief above its grid officers."""
    posts = [
        other
        for other in net.posts_over(session, actor, case.division_code, now=now)
        if other.post_id != post.post_id
    ]
    is_officer = post.kind == "grid_officer"
    tier = post.tier if is_officer else post.tier - 1
    if tier < 1:
        return None
    try:
        holder = resolve_owner(posts, case.division_code, tier=tier, kinds=KINDS_BY_TIER[tier])
    except Conflict:
        return None
    if kind == "verify" and holder.post.tier < HIGHEST_VISITOR_TIER:
        return None
    return holder

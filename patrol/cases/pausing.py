"""Pauses of a case's clock: why it stands still, until when, and the deadline counted anew afterwards."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotAllowed
from foundation.ids import uuid7
from patrol.cases import store
from patrol.cases.assignments import OPEN
from patrol.cases.cases import transitions
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import AssignmentLog, Details, allowed_move, locked_case, write_move
from patrol.cases.progress import clock_of_case
from patrol.cases.stages import PauseRule, pause_rules
from patrol.cases.tables import PauseRow
from patrol.tables import AssignmentRow, CaseRow

NOT_PAUSED = {"pause_id": None, "paused_until": None}
"""Fields of a case whose clock runs."""
CLOCK_OF_TASK = {"hand_down": "hand_down", "rectify": "rectify", "recheck": "recheck"}


def pause_case(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    reason_code: str,
    now: datetime,
    until: date | None = None,
    note: str | None = None,
    expected_version: int | None = None,
) -> CaseRow:
    """Let the clock of a case stand still, at the longest for as long as the reason allows.

    Parameters
    ----------
    reason_code : str
        Row of ``pauses`` in ``clocks.toml``.
    until : date, optional
        Last day of the pause; the longest that is allowed when left out.

    Raises
    ------
    InvalidInput
        ``patrol.pause.unknown``, ``patrol.pause.bad_end``.
    NotAllowed
        ``patrol.pause.not_by_role``.
    Conflict
        ``patrol.pause.not_in_state``, ``patrol.case.paused``, ``patrol.case.version_changed``.
    """
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    move = allowed_move(session, actor, case, "pause")
    rule = pause_rule(reason_code)
    if actor.role not in rule.roles:
        raise NotAllowed("patrol.pause.not_by_role", reason=rule.zh)
    if case.state not in rule.states or case.due_at is None:
        state_name = transitions().states[case.state].zh
        raise Conflict("patrol.pause.not_in_state", reason=rule.zh, state=case.state, state_name=state_name)
    log = AssignmentLog(session)
    row, due_at = hold(
        session, actor, case, rule, ends_at=_end_of_pause(rule, until, now), now=now, note=note, log=log
    )
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            note=note,
            facts=facts_of_pause(row, rule),
            due_at=due_at,
            values={"pause_id": row.pause_id, "paused_until": row.ends_at},
            log=log,
            is_recount=True,
        ),
    )
    return case


def resume_case(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    now: datetime,
    note: str | None = None,
    expected_version: int | None = None,
) -> CaseRow:
    """Let the clock of a case go on before the pause would have ended by itself.

    Raises
    ------
    Conflict
        ``patrol.pause.not_paused``; ``patrol.pause.objection_open``: that pause ends with the decision.
    """
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    move = allowed_move(session, actor, case, "resume")
    row = store.open_pause(session, case)
    if row is None:
        raise Conflict("patrol.pause.not_paused")
    if row.reason_code == "objection":
        raise Conflict("patrol.pause.objection_open")
    log = AssignmentLog(session)
    due_at = release(session, actor, case, now=now, is_automatic=False, log=log)
    details = Details(
        reason_code="ended",
        note=note,
        facts={"ended_pause": str(row.pause_id)},
        due_at=due_at,
        values=dict(NOT_PAUSED),
        log=log,
        is_recount=True,
    )
    write_move(session, actor, case, move, now=now, details=details)
    return case


def end_expired(session: Session, actor: Actor, *, now: datetime) -> list[UUID]:
    """End the pauses that have reached their end; their deadlines stand as they were counted."""
    found = store.expired_pauses(session, now)
    for patch_id in found:
        case = locked_case(session, actor, patch_id)
        if case.paused_until is None or case.paused_until > now:
            continue
        row = store.open_pause(session, case)
        log = AssignmentLog(session)
        due_at = release(session, actor, case, now=now, is_automatic=True, log=log)
        move = next(move for move in transitions().moves if move.action == "resume")
        facts = {"ended_pause": str(row.pause_id)} if row else {}
        write_move(
            session,
            actor,
            case,
            move,
            now=now,
            details=Details(
                reason_code="expired",
                facts=facts,
                due_at=due_at,
                values=dict(NOT_PAUSED),
                log=log,
                is_recount=True,
            ),
        )
    return found


def pause_rule(reason_code: str) -> PauseRule:
    """The rule of a reason.

    Raises
    ------
    InvalidInput
        ``patrol.pause.unknown``.
    """
    rules = pause_rules()
    if reason_code not in rules:
        raise InvalidInput("patrol.pause.unknown", reason_code=reason_code[:64], accepted=sorted(rules))
    return rules[reason_code]


def hold(
    session: Session,
    actor: Actor,
    case: CaseRow,
    rule: PauseRule,
    *,
    ends_at: datetime,
    now: datetime,
    note: str | None,
    log: AssignmentLog,
) -> tuple[PauseRow, datetime | None]:
    """Begin a pause: its row, and the deadline as it will be if the pause lasts to its end."""
    unit = _unit(clock_of_case(session, case))
    tasks = {
        str(task.assignment_id): {"unit": _unit_of_task(task, case), "due_at": task.due_at.isoformat()}
        for task in store.assignments_of(session, case.patch_id)
        if task.status in OPEN
    }
    row = PauseRow(
        pause_id=uuid7(now),
        patch_id=case.patch_id,
        division_code=case.division_code,
        reason_code=rule.key,
        note=note,
        started_at=now,
        ends_at=ends_at,
        started_by=actor.account_id,
        started_name=actor.name,
        held={
            "unit": unit,
            "due_at": case.due_at.isoformat() if case.due_at else None,
            "assignments": tasks,
        },
    )
    session.add(row)
    session.flush()
    return row, _recount(session, case, row, until=ends_at, log=log)


def release(
    session: Session, actor: Actor, case: CaseRow, *, now: datetime, is_automatic: bool, log: AssignmentLog
) -> datetime | None:
    """End the pause of a case: the deadline by the time that it really lasted."""
    row = store.open_pause(session, case)
    if row is None:
        return case.due_at
    due_at = _recount(session, case, row, until=min(now, row.ends_at), log=log)
    store.end_pause(session, case, actor, now=now, is_automatic=is_automatic)
    return due_at


def longest_end(rule: PauseRule, now: datetime) -> datetime:
    """When a pause that begins now ends at the latest."""
    return clock_table().run(rule.longest, now)


def facts_of_pause(row: PauseRow, rule: PauseRule) -> dict[str, Any]:
    """What the ledger says of a pause that begins."""
    return {
        "pause_id": str(row.pause_id),
        "pause_reason": rule.key,
        "pause_reason_name": rule.zh,
        "until": row.ends_at.astimezone(SHANGHAI).isoformat(),
    }


def _recount(
    session: Session, case: CaseRow, row: PauseRow, *, until: datetime, log: AssignmentLog
) -> datetime | None:
    for task in store.assignments_of(session, case.patch_id):
        known = row.held["assignments"].get(str(task.assignment_id))
        if known is not None and task.status in OPEN:
            log.change(task, due_at=_shifted(known, row.started_at, until))
    return _shifted(row.held, row.started_at, until) if row.held["due_at"] else None


def _shifted(known: dict[str, Any], begin: datetime, until: datetime) -> datetime:
    due_at = datetime.fromisoformat(known["due_at"])
    return clock_table().shift(known["unit"], due_at, paused_at=begin, resumed_at=until)


def _unit_of_task(task: AssignmentRow, case: CaseRow) -> str:
    if task.kind == "verify":
        return _unit("verify_urgent" if case.is_urgent else "verify")
    return _unit(CLOCK_OF_TASK[task.kind])


def _unit(clock: str | None) -> str:
    return clock_table().find(clock).unit if clock else "days"


def _end_of_pause(rule: PauseRule, until: date | None, now: datetime) -> datetime:
    latest = longest_end(rule, now)
    if until is None:
        return latest
    ends_at = datetime.combine(until, clock_table().closes, SHANGHAI)
    if ends_at <= now or ends_at > latest:
        last_day = latest.astimezone(SHANGHAI).date().isoformat()
        raise InvalidInput("patrol.pause.bad_end", until=until.isoformat(), latest=last_day, reason=rule.zh)
    return ends_at

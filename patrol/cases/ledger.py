"""The one way to change a case: state, event, audit entry and live message in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from foundation import audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI
from foundation.errors import NotFound
from foundation.ids import uuid7
from patrol.cases import store
from patrol.cases.assignments import OPEN, UNFINISHED, Step, require_holder
from patrol.cases.cases import (
    FINAL_STATES,
    Move,
    Situation,
    name_key,
    require_other_person,
    require_version,
    transitions,
)
from patrol.cases.clocks import clock_table
from patrol.net import service as net
from patrol.net.posts import Holder, resolve_owner
from patrol.notices import service as notices
from patrol.tables import AssignmentRow, CaseEventRow, CaseRow

KEPT = (
    "state",
    "display_state",
    "owner_post_id",
    "entered_at",
    "due_at",
    "escalated_at",
    "is_urgent",
    "verdict_kind",
    "violation_code",
    "reason_code",
    "verdict_note",
    "verdict_by",
    "verdict_at",
    "closed_at",
    "watch_until",
    "pause_id",
    "paused_until",
)
"""Fields that undo restores."""
ASSIGNMENT_KEPT = (
    "status",
    "due_at",
    "signed_at",
    "done_at",
    "reason_code",
    "note",
    "holder_name",
    "holder_account_id",
    "post_id",
)
UNSET: Any = object()
ENTERS_STAGE = frozenset({"file_case", "advance_case"})


class AssignmentLog:
    """Collects what a move does to assignments, so that undo can put it back."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.changed: list[dict[str, Any]] = []
        self.created: list[str] = []

    def change(self, row: AssignmentRow, **values: Any) -> None:
        """Set fields of an assignment."""
        before = {name: _plain(getattr(row, name)) for name in ASSIGNMENT_KEPT}
        self.changed.append({"assignment_id": str(row.assignment_id), "before": before})
        for name, value in values.items():
            setattr(row, name, value)

    def add(
        self, case: CaseRow, step: Step, *, status: str, due_at: datetime, now: datetime
    ) -> AssignmentRow:
        """Make an assignment for one pair of hands."""
        row = AssignmentRow(
            assignment_id=uuid7(now),
            patch_id=case.patch_id,
            division_code=case.division_code,
            kind=step.kind,
            tier=step.tier,
            post_id=step.holder.post.post_id,
            holder_name=step.holder.name,
            holder_account_id=step.holder.account_id,
            status=status,
            created_at=now,
            due_at=due_at,
        )
        self._session.add(row)
        self._session.flush()
        self.created.append(str(row.assignment_id))
        return row

    def finish_open(self, case: CaseRow, status: str, now: datetime, *, kinds: tuple[str, ...] = ()) -> None:
        """Bring every unfinished assignment of a case to an end."""
        for row in store.assignments_of(self._session, case.patch_id):
            if row.status in UNFINISHED and (not kinds or row.kind in kinds):
                self.change(row, status=status if row.status in OPEN else "cancelled", done_at=now)

    def facts(self) -> dict[str, Any]:
        """JSON values for the event."""
        return {"changed": self.changed, "created": self.created}


@dataclass(frozen=True, slots=True)
class Details:
    """What goes with a move.

    Attributes
    ----------
    due_at : datetime or None, optional
        Deadline from now on; left out, that of the new state (unchanged where the state stays).
    owner_post_id : UUID, optional
        Owner from now on; left out, that of the new state (unchanged where the state stays).
    values : mapping
        Further fields of the case.
    is_recount : bool
        The deadline is the same one, counted anew (a pause): no step was left, on time or late.
    """

    reason_code: str | None = None
    note: str | None = None
    facts: Mapping[str, Any] | None = None
    due_at: datetime | None = UNSET
    owner_post_id: UUID | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    log: AssignmentLog | None = None
    is_recount: bool = False


def locked_case(
    session: Session, actor: Actor, patch_id: UUID, *, expected_version: int | None = None
) -> CaseRow:
    """The case, locked, after the checks that every move begins with.

    Raises
    ------
    NotFound
        ``patrol.case.not_found`` also outside the actor's area.
    Conflict
        ``patrol.case.version_changed``.
    """
    case = store.lock_case(session, patch_id)
    if case is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "patch.view", case.division_code)
    if expected_version is not None and expected_version != case.version:
        last = store.last_event(session, patch_id)
        facts = {"changed_by": last.actor_name, "changed_at": last.at.astimezone(SHANGHAI).isoformat()}
        facts |= {"state": case.display_state, "state_name": transitions().states[case.state].zh}
        require_version(expected_version, actual=case.version, facts=facts)
    return case


def locked_assignment(
    session: Session, actor: Actor, assignment_id: UUID, *, right: str
) -> tuple[CaseRow, AssignmentRow]:
    """The case first, then its assignment, held by the actor: one order of locks everywhere.

    Raises
    ------
    NotFound
        ``patrol.assignment.not_found``.
    NotAllowed
        The role lacks the right, or somebody else holds the assignment.
    """
    row = store.find_assignment(session, assignment_id)
    if row is None:
        raise NotFound("patrol.assignment.not_found", assignment_id=str(assignment_id))
    require(actor, right, row.division_code)
    case = locked_case(session, actor, row.patch_id)
    session.refresh(row)
    require_holder(
        account_id=actor.account_id,
        post_ids=actor.post_ids,
        holder_account_id=row.holder_account_id,
        post_id=row.post_id,
    )
    return case, row


def stage_in(events: Iterable[CaseEventRow]) -> str | None:
    """Stage that a time line has reached; a case that was filed again begins anew."""
    stages = [
        event.facts.get("stage")
        for event in events
        if event.undone_by is None and event.action in ENTERS_STAGE
    ]
    return stages[-1] if stages else None


def situation_of(session: Session, case: CaseRow) -> Situation:
    """What decides which moves are legal now."""
    done: dict[str, set[str]] = {}
    events = store.events_of(session, case.patch_id)
    for event in events:
        if event.undone_by is None:
            people = done.setdefault(event.action, set())
            people.update((str(event.actor_id), name_key(event.actor_name)))
    patch = store.patch_facts(session, case.patch_id)
    return Situation(
        case.state,
        patch.suggestion if patch else None,
        case.verdict_kind,
        {action: frozenset(people) for action, people in done.items()},
        is_paused=case.pause_id is not None,
        stage=stage_in(events),
    )


def allowed_move(session: Session, actor: Actor, case: CaseRow, action: str) -> Move:
    """The row of the table under which this actor may do this now.

    Raises
    ------
    Conflict
        ``patrol.case.illegal_move``.
    NotAllowed
        The role lacks the right, or the two-person rule forbids it.
    """
    situation = situation_of(session, case)
    move = transitions().find(action, situation)
    require(actor, move.right, case.division_code)
    require_other_person(move, situation, str(actor.account_id), actor.name)
    return move


def owner_of_state(session: Session, actor: Actor, case: CaseRow, state: str, *, now: datetime) -> Holder:
    """Named person who owns a case in a state (not for states owned by an assignment)."""
    table = transitions()
    rule = table.owners[table.states[state].owner]
    posts = net.posts_over(session, actor, case.division_code, now=now)
    return resolve_owner(posts, case.division_code, tier=rule.tier, kinds=rule.kinds)


def clock_of_state(state: str, *, source: str, is_urgent: bool, stage: str | None = None) -> str | None:
    """Row of the clock table by which a state runs; a filed case follows its stage."""
    clock = transitions().states[state].clock
    if state == "triage":
        clock = f"triage_{source}"
    if state == "to_verify" and is_urgent:
        clock = "verify_urgent"
    if stage is not None:
        own = next((row.clock for row in transitions().stage_rules if row.key == stage), None)
        clock = own or clock
    return clock


def deadline_of_state(state: str, *, source: str, is_urgent: bool, now: datetime) -> datetime | None:
    """When a state entered now must be left."""
    clock = clock_of_state(state, source=source, is_urgent=is_urgent)
    return None if clock is None else clock_table().deadline(clock, now)


def write_move(
    session: Session,
    actor: Actor,
    case: CaseRow,
    move: Move,
    *,
    now: datetime,
    details: Details | None = None,
) -> CaseEventRow:
    """Make a move: the case's new fields, its event, the audit entry and the live message."""
    given = details or Details()
    due_at, owner_post_id = given.due_at, given.owner_post_id
    patch = store.patch_facts(session, case.patch_id)
    if patch is None:
        raise NotFound("patrol.case.not_found", patch_id=str(case.patch_id))
    before = {name: _plain(getattr(case, name)) for name in KEPT}
    former_state, former_due = case.state, case.due_at
    to_state = move.to_state or case.state
    ended_pause = None
    sets_clock = to_state != former_state or due_at is not UNSET
    if case.pause_id is not None and sets_clock and not given.is_recount:
        # Whatever sets a deadline of its own ends the pause of the former one.
        ended_pause = store.end_pause(session, case, actor, now=now, is_automatic=True)
        case.pause_id = case.paused_until = None
    for name, value in given.values.items():
        setattr(case, name, value)
    if to_state != former_state:
        case.state, case.entered_at, case.escalated_at = to_state, now, None
        if due_at is UNSET:
            due_at = deadline_of_state(to_state, source=patch.source, is_urgent=case.is_urgent, now=now)
        if owner_post_id is None and transitions().states[to_state].owner != "assignment":
            owner_post_id = owner_of_state(session, actor, case, to_state, now=now).post.post_id
    if due_at is not UNSET:
        case.due_at = due_at
    if owner_post_id is not None:
        case.owner_post_id = owner_post_id
    case.display_state = transitions().display(
        to_state, suggestion=patch.suggestion, verdict_kind=case.verdict_kind
    )
    has_left_clock = to_state != former_state or (due_at is not UNSET and due_at != former_due)
    has_left_clock &= not given.is_recount
    event = CaseEventRow(
        action=move.action,
        from_state=former_state,
        to_state=to_state,
        due_at=former_due if has_left_clock else None,
        reason_code=given.reason_code,
        note=given.note,
        facts={
            **(given.facts or {}),
            **({"ended_pause": ended_pause} if ended_pause else {}),
            "before": before,
            "assignments": given.log.facts() if given.log else {},
        },
    )
    if given.log:
        _tell_holders(session, actor, case, given.log, number=patch.number, now=now)
    return commit_event(session, actor, case, event, number=patch.number, now=now)


def _tell_holders(
    session: Session, actor: Actor, case: CaseRow, log: AssignmentLog, *, number: str, now: datetime
) -> None:
    """Tell whoever has an assignment to sign since this move."""
    touched = {*log.created, *(str(change["assignment_id"]) for change in log.changed)}
    for row in store.assignments_of(session, case.patch_id):
        account_id = row.holder_account_id
        if str(row.assignment_id) not in touched or row.status != "sent" or account_id is None:
            continue
        if account_id != actor.account_id:
            notices.tell(
                session,
                event_id=row.assignment_id,
                account_id=account_id,
                kind="assigned_urgent" if case.is_urgent else "assigned",
                subject=("patch", case.patch_id),
                number=number,
                now=now,
            )


def commit_event(
    session: Session, actor: Actor, case: CaseRow, event: CaseEventRow, *, number: str, now: datetime
) -> CaseEventRow:
    """Raise the version, store the event, audit it, tell the listeners."""
    case.version += 1
    case.updated_at = now
    event.patch_id, event.division_code, event.version = case.patch_id, case.division_code, case.version
    event.at, event.actor_id, event.actor_name = now, actor.account_id, actor.name
    seq = store.add_event(session, event)
    _tell_detection(session, actor, case, event, now)
    facts = {"number": number, "version": case.version, "from": event.from_state, "to": event.to_state}
    facts |= {key: value for key in ("reason_code",) if (value := getattr(event, key))}
    audit.record(
        session, actor, f"patrol.case.{event.action}", subject=("patch", case.patch_id), at=now, facts=facts
    )
    store.notify(
        session,
        {
            "patch_id": str(case.patch_id),
            "number": number,
            "state": case.display_state,
            "version": case.version,
            "actor_name": actor.name,
            "action": event.action,
            "action_name": transitions().name(event.action, event.to_state),
            "at": now.astimezone(SHANGHAI).isoformat(),
            "seq": seq,
            "division_code": case.division_code,
        },
    )
    return event


def _tell_detection(
    session: Session, actor: Actor, case: CaseRow, event: CaseEventRow, now: datetime
) -> None:
    """What is seen on the ground of a settled patch is another matter: detection must know."""
    if event.from_state == event.to_state or not {event.from_state, event.to_state} & FINAL_STATES:
        return
    if case.state in FINAL_STATES:
        at = case.closed_at or now
        detection.settle_patch(
            session, actor, case.patch_id, state=case.state, at=at, watched_until=case.watch_until
        )
    else:
        detection.reopen_patch(session, actor, case.patch_id)


def restore(row: CaseRow | AssignmentRow, before: Mapping[str, Any]) -> None:
    """Put the fields of a row back to what an event remembers."""
    for name, value in before.items():
        setattr(row, name, _parsed(name, value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _parsed(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at") or name == "paused_until":
        return datetime.fromisoformat(value)
    if name == "watch_until":
        return date.fromisoformat(value)
    if name.endswith("_id") or name == "verdict_by":
        return UUID(value)
    return value

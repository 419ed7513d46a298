"""Verbs of a case: open it, judge it at the desk or after the visit, move it on, take a move back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotFound
from patrol.cases import dispatch as dispatching
from patrol.cases import store
from patrol.cases.cases import VERDICT_KINDS, Move, add_months, transitions
from patrol.cases.effects import Occasion, check_facts, effect_of
from patrol.cases.ledger import (
    AssignmentLog,
    Details,
    allowed_move,
    commit_event,
    deadline_of_state,
    locked_case,
    owner_of_state,
    restore,
    write_move,
)
from patrol.cases.reasons import require_reason
from patrol.cases.tables import ObjectionRow, PauseRow
from patrol.tables import AssignmentRow, CaseEventRow, CaseRow

VIOLATION_FORM = re.compile(r"^[LPK]\d{2}$")
NOTE_MAX = 2000


@dataclass(frozen=True, slots=True)
class VerdictBody:
    """What an officer decides about a patch.

    Attributes
    ----------
    kind : str
        ``unlawful | lawful | not_new | doubtful``.
    dispatch_to : UUID, optional
        Post to which the patch is handed down in the same step.
    act_ended_on : date, optional
        Last day of the act, where an unlawful one has ended: from it the two years of its pursuit run. None
        while it goes on.
    """

    kind: str
    violation_code: str | None = None
    reason_code: str | None = None
    note: str | None = None
    dispatch_to: UUID | None = None
    is_urgent: bool = False
    act_ended_on: date | None = None


def open_case(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> CaseRow:
    """Begin the case of a patch: at the desk, owned by the county's brigade. Opening twice changes nothing.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``: no such patch in the actor's area.
    Conflict
        ``patrol.post.no_owner``: nobody from the county up could own it.
    """
    patch = store.patch_facts(session, patch_id)
    if patch is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "patch.dispatch", patch.division_code)
    store.lock_key(session, f"case/{patch_id}")
    known = store.find_case(session, patch_id)
    if known is not None:
        return known
    case = CaseRow(
        patch_id=patch_id,
        division_code=patch.division_code,
        state="triage",
        display_state=transitions().display("triage", suggestion=patch.suggestion, verdict_kind=None),
        version=0,
        opened_at=now,
        entered_at=now,
        due_at=deadline_of_state("triage", source=patch.source, is_urgent=False, now=now),
        is_urgent=False,
        updated_at=now,
    )
    case.owner_post_id = owner_of_state(session, actor, case, "triage", now=now).post.post_id
    session.add(case)
    session.flush()
    facts = {"suggestion": patch.suggestion}
    if patch.follows_number is not None:
        facts["follows"] = patch.follows_number
    event = CaseEventRow(action="open", from_state=None, to_state="triage", facts=facts)
    commit_event(session, actor, case, event, number=patch.number, now=now)
    return case


def open_cases_for(session: Session, actor: Actor, *, now: datetime, limit: int = 10_000) -> int:
    """Open the case of every patch that has none, reopen those that relapsed, note newer suggestions.

    Returns
    -------
    int
        How many were opened or reopened.
    """
    require(actor, "patch.dispatch")
    waiting = store.patches_without_case(session, limit)
    for patch_id in waiting:
        open_case(session, actor, patch_id, now=now)
    for patch_id in store.stale_triage(session):
        case = locked_case(session, actor, patch_id)
        write_move(session, actor, case, allowed_move(session, actor, case, "note_judgement"), now=now)
    again = store.relapsed(session)
    for patch_id in again:
        _reopen_on_relapse(session, actor, patch_id, now=now)
    return len(waiting) + len(again)


def record_verdict(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    body: VerdictBody,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> CaseRow:
    """Sign a verdict, at the desk or after the visit; with ``dispatch_to`` hand the patch down as well.

    Against the system's suspicion, and after a visit, "lawful" and "not new" go to the review by others;
    a verdict after a visit teaches the detector.

    Raises
    ------
    InvalidInput
        ``patrol.verdict.unknown_kind``, ``patrol.verdict.bad_violation``,
        ``patrol.verdict.unknown_violation``, ``patrol.verdict.no_act_to_end``, ``patrol.case.bad_date``, or a
        missing reason.
    Conflict
        ``patrol.case.illegal_move``, ``patrol.case.version_changed``.
    NotAllowed
        No right, or ``patrol.case.same_person``.
    """
    _check_verdict(body, now)
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    move = allowed_move(session, actor, case, f"judge_{body.kind}")
    require_reason(move.reason_kind, body.reason_code)
    is_after_visit = case.state == "to_judge"
    details = _verdict_details(actor, body, now, is_after_visit=is_after_visit)
    event = write_move(session, actor, case, move, now=now, details=details)
    if is_after_visit:
        _teach(session, actor, case, body, now=now)
    if body.dispatch_to is not None:
        dispatching.dispatch(
            session,
            actor,
            patch_id,
            post_id=body.dispatch_to,
            is_urgent=body.is_urgent,
            now=now,
            joined_seq=event.seq,
        )
    return case


def _verdict_details(actor: Actor, body: VerdictBody, now: datetime, *, is_after_visit: bool) -> Details:
    is_violation = body.kind in {"unlawful", "doubtful"}
    return Details(
        reason_code=body.reason_code,
        note=body.note,
        facts={
            "verdict": body.kind,
            "violation_code": body.violation_code,
            "is_after_visit": is_after_visit,
            **({"act_ended_on": body.act_ended_on.isoformat()} if body.act_ended_on else {}),
        },
        values={
            "verdict_kind": body.kind,
            "violation_code": body.violation_code if is_violation else None,
            "reason_code": body.reason_code,
            "verdict_note": _checked_note(body.note),
            "verdict_by": actor.account_id,
            "verdict_at": now,
        },
    )


def _check_verdict(body: VerdictBody, now: datetime) -> None:
    if body.kind not in VERDICT_KINDS:
        raise InvalidInput("patrol.verdict.unknown_kind", kind=body.kind, accepted=list(VERDICT_KINDS))
    _check_code(body.violation_code, now)
    if body.act_ended_on is not None:
        if body.kind != "unlawful":
            raise InvalidInput("patrol.verdict.no_act_to_end", kind=body.kind)
        if body.act_ended_on > now.astimezone(SHANGHAI).date():
            raise InvalidInput(
                "patrol.case.bad_date", fact="act_ended_on", given=body.act_ended_on.isoformat()
            )
    if body.dispatch_to is not None and body.kind not in {"unlawful", "doubtful"}:
        raise InvalidInput("patrol.verdict.nothing_to_dispatch", kind=body.kind)


def _check_code(violation_code: str | None, now: datetime) -> None:
    """A violation of the taxonomy that is in force today."""
    if violation_code is None:
        return
    if not VIOLATION_FORM.match(violation_code):
        raise InvalidInput("patrol.verdict.bad_violation", violation_code=violation_code)
    if violation_code not in {row.code for row in detection.violations(now)}:
        raise InvalidInput("patrol.verdict.unknown_violation", violation_code=violation_code)


def move_case(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    action: str,
    *,
    now: datetime,
    reason_code: str | None = None,
    note: str | None = None,
    facts: Mapping[str, Any] | None = None,
    expected_version: int | None = None,
) -> CaseRow:
    """Make one of the moves that an officer makes by name (``via = "move"`` in the table).

    Parameters
    ----------
    facts : mapping, optional
        Those that the table names for the move must be given; others go with it (see ``fact_names``):
        ``order_rectification``: ``due_on``; ``advance_case``: ``stage``, ``heard``; ``merge``:
        ``into_number``; ``transfer``: ``paper_no``, ``sent_on``; ``record_receipt``: ``receipt_no``,
        ``received_on``.

    Raises
    ------
    Conflict
        ``patrol.case.illegal_move``, ``patrol.case.version_changed``.
    NotAllowed
        No right, or ``patrol.case.same_person``.
    InvalidInput
        A reason or a fact is missing.
    """
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    move = allowed_move(session, actor, case, action)
    if move.via != "move":
        raise Conflict(
            "patrol.case.not_by_name", action=action, action_name=move.zh, state=case.state, via=move.via
        )
    require_reason(move.reason_kind, reason_code)
    check_facts(move, facts or {}, now)
    log = AssignmentLog(session)
    occasion = Occasion(session, actor, case, dict(facts or {}), log, now, reason_code, note)
    effect = effect_of(action, occasion)
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            reason_code=reason_code,
            note=_checked_note(note),
            facts=effect.pop("facts", facts),
            values=_settled(move, case, reason_code, now),
            log=log,
            **effect,
        ),
    )
    return case


def undo(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    now: datetime,
    undo_minutes: int,
    expected_version: int | None = None,
) -> CaseRow:
    """Take back one's own last move, within the time allowed and before anybody else acted.

    The move stays in the time line, marked; the undo is an event of its own.

    Raises
    ------
    Conflict
        ``patrol.case.nothing_to_undo``, ``patrol.case.undo_too_late``, ``patrol.case.somebody_acted``.
    """
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    event = undoable_event(session, actor, case, now=now, undo_minutes=undo_minutes)
    patch = store.patch_facts(session, patch_id)
    if patch is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    former_state = case.state
    _undo_assignments(session, event)
    _undo_beside(session, event)
    dispatching.take_back(session, actor, event, now=now)
    restore(case, event.facts["before"])
    joined = store.find_event(session, event.facts.get("joined_seq"))
    if joined is not None:
        restore(case, joined.facts["before"])
    mark = CaseEventRow(
        action="undo",
        from_state=former_state,
        to_state=case.state,
        facts={"undone_seq": event.seq, "undone_action": event.action},
    )
    commit_event(session, actor, case, mark, number=patch.number, now=now)
    if event.facts.get("is_after_visit"):
        _unteach(session, actor, patch_id, now=now)
    for undone in (event, joined):
        if undone is not None:
            undone.undone_by = mark.seq
    return case


def undoable_event(
    session: Session, actor: Actor, case: CaseRow, *, now: datetime, undo_minutes: int
) -> CaseEventRow:
    """The last move, when this actor may take it back now.

    Raises
    ------
    Conflict
        As `undo`.
    """
    event = store.last_event(session, case.patch_id)
    if event.actor_id != actor.account_id:
        raise Conflict("patrol.case.somebody_acted", changed_by=event.actor_name)
    if event.action in transitions().never_undone or "before" not in event.facts:
        raise Conflict("patrol.case.nothing_to_undo")
    if now > event.at + timedelta(minutes=undo_minutes):
        raise Conflict("patrol.case.undo_too_late", minutes=undo_minutes)
    return event


def _teach(session: Session, actor: Actor, case: CaseRow, body: VerdictBody, *, now: datetime) -> None:
    """What people found on site goes back to the detector."""
    patch = store.patch_facts(session, case.patch_id)
    detection.record_verdict(
        session,
        actor,
        patch_id=case.patch_id,
        verdict=body.kind,
        change_class=patch.change_class if patch else None,
        reason_code=body.reason_code,
        now=now,
    )


def _unteach(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> None:
    """The verdict was taken back: what it taught no longer counts."""
    detection.record_verdict(
        session,
        actor,
        patch_id=patch_id,
        verdict="withdrawn",
        change_class=None,
        reason_code=None,
        now=now,
    )


def _undo_assignments(session: Session, event: CaseEventRow) -> None:
    touched = event.facts.get("assignments") or {}
    for identity in touched.get("created", ()):
        row = session.get(AssignmentRow, UUID(identity))
        if row is not None:
            row.status = "cancelled"
    for entry in reversed(touched.get("changed", ())):
        row = session.get(AssignmentRow, UUID(entry["assignment_id"]))
        if row is not None:
            restore(row, entry["before"])


def _undo_beside(session: Session, event: CaseEventRow) -> None:
    """Rows beside the case: a pause that began never was, one that ended goes on; objections likewise."""
    begun, ended = event.facts.get("pause_id"), event.facts.get("ended_pause")
    if begun and (row := session.get(PauseRow, UUID(begun))) is not None:
        row.is_undone = True
    if ended and (row := session.get(PauseRow, UUID(ended))) is not None:
        row.ended_at = row.ended_by = row.ended_name = None
        row.is_automatic = False
    # The case is restored afterwards: two open pauses never stand side by side.
    session.flush()
    objection = (
        session.get(ObjectionRow, UUID(event.facts["objection_id"]))
        if "objection_id" in event.facts
        else None
    )
    if objection is not None and event.action == "raise_objection":
        objection.status, objection.decided_at = "withdrawn", event.at
        objection.decided_by, objection.decided_name = event.actor_id, event.actor_name
    elif objection is not None and event.action == "reject_objection":
        objection.status = "open"
        objection.decided_at = objection.decided_by = objection.decided_name = None
        objection.decision_code = objection.decision_note = None


def _reopen_on_relapse(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> None:
    """A closed case on whose ground it happened again: at the desk anew, urgent, and never closed."""
    case = locked_case(session, actor, patch_id)
    move = allowed_move(session, actor, case, "relapse")
    values = {
        **_settled(move, case, "relapse", now),
        "is_urgent": True,
        "violation_code": None,
        "verdict_note": None,
        "verdict_by": None,
        "verdict_at": None,
    }
    write_move(session, actor, case, move, now=now, details=Details(reason_code="relapse", values=values))


def _settled(move: Move, case: CaseRow, reason_code: str | None, now: datetime) -> dict[str, Any]:
    """Fields that ending or reopening a case sets."""
    if move.to_state == "closed":
        watch = add_months(now.astimezone(SHANGHAI).date(), transitions().watch_months)
        return {"closed_at": now, "watch_until": watch, "reason_code": reason_code}
    if move.action in {"reopen", "relapse"}:
        # A reopened case was never closed.
        return {"closed_at": None, "watch_until": None, "verdict_kind": None, "reason_code": reason_code}
    if move.action in {"dismiss", "merge"}:
        kind = "lawful" if reason_code == "lawful_confirmed" else "not_new"
        return {"verdict_kind": kind, "reason_code": reason_code, "verdict_at": now}
    return {}


def _checked_note(note: str | None) -> str | None:
    if note is not None and len(note) > NOTE_MAX:
        raise InvalidInput("patrol.case.note_too_long", maximum=NOTE_MAX)
    return note or None

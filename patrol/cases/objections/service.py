"""Verbs of objections: raise, withdraw, decide. Every step is a move of the case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from detection.desk import redrawing
from detection.desk import service as desk
from detection.judging.corrections import Correction
from foundation.access import Actor
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.ids import uuid7
from patrol.cases import store
from patrol.cases.cases import Move, name_key, transitions
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import AssignmentLog, Details, allowed_move, locked_case, write_move
from patrol.cases.objections.objections import (
    DecisionBody,
    ObjectionBody,
    ObjectionRule,
    check_body,
    check_decision,
    objection_table,
    require_open,
    require_tier_above,
)
from patrol.cases.pausing import NOT_PAUSED, facts_of_pause, hold, longest_end, pause_rule, release
from patrol.cases.reasons import require_reason
from patrol.cases.tables import ObjectionRow, PauseRow
from patrol.net import service as net
from patrol.net.posts import resolve_owner
from patrol.tables import CaseRow

AFTER_VERDICT = frozenset(
    {"county_review", "city_review", "rectifying", "case_open", "transferred", "recheck"}
)


def raise_objection(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    body: ObjectionBody,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> ObjectionRow:
    """Object to a patch or to the base data that it was judged by; the tier above decides.

    Raises
    ------
    InvalidInput
        ``patrol.objection.…``, ``patrol.reason.…``.
    Conflict
        ``patrol.objection.open_already``: one of this kind waits for its decision;
        ``patrol.case.illegal_move``, ``patrol.case.version_changed``.
    """
    rule = check_body(body)
    require_reason(rule.reason_kind, body.reason_code)
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    move = allowed_move(session, actor, case, "raise_objection")
    known = store.objections_of(session, patch_id)
    if any(row.status == "open" and row.kind == body.kind for row in known):
        raise Conflict("patrol.objection.open_already", kind_name=rule.zh)
    _check_evidence(session, patch_id, body)
    log = AssignmentLog(session)
    pause, due_at = _pause(session, actor, case, rule, log=log, now=now)
    row = _row(session, actor, case, body, rule, pause=pause, now=now)
    session.add(row)
    session.flush()
    facts = {"objection_id": str(row.objection_id), "kind": body.kind, "kind_name": rule.zh}
    values: dict[str, Any] = {}
    timing: dict[str, Any] = {"is_recount": True}
    if pause is not None:
        facts |= facts_of_pause(pause, pause_rule("objection"))
        values = {"pause_id": pause.pause_id, "paused_until": pause.ends_at}
        timing["due_at"] = due_at
    details = Details(
        reason_code=body.reason_code, note=body.note, facts=facts, values=values, log=log, **timing
    )
    write_move(session, actor, case, move, now=now, details=details)
    return row


def withdraw_objection(
    session: Session, actor: Actor, objection_id: UUID, *, now: datetime, expected_version: int | None = None
) -> ObjectionRow:
    """Take one's own objection back before it is decided.

    Raises
    ------
    NotAllowed
        ``patrol.objection.not_yours``.
    Conflict
        ``patrol.objection.decided_already``.
    """
    row, case = _locked(session, actor, objection_id, expected_version)
    move = allowed_move(session, actor, case, "withdraw_objection")
    require_open(row.status)
    if row.raised_by != actor.account_id:
        raise NotAllowed("patrol.objection.not_yours")
    _settle(row, actor, "withdrawn", "mistaken", None, now)
    _write(session, actor, case, row, move, reason_code="mistaken", note=None, now=now)
    return row


def decide_objection(
    session: Session,
    actor: Actor,
    objection_id: UUID,
    body: DecisionBody,
    *,
    now: datetime,
    expected_version: int | None = None,
) -> ObjectionRow:
    """Uphold or reject an objection: somebody else, at the tier above.

    Upheld, what is true is stored once: the patch is drawn anew, or the base feature is marked as corrected
    and the judgement made again; every count follows from the ledger. A patch that is no new matter goes to
    the last review, by a third person.

    Raises
    ------
    NotAllowed
        ``patrol.objection.tier_too_low``, ``patrol.case.same_person``.
    Conflict
        ``patrol.objection.decided_already``.
    InvalidInput
        What is true is missing or wrong.
    """
    row, case = _locked(session, actor, objection_id, expected_version)
    check_decision(row.kind, body)
    require_reason("objection_upheld" if body.is_upheld else "objection_rejected", body.reason_code)
    action = "reject_objection"
    if body.is_upheld:
        action = "uphold_dismissing" if body.remedy == "dismissed" else "uphold_objection"
    require_open(row.status)
    move = allowed_move(session, actor, case, action)
    _require_other(row, actor, move)
    if not body.is_upheld:
        _settle(row, actor, "rejected", body.reason_code, body.note, now)
        _write(session, actor, case, row, move, reason_code=body.reason_code, note=body.note, now=now)
        return row
    row.outcome = _correct(session, actor, case, row, body, now)
    _settle(row, actor, "upheld", body.reason_code, body.note, now)
    values = _verdict_after(actor, case, body, now)
    _write(
        session, actor, case, row, move, reason_code=body.reason_code, note=body.note, now=now, values=values
    )
    return row


def tier_of(actor: Actor) -> int:
    """Tier at which somebody works: 1 city, 2 county, 3 township, 4 village."""
    return max(1, divisions().get(actor.area_code).level - 1)


def _row(
    session: Session,
    actor: Actor,
    case: CaseRow,
    body: ObjectionBody,
    rule: ObjectionRule,
    *,
    pause: PauseRow | None,
    now: datetime,
) -> ObjectionRow:
    tier = tier_of(actor)
    decided_tier = objection_table().decided_by_tier.get(tier, 1)
    owner = transitions().owners["city" if decided_tier == 1 else "county"]
    posts = net.posts_over(session, actor, case.division_code, now=now)
    holder = resolve_owner(posts, case.division_code, tier=decided_tier, kinds=owner.kinds)
    return ObjectionRow(
        objection_id=uuid7(now),
        patch_id=case.patch_id,
        division_code=case.division_code,
        kind=body.kind,
        reason_code=body.reason_code,
        note=body.note.strip(),
        evidence_ids=[str(one) for one in body.evidence_ids],
        target=body.target,
        status="open",
        raised_at=now,
        raised_by=actor.account_id,
        raised_name=actor.name,
        raised_tier=tier,
        decided_tier=decided_tier,
        owner_post_id=holder.post.post_id,
        due_at=clock_table().deadline(rule.clock, now),
        pause_id=pause.pause_id if pause else None,
        outcome={},
    )


def _pause(
    session: Session, actor: Actor, case: CaseRow, rule: ObjectionRule, *, log: AssignmentLog, now: datetime
) -> tuple[PauseRow | None, datetime | None]:
    """The clock stands still where the rule says so, and does not stand still already."""
    if case.state not in rule.pauses_in or case.pause_id is not None or case.due_at is None:
        return None, case.due_at
    reason = pause_rule("objection")
    return hold(
        session, actor, case, reason, ends_at=longest_end(reason, now), now=now, note=rule.zh, log=log
    )


def _check_evidence(session: Session, patch_id: UUID, body: ObjectionBody) -> None:
    known = {row.evidence_id for row in store.evidence_of(session, patch_id)}
    for one in body.evidence_ids:
        if one not in known:
            raise InvalidInput("patrol.objection.no_such_evidence", evidence_id=str(one))


def _locked(
    session: Session, actor: Actor, objection_id: UUID, expected_version: int | None
) -> tuple[ObjectionRow, CaseRow]:
    row = store.find_objection(session, objection_id)
    if row is None:
        raise NotFound("patrol.objection.not_found", objection_id=str(objection_id))
    case = locked_case(session, actor, row.patch_id, expected_version=expected_version)
    session.refresh(row)
    return row, case


def _require_other(row: ObjectionRow, actor: Actor, move: Move) -> None:
    if row.raised_by == actor.account_id or name_key(row.raised_name) == name_key(actor.name):
        raise NotAllowed("patrol.case.same_person", action=move.action, action_name=move.zh)
    require_tier_above(raised_tier=row.raised_tier, decided_tier=row.decided_tier, actor_tier=tier_of(actor))


def _settle(
    row: ObjectionRow, actor: Actor, status: str, reason_code: str, note: str | None, now: datetime
) -> None:
    row.status, row.decided_at = status, now
    row.decided_by, row.decided_name = actor.account_id, actor.name
    row.decision_code, row.decision_note = reason_code, note


def _write(
    session: Session,
    actor: Actor,
    case: CaseRow,
    row: ObjectionRow,
    move: Move,
    *,
    reason_code: str,
    note: str | None,
    now: datetime,
    values: Mapping[str, Any] | None = None,
) -> None:
    """The move of a decision; the pause that waited for it ends with it."""
    log = AssignmentLog(session)
    facts: dict[str, Any] = {"objection_id": str(row.objection_id), "kind": row.kind, "status": row.status}
    facts |= {"outcome": row.outcome} if row.outcome else {}
    timing: dict[str, Any] = {"is_recount": not move.to_state}
    changed = dict(values or {})
    if row.pause_id is not None and case.pause_id == row.pause_id:
        due_at = release(session, actor, case, now=now, is_automatic=False, log=log)
        changed |= NOT_PAUSED
        facts["ended_pause"] = str(row.pause_id)
        if not move.to_state:
            timing["due_at"] = due_at
    if move.to_state:
        log.finish_open(case, "cancelled", now)
    details = Details(reason_code=reason_code, note=note, facts=facts, values=changed, log=log, **timing)
    write_move(session, actor, case, move, now=now, details=details)


def _correct(
    session: Session, actor: Actor, case: CaseRow, row: ObjectionRow, body: DecisionBody, now: datetime
) -> dict[str, Any]:
    """Store what is true; what was corrected, in figures."""
    if body.remedy == "dismissed":
        return {"remedy": "dismissed"}
    if row.kind == "base":
        return _correct_base(session, actor, row, body, now)
    truth = redrawing.Truth(body.outline, body.change_class, body.before_on, body.after_on)
    done = redrawing.correct_patch(
        session, actor, case.patch_id, truth, objection_id=row.objection_id, now=now
    )
    former, shape = done.former.shape, done.patch.shape
    if done.patch.division_code != case.division_code:
        case.division_code = done.patch.division_code
    return {
        "remedy": "corrected",
        "lead_id": str(done.lead_id),
        "area_m2": {"before": round(former.area_m2, 2), "after": round(shape.area_m2, 2)},
        "change_class": {"before": former.change_class, "after": shape.change_class},
        "window": {
            "before": [former.before_at.isoformat(), former.after_at.isoformat()],
            "after": [shape.before_at.isoformat(), shape.after_at.isoformat()],
        },
        "judgement_id": str(done.judgement.judgement_id),
        "suggestion": done.judgement.suggestion,
    }


def _correct_base(
    session: Session, actor: Actor, row: ObjectionRow, body: DecisionBody, now: datetime
) -> dict[str, Any]:
    version_id = body.version_id or row.target.get("version_id")
    feature_no = body.feature_no or row.target.get("feature_no")
    if not version_id or not feature_no:
        raise InvalidInput("patrol.objection.which_feature")
    former = detection.get_judgement(session, actor, row.patch_id)
    correction = Correction(
        row.objection_id,
        str(row.target["layer_kind"]),
        UUID(str(version_id)),
        str(feature_no),
        body.feature_action,  # type: ignore[arg-type]  # checked by the desk
        row.note,
        f"底图异议 {row.objection_id}",
        actor.name,
        now,
        dict(body.feature_changes),
        body.outline,
    )
    made = desk.rejudge_after_correction(session, actor, correction, now=now, patch_ids=(row.patch_id,))
    own = next((one for one in made if one.patch_id == row.patch_id), None)
    return {
        "remedy": "corrected",
        "feature": {"layer_kind": row.target["layer_kind"], "feature_no": feature_no},
        "action": body.feature_action,
        "suggestion": {
            "before": former.suggestion if former else None,
            "after": own.suggestion if own else None,
        },
        "judgement_id": str(own.judgement_id) if own else None,
        "judged_again": len(made),
    }


def _verdict_after(actor: Actor, case: CaseRow, body: DecisionBody, now: datetime) -> dict[str, Any]:
    """What an upheld objection makes of a verdict that was signed on the wrong facts."""
    if body.remedy == "dismissed":
        return {
            "verdict_kind": "not_new",
            "violation_code": None,
            "reason_code": "objection_upheld",
            "verdict_by": actor.account_id,
            "verdict_at": now,
        }
    if case.state in AFTER_VERDICT:
        gone = ("verdict_kind", "violation_code", "reason_code", "verdict_note", "verdict_by", "verdict_at")
        return dict.fromkeys(gone)
    return {}

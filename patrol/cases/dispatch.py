"""Handing down, tier by tier: dispatch, sign, return, forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor
from foundation.calendar import add_working_days
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput
from patrol.cases import store
from patrol.cases.assignments import (
    OFFICERS,
    OPEN,
    Step,
    plan_chain,
    plan_to,
    require_status,
)
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import (
    AssignmentLog,
    Details,
    allowed_move,
    locked_assignment,
    locked_case,
    owner_of_state,
    write_move,
)
from patrol.cases.reasons import reason_name, require_reason
from patrol.dispatching import service as dispatching
from patrol.dispatching.loads import Turn
from patrol.dispatching.policies import dispatch_policy
from patrol.net import service as net
from patrol.net.posts import Holder, Post, covers, holder_of
from patrol.tables import AssignmentRow, CaseEventRow, CaseRow

WRONG_GRID = "wrong_grid"
UNLEARNED = "派发已撤销"


@dataclass(frozen=True, slots=True)
class Way:
    """How a patch is to go down: to a post chosen by hand, or below a tier by the default chain."""

    from_tier: int
    post_id: UUID | None = None


def dispatch(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    now: datetime,
    post_id: UUID | None = None,
    is_urgent: bool = False,
    note: str | None = None,
    expected_version: int | None = None,
    joined_seq: int | None = None,
) -> CaseRow:
    """Hand a patch down, by the default chain or to a post chosen by hand; or queue it, with the reason.

    Parameters
    ----------
    post_id : UUID, optional
        Township station → village chief → grid officer whose cell holds the patch, when left out.
    is_urgent : bool
        24 hours for the visit instead of three working days.
    joined_seq : int, optional
        Running number of the verdict given in the same step: undo takes both back.

    Raises
    ------
    Conflict
        ``patrol.case.illegal_move``, ``patrol.case.version_changed``, ``patrol.post.no_owner``,
        ``patrol.post.vacant``.
    InvalidInput
        ``patrol.post.not_over_patch``.
    """
    case = locked_case(session, actor, patch_id, expected_version=expected_version)
    move = allowed_move(session, actor, case, "dispatch")
    way = Way(_tier_of(actor), post_id)
    steps, turn = chain_to(session, actor, case, way, now)
    log = AssignmentLog(session)
    log.finish_open(case, "cancelled", now)
    dispatching.end_help(session, patch_id, now=now)
    waits = _why_waits(session, case, steps[-1].holder, is_urgent=is_urgent, now=now)
    learned = _learn(session, actor, case, post_id, note, now)
    values = {"is_urgent": is_urgent}
    facts: dict[str, Any] = {
        "is_urgent": is_urgent,
        "by_hand": str(post_id) if post_id else None,
        **eased(steps, turn),
        "joined_seq": joined_seq,
        **learned,
    }
    if waits is None:
        details = set_off(session, actor, case, steps, log=log, is_urgent=is_urgent, now=now)
    else:
        details = _enqueue(session, actor, case, steps[-1], reason=waits, log=log, now=now)
        facts["queue"] = {"from_tier": way.from_tier, "post_id": str(post_id) if post_id else None}
    facts |= details.pop("facts")
    write_move(
        session, actor, case, move, now=now, details=Details(note=note, facts=facts, values=values, **details)
    )
    return case


def sign(session: Session, actor: Actor, assignment_id: UUID, *, now: datetime) -> CaseRow:
    """Take an assignment on; signing again changes nothing.

    A tier that signs passes the patch on to the next pair of hands of its chain; where nobody waits below it
    keeps the patch until it forwards it. The verifier's signature starts the visit.

    Raises
    ------
    NotFound
        ``patrol.assignment.not_found``.
    NotAllowed
        ``patrol.assignment.not_yours``.
    Conflict
        ``patrol.assignment.not_open``.
    """
    case, row = locked_assignment(session, actor, assignment_id, right="assignment.sign")
    if row.status == "signed" or (row.status == "forwarded" and row.signed_at is not None):
        return case
    require_status(row.status, ("sent",))
    log = AssignmentLog(session)
    if row.kind == "verify" and case.state == "dispatched":
        move = allowed_move(session, actor, case, "receive")
        log.change(row, status="signed", signed_at=now)
        write_move(
            session,
            actor,
            case,
            move,
            now=now,
            details=Details(due_at=row.due_at, owner_post_id=row.post_id, log=log),
        )
    elif row.kind == "hand_down" and case.state == "dispatched":
        _sign_and_pass_on(session, actor, case, row, log, now)
    else:
        row.status, row.signed_at = "signed", now
        audit.record(
            session,
            actor,
            "patrol.assignment.signed",
            subject=("assignment", assignment_id),
            at=now,
            facts={"kind": row.kind},
        )
    return case


def return_(
    session: Session,
    actor: Actor,
    assignment_id: UUID,
    *,
    reason_code: str,
    now: datetime,
    note: str | None = None,
) -> CaseRow:
    """Give an assignment back to whoever handed it down; from the first pair of hands, to the county's desk.

    Raises
    ------
    InvalidInput
        ``patrol.reason.missing`` or ``patrol.reason.unknown``.
    Conflict
        ``patrol.assignment.not_open``, ``patrol.assignment.not_returnable``.
    """
    case, row = locked_assignment(session, actor, assignment_id, right="assignment.sign")
    require_status(row.status, OPEN)
    require_reason("return", reason_code)
    if row.kind not in {"hand_down", "verify"}:
        raise Conflict("patrol.assignment.not_returnable", kind=row.kind)
    log = AssignmentLog(session)
    above = _handed_down_by(session, case, row)
    log.change(row, status="returned", done_at=now, reason_code=reason_code, note=note)
    log.finish_open(case, "cancelled", now)
    if above is None:
        move = allowed_move(session, actor, case, "return_up")
        write_move(
            session, actor, case, move, now=now, details=Details(reason_code=reason_code, note=note, log=log)
        )
        return case
    move = allowed_move(session, actor, case, "return_task")
    post = net.get_post(session, above.post_id)
    holder = holder_of(post) or Holder(post, above.holder_name, above.holder_account_id, is_deputy=False)
    due_at = clock_table().deadline("hand_down", now)
    again = log.add(case, Step("hand_down", above.tier, holder), status="sent", due_at=due_at, now=now)
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            reason_code=reason_code,
            note=note,
            facts={"post_id": str(row.post_id)},
            due_at=due_at,
            owner_post_id=again.post_id,
            log=log,
        ),
    )
    return case


def forward(
    session: Session,
    actor: Actor,
    assignment_id: UUID,
    *,
    now: datetime,
    post_id: UUID | None = None,
    note: str | None = None,
) -> CaseRow:
    """Hand an assignment on: to the next pair of hands of the chain, or to a post chosen by hand.

    Raises
    ------
    Conflict
        ``patrol.assignment.not_open``, ``patrol.assignment.not_forwardable``.
    InvalidInput
        ``patrol.assignment.no_target``: nobody stands further down; name a post.
        ``patrol.post.not_below``: the post does not lie below one's own.
    """
    case, row = locked_assignment(session, actor, assignment_id, right="assignment.sign")
    require_status(row.status, OPEN)
    if row.kind != "hand_down":
        raise Conflict("patrol.assignment.not_forwardable", kind=row.kind)
    move = allowed_move(session, actor, case, "forward")
    log = AssignmentLog(session)
    log.change(row, status="forwarded", signed_at=row.signed_at or now, done_at=now)
    if post_id is None:
        following = _send_next(session, case, log, now)
    else:
        following = _send_to(session, actor, case, row, post_id, log, now)
        dispatching.end_help(session, case.patch_id, now=now, post_id=post_id)
    learned = _learn(session, actor, case, post_id, note, now)
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            note=note,
            facts={"from_post_id": str(row.post_id), "to_post_id": str(following.post_id), **learned},
            due_at=_sign_by(following, now),
            owner_post_id=following.post_id,
            log=log,
        ),
    )
    return case


def take_back(session: Session, actor: Actor, event: CaseEventRow, *, now: datetime) -> None:
    """What a dispatch or a forwarding that is undone did beside the case: help named, a grid corrected."""
    if event.action == "dispatch":
        dispatching.end_help(session, event.patch_id, now=now)
    if event.facts.get("learned"):
        learned = UUID(event.facts["learned"])
        dispatching.revoke_correction(session, actor, learned, reason=UNLEARNED, now=now)


def default_chain(session: Session, actor: Actor, case: CaseRow, *, now: datetime) -> list[Step]:
    """Through whose hands a patch goes when nobody says otherwise."""
    return chain_to(session, actor, case, Way(_tier_of(actor)), now)[0]


def chain_to(
    session: Session, actor: Actor, case: CaseRow, way: Way, now: datetime
) -> tuple[list[Step], Turn | None]:
    """Through whose hands a patch goes, and who of the village's officers has the turn."""
    posts = net.posts_over(session, actor, case.division_code, now=now)
    turn = dispatching.turn_for(
        session, case.patch_id, case.division_code, posts, refused=_refused(session, case.patch_id)
    )
    officer = turn.officer if turn else None
    if way.post_id is None:
        return plan_chain(posts, case.division_code, from_tier=way.from_tier, officer=officer), turn
    target = net.get_post(session, way.post_id)
    target = next((post for post in posts if post.post_id == way.post_id), target)
    return plan_to(posts, target, case.division_code, officer=officer), turn


def set_off(
    session: Session,
    actor: Actor,
    case: CaseRow,
    steps: Sequence[Step],
    *,
    log: AssignmentLog,
    is_urgent: bool,
    now: datetime,
) -> dict[str, Any]:
    """Send a patch down a chain, and name who helps; what the move's details say of it."""
    first = _lay_out(case, steps, log, is_urgent=is_urgent, now=now)
    facts: dict[str, Any] = {"chain": [step.holder.post.title for step in steps]}
    if steps[-1].holder.post.kind in OFFICERS:
        helper = dispatching.name_helper(session, actor, case.patch_id, lead=steps[-1].holder.post, now=now)
        if helper is not None:
            facts["helper"] = helper.helper_title
    return {"facts": facts, "due_at": _sign_by(first, now), "owner_post_id": first.post_id, "log": log}


def targets(session: Session, actor: Actor, case: CaseRow, *, now: datetime) -> list[Post]:
    """Manned posts over the patch below the actor's tier, from the highest down."""
    level = divisions().get(actor.area_code).level
    posts = net.posts_over(session, actor, case.division_code, now=now)
    found = [
        post
        for post in posts
        if post.is_manned and post.tier > max(1, level - 1) and covers(post, case.division_code)
    ]
    return sorted(found, key=lambda post: (post.tier, post.kind != "station", post.post_no))


def verify_deadline(*, is_urgent: bool, now: datetime) -> datetime:
    """When a visit that is asked for now must have taken place."""
    return clock_table().deadline("verify_urgent" if is_urgent else "verify", now)


def _tier_of(actor: Actor) -> int:
    """The platform and the county hand down from tier 2, the city from tier 1, a station from tier 3."""
    level = divisions().get(actor.area_code).level
    return min(3, 2 if actor.role == "system" else max(1, level - 1))


def _why_waits(
    session: Session, case: CaseRow, holder: Holder, *, is_urgent: bool, now: datetime
) -> str | None:
    store.lock_key(session, f"budget/{holder.account_id or holder.post.post_id}")
    return dispatching.why_waits(session, case.patch_id, holder, is_urgent=is_urgent, now=now)


def _enqueue(
    session: Session,
    actor: Actor,
    case: CaseRow,
    step: Step,
    *,
    reason: str,
    log: AssignmentLog,
    now: datetime,
) -> dict[str, Any]:
    """Queue a patch for whoever is to go; meanwhile the county has it; at its limit it goes out."""
    due_at = add_working_days(now, dispatch_policy().longest_wd)
    row = log.add(case, step, status="queued", due_at=due_at, now=now)
    row.reason_code = reason
    owner = owner_of_state(session, actor, case, "triage", now=now)
    facts = {"chain": [], "queued_for": step.holder.post.title, "queued_why": reason}
    return {"facts": facts, "due_at": due_at, "owner_post_id": owner.post.post_id, "log": log}


def _refused(session: Session, patch_id: UUID) -> tuple[UUID, ...]:
    """Officers who gave a patch back as not in their grid, the last one last."""
    return tuple(
        row.post_id
        for row in store.assignments_of(session, patch_id)
        if row.kind == "verify" and row.status == "returned" and row.reason_code == WRONG_GRID
    )


def _learn(
    session: Session, actor: Actor, case: CaseRow, post_id: UUID | None, note: str | None, now: datetime
) -> dict[str, str]:
    """A patch that came back as of another grid, and goes to an officer chosen by hand: remembered."""
    refused = _refused(session, case.patch_id)
    if post_id is None or not refused or post_id == refused[-1]:
        return {}
    if net.get_post(session, post_id).kind not in OFFICERS:
        return {}
    why = note or reason_name(WRONG_GRID, "return") or WRONG_GRID
    learned = dispatching.learn(
        session, actor, case.patch_id, from_post_id=refused[-1], to_post_id=post_id, why=why, now=now
    )
    return {"learned": str(learned)}


def _lay_out(
    case: CaseRow, steps: Sequence[Step], log: AssignmentLog, *, is_urgent: bool, now: datetime
) -> AssignmentRow:
    """Assignments of a chain: the first is sent, the others wait. Deadlines of those waiting are set anew."""
    first: AssignmentRow | None = None
    sign_by = now
    for step in steps:
        sign_by = clock_table().deadline("hand_down", sign_by)
        due_at = verify_deadline(is_urgent=is_urgent, now=now) if step.kind == "verify" else sign_by
        row = log.add(case, step, status="waiting" if first else "sent", due_at=due_at, now=now)
        first = first or row
    if first is None:
        raise InvalidInput("patrol.assignment.no_target")
    return first


def _sign_and_pass_on(
    session: Session, actor: Actor, case: CaseRow, row: AssignmentRow, log: AssignmentLog, now: datetime
) -> None:
    move = allowed_move(session, actor, case, "sign")
    facts = {"post_id": str(row.post_id)}
    if any(other.status == "waiting" for other in store.assignments_of(session, case.patch_id)):
        log.change(row, status="forwarded", signed_at=now, done_at=now)
        following = _send_next(session, case, log, now)
        details = Details(
            facts={**facts, "to_post_id": str(following.post_id)},
            due_at=_sign_by(following, now),
            owner_post_id=following.post_id,
            log=log,
        )
    else:
        log.change(row, status="signed", signed_at=now)
        details = Details(facts=facts, log=log)
    write_move(session, actor, case, move, now=now, details=details)


def _send_next(session: Session, case: CaseRow, log: AssignmentLog, now: datetime) -> AssignmentRow:
    waiting = [row for row in store.assignments_of(session, case.patch_id) if row.status == "waiting"]
    if not waiting:
        raise InvalidInput("patrol.assignment.no_target")
    following = min(waiting, key=lambda row: (row.kind == "verify", row.tier))
    if following.kind == "verify":
        due_at = verify_deadline(is_urgent=case.is_urgent, now=now)
    else:
        due_at = clock_table().deadline("hand_down", now)
    log.change(following, status="sent", due_at=due_at)
    return following


def _send_to(
    session: Session,
    actor: Actor,
    case: CaseRow,
    row: AssignmentRow,
    post_id: UUID,
    log: AssignmentLog,
    now: datetime,
) -> AssignmentRow:
    target = net.get_post(session, post_id)
    if (target.tier, target.kind == "grid_officer") <= (row.tier, False) or post_id == row.post_id:
        raise InvalidInput("patrol.post.not_below", post=target.title)
    steps, _ = chain_to(session, actor, case, Way(row.tier, post_id), now)
    for waiting in store.assignments_of(session, case.patch_id):
        if waiting.status == "waiting":
            log.change(waiting, status="cancelled", done_at=now)
    return _lay_out(case, steps, log, is_urgent=case.is_urgent, now=now)


def _sign_by(row: AssignmentRow, now: datetime) -> datetime:
    """Deadline of the case while it waits for this signature."""
    return clock_table().deadline("hand_down", now) if row.kind == "verify" else row.due_at


def _handed_down_by(session: Session, case: CaseRow, row: AssignmentRow) -> AssignmentRow | None:
    """Whoever forwarded this assignment in the present round."""
    started = max(event.at for event in store.events_of(session, case.patch_id) if event.action == "dispatch")
    earlier = [
        other
        for other in store.assignments_of(session, case.patch_id)
        if other.status == "forwarded" and other.created_at >= started
        if (other.tier, other.kind == "verify") < (row.tier, row.kind == "verify")
    ]
    return max(earlier, key=lambda other: (other.tier, other.done_at or started), default=None)


def eased(steps: Sequence[Step], turn: Turn | None) -> dict[str, str]:
    """What the trail says where a neighbour goes in the place of the cell's own officer."""
    if turn is None or steps[-1].holder.post.post_id != turn.officer.post_id:
        return {}
    if turn.correction_id is not None:
        return {"by_correction": str(turn.correction_id)}
    if turn.instead_of is None:
        return {}
    return {"instead_of": turn.instead_of.title, "instead_of_post_id": str(turn.instead_of.post_id)}

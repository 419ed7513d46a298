"""Handing down, tier by tier: dispatch, sign, return, forward."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput
from patrol.cases import store
from patrol.cases.assignments import (
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
    write_move,
)
from patrol.cases.reasons import require_reason
from patrol.dispatching import service as dispatching
from patrol.dispatching.loads import Turn
from patrol.net import service as net
from patrol.net.posts import Holder, Post, covers, holder_of
from patrol.tables import AssignmentRow, CaseRow

VILLAGE_TIER = 4


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
    """Hand a patch down, by the default chain or to a post chosen by hand.

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
    steps, turn = _chain_to(session, actor, case, post_id, now)
    log = AssignmentLog(session)
    log.finish_open(case, "cancelled", now)
    first = _lay_out(case, steps, log, is_urgent=is_urgent, now=now)
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            note=note,
            facts={
                "chain": [step.holder.post.title for step in steps],
                "is_urgent": is_urgent,
                **_eased(steps, turn),
                "joined_seq": joined_seq,
            },
            due_at=_sign_by(first, now),
            owner_post_id=first.post_id,
            values={"is_urgent": is_urgent},
            log=log,
        ),
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
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            note=note,
            facts={"from_post_id": str(row.post_id), "to_post_id": str(following.post_id)},
            due_at=_sign_by(following, now),
            owner_post_id=following.post_id,
            log=log,
        ),
    )
    return case


def default_chain(session: Session, actor: Actor, case: CaseRow, *, now: datetime) -> list[Step]:
    """Through whose hands a patch goes when nobody says otherwise."""
    return _default_chain(session, actor, case, now)[0]


def _default_chain(
    session: Session, actor: Actor, case: CaseRow, now: datetime
) -> tuple[list[Step], Turn | None]:
    posts = net.posts_over(session, actor, case.division_code, now=now)
    # The platform and the county hand down from tier 2, the city from tier 1, a station from tier 3.
    level = divisions().get(actor.area_code).level
    from_tier = 2 if actor.role == "system" else max(1, level - 1)
    turn = _turn(session, posts, case)
    officer = turn.officer if turn else None
    return plan_chain(posts, case.division_code, from_tier=min(from_tier, 3), officer=officer), turn


def _chain_to(
    session: Session, actor: Actor, case: CaseRow, post_id: UUID | None, now: datetime
) -> tuple[list[Step], Turn | None]:
    if post_id is None:
        return _default_chain(session, actor, case, now)
    target = net.get_post(session, post_id)
    posts = net.posts_over(session, actor, case.division_code, now=now)
    turn = _turn(session, posts, case)
    return plan_to(posts, target, case.division_code, officer=turn.officer if turn else None), turn


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
    steps, _ = _chain_to(session, actor, case, post_id, now)
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


def _turn(session: Session, posts: Sequence[Post], case: CaseRow) -> Turn | None:
    over = [post for post in posts if post.kind == "grid_officer" and covers(post, case.division_code)]
    # Officers of the higher tiers are a township's or a city's staff: the cell's own officer goes first.
    officers = [post for post in over if post.tier == VILLAGE_TIER]
    owner = net.officer_of_cell(session, officers, net.cell_of_patch(session, case.patch_id))
    return dispatching.take_turn(session, owner, officers) if owner else None


def _eased(steps: Sequence[Step], turn: Turn | None) -> dict[str, str]:
    """What the trail says where a neighbour goes in the place of the cell's own officer."""
    if turn is None or turn.instead_of is None or steps[-1].holder.post.post_id != turn.officer.post_id:
        return {}
    return {"instead_of": turn.instead_of.title, "instead_of_post_id": str(turn.instead_of.post_id)}

"""Nobody is without an owner: what lay with somebody who left goes to the deputy, or up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, allows, require, system_actor
from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput
from patrol.cases import store
from patrol.cases.assignments import OPEN, UNFINISHED, Step
from patrol.cases.cases import FINAL_STATES, transitions
from patrol.cases.ledger import AssignmentLog, Details, locked_case, write_move
from patrol.net import service as net
from patrol.net.posts import KINDS_BY_TIER, Holder, Post, holder_of, resolve_owner
from patrol.net.service import PostImport
from patrol.tables import AssignmentRow, CaseRow, PostRow

WHO = ("holder", "deputy", "both")


def import_posts(session: Session, actor: Actor, data: bytes, *, now: datetime, **options: Any) -> PostImport:
    """Bring in a list of posts (`patrol.net.service.import_posts`); nothing is left without an owner by it.

    Raises
    ------
    InvalidInput
        The file as a whole cannot be read.
    Conflict
        ``patrol.post.no_owner``: the list leaves nobody over an open case.
    """
    store.lock_key(session, "posts")
    report = net.import_posts(session, actor, data, now=now, **options)
    rehome(session, actor, now=now)
    return report


def vacate_post(session: Session, actor: Actor, post_id: UUID, *, who: str, now: datetime) -> list[UUID]:
    """Somebody leaves a post; what lies there goes to others in the same transaction.

    Parameters
    ----------
    who : str
        ``holder | deputy | both``.

    Returns
    -------
    list of UUID
        Patches that have another owner or holder now.

    Raises
    ------
    Conflict
        ``patrol.post.no_owner``: it was the last manned post over an open case; it stays.
    """
    row = _post_row(session, post_id)
    require(actor, "post.manage", row.division_code)
    if who not in WHO:
        raise InvalidInput("patrol.post.who_leaves", given=who[:40], accepted=list(WHO))
    if who in {"holder", "both"}:
        row.holder_name, row.holder_account_id = "", None
    if who in {"deputy", "both"}:
        row.deputy_name = row.deputy_account_id = None
    session.flush()
    facts = {"post_no": row.post_no, "who": who}
    audit.record(session, actor, "patrol.post.vacated", subject=("post", post_id), at=now, facts=facts)
    return rehome(session, actor, now=now)


def end_post(session: Session, actor: Actor, post_id: UUID, *, on: date, now: datetime) -> list[UUID]:
    """A post is abolished from a day on (that day is the first without it); likewise."""
    row = _post_row(session, post_id)
    require(actor, "post.manage", row.division_code)
    row.valid_to = on
    session.flush()
    facts = {"post_no": row.post_no, "on": on.isoformat()}
    audit.record(session, actor, "patrol.post.ended", subject=("post", post_id), at=now, facts=facts)
    return rehome(session, actor, now=now)


def leave_all_posts(session: Session, actor: Actor, account_id: UUID, *, now: datetime) -> list[UUID]:
    """Somebody leaves the service: no post is theirs any more, as holder or deputy."""
    require(actor, "post.manage")
    for row in store.posts_of_account(session, account_id):
        require(actor, "post.manage", row.division_code)
        _leave(row, account_id)
        facts = {"post_no": row.post_no, "account_id": str(account_id)}
        audit.record(
            session, actor, "patrol.post.vacated", subject=("post", row.post_id), at=now, facts=facts
        )
    session.flush()
    return rehome(session, actor, now=now)


def ownerless(session: Session, actor: Actor, *, now: datetime) -> list[UUID]:
    """Patches of open cases whose owner, or the holder of a task, is gone: none, if all is well."""
    require(actor, "patch.view")
    return store.orphaned_cases(session, now.astimezone(SHANGHAI).date())


def rehome(session: Session, actor: Actor, *, now: datetime) -> list[UUID]:
    """Give every open case, task and objection whose owner is gone to whoever stands in or above.

    Deadlines stay as they were. Running it again changes nothing more.
    """
    today = now.astimezone(SHANGHAI).date()
    if not allows(actor, "clock.run"):
        # Whoever manages posts may not touch cases: the platform does, on the posts as they are now.
        actor = system_actor(actor.area_code)
    for account_id in store.disabled_holders(session):
        for row in store.posts_of_account(session, account_id):
            _leave(row, account_id)
    net.settle_tenures(session, actor, now=now)
    moved = []
    for patch_id in store.orphaned_cases(session, today):
        case = locked_case(session, actor, patch_id)
        if case.state not in FINAL_STATES and _rehome_case(session, actor, case, today, now):
            moved.append(patch_id)
    for objection in store.orphaned_objections(session, today):
        posts = net.posts_over(session, actor, objection.division_code, now=now)
        tier = objection.decided_tier
        holder = resolve_owner(posts, objection.division_code, tier=tier, kinds=KINDS_BY_TIER[tier])
        objection.owner_post_id = holder.post.post_id
    session.flush()
    return moved


def _rehome_case(session: Session, actor: Actor, case: CaseRow, today: date, now: datetime) -> bool:
    posts = net.posts_over(session, actor, case.division_code, now=now)
    known = {post.post_id: post for post in posts}
    log = AssignmentLog(session)
    told: list[str] = []
    owner_post_id = None
    for task in store.assignments_of(session, case.patch_id):
        if task.status not in UNFINISHED:
            continue
        successor = _successor(posts, known.get(task.post_id), task, case)
        if successor is None:
            continue
        told.append(f"{task.holder_name or '空岗'}→{successor.post.title}{successor.name}")
        if task.status in OPEN and task.kind in {"hand_down", "verify"}:
            owner_post_id = successor.post.post_id
        _hand_over(case, task, successor, log=log, now=now)
    owner = known.get(case.owner_post_id)
    if owner_post_id is None and (owner is None or holder_of(owner) is None):
        row = _post_row(session, case.owner_post_id)
        holder = resolve_owner(posts, case.division_code, tier=row.tier, kinds=KINDS_BY_TIER[row.tier])
        owner_post_id = holder.post.post_id
        told.append(f"{row.title}→{holder.post.title}{holder.name}")
    if not told:
        return False
    move = next(move for move in transitions().moves if move.action == "reassign")
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            reason_code="holder_gone",
            note="；".join(told),
            owner_post_id=owner_post_id,
            log=log,
            is_recount=True,
        ),
    )
    return True


def _successor(posts: Sequence[Post], post: Post | None, task: AssignmentRow, case: CaseRow) -> Holder | None:
    """Who has a task from now on; None where its holder still stands in its post."""
    if post is not None:
        if task.holder_name in post.names:
            return None
        holder = holder_of(post)
        if holder is not None:
            return holder
    return resolve_owner(posts, case.division_code, tier=task.tier, kinds=KINDS_BY_TIER[task.tier])


def _hand_over(
    case: CaseRow, task: AssignmentRow, successor: Holder, *, log: AssignmentLog, now: datetime
) -> None:
    if successor.post.post_id == task.post_id:
        log.change(task, holder_name=successor.name, holder_account_id=successor.account_id)
        return
    status, due_at, reason_code = task.status, task.due_at, task.reason_code
    log.change(task, status="cancelled", reason_code="holder_gone", done_at=now)
    step = Step(task.kind, successor.post.tier, successor)
    again = log.add(case, step, status="sent" if status in OPEN else status, due_at=due_at, now=now)
    if status == "queued":
        # It keeps its place, and the reason why it waits.
        again.created_at, again.reason_code = task.created_at, reason_code


def _leave(row: PostRow, account_id: UUID) -> None:
    if row.holder_account_id == account_id:
        row.holder_name, row.holder_account_id = "", None
    if row.deputy_account_id == account_id:
        row.deputy_name = row.deputy_account_id = None


def _post_row(session: Session, post_id: UUID) -> PostRow:
    net.get_post(session, post_id)
    return store.lock_post(session, post_id)

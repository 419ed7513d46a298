"""Verbs of dispatching: who goes and who helps, what is learned from a return, who has room."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import derived_id, uuid7
from patrol.dispatching import store
from patrol.dispatching.loads import Turn, day_and_week, whose_turn, why_queued
from patrol.dispatching.policies import DispatchPolicy, dispatch_policy
from patrol.dispatching.tables import HelperRow
from patrol.dispatching.views import CorrectionView, HelpView
from patrol.net import service as net
from patrol.net.grid import CellShare, holding_cell
from patrol.net.posts import Holder, Post, covers, holder_of
from patrol.notices import service as notices

VILLAGE_TIER = 4
WHY_MAX = 500
HELPER_ROLE = "helper"


class Second(NamedTuple):
    """The second cell of a shared patch, and the part of the patch in it."""

    cell: CellShare
    share: float


def turn_for(
    session: Session,
    patch_id: UUID,
    division_code: str,
    posts: Sequence[Post],
    *,
    refused: Collection[UUID] = (),
    policy: DispatchPolicy | None = None,
) -> Turn | None:
    """Which grid officer goes to a patch: of corrected ground, of the cell, or one with far less to do.

    Parameters
    ----------
    posts : sequence of Post
        Those over the patch, as they stand now.
    refused : collection of post id
        Officers who gave this patch back as not in their grid.
    """
    rules = policy or dispatch_policy()
    officers = officers_over(posts, division_code)
    willing = [post for post in officers if post.post_id not in refused]
    by_id = {post.post_id: post for post in willing if post.is_manned}
    for correction_id, post_id, _ in store.corrections_on(session, patch_id, rules.overlap):
        if post_id in by_id:
            return Turn(by_id[post_id], None, correction_id)
    cell = net.cell_of_patch(session, patch_id)
    owner = net.officer_of_cell(session, officers, cell)
    if owner is None:
        return None
    if owner.post_id in refused:
        owner = _next_best(session, patch_id, willing, cell)
        return Turn(owner, None) if owner else None
    loads = store.open_loads(session, [post.post_id for post in willing])
    return whose_turn(owner, willing, loads, gap=rules.gap)


def officers_over(posts: Sequence[Post], division_code: str) -> list[Post]:
    """Grid officers of the village over a patch: those of higher tiers are a township's or a city's staff."""
    return [
        post
        for post in posts
        if post.kind == "grid_officer" and post.tier == VILLAGE_TIER and covers(post, division_code)
    ]


def why_waits(
    session: Session, patch_id: UUID, holder: Holder, *, is_urgent: bool, now: datetime
) -> str | None:
    """Why one task more for a person has to wait, or None."""
    day, week = day_and_week(now)
    given = store.given_to(session, holder, day=day, week=week)
    severity = store.severity_of(session, patch_id)
    return why_queued(given, dispatch_policy(), is_urgent=is_urgent, severity=severity)


def name_helper(
    session: Session, actor: Actor, patch_id: UUID, *, lead: Post, now: datetime
) -> HelpView | None:
    """Name, and tell, who helps with a patch that lies in a second cell as well; ends an earlier help."""
    end_help(session, patch_id, now=now)
    second = second_cell(session, patch_id, net.cell_of_patch(session, patch_id))
    if second is None or second.share < dispatch_policy().share:
        return None
    code = second.cell.division_code
    posts = net.posts_over(session, actor, code, now=now)
    post = net.officer_of_cell(session, officers_over(posts, code), second.cell)
    if post is None or post.post_id == lead.post_id:
        return None
    helper_id, leader = uuid7(now), holder_of(lead)
    store.add_helper(
        session,
        helper_id=helper_id,
        patch_id=patch_id,
        helper_division_code=post.division_code,
        post_id=post.post_id,
        lead_post_id=lead.post_id,
        lead_named=f"{lead.title} {leader.name if leader else ''}".strip(),
        cell_code=second.cell.code,
        share=second.share,
        named_at=now,
    )
    holder = holder_of(post)
    if holder is not None and holder.account_id is not None:
        notices.tell_of_patch(
            session,
            event_id=helper_id,
            account_id=holder.account_id,
            kind="helping",
            patch_id=patch_id,
            now=now,
        )
    return helps_with(session, patch_id)


def end_help(session: Session, patch_id: UUID, *, now: datetime, post_id: UUID | None = None) -> None:
    """Nobody helps with a patch any more; with a post given, only if that one did."""
    for row in store.open_helpers(session, patch_id):
        if post_id in {None, row.post_id}:
            row.ended_at = now
    session.flush()


def end_idle_helps(session: Session, actor: Actor, *, now: datetime) -> int:
    """End the help with patches that were visited, recalled or settled."""
    require(actor, "clock.run")
    return store.end_idle_helpers(session, now)


def helps_with(session: Session, patch_id: UUID) -> HelpView | None:
    """Who helps with a patch, as far as the session sees it."""
    return next((HelpView.of(row) for row in store.helps_of_patch(session, patch_id)), None)


def list_helps(session: Session, actor: Actor) -> list[HelpView]:
    """Shared patches with which the actor's own posts help, oldest first."""
    require(actor, "assignment.sign")
    return [HelpView.of(row) for row in store.helps_of_posts(session, actor.post_ids)]


def list_shared(session: Session, actor: Actor, *, limit: int = 1000) -> list[HelpView]:
    """Shared patches of the actor's area, led or helped with there, oldest first."""
    require(actor, "patch.dispatch")
    return [HelpView.of(row) for row in store.helps_in_sight(session, limit)]


def stand_by(session: Session, actor: Actor, helper_id: UUID) -> tuple[Actor, UUID]:
    """The actor as a helper, within the place of one shared patch; and the patch.

    What the actor may do there is the role ``helper``'s; the name and the account stay the actor's own.

    Raises
    ------
    NotFound
        ``patrol.helper.not_found``: somebody else helps there, or nobody any more.
    """
    require(actor, "visit.record")
    row = session.get(HelperRow, helper_id)
    if row is None or row.ended_at is not None or row.post_id not in actor.post_ids:
        raise NotFound("patrol.helper.not_found", helper_id=str(helper_id))
    return replace(actor, role=HELPER_ROLE, area_code=row.division_code), row.patch_id


def learn(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    from_post_id: UUID,
    to_post_id: UUID,
    why: str,
    now: datetime,
) -> UUID:
    """Remember that another officer answers for a patch's ground; the next dispatch there honours it."""
    correction_id = derived_id("dispatch_correction", patch_id, from_post_id, to_post_id, now)
    store.add_correction(
        session,
        correction_id=correction_id,
        patch_id=patch_id,
        from_post_id=from_post_id,
        to_post_id=to_post_id,
        why=why[:WHY_MAX],
        recorded_at=now,
        recorded_by=actor.account_id,
        recorded_by_name=actor.name,
    )
    audit.record(
        session,
        actor,
        "patrol.dispatch.corrected",
        subject=("patch", patch_id),
        at=now,
        facts={"from_post_id": str(from_post_id), "to_post_id": str(to_post_id)},
    )
    return correction_id


def list_corrections(
    session: Session, actor: Actor, *, with_revoked: bool = False, limit: int = 500
) -> list[CorrectionView]:
    """Corrections of the actor's area, those in force first, newest first."""
    require(actor, "patch.dispatch")
    rows = store.list_corrections(session, with_revoked=with_revoked, limit=limit)
    return [CorrectionView(**row) for row in rows]


def revoke_correction(
    session: Session, actor: Actor, correction_id: UUID, *, reason: str, now: datetime
) -> None:
    """A correction holds no longer; it stays on record with who revoked it, when and why.

    Raises
    ------
    NotFound
        ``patrol.correction.not_found``.
    InvalidInput
        ``patrol.correction.no_reason``.
    Conflict
        ``patrol.correction.revoked``.
    """
    row = store.lock_correction(session, correction_id)
    if row is None:
        raise NotFound("patrol.correction.not_found", correction_id=str(correction_id))
    require(actor, "patch.dispatch", row.division_code)
    if not reason.strip() or len(reason) > WHY_MAX:
        raise InvalidInput("patrol.correction.no_reason", maximum=WHY_MAX)
    if row.revoked_at is not None:
        raise Conflict("patrol.correction.revoked", revoked_by_name=row.revoked_by_name)
    row.revoked_at, row.revoked_by, row.revoked_by_name = now, actor.account_id, actor.name
    row.revoked_reason = reason.strip()
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.dispatch.correction_revoked",
        subject=("patch", row.patch_id),
        at=now,
        facts={"correction_id": str(correction_id)},
    )


def _next_best(
    session: Session, patch_id: UUID, willing: Sequence[Post], cell: CellShare | None
) -> Post | None:
    """The officer of the patch's second cell, or another of the village; None where there is none."""
    second = second_cell(session, patch_id, cell)
    if second is not None:
        here = [post for post in willing if post.division_code == second.cell.division_code]
        found = net.officer_of_cell(session, here, second.cell)
        if found is not None:
            return found
    manned = [post for post in willing if post.is_manned]
    loads = store.open_loads(session, [post.post_id for post in manned])
    return min(manned, key=lambda post: (loads.get(post.post_id, 0), post.post_no), default=None)


def second_cell(session: Session, patch_id: UUID, cell: CellShare | None) -> Second | None:
    """The smallest cell that holds most of what lies outside the patch's own cell."""
    if cell is None:
        return None
    shares, area_m2 = store.cells_beside(session, patch_id, cell.cell_id)
    found = holding_cell(shares)
    return Second(found, found.overlap_m2 / area_m2) if found and area_m2 > 0 else None

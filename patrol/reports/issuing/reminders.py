"""Reminders: who stands above an office that has not signed for a bulletin is told so, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.calendar import add_working_days
from foundation.ids import derived_id
from patrol.net import service as net
from patrol.net.posts import KINDS_BY_TIER, Holder, Post, holder_of, resolve_owner
from patrol.notices import service as notices
from patrol.reports.issuing import store
from patrol.reports.rankings import ranking_policy

LOOK_BACK = timedelta(days=60)
"""What was sent longer ago was told long since."""


def remind_unsigned(session: Session, actor: Actor, *, now: datetime) -> tuple[UUID, ...]:
    """Tell whoever stands above an office that has not signed for a bulletin in time.

    The city's own office has nobody above it and is reminded itself. Told once a receipt, however often it is
    asked for.

    Returns
    -------
    tuple of UUID
        Receipts that are late now.
    """
    require(actor, "report.draft")
    days = ranking_policy().unsigned_days
    late = [
        row
        for row in store.unsigned(session, now - LOOK_BACK)
        if now >= add_working_days(row["sent_at"], days)
    ]
    if not late:
        return ()
    posts = {post.post_id: post for post in net.posts_over(session, actor, actor.area_code, now=now)}
    for row in late:
        told = _above(posts, row["post_id"])
        if told is not None and told.account_id is not None:
            notices.tell(
                session,
                event_id=derived_id("bulletin_unsigned", row["receipt_id"]),
                account_id=told.account_id,
                kind="bulletin_unsigned",
                subject=("bulletin", row["bulletin_id"]),
                number=row["number"],
                now=now,
            )
    return tuple(row["receipt_id"] for row in late)


def _above(posts: Mapping[UUID, Post], post_id: UUID) -> Holder | None:
    """Who stands above an office; None where the office itself is no more."""
    post = posts.get(post_id)
    if post is None:
        return None
    if post.tier == 1:
        return holder_of(post)
    tier = post.tier - 1
    return resolve_owner(list(posts.values()), post.division_code, tier=tier, kinds=KINDS_BY_TIER[tier])

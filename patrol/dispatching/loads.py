"""Loads: who goes, when somebody else of the village goes instead, and when a task has to wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from foundation.calendar import SHANGHAI
from patrol.dispatching.policies import DispatchPolicy, dispatch_policy
from patrol.net.posts import Post

REASONS: Mapping[str, str] = {
    "budget_day": "承办人当日任务已满",
    "budget_week": "承办人本周任务已满",
}
"""Why a task waits in the queue."""


class Turn(NamedTuple):
    """Who goes to the site."""

    officer: Post
    instead_of: Post | None
    """The officer of the cell, where a neighbour with less to do goes in that one's place."""
    correction_id: UUID | None = None
    """The correction by which this officer, and not the cell's, answers for the ground."""


class Given(NamedTuple):
    """Tasks on site that reached a person today and this week."""

    day: int
    week: int


def balance_gap() -> int:
    """Open tasks on site that the cell's own officer must have more than a neighbour."""
    return dispatch_policy().gap


def whose_turn(owner: Post, officers: Sequence[Post], loads: Mapping[UUID, int], *, gap: int) -> Turn:
    """The officer of the cell, or the least loaded officer of the same village when the gap is reached.

    Parameters
    ----------
    owner : Post
        The officer who watches the cell that holds the patch.
    officers : sequence of Post
        Candidates; those of other divisions and vacant posts are passed over.
    loads : mapping of post id -> count
        Open tasks on site of each; none where it is missing.
    gap : int
        Difference from which the neighbour goes. Of neighbours with equal loads the lower post number goes.
    """
    neighbours = [post for post in officers if post.is_manned and post.division_code == owner.division_code]
    least = min(neighbours, key=lambda post: (loads.get(post.post_id, 0), post.post_no), default=owner)
    if loads.get(owner.post_id, 0) - loads.get(least.post_id, 0) >= gap:
        return Turn(least, owner)
    return Turn(owner, None)


def why_queued(given: Given, policy: DispatchPolicy, *, is_urgent: bool, severity: int) -> str | None:
    """Why one task more has to wait, or None when it goes out."""
    if is_urgent or severity >= policy.urgent_severity:
        return None
    if given.week >= policy.week:
        return "budget_week"
    return "budget_day" if given.day >= policy.day else None


def day_and_week(now: datetime) -> tuple[datetime, datetime]:
    """When the day and the ISO week of a moment began in Shanghai."""
    day = now.astimezone(SHANGHAI).date()
    monday = day - timedelta(days=day.weekday())
    return datetime.combine(day, time(), SHANGHAI), datetime.combine(monday, time(), SHANGHAI)

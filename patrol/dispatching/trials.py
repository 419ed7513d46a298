"""A policy tried on what was dispatched before: who would have been given what, what would have waited."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from foundation.calendar import add_working_days
from patrol.dispatching.loads import Given, day_and_week, whose_turn, why_queued
from patrol.dispatching.policies import DispatchPolicy
from patrol.net.posts import Post

SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Past:
    """One dispatch of the past, with what decided it.

    Attributes
    ----------
    owner : Post or None
        Officer of the cell; None where no officer stands in the village: a chief goes, without a budget.
    officers : sequence of Post
        Those of the village.
    corrected : sequence of (share, Post)
        Officers named by corrections of the ground, newest first, and the part of the patch that each covers.
    second : (share, Post) or None
        Officer of the second cell, and the part of the patch in it.
    by_hand : Post or None
        The officer who was chosen by hand: kept to.
    lasted : timedelta or None
        From dispatch to the end of the task on site; None while it is open.
    """

    patch_id: UUID
    number: str
    at: datetime
    severity: int
    is_urgent: bool
    owner: Post | None
    officers: Sequence[Post]
    corrected: Sequence[tuple[float, Post]] = ()
    second: tuple[float, Post] | None = None
    by_hand: Post | None = None
    lasted: timedelta | None = None


@dataclass
class Share:
    """What one person would have been given."""

    post: Post
    sent: int = 0
    helped: int = 0
    waited: int = 0
    longest_wait_days: float = 0.0
    most_open: int = 0


@dataclass
class Trial:
    """What a policy makes of a span: by person, and patch by patch."""

    shares: dict[UUID, Share] = field(default_factory=dict)
    officer_of: dict[UUID, UUID] = field(default_factory=dict)
    """Officer of each dispatch (by its place in the span) that went out, by patch."""
    to_others: int = 0
    """Sent to a chief or a station, where no officer stands."""
    still_queued: int = 0

    @property
    def sent(self) -> int:
        """Dispatches that went out."""
        return sum(share.sent for share in self.shares.values()) + self.to_others

    @property
    def people(self) -> int:
        """Grid officers who got at least one."""
        return sum(share.sent > 0 for share in self.shares.values())


class _Waiting(NamedTuple):
    past: Past
    since: datetime


def try_policy(dispatches: Iterable[Past], policy: DispatchPolicy, *, until: datetime) -> Trial:
    """Go through dispatches in the order of time as a policy would have.

    A task stays with its officer for as long as it really lasted. Room is looked for whenever something
    happens and at every midnight.

    Parameters
    ----------
    until : datetime
        End of the span; what waits then is counted as still queued.
    """
    pasts = sorted(dispatches, key=lambda past: (past.at, past.number))
    walk = _Walk(policy, until)
    moments = [past.at for past in pasts]
    midnights = _midnights(moments[0], until) if moments else []
    for past in pasts:
        while midnights and midnights[0] <= past.at:
            walk.pass_to(midnights.pop(0))
        walk.pass_to(past.at)
        walk.dispatch(past)
    for midnight in midnights:
        walk.pass_to(midnight)
    walk.trial.still_queued = len(walk.queue)
    return walk.trial


class _Walk:
    """Open tasks, given tasks and the queue at one moment of a trial."""

    def __init__(self, policy: DispatchPolicy, until: datetime) -> None:
        self.policy, self.until = policy, until
        self.trial = Trial()
        self.queue: list[_Waiting] = []
        self._open: dict[UUID, int] = {}
        self._ends: list[tuple[datetime, int, UUID]] = []
        self._given: dict[UUID, list[datetime]] = {}

    def dispatch(self, past: Past) -> None:
        """One dispatch: sent, or queued."""
        if self._send(past, past.at, since=None):
            return
        self.queue.append(_Waiting(past, past.at))

    def pass_to(self, now: datetime) -> None:
        """Time passes: tasks end, and what waits goes out where there is room."""
        while self._ends and self._ends[0][0] <= now:
            _, _, post_id = heapq.heappop(self._ends)
            self._open[post_id] -= 1
        self.queue = [one for one in self.queue if not self._send(one.past, now, since=one.since)]

    def _send(self, past: Past, now: datetime, *, since: datetime | None) -> bool:
        officer = self._officer(past)
        if officer is None:
            self.trial.to_others += 1
            return True
        if not self._has_room(past, officer, now, since):
            return False
        post_id = officer.post_id
        share = self.trial.shares.setdefault(post_id, Share(officer))
        share.sent += 1
        if since is not None:
            share.waited += 1
            days = (now - since).total_seconds() / SECONDS_A_DAY
            share.longest_wait_days = max(share.longest_wait_days, days)
        self._given.setdefault(post_id, []).append(now)
        self._open[post_id] = self._open.get(post_id, 0) + 1
        share.most_open = max(share.most_open, self._open[post_id])
        if past.lasted is not None:
            heapq.heappush(self._ends, (now + past.lasted, len(self._given[post_id]), post_id))
        self.trial.officer_of[past.patch_id] = post_id
        self._name_helper(past, post_id)
        return True

    def _officer(self, past: Past) -> Post | None:
        if past.by_hand is not None or past.owner is None:
            return past.by_hand
        for share, post in past.corrected:
            if share >= self.policy.overlap:
                return post
        return whose_turn(past.owner, past.officers, self._loads(), gap=self.policy.gap).officer

    def _loads(self) -> Mapping[UUID, int]:
        loads = dict(self._open)
        for one in self.queue:
            if one.past.owner is not None:
                loads[one.past.owner.post_id] = loads.get(one.past.owner.post_id, 0) + 1
        return loads

    def _has_room(self, past: Past, officer: Post, now: datetime, since: datetime | None) -> bool:
        if since is not None and now >= add_working_days(since, self.policy.longest_wd):
            return True
        day, week = day_and_week(now)
        moments = self._given.get(officer.post_id, [])
        given = Given(sum(at >= day for at in moments), sum(at >= week for at in moments))
        waits = why_queued(given, self.policy, is_urgent=past.is_urgent, severity=past.severity)
        return waits is None

    def _name_helper(self, past: Past, lead_id: UUID) -> None:
        if past.second is None or past.second[0] < self.policy.share:
            return
        helper = past.second[1]
        if helper.post_id != lead_id:
            self.trial.shares.setdefault(helper.post_id, Share(helper)).helped += 1


def _midnights(first: datetime, until: datetime) -> list[datetime]:
    day, _ = day_and_week(first)
    count = max(0, (until - day).days)
    return [moment for n in range(1, count + 1) if (moment := day + timedelta(days=n)) < until]

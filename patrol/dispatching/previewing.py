"""Verb of the preview: what a changed policy would have made of the last month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.calendar import Period, month_of, previous_period
from foundation.divisions import divisions
from patrol.dispatching import service, store
from patrol.dispatching.policies import DispatchPolicy, dispatch_policy, read_policy
from patrol.dispatching.trials import Past, Share, Trial, try_policy
from patrol.net import service as net
from patrol.net.posts import Post

DISPATCHES_MAX = 5000
MOVED_SHOWN = 200


@dataclass(frozen=True, slots=True)
class PersonShare:
    """One officer under both policies: tasks, help, what waited and how long (days), most open at once."""

    post_id: UUID
    title: str
    holder_name: str
    division_code: str
    division_name: str
    sent: tuple[int, int]
    helped: tuple[int, int]
    waited: tuple[int, int]
    longest_wait_days: tuple[float, float]
    most_open: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RulesPreview:
    """A month under the policy in force and under another; every pair is (now, changed)."""

    period: str
    changes: tuple[tuple[str, float, float], ...]
    """Values that differ: key, now, changed."""
    dispatches: int
    is_cut: bool
    """There were more than can be tried at once; the earliest were."""
    sent: tuple[int, int]
    people: tuple[int, int]
    to_others: tuple[int, int]
    still_queued: tuple[int, int]
    moved: tuple[str, ...]
    """Numbers of patches that would have gone to another officer."""
    moved_count: int
    persons: tuple[PersonShare, ...]

    @property
    def sentence_zh(self) -> str:
        """The whole in one sentence."""
        return (
            f"{_named(self.period)}按此规则将派出 {self.sent[1]} 件给 {self.people[1]} 人"
            f"（现行规则 {self.sent[0]} 件给 {self.people[0]} 人），"
            f"月末仍在排队 {self.still_queued[1]} 件，改派他人 {self.moved_count} 件。"
        )

    @property
    def sentence_en(self) -> str:
        """Likewise in English."""
        return (
            f"{self.period}: {self.sent[1]} would have gone to {self.people[1]} officers"
            f" (as it stands: {self.sent[0]} to {self.people[0]}); {self.still_queued[1]} would still wait"
            f" at the end, {self.moved_count} would have gone to somebody else."
        )


def preview_rules(
    session: Session, actor: Actor, data: bytes, *, now: datetime, period: Period | None = None
) -> RulesPreview:
    """Try a policy file on the dispatches of a month in the actor's area; nothing is stored.

    Who stands in the posts, the cells and the corrections are today's, for both policies.

    Parameters
    ----------
    data : bytes
        A whole policy file, as ``data/policies/dispatch.toml``.
    period : Period, optional
        The last full month when left out.

    Raises
    ------
    InvalidInput
        ``patrol.dispatch.bad_file``, ``patrol.dispatch.bad_policy``.
    """
    require(actor, "patch.dispatch")
    changed, current = read_policy(data), dispatch_policy()
    span = period or previous_period(month_of(now))
    until = min(span.ends_at, now)
    rows = store.past_dispatches(session, first=span.starts_at, until=span.ends_at, limit=DISPATCHES_MAX + 1)
    pasts = _Reader(session, actor, now).read(rows[:DISPATCHES_MAX])
    before, after = (try_policy(pasts, policy, until=until) for policy in (current, changed))
    moved = sorted(
        {
            past.number
            for past in pasts
            if past.patch_id in before.officer_of
            and before.officer_of[past.patch_id] != after.officer_of.get(past.patch_id)
            and past.patch_id in after.officer_of
        }
    )
    return RulesPreview(
        period=span.label,
        changes=_changes(current, changed),
        dispatches=len(pasts),
        is_cut=len(rows) > DISPATCHES_MAX,
        sent=(before.sent, after.sent),
        people=(before.people, after.people),
        to_others=(before.to_others, after.to_others),
        still_queued=(before.still_queued, after.still_queued),
        moved=tuple(moved[:MOVED_SHOWN]),
        moved_count=len(moved),
        persons=_persons(before, after),
    )


class _Reader:
    """Reads what decided the dispatches of a span; posts are asked for once a village."""

    def __init__(self, session: Session, actor: Actor, now: datetime) -> None:
        self._session, self._actor, self._now = session, actor, now
        self._officers: dict[str, list[Post]] = {}

    def read(self, rows: Sequence[RowMapping]) -> list[Past]:
        """One value a dispatch."""
        return [self._past(row) for row in rows]

    def _past(self, row: RowMapping) -> Past:
        session, patch_id = self._session, row["patch_id"]
        officers = self._officers_of(row["division_code"])
        by_id = {post.post_id: post for post in officers if post.is_manned}
        cell = net.cell_of_patch(session, patch_id)
        second = service.second_cell(session, patch_id, cell)
        helper = None
        if second is not None:
            helper = net.officer_of_cell(session, self._officers_of(second.cell.division_code), second.cell)
        by_hand = row["facts"].get("by_hand")
        return Past(
            patch_id=patch_id,
            number=row["number"],
            at=row["at"],
            severity=row["severity"],
            is_urgent=bool(row["facts"].get("is_urgent")),
            owner=net.officer_of_cell(session, officers, cell),
            officers=officers,
            corrected=[
                (share, by_id[post_id])
                for _, post_id, share in store.corrections_on(session, patch_id, 0.0)
                if post_id in by_id
            ],
            second=(second.share, helper) if second and helper else None,
            by_hand=by_id.get(UUID(by_hand)) if by_hand else None,
            lasted=row["lasted"],
        )

    def _officers_of(self, division_code: str) -> list[Post]:
        if division_code not in self._officers:
            posts = net.posts_over(self._session, self._actor, division_code, now=self._now)
            self._officers[division_code] = service.officers_over(posts, division_code)
        return self._officers[division_code]


def _changes(current: DispatchPolicy, changed: DispatchPolicy) -> tuple[tuple[str, float, float], ...]:
    pairs = ((key, getattr(current, key), getattr(changed, key)) for key in DispatchPolicy.__slots__)
    return tuple(pair for pair in pairs if pair[1] != pair[2])


def _persons(before: Trial, after: Trial) -> tuple[PersonShare, ...]:
    posts = {share.post.post_id: share.post for trial in (before, after) for share in trial.shares.values()}
    found = []
    for post in posts.values():
        one, other = (trial.shares.get(post.post_id, Share(post)) for trial in (before, after))
        found.append(
            PersonShare(
                post_id=post.post_id,
                title=post.title,
                holder_name=post.holder_name,
                division_code=post.division_code,
                division_name=divisions().get(post.division_code).name,
                sent=(one.sent, other.sent),
                helped=(one.helped, other.helped),
                waited=(one.waited, other.waited),
                longest_wait_days=(round(one.longest_wait_days, 1), round(other.longest_wait_days, 1)),
                most_open=(one.most_open, other.most_open),
            )
        )
    return tuple(sorted(found, key=_order))


def _order(person: PersonShare) -> tuple[bool, str, str]:
    """Those for whom something changes come first."""
    pairs = (person.sent, person.helped, person.waited, person.longest_wait_days, person.most_open)
    return all(now == changed for now, changed in pairs), person.division_code, person.title


def _named(label: str) -> str:
    year, _, month = label.partition("-")
    return f"{year}年{int(month)}月" if month.isdecimal() else label

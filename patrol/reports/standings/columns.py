"""Who was in which post in two periods, as columns; ranks, ties and changes over all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.calendar import Period
from patrol.reports.rankings import TIE, PersonGroup

KINDS = ("field_chief", "mountain_chief", "grid_officer")
"""Kinds of posts that are ranked, by their place in a record."""
EPOCH = date(1970, 1, 1)
NO_END = 2**31 - 1
DUTY = np.dtype(
    [("post", "V16"), ("tenure", "V16"), ("code", ">i8"), ("tier", ">i2"), ("kind", ">i2"), ("name", ">i4"),
     ("valid_from", ">i4"), ("valid_to", ">i4"), ("before", ">i4"), ("now", ">i4")]
)  # fmt: skip
"""Somebody's time in a post: days since 1970, ``valid_to`` the first without; ``name`` numbers names in the
order of their code points; ``before`` and ``now``: the post's valid outings in the former and this period."""

Quota = Callable[[int, str, date, date], float]
"""Visits asked at a tier, of a kind, from a day to a last day."""


class Asked(NamedTuple):
    """Of whom patrols are asked in one period.

    Attributes
    ----------
    required : (n,) float64
        For each record; 0 where nothing is asked.
    is_shared : (n,) bool
        Several had the post in the period: outings of the own days count.
    since : (n,) int64
        First day of the record in the period, since 1970.
    """

    required: NDArray[np.float64]
    is_shared: NDArray[np.bool_]
    since: NDArray[np.int64]


@dataclass(frozen=True)
class Standing:
    """A group in the order of its ranking, in columns of one length.

    Attributes
    ----------
    places : (k,) int64
        Of the records, best first.
    rank, change : (k,) int64
        1 is best, ties share it; places won (+) or lost (-), `NO_CHANGE` where there is nothing to compare.
    """

    places: NDArray[np.int64]
    rank: NDArray[np.int64]
    change: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)


NO_CHANGE = np.iinfo(np.int64).min


def posts_of(duties: NDArray[np.void]) -> NDArray[np.int64]:
    """A number for each record's post; records of one post follow one another."""
    halves = np.ascontiguousarray(duties["post"]).view(">u8").reshape(-1, 2)
    is_new = np.ones(len(duties), dtype=np.bool_)
    is_new[1:] = (halves[1:] != halves[:-1]).any(axis=1)
    return np.cumsum(is_new) - 1


def asked_in(duties: NDArray[np.void], period: Period, quota: Quota) -> NDArray[np.float64]:
    """Visits asked in a period for each record, leave not taken off; each quota is looked up once."""
    begin, end = (period.first - EPOCH).days, (period.last - EPOCH).days
    first = np.maximum(duties["valid_from"].astype(np.int64), begin)
    last = np.minimum(duties["valid_to"].astype(np.int64) - 1, end)
    required = np.zeros(len(duties))
    days = end - begin + 2
    is_there = first <= last
    key = duties["tier"].astype(np.int64) * len(KINDS) + duties["kind"]
    key = (key * days + (first - begin)) * days + (last - begin)
    each, inverse = np.unique(key[is_there], return_inverse=True)
    values = []
    for number in each.tolist():
        number, to_last = divmod(number, days)
        number, to_first = divmod(number, days)
        tier, kind = divmod(number, len(KINDS))
        days_of = (period.first + timedelta(days=to_first), period.first + timedelta(days=to_last))
        values.append(quota(tier, KINDS[kind], *days_of))
    required[is_there] = np.array(values, dtype=np.float64)[inverse] if values else 0.0
    return required


def asked_of(
    duties: NDArray[np.void], posts: NDArray[np.int64], period: Period, required: NDArray[np.float64]
) -> Asked:
    """With what is asked: whose posts were shared by several of whom something is asked."""
    held = np.bincount(posts[required > 0], minlength=int(posts[-1]) + 1 if len(posts) else 0)
    since = np.maximum(duties["valid_from"].astype(np.int64), (period.first - EPOCH).days)
    return Asked(required, (required > 0) & (held[posts] > 1), since)


def ranks_of(rates: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank of every rate: 1 is best, ties share it and the next rank is left out."""
    order = np.argsort(-rates, kind="stable")
    falls = np.concatenate([[True], -np.diff(rates[order]) >= TIE])[: len(rates)]
    ranks = np.empty(len(rates), dtype=np.int64)
    ranks[order] = np.maximum.accumulate(np.where(falls, np.arange(1, len(rates) + 1), 0))
    return ranks


def standing_of(
    duties: NDArray[np.void],
    posts: NDArray[np.int64],
    group: PersonGroup,
    *,
    before: tuple[Asked, NDArray[np.int64]] | None,
    now: tuple[Asked, NDArray[np.int64]],
    unit_order: NDArray[np.int64],
) -> Standing:
    """A group ranked by the share of the quota, capped, with the change since the period before.

    Parameters
    ----------
    before, now : (Asked, (n,) int64)
        What was asked, and the valid outings of each record; ``before`` None: there was no ranking.
    unit_order : (n,) int64
        Place of each record's unit among the units' names.
    """
    is_of = (duties["tier"] == group.tier) & np.isin(duties["kind"], _kinds(group.kinds))
    asked, walked = now
    places = np.flatnonzero(is_of & (asked.required > 0))
    rates = np.minimum(walked[places], asked.required[places]) / asked.required[places]
    rank = ranks_of(rates)
    former = (
        np.zeros(len(places), dtype=np.int64)
        if before is None
        else _former(duties, posts, is_of, before, places)
    )
    is_known = (former > 0) & ~asked.is_shared[places]
    change = np.where(is_known, former - rank, NO_CHANGE)
    # Places lie in the order of posts and days: the last that tells two apart.
    order = np.lexsort((places, duties["name"][places], unit_order[places], -walked[places], -rates))
    return Standing(places[order], rank[order], change[order])


def _former(
    duties: NDArray[np.void],
    posts: NDArray[np.int64],
    is_of: NDArray[np.bool_],
    before: tuple[Asked, NDArray[np.int64]],
    places: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rank in the period before of whoever holds a post now; 0 where somebody else had it, or several."""
    asked, walked = before
    own = np.flatnonzero(is_of & (asked.required > 0))
    rank = ranks_of(np.minimum(walked[own], asked.required[own]) / asked.required[own])
    is_alone = ~asked.is_shared[own]
    by_post = np.full(int(posts[-1]) + 1 if len(posts) else 0, -1, dtype=np.int64)
    by_post[posts[own[is_alone]]] = np.flatnonzero(is_alone)
    found = by_post[posts[places]]
    if not len(own):
        return np.zeros(len(places), dtype=np.int64)
    # Whoever came to a post does not inherit the rank of whoever left it.
    is_same = (found >= 0) & (duties["name"][own[found]] == duties["name"][places])
    return np.where(is_same, rank[found], 0)


def _kinds(kinds: Sequence[str]) -> list[int]:
    return [KINDS.index(kind) for kind in kinds if kind in KINDS]

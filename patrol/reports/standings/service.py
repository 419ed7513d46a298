"""Rankings of persons over everybody of an area, told in lines for as many as are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from foundation.calendar import SHANGHAI, Period, previous_period
from patrol.lists.service import division_name
from patrol.net import service as net
from patrol.net.terms import Absence
from patrol.reports import store
from patrol.reports.people import Time, asked_of_time
from patrol.reports.rankings import WHOLE, Part, PersonGroup, RankingRow
from patrol.reports.standings import columns
from patrol.reports.standings import store as records
from patrol.reports.standings.columns import EPOCH, KINDS, NO_CHANGE, NO_END, Asked, Standing
from patrol.rounds.patrols import patrol_policy

DAY = timedelta(days=1)
unit_name = lru_cache(maxsize=8_192)(division_name)
"""The tree of divisions ships with the product and never changes while it runs."""


@dataclass(frozen=True)
class Field:
    """Everybody who is ranked in a period, group by group.

    Attributes
    ----------
    duties : (n,) columns.DUTY
        One record for each time in a post.
    asked, walked : Asked and (n,) int64
        What was asked in the period of each record, and its valid outings.
    """

    duties: NDArray[np.void]
    asked: Asked
    walked: NDArray[np.int64]
    groups: Sequence[tuple[PersonGroup, Standing]]

    def __len__(self) -> int:
        return sum(len(standing) for _, standing in self.groups)


def load_field(
    session: Session, prefix: str, period: Period, *, end: datetime, groups: Sequence[PersonGroup]
) -> Field:
    """Rank the groups of an area in a period up to a moment, with changes since the period before."""
    former = previous_period(period)
    spans = (former.starts_at, former.ends_at), (period.starts_at, end)
    tiers = sorted({group.tier for group in groups})
    days = former.first, period.last
    duties = records.duties(session, prefix, days=days, spans=spans, tiers=tiers)
    posts = columns.posts_of(duties)
    away = _on_leave(session, duties, days)
    now = _counted(session, duties, posts, period, spans[1], "now", away)
    # Before the first outing there was no ranking to have moved from.
    has_former = bool(duties["before"].any()) or store.has_outings(session, prefix, *spans[0])
    before = _counted(session, duties, posts, former, spans[0], "before", away) if has_former else None
    order = _unit_order(duties)
    ranked = [
        (group, columns.standing_of(duties, posts, group, before=before, now=now, unit_order=order))
        for group in groups
    ]
    return Field(duties, *now, ranked)


def lines(session: Session, field: Field, part: Part = WHOLE) -> list[tuple[PersonGroup, list[RankingRow]]]:
    """Lines of a field, the groups one after the other."""
    last = len(field) if part.last is None else part.last
    shown, begin = [], 0
    for group, standing in field.groups:
        own = slice(max(part.first - begin, 0), max(last - begin, 0))
        shown.append((group, standing, own))
        begin += len(standing)
    places = np.concatenate([np.zeros(0, dtype=np.int64), *(each.places[own] for _, each, own in shown)])
    names = records.names(session, [UUID(bytes=data.tobytes()) for data in field.duties["tenure"][places]])
    return [(group, _group_lines(field, group, standing, own, names)) for group, standing, own in shown]


def _group_lines(
    field: Field,
    group: PersonGroup,
    standing: Standing,
    own: slice,
    names: Mapping[UUID, records.Named],
) -> list[RankingRow]:
    places = standing.places[own]
    duties = field.duties[places]
    wanted = zip(
        duties["post"].tolist(),
        duties["tenure"].tolist(),
        duties["code"].tolist(),
        field.asked.required[places].tolist(),
        field.walked[places].tolist(),
        field.asked.is_shared[places].tolist(),
        field.asked.since[places].tolist(),
        standing.rank[own].tolist(),
        standing.change[own].tolist(),
        strict=True,
    )
    rows = []
    for post, tenure, code, required, count, is_shared, since, rank, change in wanted:
        _, name, title = names[UUID(bytes=tenure)]
        key = str(UUID(bytes=post))
        raw = float(count)
        capped = min(raw, required)
        rate = capped / required
        rows.append(
            RankingRow(
                key=f"{key}/{EPOCH + timedelta(days=since)}" if is_shared else key,
                rank=rank,
                change=None if change == NO_CHANGE else change,
                name=name,
                unit_name=unit_name(f"{code:012}"),
                post_title=title,
                required=round(required, 2),
                valid=round(capped, 2),
                raw=raw,
                completion_rate=rate,
                attainment_rate=float(raw >= required - 1e-9),
                score=rate,
                # A person's quota of one or two is a person's quota; smallness speaks of samples.
                small_sample=False,
                rates={},
                group=group.key,
            )
        )
    return rows


def _counted(
    session: Session,
    duties: NDArray[np.void],
    posts: NDArray[np.int64],
    period: Period,
    span: tuple[datetime, datetime],
    counts: str,
    away: Mapping[int, tuple[Time, Sequence[Absence]]],
) -> tuple[Asked, NDArray[np.int64]]:
    """What was asked in a period, leave taken off, and the valid outings; apart where several had a post."""
    required = columns.asked_in(duties, period, lambda *of: _quota(period, *of))
    for place, (own, absences) in away.items():
        if required[place] > 0:
            required[place] = asked_of_time(own, absences, period)[0]
    required = np.maximum(required, 0.0)
    asked = columns.asked_of(duties, posts, period, required)
    walked = duties[counts].astype(np.int64)
    shared = np.flatnonzero(asked.is_shared)
    if len(shared):
        begin, end = span
        apart = {}
        for place in shared.tolist():
            until = int(duties["valid_to"][place])
            ends = end if until == NO_END else min(_midnight(until), end)
            post = UUID(bytes=duties["post"][place].item())
            apart[str(place)] = (post, max(_midnight(int(asked.since[place])), begin), ends)
        found = store.walked_by_seat(session, apart)
        walked[shared] = [found.get(str(place), 0) for place in shared.tolist()]
    return asked, walked


def _quota(period: Period, tier: int, kind: str, first: date, last: date) -> float:
    return patrol_policy().required(tier=tier, kind=kind, period=period, since=first, until=last + DAY)


def _on_leave(
    session: Session, duties: NDArray[np.void], days: tuple[date, date]
) -> dict[int, tuple[Time, list[Absence]]]:
    """Records of posts of which somebody was away, with their names, for leave is a person's."""
    absences: dict[bytes, list[Absence]] = {}
    for absence in net.absences_between(session, *days):
        absences.setdefault(absence.post_id.bytes, []).append(absence)
    if not absences or not len(duties):
        return {}
    posts = duties["post"].tolist()
    places = [place for place, post in enumerate(posts) if post in absences]
    tenures = [UUID(bytes=duties["tenure"][place].tobytes()) for place in places]
    names = records.names(session, tenures)
    found = {}
    for place, tenure in zip(places, tenures, strict=True):
        record = duties[place]
        post = record["post"].tobytes()
        until = int(record["valid_to"])
        own = Time(
            UUID(bytes=post),
            names[tenure].person_name,
            names[tenure].title,
            int(record["tier"]),
            KINDS[int(record["kind"])],
            f"{int(record['code']):012}",
            EPOCH + timedelta(days=int(record["valid_from"])),
            None if until == NO_END else EPOCH + timedelta(days=until),
        )
        found[place] = (own, absences[post])
    return found


def _unit_order(duties: NDArray[np.void]) -> NDArray[np.int64]:
    """Place of each record's unit among the names of all units; equal names share it."""
    codes, inverse = np.unique(duties["code"].astype(np.int64), return_inverse=True)
    called = [unit_name(f"{code:012}") for code in codes.tolist()]
    place_of = {name: place for place, name in enumerate(sorted(set(called)))}
    return np.array([place_of[name] for name in called], dtype=np.int64)[inverse]


def _midnight(day: int) -> datetime:
    return datetime.combine(EPOCH + timedelta(days=day), time(0), SHANGHAI)

"""Of whom patrols are asked in a period, and how many: by days in the post, without approved leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.calendar import SHANGHAI, Period
from patrol.net import service as net
from patrol.net.terms import Absence, duty_spans
from patrol.reports import store
from patrol.reports.indicators import Person
from patrol.rounds.patrols import patrol_policy


class Time(NamedTuple):
    """Somebody's time in a post; ``valid_to`` is the first day without."""

    post_id: UUID
    name: str
    title: str
    tier: int
    kind: str
    division_code: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class People:
    """Who stood in posts around some periods, and who was away."""

    times: Sequence[Time]
    absences: Mapping[UUID, Sequence[Absence]]

    def in_period(self, period: Period) -> list[Person]:
        """Those of whom something is asked in a period; where posts changed hands, each for the own days."""
        found = [(time, person) for time in self.times if (person := self._person(time, period)) is not None]
        count = Counter(person.post_id for _, person in found)
        if len(count) == len(found):
            return [person for _, person in found]
        return [
            person if count[person.post_id] == 1 else _apart(person, time, period) for time, person in found
        ]

    def _person(self, own: Time, period: Period) -> Person | None:
        asked, days_away = asked_of_time(own, self.absences.get(own.post_id), period)
        if asked <= 0:
            return None
        return Person(
            own.post_id,
            own.name,
            own.title,
            own.tier,
            own.kind,
            own.division_code,
            asked,
            days_away=days_away,
        )


DAY = timedelta(days=1)


def load_people(
    session: Session, prefix: str, first: date, last: date, tiers: Sequence[int] = (1, 2, 3, 4)
) -> People:
    """Everybody who stood in a post of an area at some time from a first to a last day."""
    absences: dict[UUID, list[Absence]] = {}
    for absence in net.absences_between(session, first, last):
        absences.setdefault(absence.post_id, []).append(absence)
    rows = store.people(session, prefix, first, last, tiers)
    return People([Time._make(row.values()) for row in rows], absences)


def walked_apart(
    session: Session, people: Sequence[Person], begin: datetime, end: datetime
) -> dict[str, int]:
    """Valid outings between two moments of those who shared a post, counted by the database."""
    spans = {
        person.seat: (person.post_id, max(person.since, begin), min(person.until or end, end))
        for person in people
        if person.since is not None
    }
    return store.walked_by_seat(session, spans) if spans else {}


def asked_of_time(own: Time, absences: Sequence[Absence] | None, period: Period) -> tuple[float, int]:
    """Visits asked of somebody in a period, and days away; of the post's absences only the own count."""
    required = patrol_policy().required
    if absences is None:
        asked = required(
            tier=own.tier, kind=own.kind, period=period, since=own.valid_from, until=own.valid_to
        )
        return asked, 0
    first, last = _days(own, period)
    spans = duty_spans(first, last, [each for each in absences if each.name == own.name])
    asked = sum(
        required(tier=own.tier, kind=own.kind, period=period, since=span.first, until=span.last + DAY)
        for span in spans
    )
    return asked, (last - first).days + 1 - sum(span.days for span in spans)


def _days(own: Time, period: Period) -> tuple[date, date]:
    last = period.last if own.valid_to is None else min(period.last, own.valid_to - DAY)
    return max(period.first, own.valid_from), last


def _apart(person: Person, own: Time, period: Period) -> Person:
    until = own.valid_to
    return person._replace(
        since=_midnight(max(period.first, own.valid_from)),
        until=None if until is None or until > period.last else _midnight(until),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), SHANGHAI)

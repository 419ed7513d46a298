"""Of whom patrols are asked in a period, and how many: by days in the post, without approved leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.calendar import SHANGHAI, Period
from patrol.net import service as net
from patrol.net.terms import Absence, duty_spans
from patrol.reports import store
from patrol.reports.indicators import Person
from patrol.rounds.patrols import patrol_policy


@dataclass(frozen=True)
class People:
    """Who stood in posts around some periods, and who was away."""

    rows: Sequence[RowMapping]
    absences: Mapping[UUID, Sequence[Absence]]

    def in_period(self, period: Period) -> list[Person]:
        """Those of whom something is asked in a period; where posts changed hands, each for the own days."""
        found = [(row, person) for row in self.rows if (person := self._person(row, period)) is not None]
        count = Counter(person.post_id for _, person in found)
        return [
            person if count[person.post_id] == 1 else _apart(person, row, period) for row, person in found
        ]

    def _person(self, row: RowMapping, period: Period) -> Person | None:
        last = period.last if row["valid_to"] is None else min(period.last, row["valid_to"] - DAY)
        first = max(period.first, row["valid_from"])
        if first > last:
            return None
        away = [
            absence for absence in self.absences.get(row["post_id"], ()) if absence.name == row["holder_name"]
        ]
        spans = duty_spans(first, last, away)
        required = patrol_policy().required
        asked = sum(
            required(
                tier=row["tier"], kind=row["kind"], period=period, since=span.first, until=span.last + DAY
            )
            for span in spans
        )
        if asked <= 0:
            return None
        return Person(
            row["post_id"],
            row["holder_name"],
            row["title"],
            row["tier"],
            row["kind"],
            row["division_code"],
            asked,
            days_away=(last - first).days + 1 - sum(span.days for span in spans),
        )


DAY = timedelta(days=1)


def load_people(
    session: Session, prefix: str, first: date, last: date, tiers: Sequence[int] = (1, 2, 3, 4)
) -> People:
    """Everybody who stood in a post of an area at some time from a first to a last day."""
    absences: dict[UUID, list[Absence]] = {}
    for absence in net.absences_between(session, first, last):
        absences.setdefault(absence.post_id, []).append(absence)
    return People(store.people(session, prefix, first, last, tiers), absences)


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


def _apart(person: Person, row: RowMapping, period: Period) -> Person:
    until = row["valid_to"]
    return person._replace(
        since=_midnight(max(period.first, row["valid_from"])),
        until=None if until is None or until > period.last else _midnight(until),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), SHANGHAI)

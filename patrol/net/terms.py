"""Time in a post: who stood in it from when to when, and the days on which the holder was away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from foundation.errors import InvalidInput

ABSENCE_KINDS: Mapping[str, str] = {
    "leave": "请假",
    "sick": "病假",
    "training": "培训学习",
    "secondment": "借调",
    "exempt": "经批准免巡",
}
ABSENCE_DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class Tenure:
    """Somebody's time in a post. ``valid_to`` is the first day without this person."""

    post_id: UUID
    part: str
    name: str
    account_id: UUID | None
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Absence:
    """Approved leave of a post's holder; both days lie inside."""

    absence_id: UUID
    post_id: UUID
    division_code: str
    name: str
    account_id: UUID | None
    kind: str
    starts_on: date
    ends_on: date
    stand_in_name: str | None
    stand_in_account_id: UUID | None
    note: str

    def covers(self, on: date) -> bool:
        """Whether the person is away on a day."""
        return self.starts_on <= on <= self.ends_on


class Span(NamedTuple):
    """Days in a row, both inside."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


def duty_spans(first: date, last: date, absences: Iterable[Absence]) -> tuple[Span, ...]:
    """The days from first to last on which a person was on duty: all but those away. Absences may overlap."""
    spans = [Span(first, last)] if first <= last else []
    for away in absences:
        spans = [part for span in spans for part in _without(span, away)]
    return tuple(spans)


def check_absence(kind: str, starts_on: date, ends_on: date) -> None:
    """Refuse what cannot be a leave.

    Raises
    ------
    InvalidInput
        ``patrol.absence.unknown_kind``, ``patrol.absence.backwards`` or ``patrol.absence.too_long``.
    """
    if kind not in ABSENCE_KINDS:
        raise InvalidInput("patrol.absence.unknown_kind", kind=kind[:40], accepted=list(ABSENCE_KINDS))
    if ends_on < starts_on:
        raise InvalidInput("patrol.absence.backwards", starts_on=str(starts_on), ends_on=str(ends_on))
    if (ends_on - starts_on).days >= ABSENCE_DAYS_MAX:
        raise InvalidInput("patrol.absence.too_long", maximum=ABSENCE_DAYS_MAX)


def _without(span: Span, away: Absence) -> list[Span]:
    before = Span(span.first, min(span.last, away.starts_on - timedelta(days=1)))
    after = Span(max(span.first, away.ends_on + timedelta(days=1)), span.last)
    if after == span or before == span:
        return [span]
    return [part for part in (before, after) if part.first <= part.last]

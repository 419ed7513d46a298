"""Working days with Chinese make-up days (调休), and the weeks and months of reports, in Asia/Shanghai.

Holidays come from the ``chinesecalendar`` package, offline. The State Council publishes one year at a
time; for years that are not published yet Monday to Friday count, and `is_published` says so.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import chinese_calendar

from foundation.errors import InvalidInput

SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE_CLOSES = time(18, 0)
WEEK_FORM = re.compile(r"^(\d{4})-W(\d{2})$")
MONTH_FORM = re.compile(r"^(\d{4})-(\d{2})$")


class Period(NamedTuple):
    """A reporting week or month: first day, last day (both inside), and its label."""

    label: str
    first: date
    last: date

    @property
    def starts_at(self) -> datetime:
        """Midnight in Shanghai at which the period begins."""
        return datetime.combine(self.first, time(0), SHANGHAI)

    @property
    def ends_at(self) -> datetime:
        """Midnight in Shanghai at which the next period begins (exclusive)."""
        return datetime.combine(self.last + timedelta(days=1), time(0), SHANGHAI)


@lru_cache(maxsize=256)
def is_published(year: int) -> bool:
    """Whether the holiday arrangement of a year is known."""
    return bool(min(chinese_calendar.holidays).year <= year <= max(chinese_calendar.holidays).year)


@lru_cache(maxsize=16_384)
def is_working_day(day: date) -> bool:
    """Whether offices work on a day; make-up Saturdays and Sundays do, public holidays do not."""
    if is_published(day.year):
        return bool(chinese_calendar.is_workday(day))
    return day.weekday() < 5


def add_working_days(start: datetime, days: int) -> datetime:
    """Deadline n working days after a moment: the close of office (18:00 Shanghai) of the n-th day.

    The day on which the clock starts does not count.

    Parameters
    ----------
    start : datetime
        With a time zone.
    days : int
        ≥ 0; with 0 the close of office of the same day, or of the next working day after 18:00 or on a
        day off.
    """
    day = _local(start).date()
    if days == 0:
        if is_working_day(day) and _local(start).time() < OFFICE_CLOSES:
            return datetime.combine(day, OFFICE_CLOSES, SHANGHAI)
        days = 1
    remaining = days
    while remaining > 0:
        day += timedelta(days=1)
        remaining -= is_working_day(day)
    return datetime.combine(day, OFFICE_CLOSES, SHANGHAI)


def working_days_between(start: datetime, end: datetime) -> int:
    """Working days after the day of ``start`` up to and with the day of ``end``; negative when reversed."""
    first, last = _local(start).date(), _local(end).date()
    if last < first:
        return -working_days_between(end, start)
    span = (last - first).days
    return sum(is_working_day(first + timedelta(days=step)) for step in range(1, span + 1))


def week_of(moment: datetime) -> Period:
    """ISO week in Shanghai that holds a moment: ``2026-W37``."""
    day = _local(moment).date()
    year, week, weekday = day.isocalendar()
    first = day - timedelta(days=weekday - 1)
    return Period(f"{year}-W{week:02d}", first, first + timedelta(days=6))


def month_of(moment: datetime) -> Period:
    """Calendar month in Shanghai that holds a moment: ``2026-09``."""
    first = _local(moment).date().replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(f"{first:%Y-%m}", first, following - timedelta(days=1))


def parse_period(label: str) -> Period:
    """Period of a label ``2026-W37`` or ``2026-09``.

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``, also for week 53 of a year that has 52.
    """
    try:
        if match := WEEK_FORM.match(label):
            first = date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return Period(label, first, first + timedelta(days=6))
        if match := MONTH_FORM.match(label):
            return month_of(datetime(int(match[1]), int(match[2]), 1, tzinfo=SHANGHAI))
    except ValueError as error:
        raise InvalidInput("foundation.calendar.bad_period", period=label) from error
    raise InvalidInput("foundation.calendar.bad_period", period=label)


def previous_period(period: Period) -> Period:
    """The week or month before."""
    before = period.starts_at - timedelta(days=1)
    return week_of(before) if "W" in period.label else month_of(before)


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InvalidInput("foundation.calendar.no_time_zone", moment=moment.isoformat())
    return moment.astimezone(SHANGHAI)

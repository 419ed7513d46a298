"""Working days across the National Day of 2026, week 53, and years not yet published."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.calendar import (
    SHANGHAI,
    add_working_days,
    is_published,
    is_working_day,
    month_of,
    parse_period,
    previous_period,
    week_of,
    working_days_between,
)
from foundation.errors import InvalidInput

moments = st.datetimes(
    min_value=datetime(2015, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(SHANGHAI)
)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 9, 20), True),  # a Sunday made up for the National Day
        (date(2026, 9, 26), False),
        (date(2026, 10, 1), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),  # a Saturday made up
        (date(2026, 10, 11), False),
        (date(2027, 1, 2), False),  # not published: a Saturday
        (date(2027, 1, 4), True),
    ],
)
def test_working_days_with_make_up_days(day: date, works: bool) -> None:
    assert is_working_day(day) is works


def test_a_year_that_is_not_published_is_said_to_be() -> None:
    assert is_published(2026)
    assert not is_published(2027)


def test_three_working_days_over_the_holiday() -> None:
    start = datetime(2026, 9, 30, 16, 0, tzinfo=SHANGHAI)
    assert add_working_days(start, 3) == datetime(2026, 10, 10, 18, 0, tzinfo=SHANGHAI)


def test_week_53_of_2026_and_the_edge_in_shanghai() -> None:
    edge = datetime(2027, 1, 3, 23, 59, 59, tzinfo=SHANGHAI)
    assert week_of(edge).label == "2026-W53"
    assert week_of(edge + timedelta(seconds=1)).label == "2027-W01"
    assert week_of(datetime(2026, 12, 27, 16, 0, tzinfo=UTC)).label == "2026-W53"
    assert parse_period("2026-W53").last == date(2027, 1, 3)


@pytest.mark.parametrize("label", ["2025-W53", "2026-W00", "2026-13", "2026", "W37", "2026-w37"])
def test_bad_periods_are_refused(label: str) -> None:
    with pytest.raises(InvalidInput):
        parse_period(label)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput):
        week_of(datetime(2026, 9, 8))


@given(moments, st.integers(0, 40))
def test_deadline_is_a_working_day_and_counts_back(start: datetime, days: int) -> None:
    deadline = add_working_days(start, days)
    assert is_working_day(deadline.date())
    assert deadline > start
    if days:
        assert working_days_between(start, deadline) == days


@given(moments)
def test_periods_hold_their_moment_and_touch(moment: datetime) -> None:
    for period in (week_of(moment), month_of(moment)):
        assert period.starts_at <= moment < period.ends_at
        assert parse_period(period.label) == period
        assert previous_period(period).ends_at == period.starts_at

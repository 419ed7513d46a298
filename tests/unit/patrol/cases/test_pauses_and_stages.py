"""Pauses of clocks, clocks of stages, warnings: pure rules, over years and make-up days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI, is_published, is_working_day, week_of
from foundation.errors import InvalidInput
from patrol.cases.clocks import clock_table, raw_clocks
from patrol.cases.stages import Held, Mark, pause_rules, stage_clocks, stage_rules, still_running

TABLE = clock_table()
moments = st.datetimes(datetime(2024, 1, 2), datetime(2027, 6, 1)).map(lambda t: t.replace(tzinfo=SHANGHAI))
units = st.sampled_from(["hours", "working_hours", "working_days", "days", "month_end"])
CLOCK_OF = {
    "hours": "verify_urgent",
    "working_hours": "hand_down",
    "working_days": "recheck",
    "days": "penalty",
    "month_end": "review",
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def shift(unit: str, due: datetime, begin: datetime, end: datetime) -> datetime:
    return TABLE.shift(unit, due, paused_at=begin, resumed_at=end)


@pytest.mark.parametrize(
    ("unit", "due", "begin", "end", "expected"),
    [
        # Ten working days from 22 September 2026 end on 13 October; paused over National Day nothing is lost:
        # on 28 September seven of them are left, and 10 October (a Saturday) is a working day.
        ("working_days", "2026-10-13 18:00", "2026-09-28 09:00", "2026-10-12 09:00", "2026-10-21 18:00"),
        ("working_days", "2026-10-13 18:00", "2026-10-01 09:00", "2026-10-07 09:00", "2026-10-13 18:00"),
        # Natural days: the 7 days of the pause and nothing else.
        ("days", "2026-12-07 18:00", "2026-09-28 09:00", "2026-10-05 15:00", "2026-12-14 18:00"),
        ("hours", "2026-09-09 14:00", "2026-09-08 20:00", "2026-09-09 02:30", "2026-09-09 20:30"),
        # Four working hours, one used: three are left, however long the night.
        ("working_hours", "2026-09-09 11:30", "2026-09-08 18:00", "2026-09-09 08:30", "2026-09-09 11:30"),
        ("working_hours", "2026-09-30 18:00", "2026-09-30 15:00", "2026-10-08 09:00", "2026-10-08 12:00"),
        # Due today, resumed the day after: that day; on a day off, the next working day.
        ("working_days", "2026-09-08 18:00", "2026-09-08 15:00", "2026-09-09 09:00", "2026-09-09 18:00"),
        ("working_days", "2026-09-30 18:00", "2026-09-30 15:00", "2026-10-02 09:00", "2026-10-08 18:00"),
        # What was missed stays missed.
        ("working_days", "2026-09-08 18:00", "2026-09-09 09:00", "2026-09-20 09:00", "2026-09-08 18:00"),
        # Week 53 and the turn of the year.
        ("working_days", "2027-01-04 18:00", "2026-12-29 10:00", "2026-12-31 10:00", "2027-01-06 18:00"),
    ],
)
def test_what_was_left_is_left_when_the_clock_goes_on(
    unit: str, due: str, begin: str, end: str, expected: str
) -> None:
    assert shift(unit, at(due), at(begin), at(end)) == at(expected)


@given(start=moments, unit=units, begins=st.integers(0, 60), lasts=st.integers(0, 90))
@settings(max_examples=400, deadline=None)
def test_a_pause_never_takes_time_away(start: datetime, unit: str, begins: int, lasts: int) -> None:
    due = TABLE.deadline(CLOCK_OF[unit], start)
    begin = start + timedelta(hours=7 * begins)
    end = begin + timedelta(hours=5 * lasts)
    moved = shift(unit, due, begin, end)
    assert shift(unit, due, begin, begin) == due
    assert moved >= due >= start
    if begin < due:
        assert moved >= end
        assert shift(unit, due, begin, end + timedelta(days=1)) >= moved
        if unit in {"working_days", "month_end"}:
            assert is_working_day(moved.date())
    else:
        assert moved == due


@given(start=moments, first=st.integers(0, 12), second=st.integers(0, 12), gap=st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_two_pauses_add_their_working_days(start: datetime, first: int, second: int, gap: int) -> None:
    """In working days: the deadline moves by what was paused, counted day by day."""
    start = start.replace(hour=10, minute=0)
    due = TABLE.deadline("recheck", start)
    begin = start + timedelta(days=1)
    pauses = [(begin, begin + timedelta(days=first))]
    again = pauses[0][1] + timedelta(days=gap)
    pauses.append((again, again + timedelta(days=second)))
    moved = due
    for one, other in pauses:
        assume(one < moved)
        moved = shift("working_days", moved, one, other)
    paused = {
        one.date() + timedelta(days=step)
        for one, other in pauses
        for step in range(1, (other.date() - one.date()).days + 1)
    }
    span = range(1, (moved.date() - start.date()).days + 1)
    counted = [
        day
        for day in (start.date() + timedelta(days=step) for step in span)
        if is_working_day(day) and day not in paused
    ]
    assert len(counted) in {10, 11}  # 11: resumed on a day off, after the last day had been used
    assert len(counted) == 10 or moved.date() == counted[-1]


def test_the_calendar_is_known_for_2024_to_2026_and_later_years_count_weekdays() -> None:
    assert all(is_published(year) for year in (2024, 2025, 2026))
    if not is_published(2027):
        assert is_working_day(date(2027, 10, 1))  # a Friday: nobody knows yet that it is off
    assert is_working_day(date(2024, 2, 4))  # make-up Sunday before the Spring Festival
    assert not is_working_day(date(2025, 10, 8))
    assert week_of(at("2027-01-03 12:00")).label == "2026-W53"
    assert TABLE.deadline("verify", at("2024-02-08 09:00")) == at("2024-02-19 18:00")  # Sunday the 18th works
    assert TABLE.deadline("verify", at("2025-09-30 09:00")) == at("2025-10-11 18:00")


def mark(action: str, when: str, state: str = "case_open", to: str | None = None, **facts: object) -> Mark:
    return Mark(action, state, to or state, at(when), facts)


FILED = [
    mark("judge_unlawful", "2026-03-02 10:00", "to_judge"),
    mark("file_case", "2026-03-10 10:00", "to_judge", "case_open", stage="filed"),
    mark("advance_case", "2026-03-20 10:00", stage="investigated"),
    mark("advance_case", "2026-04-07 10:00", stage="notified", served_on="2026-04-03"),
]


def test_a_filed_case_runs_every_clock_of_the_statute() -> None:
    clocks = {clock.key: clock for clock in stage_clocks(FILED, [])}
    # Judged on Monday 2 March: ten working days to file; filed after six.
    assert clocks["file_case"].due_at == at("2026-03-16 18:00")
    assert clocks["file_case"].status(at("2026-05-01 09:00")) == "done"
    # 行政处罚法 60: ninety days from filing.
    assert clocks["penalty"].due_at == at("2026-06-08 18:00")
    # Five working days from service on Friday 3 April; 4-6 April is the Qingming holiday.
    assert clocks["statement"].due_at == clocks["hearing_request"].due_at == at("2026-04-13 18:00")
    assert [c.key for c in still_running(clocks.values(), ("statement",), at("2026-04-10 09:00"))] == [
        "statement"
    ]
    assert still_running(clocks.values(), ("statement",), at("2026-04-14 09:00")) == []
    done = [
        *FILED,
        mark("advance_case", "2026-04-20 10:00", stage="decided"),
        mark("record_service", "2026-04-27 10:00", served_on="2026-04-24"),
    ]
    later = {clock.key: clock for clock in stage_clocks(done, [])}
    assert later["penalty"].status(at("2026-12-01 09:00")) == "done"
    # 20 April + 7 working days; served in time. Paying: 15 days from service, by the day.
    assert later["serve_decision"].due_at == at("2026-04-29 18:00")
    assert later["payment"].due_at == at("2026-05-09 18:00")
    assert later["lawsuit"].due_at == at("2026-05-09 18:00")
    assert later["payment"].status(at("2026-05-10 09:00")) == "over"


def test_hearings_hold_our_clocks_and_not_the_partys() -> None:
    pause = Held(at("2026-04-08 09:00"), at("2026-04-28 09:00"), pause_rules()["hearing"].holds)
    held = {clock.key: clock for clock in stage_clocks(FILED, [pause])}
    assert held["penalty"].due_at == at("2026-06-28 18:00")
    assert held["statement"].due_at == at("2026-04-13 18:00")
    flood = Held(pause.started_at, pause.ends_at, pause_rules()["force_majeure"].holds)
    assert {c.key: c for c in stage_clocks(FILED, [flood])}["statement"].due_at > at("2026-04-28 09:00")


def test_limits_run_only_from_a_known_day() -> None:
    """An act that goes on has no limitation yet; once it has ended, two years, in no way held."""
    known = mark("judge_unlawful", "2026-03-02 10:00", "to_judge", act_ended_on="2025-11-01")
    assert "limitation" not in {c.key for c in stage_clocks(FILED[:1], [])}
    pause = Held(at("2026-03-03 09:00"), at("2026-06-03 09:00"), "all")
    (limit,) = [c for c in stage_clocks([known], [pause]) if c.key == "limitation"]
    assert limit.due_at.date() == date(2027, 11, 1)
    leap = mark("judge_unlawful", "2026-09-14 10:00", "to_judge", act_ended_on="2026-08-20")
    (limit,) = [c for c in stage_clocks([leap], []) if c.key == "limitation"]
    assert limit.due_at == at("2028-08-20 18:00"), "two years, a leap day among them, are not 730 days"
    last = mark("judge_unlawful", "2024-03-04 10:00", "to_judge", act_ended_on="2024-02-29")
    (limit,) = [c for c in stage_clocks([last], []) if c.key == "limitation"]
    assert limit.due_at.date() == date(2026, 2, 28)
    land = mark(
        "order_rectification", "2026-03-03 10:00", "to_judge", "rectifying", permit_ended_on="2026-01-31"
    )
    clocks = {c.key: c for c in stage_clocks([known, land], [])}
    assert clocks["temporary_restoration"].due_at.date() == date(2027, 1, 31)


def test_leaving_the_matter_ends_its_clocks_and_reminders_start_anew() -> None:
    sent = mark("transfer", "2026-09-08 10:00", "to_judge", "transferred", sent_on="2026-09-08")
    again = mark("remind_receipt", "2026-09-24 10:00", "transferred", sent_on="2026-09-24")
    back = mark("refuse_receipt", "2026-10-09 10:00", "transferred", "to_judge", received_on="2026-10-09")
    clocks = [c for c in stage_clocks([sent, again, back], []) if c.key == "remind_receipt"]
    assert [c.status(at("2026-12-01 09:00")) for c in clocks] == ["late", "done"]
    reopened = [*FILED, mark("reopen", "2026-05-01 10:00", "case_open", "triage")]
    assert all(c.ended_at is not None for c in stage_clocks(reopened, []))


def test_warnings_are_due_before_the_end_and_never_after() -> None:
    start = at("2026-09-08 09:00")
    due = TABLE.deadline("penalty", start)
    told = [TABLE.due_warnings("penalty", started_at=start, due_at=due, now=due - timedelta(days=d)) for d in
            (40, 29, 9, 2, 0, -1)]  # fmt: skip
    assert told == [[], [0], [0, 1], [0, 1, 2], [], []]
    halfway = start + (due - start) * 0.7
    assert TABLE.due_warnings("judge", started_at=start, due_at=due, now=halfway) == [0]


def test_every_row_of_the_clock_file_is_whole() -> None:
    raw = raw_clocks()
    for key, rule in stage_rules().items():
        assert rule.starts, key
        assert rule.duty in {"bureau", "party", "limit"}
        for trigger in (*rule.starts, *rule.ends):
            assert trigger.split("/")[0].split(":")[0], key
    assert set(raw["warnings"]["of"]) <= set(raw["clocks"])
    assert all(rule.longest.amount > 0 and rule.states for rule in pause_rules().values())
    with pytest.raises(InvalidInput):
        TABLE.find("tea")

"""When papers are due, what is caught up, and what the lottery's sentences say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI, parse_period
from patrol.reports.bulletins import CATCH_UP, KINDS, due_papers, recheck_sentences

MONDAY = datetime(2026, 9, 14, 6, 0, tzinfo=SHANGHAI)
ALL = {(kind, "2026-08" if kind.startswith("monthly") else "2026-W36") for kind in KINDS}
WEEKLY = (("weekly_bulletin", "2026-W37"), ("weekly_ranking", "2026-W37"))


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        (MONDAY - timedelta(seconds=1), ()),
        (MONDAY, WEEKLY),
        (MONDAY.astimezone(UTC), WEEKLY),
        # The server was down from Monday to Wednesday.
        (MONDAY + timedelta(days=2), WEEKLY),
    ],
)
def test_mondays_at_six_in_shanghai(moment: datetime, due: tuple[tuple[str, str], ...]) -> None:
    assert due_papers(moment, ALL) == due


def test_the_first_of_the_month_at_six() -> None:
    first = datetime(2026, 10, 1, 6, 0, tzinfo=SHANGHAI)
    known = {("weekly_bulletin", "2026-W39"), ("weekly_ranking", "2026-W39"), ("monthly_ranking", "2026-08")}
    assert due_papers(first - timedelta(minutes=1), known) == ()
    assert due_papers(first, known) == (("monthly_ranking", "2026-09"),)


def test_what_was_missed_is_caught_up_oldest_first_and_a_new_place_begins_with_the_last_period() -> None:
    known = {("weekly_bulletin", "2026-W34"), ("weekly_ranking", "2026-W36"), ("monthly_ranking", "2026-08")}
    assert due_papers(MONDAY, known) == (
        ("weekly_bulletin", "2026-W35"),
        ("weekly_bulletin", "2026-W36"),
        *WEEKLY,
    )
    assert due_papers(MONDAY, set()) == (("monthly_ranking", "2026-08"), *WEEKLY)


def test_week_53_has_its_paper() -> None:
    known = {("weekly_bulletin", "2026-W52"), ("weekly_ranking", "2026-W53"), ("monthly_ranking", "2026-12")}
    assert due_papers(datetime(2027, 1, 4, 6, 0, tzinfo=SHANGHAI), known) == (
        ("weekly_bulletin", "2026-W53"),
    )


@given(
    hours=st.integers(0, 24 * 800),
    known=st.sets(st.sampled_from(["2026-W20", "2026-W30", "2026-W53"]), max_size=3),
)
def test_only_ended_periods_are_due_each_once_and_after_drafting_none(hours: int, known: set[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=SHANGHAI) + timedelta(hours=hours)
    there = {("weekly_bulletin", label) for label in known}
    due = due_papers(now, there)
    assert len(set(due)) == len(due) <= CATCH_UP * len(KINDS)
    assert all(parse_period(label).ends_at + timedelta(hours=6) <= now for _, label in due)
    assert not there & set(due)
    following = due_papers(now, there | set(due))
    assert all(kind == "weekly_bulletin" for kind, _ in following), "what lies behind the horizon alone"


def told(outcome: str | None) -> dict[str, object]:
    estimate = {"rate": 0.5, "low": 0.1, "high": 0.9, "population": 6}
    ticket = {"number": "410883-2609-0003", "by": "温县", "outcome": outcome}
    return {
        "week": "2026-W36",
        "seed": "ab" * 32,
        "audit_seq": 7,
        "population": 6,
        "drawn": 1,
        "tickets": [ticket],
        "estimate": estimate if outcome else {**estimate, "rate": None},
    }


def test_the_lottery_is_printed_so_that_it_can_be_drawn_again() -> None:
    (drawn,) = recheck_sentences({"drawn": told(None), "answered": None})
    assert "410883-2609-0003（温县复查）" in drawn
    assert "ab" * 32 in drawn
    assert "第7条" in drawn
    _, answered = recheck_sentences({"drawn": told(None), "answered": told("未整改到位")})
    assert "未整改到位1宗" in answered
    assert "占50.0%（置信区间10.0%至90.0%）" in answered
    _, waiting = recheck_sentences({"drawn": told(None), "answered": told(None)})
    assert waiting.endswith("尚无到场结果，不作推断。")
    assert recheck_sentences({"drawn": None, "answered": None}) == ["本期未抽取已销号图斑。"]

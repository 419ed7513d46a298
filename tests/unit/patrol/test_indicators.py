"""Indicators and rankings: worked examples, and what must hold for any ledger."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI, parse_period
from foundation.errors import InvalidInput
from patrol.reports.archives import frozen
from patrol.reports.bulletins import COUNTS, check_kind, kpi_fact, mu
from patrol.reports.excel import safe
from patrol.reports.indicators import (
    DEFINITIONS,
    INDICATORS,
    Coverage,
    Decision,
    Ledger,
    Outing,
    Person,
    Rectification,
    Step,
    Verification,
    compute,
    valid_by_post,
)
from patrol.reports.rankings import Unit, rank_persons, rank_units, ranking_policy, score

WEEK = parse_period("2026-W37")
NOW = WEEK.ends_at + timedelta(days=1)
A, B = "410883105201", "410883105202"


def day(offset: float) -> datetime:
    return WEEK.starts_at + timedelta(days=offset)


def person(number: int, required: float, code: str = A) -> Person:
    return Person(UUID(int=number), f"某{number}", "网格员", 4, "grid_officer", code, required)


def outing(number: int, post: int, offset: float = 1.0, *, is_valid: bool = True) -> Outing:
    return Outing(UUID(int=1000 + number), UUID(int=post), day(offset), is_valid)


def step(number: int, due: float, left: float | None, code: str = A) -> Step:
    return Step(f"s{number}", UUID(int=number), code, day(due), None if left is None else day(left))


def value(key: str, ledger: Ledger) -> float | None:
    return compute(ledger, WEEK, NOW)[key].value


def test_one_walker_cannot_hide_an_absentee() -> None:
    ledger = Ledger([person(1, 2), person(2, 2)], [outing(n, 1) for n in range(6)])
    assert value("completion_rate", ledger) == 0.5
    assert value("attainment_rate", ledger) == 0.5
    assert value("valid", ledger) == 6


def test_what_is_not_valid_or_not_in_the_week_does_not_count() -> None:
    outings = [outing(1, 1, is_valid=False), outing(2, 1, -0.01), outing(3, 1, 7.0), outing(4, 1, 0.0)]
    assert value("completion_rate", Ledger([person(1, 2)], outings)) == 0.5


def test_open_overdue_steps_count_against_closure_on_time() -> None:
    steps = [
        step(1, due=2, left=1),
        step(2, due=2, left=3),
        step(3, due=2, left=None),
        step(4, due=-5, left=None),
        step(5, due=-5, left=-6),
        step(6, due=-5, left=2),
        step(7, due=9, left=None),
    ]
    found = compute(Ledger(steps=steps), WEEK, NOW)["on_time_closure_rate"]
    assert found.items == ("s1", "s2", "s3", "s4", "s6")
    assert found.counted == ("s1",)
    assert found.value == 0.2


def test_in_a_running_week_what_is_not_due_yet_does_not_count() -> None:
    steps = [step(1, due=2, left=None), step(2, due=5, left=None), step(3, due=5, left=1)]
    found = compute(Ledger(steps=steps), WEEK, day(3))["on_time_closure_rate"]
    assert (found.items, found.counted) == (("s1", "s3"), ("s3",))


def test_verification_on_time() -> None:
    checks = [
        Verification(UUID(int=1), UUID(int=9), A, day(3), day(2)),
        Verification(UUID(int=2), UUID(int=9), A, day(3), day(4)),
        Verification(UUID(int=3), UUID(int=9), A, day(3), None),
    ]
    assert value("on_time_verification_rate", Ledger(verifications=checks)) == pytest.approx(1 / 3)


def decision(number: int, kind: str, source: str = "satellite", reason: str | None = None) -> Decision:
    return Decision(UUID(int=number), A, source, kind, reason, day(1))


def test_self_found_false_alarms_and_duplicates() -> None:
    decisions = [
        decision(1, "unlawful", "public"),
        decision(2, "unlawful"),
        decision(3, "unlawful", "patrol"),
        decision(4, "not_new", reason="season"),
        decision(5, "not_new", reason="duplicate"),
        decision(6, "lawful"),
        decision(7, "doubtful"),
    ]
    ledger = Ledger(decisions=decisions)
    assert value("self_found_rate", ledger) == pytest.approx(2 / 3)
    assert value("false_alarm_rate", ledger) == pytest.approx(1 / 5)
    assert value("duplicate_rate", ledger) == pytest.approx(1 / 6)


def test_rectified_by_area_and_by_count() -> None:
    ledger = Ledger(
        rectifications=[
            Rectification(UUID(int=1), A, 3000.0, day(-20), day(2), day(1)),
            Rectification(UUID(int=2), A, 1000.0, day(-20), day(2), None),
            Rectification(UUID(int=3), A, 500.0, day(-1), day(29), None),
            Rectification(UUID(int=4), A, 500.0, day(-1), day(29), day(3)),
            Rectification(UUID(int=5), A, 900.0, day(-40), day(-10), day(-12)),
        ]
    )
    assert value("rectified_rate", ledger) == pytest.approx(3500 / 4500)
    assert value("rectified_count_rate", ledger) == pytest.approx(2 / 3)


def test_coverage_is_by_area() -> None:
    cells = [Coverage("c1", A, 3000.0, 1000.0), Coverage("c2", B, 1000.0, 0.0)]
    found = compute(Ledger(coverage=cells), WEEK, NOW)["coverage_rate"]
    assert (found.value, found.items, found.counted) == (0.25, ("c1", "c2"), ("c1",))
    assert Ledger(coverage=cells).by_unit([B])[B].coverage == [cells[1]]


posts = st.integers(1, 6)
ledgers = st.builds(
    Ledger,
    persons=st.just([person(n, n / 2, A if n % 2 else B) for n in range(1, 7)]),
    outings=st.lists(
        st.builds(outing, st.integers(0, 10_000), posts, st.floats(-3, 10), is_valid=st.booleans()),
        max_size=30,
    ),
    steps=st.lists(
        st.builds(
            step,
            st.integers(0, 10_000),
            st.floats(-10, 10),
            st.none() | st.floats(-10, 10),
            st.sampled_from([A, B]),
        ),
        max_size=20,
    ),
    decisions=st.lists(
        st.builds(
            decision,
            st.integers(0, 10_000),
            st.sampled_from(["unlawful", "lawful", "not_new", "doubtful"]),
            st.sampled_from(["satellite", "public", "patrol"]),
        ),
        max_size=20,
    ),
)


@given(ledger=ledgers, as_of=st.floats(0.5, 9))
def test_rates_are_shares_of_their_items(ledger: Ledger, as_of: float) -> None:
    for key, found in compute(ledger, WEEK, day(as_of)).items():
        assert set(found.counted) <= set(found.items), key
        if key in {"required", "valid"}:
            continue
        assert (found.value is None) == (found.denominator == 0)
        if found.value is not None:
            assert 0.0 <= found.value <= 1.0
            assert found.value == pytest.approx(found.numerator / found.denominator)


@given(ledger=ledgers)
def test_units_add_up_to_the_whole(ledger: Ledger) -> None:
    whole = compute(ledger, WEEK, NOW)
    parts = [compute(part, WEEK, NOW) for part in ledger.by_unit([A, B]).values()]
    for key in INDICATORS:
        assert sum(part[key].numerator for part in parts) == pytest.approx(whole[key].numerator)


@given(ledger=ledgers, extra=st.builds(outing, st.integers(20_000, 30_000), posts))
def test_one_more_valid_outing_never_lowers_anybody(ledger: Ledger, extra: Outing) -> None:
    more = Ledger(ledger.persons, [*ledger.outings, extra._replace(is_valid=True)], steps=ledger.steps)
    before, after = compute(ledger, WEEK, NOW), compute(more, WEEK, NOW)
    assert after["completion_rate"].value >= before["completion_rate"].value  # type: ignore[operator]
    assert after["attainment_rate"].value >= before["attainment_rate"].value  # type: ignore[operator]


@given(ledger=ledgers)
def test_ranks_follow_scores_and_ties_share(ledger: Ledger) -> None:
    group = ranking_policy().groups[2]
    rows = rank_persons(ledger, WEEK, as_of=NOW, group=group, unit_names={})
    assert len(rows) == 6
    for row in rows:
        better = [other for other in rows if (other.score or 0) > (row.score or 0) + 1e-9]
        assert row.rank == len(better) + 1


def test_units_without_tasks_stand_unranked_and_small_samples_are_marked() -> None:
    units = [Unit(code, code, code) for code in (A, B)]
    rows = rank_units(Ledger(steps=[step(1, 2, 1)]), WEEK, as_of=NOW, units=units, policy=ranking_policy())
    assert [(row.rank, row.score, row.small_sample) for row in rows] == [(1, 1.0, True), (None, None, True)]


def test_score_lends_the_weight_of_what_was_not_asked() -> None:
    weights = ranking_policy().weights
    assert sum(weights.values()) == pytest.approx(1.0)
    rates = {"on_time_closure_rate": 0.5, "self_found_rate": None, "rectified_rate": 1.0}
    assert score(rates, weights) == pytest.approx((0.4 * 0.5 + 0.3 * 1.0) / 0.7)
    assert score({}, weights) is None


def test_every_indicator_is_defined_for_people() -> None:
    assert set(INDICATORS) | {"score"} == {definition.key for definition in DEFINITIONS}
    assert set(ranking_policy().weights) <= set(INDICATORS)


def test_kinds_go_with_their_periods() -> None:
    check_kind("weekly_bulletin", WEEK)
    check_kind("monthly_ranking", parse_period("2026-09"))
    for kind, period in (
        ("weekly_bulletin", "2026-09"),
        ("monthly_ranking", "2026-W37"),
        ("gossip", "2026-09"),
    ):
        with pytest.raises(InvalidInput):
            check_kind(kind, parse_period(period))


def test_numbers_are_the_count_of_their_items() -> None:
    assert kpi_fact(COUNTS[0][0], ["a", "b"])["value"] == 2
    assert mu(10_000) == "15.00"


def test_cells_are_no_formulas_and_archives_have_no_clock() -> None:
    assert safe("=1+1") == "'=1+1"
    assert safe("@x") == "'@x"
    assert safe("某甲") == "某甲"
    assert safe(-3) == -3

    def book() -> bytes:
        out = io.BytesIO()
        made = openpyxl.Workbook()
        made["Sheet"]["A1"] = "某甲"
        made.save(out)
        return frozen(out.getvalue(), at=datetime(2026, 9, 14, tzinfo=SHANGHAI))

    assert book() == book()
    assert openpyxl.load_workbook(io.BytesIO(book()))["Sheet"]["A1"].value == "某甲"


@given(ledger=ledgers)
def test_outings_counted_by_the_database_rank_alike(ledger: Ledger) -> None:
    counted = replace(ledger, outings=(), walked=valid_by_post(ledger, WEEK, NOW))
    group = ranking_policy().groups[2]
    by_hand, by_count = (
        rank_persons(facts, WEEK, as_of=NOW, group=group, unit_names={}) for facts in (ledger, counted)
    )
    assert by_hand == by_count
    units = [Unit(code, code, code) for code in (A, B)]
    by_hand, by_count = (
        rank_units(facts, WEEK, as_of=NOW, units=units, policy=ranking_policy())
        for facts in (ledger, counted)
    )
    assert by_hand == by_count

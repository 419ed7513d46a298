"""Every indicator counted a second time, in SQL, from the exported ledger: equal to the last item."""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.calendar import Period, parse_period
from patrol.reports.indicators import (
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
)
from patrol.reports.ledgers import ledger_tables

# A week that crosses the year, one of 53, and a month: all have edges at midnight in Shanghai.
PERIODS = [parse_period(label) for label in ("2026-W37", "2026-W53", "2027-02")]
DUE = """{due} < :end AND ({due} >= :begin OR {left} = '' OR {left} >= :begin)
    AND NOT ({due} >= :as_of AND ({left} = '' OR {left} >= :as_of))"""
OUTING = "started_at >= :begin AND started_at < min(:end, :as_of)"
WALKED = f"""SELECT CAST(p.required AS REAL) AS asked, (SELECT count(*) FROM outings o
    WHERE o.post_id = p.post_id AND o.is_valid = 1 AND {OUTING}
    AND (p.since = '' OR o.started_at >= p.since) AND (p.until = '' OR o.started_at < p.until)) AS went
    FROM persons p WHERE CAST(p.required AS REAL) > 0"""
DECIDED = (
    "FROM decisions WHERE kind <> 'doubtful' AND decided_at >= :begin AND decided_at < min(:end, :as_of)"
)
RECTIFIED = """FROM rectifications WHERE ordered_at < :as_of AND (accepted_at = '' OR accepted_at >= :begin)
    AND (due_at < :as_of OR (accepted_at <> '' AND accepted_at < :as_of))"""
ACCEPTED = "accepted_at <> '' AND accepted_at <= :as_of"
ON_TIME = "SELECT sum({left} <> '' AND {left} <= {due}), count(*) FROM {table} WHERE "
AGAIN = {
    "required": "SELECT sum(CAST(required AS REAL)), count(*) FROM persons",
    "valid": f"SELECT sum(is_valid = 1), count(*) FROM outings WHERE {OUTING}",
    "completion_rate": f"SELECT sum(min(asked, went)), sum(asked) FROM ({WALKED})",
    "attainment_rate": f"SELECT sum(went >= asked - 1e-9), count(*) FROM ({WALKED})",
    "coverage_rate": "SELECT sum(CAST(near_m2 AS REAL)), sum(CAST(cropland_m2 AS REAL)) FROM coverage",
    "self_found_rate": "SELECT sum(source IN ('patrol', 'camera', 'public')), count(*) "
    f"{DECIDED} AND kind = 'unlawful'",
    "on_time_verification_rate": (ON_TIME + DUE).format(due="due_at", left="done_at", table="verifications"),
    "on_time_closure_rate": (ON_TIME + DUE).format(due="due_at", left="left_at", table="steps"),
    "rectified_rate": f"SELECT sum(CAST(area_m2 AS REAL) * ({ACCEPTED})), sum(CAST(area_m2 AS REAL))"
    f" {RECTIFIED}",
    "rectified_count_rate": f"SELECT sum({ACCEPTED}), count(*) {RECTIFIED}",
    "false_alarm_rate": f"SELECT sum(kind = 'not_new'), count(*) {DECIDED} AND reason_code <> 'duplicate'",
    "duplicate_rate": f"SELECT sum(reason_code = 'duplicate'), count(*) {DECIDED}",
}


def counted_again(tables: dict[str, str], period: Period, as_of: datetime) -> dict[str, tuple[float, float]]:
    base = sqlite3.connect(":memory:")
    for name, table in tables.items():
        head, *rows = csv.reader(io.StringIO(table))
        base.execute(f"CREATE TABLE {name} ({', '.join(head)})")
        base.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(head))})", rows)
        if name == "outings":
            base.execute("UPDATE outings SET is_valid = CAST(is_valid AS INTEGER)")
    moments = {"begin": period.starts_at, "end": period.ends_at, "as_of": min(as_of, period.ends_at)}
    values = {key: at.astimezone(UTC).isoformat(timespec="microseconds") for key, at in moments.items()}
    found = {key: base.execute(sql, values).fetchone() for key, sql in AGAIN.items()}
    base.close()
    return {key: (above or 0.0, below or 0.0) for key, (above, below) in found.items()}


@st.composite
def plays(draw: st.DrawFn) -> tuple[Ledger, Period, datetime]:
    """A ledger around a period, its moments at the edges as often as elsewhere."""
    period = draw(st.sampled_from(PERIODS))
    days = (period.ends_at - period.starts_at).days
    edges = st.sampled_from([0.0, float(days)]).flatmap(
        lambda day: st.sampled_from([day - 1e-6, day, day + 1e-6])
    )
    moment = (edges | st.floats(-9, days + 9)).map(lambda day: period.starts_at + timedelta(days=day))
    unit = st.sampled_from(["410883105201", "410883105202"])
    ids = st.integers(1, 10**6).map(lambda number: UUID(int=number))
    posts = st.integers(1, 4).map(lambda number: UUID(int=number))
    quota = st.sampled_from([0.0, 0.5, 1.0, 2.0])

    def some(*parts: st.SearchStrategy, of: type) -> st.SearchStrategy:  # type: ignore[type-arg]
        return st.lists(st.tuples(*parts).map(lambda values: of(*values)), max_size=8)

    person = [
        Person(UUID(int=n), f"=某{n}", "网格员", 4, "grid_officer", draw(unit), draw(quota))
        for n in range(1, 5)
    ]
    if draw(st.booleans()):
        # The first post changes hands within the period: each is asked for the own days.
        change = period.starts_at + timedelta(days=draw(st.integers(1, days - 1)))
        person[:1] = [
            person[0]._replace(required=draw(quota), since=period.starts_at, until=change, days_away=1),
            person[0]._replace(name="某5", required=draw(quota), since=change),
        ]
    kinds, sources = st.sampled_from(["unlawful", "not_new", "lawful", "doubtful"]), ["patrol", "satellite"]
    ledger = Ledger(
        person,
        draw(some(ids, posts, moment, st.booleans(), of=Outing)),
        draw(some(ids, ids, unit, moment, st.none() | moment, of=Verification)),
        draw(some(ids.map(str), ids, unit, moment, st.none() | moment, of=Step)),
        draw(
            some(
                ids,
                unit,
                st.sampled_from(sources),
                kinds,
                st.sampled_from([None, "duplicate"]),
                moment,
                of=Decision,
            )
        ),
        draw(some(ids, unit, st.floats(1, 9e4), moment, moment, st.none() | moment, of=Rectification)),
        draw(some(ids.map(str), unit, st.floats(1, 9e4), st.floats(0, 1), of=Coverage)),
    )
    return ledger, period, period.starts_at + timedelta(days=draw(st.floats(0.5, days + 3)))


@given(play=plays())
@settings(deadline=None)
def test_counted_again_in_sql_from_the_exported_ledger(play: tuple[Ledger, Period, datetime]) -> None:
    ledger, period, as_of = play
    again = counted_again(ledger_tables(ledger, names_persons=False), period, as_of)
    assert set(again) == set(INDICATORS)
    for key, found in compute(ledger, period, as_of).items():
        above, below = again[key]
        assert above == pytest.approx(found.numerator), key
        if key == "required":
            continue
        assert below == pytest.approx(found.denominator), key
        if key != "valid":
            assert found.value == pytest.approx(above / below if below else None), key


def test_names_are_left_out_and_no_cell_is_a_formula() -> None:
    ledger = Ledger([Person(UUID(int=1), "=某甲", "网格员", 4, "grid_officer", "410883105201", 1.0)])
    assert "某甲" not in ledger_tables(ledger, names_persons=False)["persons"]
    assert ",'=某甲," in ledger_tables(ledger, names_persons=True)["persons"]

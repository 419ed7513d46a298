"""Weeks and months end at midnight in Shanghai: the calendar, the database and the count of patrols agree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from foundation.calendar import SHANGHAI, month_of, parse_period, week_of
from patrol.reports import store

SECOND = timedelta(seconds=1)
PATROL = text(
    "INSERT INTO patrol (patrol_id, post_id, division_code, started_at, ended_at, fixes, fix_count,"
    " distance_m, duration_min, tasks_visited, is_valid, reasons, body_sha256) VALUES (:id, :post, :code,"
    " :at, :until, '', 0, 0, 30, 1, true, '[]', '')"
)


def edges() -> list[datetime]:
    """Every Monday and every first of a month from 1995 to 2075, one second before, at and after midnight."""
    day, found = date(1995, 1, 1), []
    while day < date(2076, 1, 1):
        if day.weekday() == 0 or day.day == 1:
            midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
            found += [midnight - SECOND, midnight, midnight + SECOND]
        day += timedelta(days=1)
    return found


def test_calendar_and_database_name_the_same_week_and_month_at_every_edge(net) -> None:  # type: ignore[no-untyped-def]
    moments = edges()
    assert len(moments) >= 15_101
    (row,) = net.rows(
        "SELECT array_agg(to_char(at AT TIME ZONE 'Asia/Shanghai', 'IYYY-\"W\"IW') ORDER BY nth) AS weeks,"
        " array_agg(to_char(at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') ORDER BY nth) AS months"
        " FROM unnest(CAST(:moments AS timestamptz[])) WITH ORDINALITY AS u (at, nth)",
        moments=[moment.astimezone(UTC) for moment in moments],
    )
    wrong = [
        moment
        for moment, week, month in zip(moments, row["weeks"], row["months"], strict=True)
        if week_of(moment).label != week or month_of(moment.astimezone(UTC)).label != month
    ]
    assert wrong == []
    for moment in moments:
        for period in (week_of(moment), month_of(moment)):
            assert period.starts_at <= moment < period.ends_at
            assert parse_period(period.label) == period


def test_a_patrol_counts_in_one_week_and_one_month_whatever_the_edge(net) -> None:  # type: ignore[no-untyped-def]
    (post,) = net.rows("SELECT post_id, division_code FROM post WHERE post_no = 'G-1'")
    midnights = [
        datetime(year, month, day, tzinfo=SHANGHAI)
        for year, month, day in ((2026, 12, 28), (2027, 1, 1), (2027, 1, 4), (2027, 2, 1))
    ]
    moments = [m + step * SECOND for m in midnights for step in (-1, 0, 1)]
    with net.runtime.database.transaction(net.runtime.system) as session:
        for moment in moments:
            values = {"id": uuid4(), "post": post["post_id"], "code": post["division_code"]}
            session.execute(PATROL, values | {"at": moment, "until": moment + timedelta(minutes=30)})
    assert counted(net, post["post_id"], ["2026-W52", "2026-W53", "2027-W01"]) == [1, 6, 2]
    assert counted(net, post["post_id"], ["2027-W04", "2027-W05"]) == [1, 2]
    assert counted(net, post["post_id"], ["2026-12", "2027-01", "2027-02"]) == [4, 6, 2]


def counted(net, post_id: UUID, labels: list[str]) -> list[int]:  # type: ignore[no-untyped-def]
    periods = [parse_period(label) for label in labels]
    with net.runtime.database.transaction(net.runtime.system) as session:
        found = store.walked(session, "4108", [(p.starts_at, p.ends_at) for p in periods])
    return [each.get(post_id, 0) for each in found]

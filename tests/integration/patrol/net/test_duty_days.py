"""应巡次数 by days in the post and leave: counted again in SQL from tenures, leaves and the quota table."""

from __future__ import annotations

import json
from datetime import date, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from foundation.calendar import SHANGHAI
from patrol import service
from patrol.reports.indicators import Person
from patrol.reports.people import load_people
from patrol.reports.rankings import Part
from patrol.rounds.patrols import patrol_policy
from tests.integration.patrol.conftest import POSTS, Net

AGAIN = """
    WITH quota AS (SELECT * FROM jsonb_to_recordset(CAST(:quotas AS jsonb))
                   AS q (tier int, kinds jsonb, visits float, per text)),
    days AS (SELECT CAST(d AS date) AS d FROM generate_series(CAST(:first AS date), :last, '1 day') AS d)
    SELECT p.post_no, t.person_name, sum(q.visits / CASE q.per WHEN 'week' THEN 7
        WHEN 'month' THEN extract(day FROM date_trunc('month', d) + interval '1 month - 1 day')
        ELSE CAST(date_trunc('quarter', d) + interval '3 months' AS date)
             - CAST(date_trunc('quarter', d) AS date) END) AS required
    FROM days JOIN post_tenure t ON t.part = 'holder' AND t.valid_from <= d
         AND (t.valid_to IS NULL OR t.valid_to > d)
    JOIN post p ON p.post_id = t.post_id AND p.valid_from <= d AND (p.valid_to IS NULL OR p.valid_to > d)
    JOIN quota q ON q.tier = p.tier AND q.kinds ? p.kind
    WHERE NOT EXISTS (SELECT FROM post_absence a WHERE a.post_id = t.post_id AND NOT a.is_cancelled
        AND a.person_name = t.person_name AND d BETWEEN a.starts_on AND a.ends_on)
    GROUP BY 1, 2
"""


def bring_in(net: Net, changed: dict[str, str], *moment: int) -> None:
    """The list again from a moment on, with other holders."""
    now = net.at(*moment)
    lines = [
        ",".join([*cells[:5], changed.get(cells[0], cells[5]), *cells[6:]])
        for cells in (line.split(",") for line in POSTS.splitlines())
    ]
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(session, net.runtime.system, "\n".join(lines).encode(), now=now)


def away(net: Net, post_no: str, name: str, first: str, last: str, **more: object) -> None:
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO post_absence (absence_id, post_id, division_code, person_name, recorded_at,"
                " recorded_by, recorded_by_name, kind, starts_on, ends_on, note, is_cancelled) SELECT :id,"
                " post_id, division_code, :name, now(), post_id, '', 'leave', :first, :last, '', :cancelled"
                " FROM post WHERE post_no = :post_no"
            ),
            {
                "id": uuid4(),
                "post_no": post_no,
                "name": name,
                "first": first,
                "last": last,
                "cancelled": more.get("is_cancelled", False),
            },
        )


def asked(net: Net, label: str, first: date, last: date) -> list[Person]:
    from foundation.calendar import parse_period

    period = parse_period(label)
    assert (period.first, period.last) == (first, last)
    with net.runtime.database.transaction(net.runtime.system) as session:
        return load_people(session, "4108", first, last).in_period(period)


def counted_again(net: Net, first: date, last: date) -> dict[tuple[str, str], float]:
    quotas = [
        {"tier": row.tier, "kinds": sorted(row.kinds), "visits": row.visits, "per": row.per}
        for row in patrol_policy().quotas
    ]
    rows = net.rows(AGAIN, quotas=json.dumps(quotas), first=first, last=last)
    return {(str(row["post_no"]), str(row["person_name"])): float(str(row["required"])) for row in rows}


def outing(net: Net, post_no: str, *moment: int) -> None:
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO patrol (patrol_id, post_id, division_code, started_at, ended_at, fixes,"
                " fix_count, distance_m, duration_min, tasks_visited, is_valid, reasons, body_sha256)"
                " VALUES (:id, :post, '410883105201', :at, :at, '', 0, 0, 0, 0, true, '[]', '')"
            ),
            {"id": uuid4(), "post": net.post(post_no), "at": datetime(*moment, tzinfo=SHANGHAI)},
        )


def test_what_is_asked_follows_who_stood_there_and_who_was_away(net: Net) -> None:
    # Week 37 runs from Monday 7 to Sunday 13 September.
    bring_in(net, {"G-1": "网格新", "G-2": ""}, 2026, 9, 10, 9, 0)
    bring_in(net, {"G-1": "网格新"}, 2026, 9, 12, 9, 0)
    away(net, "V-1", "村长甲", "2026-09-05", "2026-09-08")
    away(net, "V-1", "村长甲", "2026-09-08", "2026-09-09")
    away(net, "V-2", "村长丙", "2026-09-01", "2026-09-30")
    away(net, "T-2", "镇长甲", "2026-09-01", "2026-09-30", is_cancelled=True)
    away(net, "G-1", "网格甲", "2026-09-11", "2026-09-12")
    week = (date(2026, 9, 7), date(2026, 9, 13))
    people = asked(net, "2026-W37", *week)
    numbers = {net.post(line.split(",")[0]): line.split(",")[0] for line in POSTS.splitlines()[1:]}
    found: dict[tuple[str, str], float] = {}
    for person in people:
        key = numbers[person.post_id], person.name
        found[key] = found.get(key, 0) + person.required
    assert found == pytest.approx(counted_again(net, *week))
    assert found[("G-1", "网格甲")] == pytest.approx(2 * 3 / 7)
    assert found[("G-1", "网格新")] == pytest.approx(2 * 4 / 7)
    assert found[("G-2", "网格乙")] == pytest.approx(2 * 5 / 7)
    assert found[("V-1", "村长甲")] == pytest.approx(4 / 7)
    assert ("V-2", "村长丙") not in found
    month = (date(2026, 9, 1), date(2026, 9, 30))
    again = counted_again(net, *month)
    assert sum(person.required for person in asked(net, "2026-09", *month)) == pytest.approx(
        sum(again.values())
    )


def test_outings_count_for_whoever_had_the_post_that_day(net: Net) -> None:
    bring_in(net, {"G-1": "网格新"}, 2026, 9, 10, 9, 0)
    for day in (7, 8, 9):
        outing(net, "G-1", 2026, 9, day, 9, 0)
    outing(net, "G-1", 2026, 9, 9, 23, 59)
    net.at(2026, 9, 14, 8, 0)
    view = net.do("manager", service.rankings, period="2026-W37", part=Part("grid_officers"))
    told = {row.name: (row.raw, row.completion_rate) for row in view.rows}
    assert told["网格甲"] == (4.0, 1.0)
    assert told["网格新"] == (0.0, 0.0)
    found = net.do("manager", service.indicators, period="2026-W37")
    seats = {f"{net.post('G-1')}/2026-09-07", f"{net.post('G-1')}/2026-09-10"}
    assert seats <= set(found["required"].items)
    assert set(found["completion_rate"].counted) == {f"{net.post('G-1')}/2026-09-07"}
    assert found["attainment_rate"].counted == (f"{net.post('G-1')}/2026-09-07",)
    # The week after, whoever came does not inherit a place from whoever left.
    outing(net, "G-1", 2026, 9, 15, 9, 0)
    net.at(2026, 9, 21, 8, 0)
    rows = net.do("manager", service.rankings, period="2026-W38", part=Part("grid_officers")).rows
    changes = {row.key: row.change for row in rows}
    assert changes[str(net.post("G-1"))] is None
    assert changes[str(net.post("G-2"))] is not None
    assert UUID(next(row.key for row in rows if row.name == "网格新")) == net.post("G-1")

"""Rankings in columns against the plain rule, on nets where people come, go, are away and tie."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.calendar import SHANGHAI, Period, parse_period, previous_period
from patrol import service
from patrol.lists.service import division_name
from patrol.reports import store
from patrol.reports.indicators import Ledger
from patrol.reports.people import load_people, walked_apart
from patrol.reports.rankings import (
    Part,
    PersonGroup,
    RankingRow,
    person_ranks,
    rank_persons,
    ranking_policy,
)
from patrol.reports.service import RankingView
from tests.integration.patrol.conftest import OTHER_VILLAGE, TOWNSHIP, VILLAGE, Net

PREFIX = "4108"
HEAD = "post_no,title,tier,kind,division_code,holder,deputy,login,since"
NAMES = ("甲", "乙", "丙", "丁", "戊")
OUTING = (
    "INSERT INTO patrol (patrol_id, post_id, division_code, started_at, ended_at, fixes, fix_count,"
    " distance_m, duration_min, tasks_visited, is_valid, reasons, body_sha256)"
    " SELECT :id, post_id, division_code, :at, :at, '', 0, 0, 0, 0, :valid, '[]', '' FROM post"
    " WHERE post_id = :post"
)
AWAY = (
    "INSERT INTO post_absence (absence_id, post_id, division_code, person_name, recorded_at, recorded_by,"
    " recorded_by_name, kind, starts_on, ends_on, note) SELECT :id, post_id, division_code, holder_name, :at,"
    " :id, '', 'leave', :first, :last, '' FROM post WHERE post_id = :post"
)
HANDED_ON = (
    "UPDATE post_tenure SET valid_to = :day WHERE post_id = :post AND part = 'holder' AND valid_to IS NULL",
    "INSERT INTO post_tenure (tenure_id, post_id, division_code, part, person_name, recorded_at, recorded_by,"
    " recorded_by_name, valid_from) SELECT :id, post_id, division_code, 'holder', :name, :at, :id, '', :day"
    " FROM post WHERE post_id = :post",
    "UPDATE post SET holder_name = :name WHERE post_id = :post",
)


def populate(net: Net, chance: Random) -> None:
    """Forty-five posts; outings around both ends of three weeks."""
    kinds = [("grid_officer", 4, VILLAGE), ("grid_officer", 4, OTHER_VILLAGE), ("field_chief", 4, VILLAGE)]
    kinds += [("mountain_chief", 4, OTHER_VILLAGE), ("field_chief", 3, TOWNSHIP)]
    lines = [HEAD]
    for number in range(45):
        kind, tier, code = chance.choice(kinds)
        since = date(2026, 8, 20) + timedelta(days=chance.choice([-90, 0, 12, 18, 21, 24]))
        lines.append(f"P-{number},岗位{number},{tier},{kind},{code},{chance.choice(NAMES)},,,{since}")
    system = net.runtime.system
    now = net.at(2026, 9, 25, 9)
    with net.runtime.database.transaction(system) as session:
        report = service.import_posts(session, system, "\n".join(lines).encode(), now=now)
        assert not report.bad_lines
        posts = list(session.scalars(text("SELECT post_id FROM post ORDER BY post_no")))
        for post in posts:
            _live(session, post, chance)


def _live(session: Session, post: UUID, chance: Random) -> None:
    begin = datetime(2026, 8, 31, tzinfo=SHANGHAI)
    for _ in range(chance.randrange(9)):
        # On whole days too: midnight belongs to the day that begins.
        at = begin + timedelta(hours=chance.choice([chance.uniform(0, 600), 24 * chance.randrange(25)]))
        values = {"id": uuid4(), "at": at, "valid": chance.random() < 0.85, "post": post}
        session.execute(text(OUTING), values)
    if chance.random() < 0.4:
        first = date(2026, 8, 28) + timedelta(days=chance.randrange(22))
        last = first + timedelta(days=chance.randrange(9))
        values = {"id": uuid4(), "at": begin, "first": first, "last": last, "post": post}
        session.execute(text(AWAY), values)
    came = session.scalar(text("SELECT max(valid_from) FROM post_tenure WHERE post_id = :id"), {"id": post})
    for day in sorted(chance.sample(range(1, 24), chance.choice([0, 0, 1, 2]))):
        values = {"id": uuid4(), "at": begin, "post": post, "name": chance.choice(NAMES)}
        values["day"] = date(2026, 8, 31) + timedelta(days=day)
        for statement in HANDED_ON if came is not None and values["day"] >= came else ():
            session.execute(text(statement), values)


def by_plain_rule(session: Session, period: Period, now: datetime) -> list[RankingRow]:
    """As rankings were made before they were made in columns: persons one by one."""
    former = previous_period(period)
    spans = [(former.starts_at, former.ends_at), (period.starts_at, min(now, period.ends_at))]
    people = load_people(session, PREFIX, former.first, period.last)
    counts = store.walked(session, PREFIX, spans)
    ledgers = []
    for each, walked, span in zip((former, period), counts, spans, strict=True):
        persons = people.in_period(each)
        apart = walked_apart(session, persons, *span)
        ledgers.append(Ledger(persons=persons, walked=walked, walked_apart=apart))
    before, present = ledgers
    names = {person.division_code: division_name(person.division_code) for person in present.persons}
    holders = {(person.post_id, person.since): person.name for person in before.persons}
    come = {
        person.seat
        for person in present.persons
        if holders.get((person.post_id, person.since), person.name) != person.name
    }
    is_first = not store.has_outings(session, PREFIX, *spans[0])

    def ranked(group: PersonGroup) -> list[RankingRow]:
        ranks = {} if is_first else person_ranks(before, former, as_of=now, group=group)
        ranks = {key: rank for key, rank in ranks.items() if key not in come}
        return rank_persons(present, period, as_of=now, group=group, unit_names=names, former=ranks)

    return [row for group in ranking_policy().groups for row in ranked(group)]


@pytest.mark.parametrize("seed", range(6))
def test_columns_rank_as_the_plain_rule_does(net: Net, seed: int) -> None:
    chance = Random(seed)
    populate(net, chance)
    system = net.runtime.system
    found: list[RankingRow] = []
    for label in ("2026-W35", "2026-W36", "2026-W37", "2026-W39", "2026-W41", "2026-09", "2026-10"):
        for now in (net.clock(), datetime(2026, 9, 10, 15, 30, tzinfo=SHANGHAI)):
            with net.runtime.database.transaction(system) as session:
                plain = by_plain_rule(session, parse_period(label), now)
                view = service.rankings(session, system, period=label, now=now)
            assert list(view.rows) == plain
            assert view.total == len(plain)
            found += plain
    # What the comparison is worth: the nets hold ties, changes, shared posts.
    assert any(row.change for row in found)
    assert any("/" in row.key for row in found)
    assert any(row.change is None for row in found)
    assert any(row.raw > row.valid for row in found)


def test_pages_are_the_ranking_cut(net: Net) -> None:
    populate(net, Random(7))

    def view(**asked: object) -> RankingView:
        found = net.do("manager", service.rankings, period="2026-W37", **asked)
        assert isinstance(found, RankingView)
        return found

    for of in ("post", "township"):
        whole = view(of=of)
        pages = [view(of=of, part=Part(first=first, limit=7)) for first in range(0, whole.total + 7, 7)]
        assert [row for page in pages for row in page.rows] == list(whole.rows)
        assert {page.total for page in pages} == {whole.total} == {len(whole.rows)}
    officers = view(part=Part("grid_officers", first=2, limit=3))
    alone = [row for row in view().rows if row.group == "grid_officers"]
    assert (list(officers.rows), officers.total) == (alone[2:5], len(alone))
    assert (view(part=Part("nobody")).rows, view(part=Part("nobody")).total) == ((), 0)

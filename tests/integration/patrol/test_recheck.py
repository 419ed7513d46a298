"""The lottery on a real database: drawn once, looked at by another county, told as it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from patrol import service
from patrol.recheck import service as recheck
from patrol.recheck.draws import draw, lot
from patrol.recheck.service import Finding

OTHER_COUNTY = """post_no,title,tier,kind,division_code,holder,deputy,login
X-2,温县执法大队,2,brigade,410825000000,温县甲,,wen-county
"""
STOOD_HERE = (112.7515, 34.9515)


@pytest.fixture
def closed(net):  # type: ignore[no-untyped-def]
    """Six cases of one county, closed on a Wednesday, and a second county that can be sent."""
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(
            session,
            net.runtime.system,
            OTHER_COUNTY.encode(),
            now=net.clock(),
            password="demo",
            is_demo=True,
        )
    for _ in range(6):
        net.add_patch()
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text("UPDATE case_file SET state = 'closed', verdict_kind = 'unlawful', closed_at = :at"),
            {"at": net.at(2026, 9, 9, 10, 0)},
        )
    net.at(2026, 9, 14, 5, 50)
    return net


def drawn(net):  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return recheck.draw_week(session, net.runtime.system, now=net.clock())


def test_the_draw_can_be_repeated_by_hand_and_is_made_once(closed) -> None:  # type: ignore[no-untyped-def]
    first = drawn(closed)
    assert first.week == "2026-W37"
    assert [ticket.by_division_name for ticket in first.tickets] == ["温县"]
    by_hand = min((case.number for case in first.population), key=lambda number: lot(first.seed, number))
    assert first.tickets[0].number == by_hand
    assert draw(first.seed, first.population, ["410825", "410883"]).tickets[0].number == by_hand
    closed.add_patch()
    assert drawn(closed) == first
    with pytest.raises(Conflict), closed.runtime.database.transaction(closed.runtime.system) as session:
        recheck.draw_week(session, closed.runtime.system, now=closed.clock(), week="2026-W38")


def test_a_case_is_drawn_once_in_its_life(closed) -> None:  # type: ignore[no-untyped-def]
    numbers = [drawn(closed).tickets[0].number]
    for _ in range(2):
        closed.clock.set(closed.clock() + timedelta(days=7))
        found = drawn(closed)
        numbers += [ticket.number for ticket in found.tickets]
        assert len(found.population) == 6 - len(numbers) + 1
    assert len(set(numbers)) == 3


def test_the_other_county_answers_and_sees_nothing_else_of_the_case(closed) -> None:  # type: ignore[no-untyped-def]
    ticket = drawn(closed).tickets[0]
    (mine,) = closed.do("wen-county", lambda session, actor, now: recheck.my_tickets(session, actor))
    assert mine.brief["place"].startswith("孟州市")
    assert (
        closed.do("wen-county", lambda s, a, now: s.execute(text("SELECT count(*) FROM patch")).scalar()) == 0
    )
    finding = Finding("not_restored", "硬化地面未清除", STOOD_HERE, 6.0)
    answered = closed.do("wen-county", recheck.record_finding, ticket.ticket_id, finding)
    assert answered.outcome_name == "未整改到位"
    assert answered.distance_m < 200
    with pytest.raises(Conflict):
        closed.do("wen-county", recheck.record_finding, ticket.ticket_id, Finding("restored", "", STOOD_HERE))
    with closed.runtime.database.transaction(closed.runtime.system) as session:
        told = recheck.lottery(session, closed.runtime.system, "2026-W37")
    assert (told.estimate.rate, told.estimate.looked_at, told.estimate.population) == (0.0, 1, 6)
    assert told.estimate.high > 0.5


def test_who_may_not_answer(closed) -> None:  # type: ignore[no-untyped-def]
    ticket = drawn(closed).tickets[0]
    good = Finding("restored", "", STOOD_HERE, 5.0)
    with pytest.raises(NotAllowed):
        closed.do("county", recheck.record_finding, ticket.ticket_id, good)
    with pytest.raises(NotFound):
        closed.do("chief-2", recheck.record_finding, ticket.ticket_id, good)
    for bad in (Finding("fine", "", STOOD_HERE), Finding("restored"), Finding("relapsed", " ", STOOD_HERE)):
        with pytest.raises(InvalidInput):
            closed.do("wen-county", recheck.record_finding, ticket.ticket_id, bad)
    account = closed.actor("wen-county").account_id
    with closed.runtime.database.transaction(closed.runtime.system) as session:
        row = session.get(recheck.RecheckTicketRow, ticket.ticket_id)
        assert str(account) not in row.involved
        assert row.involved, "the platform itself opened the case"

"""Lists of posts looked at before they are brought in; leave, return, handover; who answers on any day."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from uuid import UUID

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import text

from foundation.errors import Conflict, InvalidInput, LandwardenError, NotAllowed, NotFound
from patrol import jobs, service
from patrol.cases.succession import leave_all_posts, ownerless, vacate_post
from patrol.lists import service as lists
from patrol.net import service as net_service
from patrol.net.posts import HEADS
from patrol.staffing import answers
from patrol.staffing import service as staffing
from patrol.staffing.service import Handover, Leave
from tests.integration.patrol.conftest import COUNTY, OTHER_VILLAGE, POSTS, VILLAGE, Net, square

IN_CELL_1, IN_CELL_2 = (112.75, 34.95), (112.77, 34.95)
BLANK = dict.fromkeys(HEADS, "")
LINE = BLANK | {
    "post_no": "G-1",
    "title": "一村网格员",
    "tier": "四级",
    "kind": "网格员",
    "division_code": VILLAGE,
}


def sheet(*rows: dict[str, object]) -> bytes:
    """An Excel file as an office makes it: Chinese heads, codes as numbers."""
    book = Workbook()
    book.active.append([f"{head}*" for head in HEADS.values()])
    for row in rows:
        book.active.append([int(v) if k == "division_code" and v else v for k, v in row.items()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def answering(net: Net, on: date | None = None, at: tuple[float, float] = IN_CELL_1) -> str:
    view = net.do("county", answers.who_answers, lon=at[0], lat=at[1], on=on)
    return view.answering.name


def test_a_list_is_looked_at_before_it_is_brought_in(net: Net) -> None:
    lines = [
        {**LINE, "holder": "网格新", "deputy": "网格新", "holder_phone": 13800000000.0},
        {**LINE, "post_no": "G-3", "holder": "网格丙", "login": "grid-2"},
        {**LINE, "post_no": "V-9", "kind": "田长", "title": "一村田长二"},
        {**LINE, "post_no": "G-4", "since": "下周一"},
        {**LINE, "post_no": "X-9", "division_code": "410825000000", "tier": "二级", "kind": "brigade"},
        {**LINE, "post_no": "C-1", "holder": "县里人"},
    ]
    data = sheet(*lines)
    told = net.do("county", net_service.preview_posts, data)
    assert [(bad.line, bad.code) for bad in told.bad_lines] == [
        (5, "patrol.post.bad_day"),
        (6, "patrol.post.outside"),
        (7, "patrol.post.outside"),
    ]
    assert "Line 5" in told.bad_lines[0].reason_en
    assert told.division_code == VILLAGE
    assert [post.post_no for post in told.added] == ["G-3", "V-9"]
    (change,) = told.changed
    assert change.fields == (
        ("holder", "网格甲", "网格新"),
        ("deputy", "", "网格新"),
        ("holder_phone", "", ""),
    )
    assert [post.post_no for post in told.missing] == ["G-2", "V-1"]
    assert [post.post_no for post in told.vacant] == ["V-9"]
    assert [post.post_no for post in told.doubled] == ["G-1"]
    assert [(gap.kind, gap.post_nos) for gap in told.overlaps] == [("field_chief", ("V-1", "V-9"))]
    assert told.gaps == ()
    ended = net.do("county", net_service.preview_posts, data, ends_missing=True)
    assert ended.token != told.token
    with pytest.raises(Conflict) as refused:
        net.do("county", staffing.confirm_posts, data, token="other", known_accounts={})
    assert refused.value.code == "patrol.post.preview_changed"
    with pytest.raises(Conflict) as refused:
        net.do(
            "county", staffing.confirm_posts, data, token=ended.token, ends_missing=True, known_accounts={}
        )
    assert refused.value.code == "patrol.post.bad_lines_first"
    _, report = net.do("county", staffing.confirm_posts, data, token=told.token, known_accounts={})
    assert report.imported == 3
    row = net.rows("SELECT holder_name, holder_phone, holder_account_id FROM post WHERE post_no = 'G-1'")[0]
    assert (row["holder_name"], row["holder_phone"], row["holder_account_id"]) == (
        "网格新",
        "13800000000",
        None,
    )
    # The same token again: the posts are others now.
    with pytest.raises(Conflict):
        net.do("county", staffing.confirm_posts, data, token=told.token, known_accounts={})


def test_gaps_and_missing_posts_are_of_the_lists_own_place(net: Net) -> None:
    township = {**LINE, "post_no": "T-1", "tier": "三级", "kind": "自然资源所", "title": "所"}
    data = sheet({**township, "division_code": "410883105000", "holder": "所长甲"})
    told = net.do("county", net_service.preview_posts, data, ends_missing=True)
    assert {post.post_no for post in told.missing} == {"T-2", "V-1", "G-1", "G-2", "V-2"}
    gaps = {(gap.division_code, gap.kind): gap.cells for gap in told.gaps}
    assert gaps[VILLAGE, "grid_officer"] == 2
    assert gaps[OTHER_VILLAGE, "field_chief"] == 0
    assert ("410883105000", "station") not in gaps
    net.do("county", staffing.confirm_posts, data, token=told.token, ends_missing=True, known_accounts={})
    assert answering(net) == "所长甲"
    # Nothing is lost: who stood there before is still written down.
    assert net.rows("SELECT count(*) FROM post")[0]["count"] == 9
    assert answering(net, date(2026, 9, 1)) == "网格甲"


def test_an_exported_list_comes_back_unchanged(net: Net) -> None:
    accounts = {row["login"]: row["account_id"] for row in net.rows("SELECT login, account_id FROM account")}
    logins = {account: login for login, account in accounts.items()}
    data = net.do("city", staffing.export_posts, logins=logins)
    book = load_workbook(io.BytesIO(data))
    assert [cell.value for cell in book["岗位名单"][1]][:11] == list(HEADS.values())
    told = net.do("city", net_service.preview_posts, data, logins=frozenset(accounts))
    assert (told.line_count, told.unchanged, told.without_account) == (9, 9, ())
    assert (told.bad_lines, told.added, told.missing) == ((), (), ())
    before = net.rows("SELECT post_no, holder_account_id FROM post ORDER BY post_no")
    net.do("city", staffing.confirm_posts, data, token=told.token, known_accounts={})
    assert net.rows("SELECT post_no, holder_account_id FROM post ORDER BY post_no") == before
    blank = load_workbook(io.BytesIO(staffing.blank_roster()))
    assert blank["岗位名单"].max_row == 1


def test_a_number_of_another_county_is_not_taken(net: Net) -> None:
    lines = f"{POSTS.splitlines()[0]}\nG-1,温县大队,2,brigade,410825000000,甲,,wen"
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(
            session,
            net.runtime.system,
            lines.replace("G-1", "W-25").encode(),
            now=net.clock(),
            password="demo",
            is_demo=True,
        )
    data = lines.encode()
    told = net.do("wen", net_service.preview_posts, data)
    with pytest.raises(Conflict) as refused:
        net.do("wen", staffing.confirm_posts, data, token=told.token, known_accounts={})
    assert refused.value.code == "patrol.post.number_taken"


def test_open_work_goes_to_the_stand_in_and_comes_back(net: Net) -> None:
    patch_id = net.add_patch()
    for login in ("county",):
        net.do(login, service.dispatch, patch_id, post_id=net.post("G-1"))

    def holder() -> str:
        (row,) = net.rows(
            "SELECT holder_name FROM assignment WHERE patch_id = :id AND kind = 'verify'"
            " AND status IN ('waiting', 'sent', 'signed')",
            id=patch_id,
        )
        return str(row["holder_name"])

    assert holder() == "网格甲"
    today = net.clock().date()
    leave = Leave("leave", today, today.replace(day=today.day + 2), stand_in_name="代班乙")
    done = net.do("station", staffing.take_leave, net.post("G-1"), leave)
    assert (done.moved, holder()) == ((patch_id,), "代班乙")
    assert answering(net) == "代班乙"
    assert net.do("county", ownerless) == []
    with pytest.raises(Conflict) as refused:
        net.do("station", staffing.take_leave, net.post("G-1"), leave)
    assert refused.value.code == "patrol.absence.overlaps"
    net.at(2026, today.month, today.day + 3, 8, 0)
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.run_clocks(session, net.runtime.system, now=net.clock())
    assert holder() == "网格甲"
    # Without a stand-in or deputy another stands in, and in the end somebody above.
    away = Leave("sick", net.clock().date(), net.clock().date())
    (absence,) = net.do("county", staffing.take_leave, net.post("G-1"), away).absences
    assert holder() not in {"网格甲", ""}
    net.do("county", staffing.end_leave, absence.absence_id, back_on=net.clock().date())
    assert answering(net) == "网格甲"
    moved = net.rows(
        "SELECT count(*) FROM case_event WHERE patch_id = :id AND action = 'reassign'", id=patch_id
    )
    assert moved[0]["count"] == 3


def test_lists_name_whoever_stands_in_not_whoever_is_on_leave(net: Net) -> None:
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("T-1"))

    def owner() -> str:
        page = net.do("county", service.list_patches, service.PatchFilter())
        (row,) = [row for row in page.items if row.patch_id == patch_id]  # type: ignore[attr-defined]
        one = net.do("county", lists.patch_row, patch_id)
        assert one.owner_name == row.owner_name  # type: ignore[attr-defined]
        return str(row.owner_name)

    assert owner() == "所长甲"
    today = net.clock().date()
    leave = Leave("leave", today, today + timedelta(days=1), stand_in_name="代班乙")
    (absence,) = net.do("county", staffing.take_leave, net.post("T-1"), leave).absences
    assert owner() == "代班乙"
    net.do("county", staffing.end_leave, absence.absence_id, back_on=today)
    assert owner() == "所长甲"
    net.do("county", staffing.take_leave, net.post("T-1"), Leave("sick", today, today))
    assert owner() == "所长乙"  # the deputy
    net.at(2026, today.month, today.day + 1, 8, 0)
    assert owner() == "所长甲"


def test_a_post_is_handed_over_with_its_work_and_its_history(net: Net) -> None:
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    today = net.clock().date()
    to = Handover("holder", "网格新", today.replace(day=1), phone="13900000000", note="换届")
    assert net.do("county", staffing.hand_over, net.post("G-1"), to).moved == (patch_id,)
    with net.runtime.database.transaction(net.actor("grid-2")) as session:
        history = staffing.history_of(session, net.actor("grid-2"), net.post("G-1"))
    assert [(x.name, x.valid_from, x.valid_to) for x in history.tenures] == [
        ("网格甲", date(2020, 1, 1), today.replace(day=1)),
        ("网格新", today.replace(day=1), None),
    ]
    assert answering(net, date(2026, 8, 31)) == "网格甲"
    assert answering(net, date(2026, 9, 1)) == answering(net) == "网格新"
    (told,) = net.rows("SELECT facts FROM audit_entry WHERE action = 'patrol.post.handed_over'")
    facts = json.loads(str(told["facts"]))
    assert (facts["from"], facts["to"], facts["note"]) == ("网格甲", "网格新", "换届")
    for wrong, code in (
        (Handover("holder", "网格新", today), "patrol.post.same_person"),
        (Handover("holder", "某", today.replace(year=2028)), "patrol.post.handover_too_far"),
        (Handover("chief", "某", today), "patrol.post.bad_part"),
        (Handover("deputy", " ", today), "patrol.post.no_name"),
    ):
        with pytest.raises(InvalidInput) as refused:
            net.do("county", staffing.hand_over, net.post("G-1"), wrong)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        net.do("station", staffing.hand_over, net.post("X-1"), Handover("holder", "某", today))
    with pytest.raises(NotAllowed):
        net.do("chief", staffing.hand_over, net.post("V-1"), Handover("holder", "某", today))


def test_a_handover_of_a_day_to_come_happens_on_that_day(net: Net) -> None:
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    day = net.clock().date() + timedelta(days=3)
    to = Handover("holder", "接任丁", day, phone="13800000000")
    done = net.do("station", staffing.hand_over, net.post("G-1"), to)
    assert (done.moved, done.takes_on) == ((), day)
    assert answering(net) == "网格甲"
    assert answering(net, day - timedelta(days=1)) == "网格甲"
    assert answering(net, day) == "接任丁"
    with pytest.raises(Conflict) as refused:
        net.do("station", staffing.hand_over, net.post("G-1"), to)
    assert refused.value.code == "patrol.post.handover_arranged"

    def run() -> None:
        jobs.run_clocks(net.runtime)

    def coming() -> list[str]:
        history = net.do("station", lambda s, a, now: staffing.history_of(s, a, net.post("G-1")))
        return [row.name for row in history.coming]  # type: ignore[attr-defined]

    run()
    assert (answering(net), coming()) == ("网格甲", ["接任丁"])
    net.at(day.year, day.month, day.day, 0, 5)
    run()
    assert (answering(net), coming()) == ("接任丁", [])
    (task,) = net.rows(
        "SELECT holder_name FROM assignment WHERE patch_id = :id AND kind = 'verify'"
        " AND status IN ('waiting', 'sent', 'signed')",
        id=patch_id,
    )
    assert task["holder_name"] == "接任丁"
    tenures = net.rows(
        "SELECT person_name, valid_from, valid_to FROM post_tenure WHERE post_id = :id AND part = 'holder'"
        " ORDER BY valid_from",
        id=net.post("G-1"),
    )
    assert [(row["person_name"], row["valid_to"]) for row in tenures] == [("网格甲", day), ("接任丁", None)]
    assert tenures[1]["valid_from"] == day
    run()  # once
    assert len(net.rows("SELECT 1 FROM post_tenure WHERE post_id = :id", id=net.post("G-1"))) == 2


def test_an_arranged_handover_is_called_off_and_one_of_an_ended_post_is_void(net: Net) -> None:
    day = net.clock().date() + timedelta(days=2)
    net.do("station", staffing.hand_over, net.post("G-1"), Handover("holder", "接任丁", day))
    (row,) = net.rows("SELECT handover_id FROM post_handover")
    with pytest.raises(LandwardenError):
        net.do("grid-1", staffing.call_off, row["handover_id"])
    net.do("station", staffing.call_off, row["handover_id"])
    with pytest.raises(Conflict):
        net.do("station", staffing.call_off, row["handover_id"])
    net.do("station", staffing.hand_over, net.post("G-2"), Handover("holder", "接任戊", day))
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(text("UPDATE post SET valid_to = :day WHERE post_no = 'G-2'"), {"day": day})
    net.at(day.year, day.month, day.day, 8, 0)
    jobs.run_clocks(net.runtime)
    assert answering(net) == "网格甲"
    outcomes = net.rows("SELECT outcome FROM post_handover ORDER BY recorded_at, handover_id")
    assert [row["outcome"] for row in outcomes] == ["cancelled", "void"]


def test_one_persons_leave_is_of_all_the_posts_and_booked_leave_answers_ahead(net: Net) -> None:
    both = POSTS.replace(
        "二村田长,4,field_chief,410883105202,村长丙,,chief-2",
        "二村田长,4,field_chief,410883105202,村长甲,,chief",
    )
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(session, net.runtime.system, both.encode(), now=net.clock())
    leave = Leave("training", date(2026, 10, 1), date(2026, 10, 7))
    done = net.do("station", staffing.take_leave, net.post("V-1"), leave)
    assert {absence.post_id for absence in done.absences} == {net.post("V-1"), net.post("V-2")}
    states = {
        on.day: {link.post_no: link.state for link in net.do("county", answers.net_of, COUNTY, on=on).posts}
        for on in (date(2026, 9, 30), date(2026, 10, 3))
    }
    assert (states[30]["V-1"], states[30]["V-2"]) == ("holder", "holder")
    assert (states[3]["V-1"], states[3]["V-2"]) == ("acting", "vacant")


def test_the_map_says_who_answers_for_each_cell_and_the_chain_above(net: Net) -> None:
    view = net.do("county", answers.net_of, COUNTY)
    assert [(cell.person, cell.state) for cell in view.cells] == [("网格甲", "holder"), ("网格乙", "holder")]
    assert view.counts == {"holder": 2, "acting": 0, "vacant": 0}
    net.do("city", vacate_post, net.post("G-2"), who="holder")
    view = net.do("county", answers.net_of, COUNTY)
    assert [(cell.person, cell.state) for cell in view.cells] == [("网格甲", "holder"), ("网格甲", "vacant")]
    place = net.do("county", answers.who_answers, lon=IN_CELL_2[0], lat=IN_CELL_2[1])
    assert place.cell_code == f"{VILLAGE}-02"
    assert [(link.tier, link.title) for link in place.chain] == [
        (4, "一村网格员"),
        (4, "一村网格员"),
        (4, "一村田长"),
        (3, "西虢镇自然资源所"),
        (3, "西虢镇田长"),
        (2, "孟州市执法大队"),
        (1, "焦作市执法支队"),
    ]
    net.do(
        "county",
        staffing.hand_over,
        net.post("V-1"),
        Handover("deputy", "村副", net.clock().date(), phone="13700000000"),
    )
    by_right = {
        login: [
            link.deputy_phone
            for link in net.do(login, answers.net_of, VILLAGE).posts
            if link.post_no == "V-1"
        ]
        for login in ("county", "grid-1")
    }
    assert by_right == {"county": ["13700000000"], "grid-1": [None]}
    with pytest.raises(NotFound):
        net.do("county", answers.who_answers, lon=113.9, lat=36.5)
    with pytest.raises(NotFound):
        net.do("grid-1", answers.net_of, OTHER_VILLAGE)
    with pytest.raises(InvalidInput):
        net.do("city", answers.net_of, "410800000000")


def test_ground_without_a_cell_is_answered_for_by_its_village(net: Net) -> None:
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text("UPDATE division SET outline = ST_GeomFromEWKT(:shape) WHERE code = :code"),
            {"code": OTHER_VILLAGE, "shape": square(112.80, 34.94, 0.02)},
        )
    place = net.do("county", answers.who_answers, lon=112.81, lat=34.95)
    assert (place.cell_code, place.division_code) == (None, OTHER_VILLAGE)
    assert (place.answering.name, place.answering.title) == ("村长丙", "二村田长")
    net.do("county", vacate_post, net.post("V-2"), who="both")
    place = net.do("county", answers.who_answers, lon=112.81, lat=34.95)
    assert (place.answering.name, place.answering.tier) == ("所长甲", 3)


def refusal(net: Net, account_id: UUID) -> str:
    """Take somebody out of all posts; the code of the refusal, if any."""
    try:
        with net.runtime.database.transaction(net.runtime.system) as session:
            leave_all_posts(session, net.runtime.system, account_id, now=net.clock())
    except LandwardenError as error:
        return error.code
    return ""


def test_whoever_leaves_somebody_named_answers(net: Net) -> None:
    net.add_patch()
    people = [
        UUID(str(row["account_id"])) for row in net.rows("SELECT account_id FROM account ORDER BY login")
    ]
    gone: set[str] = set()
    for account_id in people:
        row = net.rows("SELECT name, login FROM account WHERE account_id = :id", id=account_id)[0]
        code = refusal(net, account_id)
        assert code in {"", "patrol.post.no_owner"}
        if not code:
            gone.add(str(row["name"]))
        for at in (IN_CELL_1, IN_CELL_2):
            view = net.do("manager", answers.who_answers, lon=at[0], lat=at[1])
            assert view.answering.name
            assert view.answering.name not in gone

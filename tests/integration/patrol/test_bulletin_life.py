"""A bulletin from its draft to its correction: two persons, frozen, sent out, put right in the next."""

from __future__ import annotations

import io
import json
import zipfile

import openpyxl
import pytest
from docx import Document
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from patrol import service
from patrol.recheck import service as recheck
from patrol.reports.issuing import service as issuing
from patrol.reports.issuing.errata import ErratumBody
from patrol.reports.jobs import draft_due, remind_unsigned

COUNTY = "410883000000"
OTHER_COUNTY = """post_no,title,tier,kind,division_code,holder,deputy,login
X-2,温县执法大队,2,brigade,410825000000,温县甲,,wen-county
"""
RIGHT = ErratumBody("kpis.opened", 0.0, "重复计入", ("410883-2609-0001",))


def draft(net, period: str, profile: str = "full"):  # type: ignore[no-untyped-def]
    runtime = net.runtime
    with runtime.database.transaction(runtime.system) as session:
        return service.draft_bulletin(
            session,
            runtime.system,
            kind="weekly_bulletin",
            period=period,
            division_code=COUNTY,
            blobs=runtime.blobs,
            profile=profile,
            now=net.clock(),
        )


def refused(error: type[Exception], net, login: str, verb, *args: object) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(error) as caught:
        net.do(login, verb, *args)
    return str(caught.value.code)  # type: ignore[attr-defined]


def test_two_persons_issue_and_a_new_draft_wants_a_new_review(net) -> None:  # type: ignore[no-untyped-def]
    net.add_patch()
    net.at(2026, 9, 14, 8, 0)
    identity = draft(net, "2026-W37").bulletin_id
    issue, review = service.issue_bulletin, service.review_bulletin
    assert refused(Conflict, net, "manager", issue, identity) == "patrol.bulletin.not_reviewed"
    assert net.do("manager", review, identity).status == "reviewed"
    assert refused(NotAllowed, net, "manager", issue, identity) == "patrol.bulletin.same_person"
    assert draft(net, "2026-W37").reviewed_by is None
    assert refused(Conflict, net, "manager", issue, identity) == "patrol.bulletin.not_reviewed"
    net.do("city", review, identity)
    issued = net.do("manager", issue, identity)
    assert (issued.status, issued.reviewed_by, issued.issued_by) == (
        "issued",
        net.actor("city").account_id,
        net.actor("manager").account_id,
    )
    # Frozen below the program, too.
    with (
        pytest.raises(DBAPIError, match="does not change"),
        net.runtime.database.transaction(net.runtime.system) as session,
    ):
        session.execute(text("UPDATE bulletin SET facts = '{}'"))


def test_a_correction_stands_in_the_next_bulletin_and_the_old_one_stays(net) -> None:  # type: ignore[no-untyped-def]
    net.add_patch()
    net.at(2026, 9, 14, 8, 0)
    first = draft(net, "2026-W37")
    note = issuing.note_erratum
    assert refused(Conflict, net, "city", note, first.bulletin_id, RIGHT) == "patrol.erratum.not_issued"
    net.do("city", service.review_bulletin, first.bulletin_id)
    issued = net.do("manager", service.issue_bulletin, first.bulletin_id)
    for body, code in (
        (RIGHT._replace(number="kpis.rumours"), "unknown_number"),
        (RIGHT._replace(should_be=1.0), "no_change"),
        (RIGHT._replace(reason=" "), "needs_reason"),
        (RIGHT._replace(evidence=()), "needs_evidence"),
        (RIGHT._replace(number="indicators.completion_rate", should_be=1.5), "bad_value"),
    ):
        assert refused(InvalidInput, net, "city", note, first.bulletin_id, body) == f"patrol.erratum.{code}"
    noted = net.do("city", note, first.bulletin_id, RIGHT)
    assert (noted.name, noted.was, noted.should_be) == ("新增图斑", 1.0, 0.0)
    net.at(2026, 9, 21, 8, 0)
    second = draft(net, "2026-W38")
    word = next(file for file in second.files if file.name.endswith(".docx"))
    said = [line.text for line in Document(io.BytesIO(net.runtime.blobs.read(word.sha256))).paragraphs]
    sentence = "“新增图斑”原为1个，更正为0个。原因：重复计入。依据：410883-2609-0001。"
    assert [line for line in said if line.endswith(sentence)]
    book = next(file for file in second.files if file.name.endswith(".xlsx"))
    sheet = openpyxl.load_workbook(io.BytesIO(net.runtime.blobs.read(book.sha256)))["勘误"]
    assert [cell.value for cell in sheet[2]][2:5] == ["新增图斑", "1个", "0个"]
    net.do("city", service.review_bulletin, second.bulletin_id)
    net.do("manager", service.issue_bulletin, second.bulletin_id)
    (told,) = read(net, "city", issuing.errata_of, first.bulletin_id)
    assert told.told_in == second.bulletin_id
    assert draft(net, "2026-W37").files == issued.files
    net.at(2026, 9, 28, 8, 0)
    assert draft(net, "2026-W39").facts["errata"] == []


def test_offices_sign_for_a_bulletin_once_each(net) -> None:  # type: ignore[no-untyped-def]
    net.at(2026, 9, 14, 8, 0)
    identity = draft(net, "2026-W37").bulletin_id
    net.do("city", service.review_bulletin, identity)
    net.do("manager", service.issue_bulletin, identity)
    listed = read(net, "manager", issuing.receipts_of, identity)
    # Offices of the county alone; chiefs and grid officers get no rankings.
    assert [row.post_title for row in listed] == ["孟州市执法大队", "西虢镇自然资源所"]
    assert [row.is_own for row in listed] == [False, False]
    assert [row.is_own for row in read(net, "county", issuing.receipts_of, identity)] == [True, False]
    net.at(2026, 9, 14, 9, 30)
    (signed,) = net.do("station", service.sign_receipt, identity)
    net.at(2026, 9, 15, 9, 30)
    (again,) = net.do("station", service.sign_receipt, identity)
    assert signed.signed_at == again.signed_at
    assert refused(Conflict, net, "city", service.sign_receipt, identity) == "patrol.bulletin.not_addressed"
    names = [row.signed_by_name for row in read(net, "manager", issuing.receipts_of, identity)]
    assert names == [None, net.actor("station").name]
    hidden = read(net, "manager", issuing.receipts_of, identity, profile="unit_only")
    assert [row.signed_by_name for row in hidden] == [None, None]
    assert [row.post_title for row in read(net, "station", issuing.receipts_of, identity)] == [
        "西虢镇自然资源所"
    ]


def test_signs_go_to_superiors_alone(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    close = (
        "INSERT INTO case_event (patch_id, division_code, version, at, actor_id, actor_name, action,"
        " from_state, to_state, facts) VALUES (:patch, '410883105201', 99, '2026-09-09T15:00+08', :patch,"
        " '经办甲', 'close', 'to_close', 'closed', '{}')"
    )
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(text(close), {"patch": patch_id})
    net.at(2026, 9, 14, 8, 0)
    view = draft(net, "2026-W37")
    net.do("city", service.review_bulletin, view.bulletin_id)
    issued = net.do("manager", service.issue_bulletin, view.bulletin_id)
    assert issued.files == view.files
    annex = issued.files[-1]
    assert (annex.is_restricted, annex.name) == (
        True,
        "孟州市违法用地监测与处置周通报2026-W37（苗头提示附页）.docx",
    )
    said = [line.text for line in Document(io.BytesIO(net.runtime.blobs.read(annex.sha256))).paragraphs]
    assert "一、未到场即销号（1条）" in said
    assert "1．410883-2609-0001销号前没有任何到场核查记录，请核实。" in said
    assert any(line.startswith("只在路边巡查：无耕地图层或监管网格") for line in said)
    (below,) = read(net, "station", service.list_bulletins)
    assert (len(below.files), "alarms" in below.facts, "alarms" in issued.facts) == (3, False, True)
    with pytest.raises(NotFound):
        read(net, "station", service.bulletin_file, view.bulletin_id, annex.name)
    for file in below.files:
        assert "请核实" not in json.dumps(below.facts, ensure_ascii=False) + file.name


def told(net, kind: str) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    sql = (
        "SELECT a.login, n.number FROM notice n JOIN account a USING (account_id) WHERE n.kind = :kind"
        " ORDER BY a.login, n.created_at"
    )
    return [(str(row["login"]), str(row["number"])) for row in net.rows(sql, kind=kind)]


def test_offices_are_told_and_who_stands_above_the_silent_ones_once(net) -> None:  # type: ignore[no-untyped-def]
    net.at(2026, 9, 14, 8, 0)
    identity = draft(net, "2026-W37").bulletin_id
    net.do("city", service.review_bulletin, identity)
    assert told(net, "bulletin") == []
    number = net.do("manager", service.issue_bulletin, identity).number
    net.do("manager", service.issue_bulletin, identity)
    assert told(net, "bulletin") == [("county", number), ("station", number)]
    net.do("county", service.sign_receipt, identity)
    net.at(2026, 9, 16, 8, 30)
    assert remind_unsigned(net.runtime) == 0
    net.at(2026, 9, 17, 8, 30)
    assert [remind_unsigned(net.runtime), remind_unsigned(net.runtime)] == [1, 1]
    assert told(net, "bulletin_unsigned") == [("county", number)]
    net.do("station", service.sign_receipt, identity)
    assert remind_unsigned(net.runtime) == 0


def read(net, login: str, verb, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
    actor = net.actor(login)
    with net.runtime.database.transaction(actor) as session:
        return verb(session, actor, *args, **kwargs)


def test_the_schedule_draws_and_drafts_once_and_never_issues(net) -> None:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(
            session, net.runtime.system, OTHER_COUNTY.encode(), now=net.clock(), password="demo", is_demo=True
        )
    net.add_patch()
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text("UPDATE case_file SET state = 'closed', verdict_kind = 'unlawful', closed_at = :at"),
            {"at": net.at(2026, 9, 9, 10, 0)},
        )
    net.at(2026, 9, 14, 5, 59)
    # A new place begins with the last periods that had ended by its last Monday or first at six.
    assert draft_due(net.runtime) == [
        ("monthly_ranking", "2026-08"),
        ("weekly_bulletin", "2026-W36"),
        ("weekly_ranking", "2026-W36"),
    ]
    net.at(2026, 9, 16, 11, 0)
    assert draft_due(net.runtime) == [("weekly_bulletin", "2026-W37"), ("weekly_ranking", "2026-W37")]
    assert draft_due(net.runtime) == []
    views = {(view.kind, view.period): view for view in read(net, "manager", service.list_bulletins)}
    assert {view.status for view in views.values()} == {"draft"}
    facts = views[("weekly_bulletin", "2026-W37")].facts
    seed = read(net, "city", recheck.lottery, "2026-W37", division_code="410800000000").seed
    assert (facts["recheck"]["drawn"]["seed"], facts["recheck"]["drawn"]["drawn"]) == (seed, 1)
    assert facts["audit_head_line"].startswith("审计链链头：")
    word = views[("weekly_bulletin", "2026-W37")].files[0]
    said = "".join(line.text for line in Document(io.BytesIO(net.runtime.blobs.read(word.sha256))).paragraphs)
    assert seed in said
    assert views[("weekly_ranking", "2026-W37")].facts["recheck"] is None


def test_where_only_units_are_shown_no_paper_names_a_person(net) -> None:  # type: ignore[no-untyped-def]
    net.add_patch()
    net.at(2026, 9, 14, 8, 0)
    assert "大队甲" in json.dumps(draft(net, "2026-W37").facts, ensure_ascii=False), "overdue, with its owner"
    view = draft(net, "2026-W37", profile="unit_only")
    words = json.dumps(view.facts, ensure_ascii=False)
    for file in view.files:
        data = net.runtime.blobs.read(file.sha256)
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                words += "".join(archive.read(name).decode("utf-8", "ignore") for name in archive.namelist())
    assert "孟州市执法大队" in words
    people = [row["name"] for row in net.rows("SELECT holder_name AS name FROM post")]
    people += [row["name"] for row in net.rows("SELECT deputy_name AS name FROM post WHERE deputy_name > ''")]
    assert len(people) > 8
    assert [name for name in people if name in words] == []

"""Papers of a case: a person's verdict first, approved by another, numbered without gaps, then frozen."""

from __future__ import annotations

import io
import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID, uuid4

import docx
import pytest
from PIL import Image
from sqlalchemy import text

from foundation import audit
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.ids import derived_id
from patrol import service
from patrol.papers import service as papers
from patrol.papers.numbering import NUMBER_TO_COME
from patrol.papers.service import PartyBody
from patrol.service import EvidenceClaim, VerdictBody, VisitBody

UNLAWFUL = VerdictBody("unlawful", violation_code="L04", note="未经批准建设厂房")
PARTY = PartyBody("person", "张三", "11010519491231002X", None, "孟州市西虢镇一村", "13800000000")
STOP = {"correction": {"value": "停止施工，自行清除地上建（构）筑物"}}
FILING = {"opinion": {"value": "建议立案调查"}}
NOTICE = {"penalty_text": {"value": "责令退还非法占用的土地，限期拆除地上建筑物"}}
RESULT = {
    "suggestion": "suspected",
    "violation_code": "K02",
    "severity": 3,
    "is_borderline": False,
    "law_date": "2026-09-08",
    "areas_m2": {
        "area_m2": 10000.0,
        "basic_farmland_m2": 4000.0,
        "cropland_m2": 8000.0,
        "ecological_redline_m2": 0.0,
    },
    "excess_m2": 10000.0,
    "overlay": [
        {"key": "basic_farmland", "name": "永久基本农田", "area_m2": 4000.0, "share": 0.4, "text": None},
        {
            "key": "construction_approval",
            "name": "建设用地批准",
            "area_m2": 0.0,
            "share": 0.0,
            "text": "未检出",
        },
    ],
    "sentences": [{"text": "占用永久基本农田 6.00 亩。", "rule_id": "A3.1", "source": ""}],
}


def judged_patch(net) -> UUID:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch(suggestion=None, open_case=False)
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO judgement (judgement_id, patch_id, division_code, revision, suggestion,"
                " violation_code, severity, is_borderline, law_date, inputs, result, result_sha256,"
                " basic_farmland_m2, cropland_m2, made_at) SELECT :id, patch_id, division_code, 1,"
                " 'suspected', 'K02', 3, false, '2026-09-08', '{}', :result, '', 4000, 8000, :at"
                " FROM patch WHERE patch_id = :patch"
            ),
            {
                "id": derived_id("papers", patch_id),
                "patch": patch_id,
                "result": json.dumps(RESULT, ensure_ascii=False),
                "at": net.clock(),
            },
        )
        service.open_case(session, net.runtime.system, patch_id, now=net.clock())
    return patch_id


def visited(net, patch_id: UUID) -> UUID:  # type: ignore[no-untyped-def]
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    body = VisitBody(
        visit_id=uuid4(),
        assignment_id=net.open_assignment(patch_id),
        device_time=net.clock(),
        device_counter=1,
        lonlat=(112.7515, 34.9515),
        accuracy_m=6.0,
        coord_source="wgs84",
        finding="built",
        use_text="钢结构厂房",
    )
    net.do("grid-1", service.record_visit, body)
    return body.visit_id


def photographed(net, visit_id: UUID) -> None:  # type: ignore[no-untyped-def]
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "#668844").save(out, "JPEG")
    claim = EvidenceClaim(
        evidence_id=uuid4(),
        visit_id=visit_id,
        media_type="image/jpeg",
        sha256=net.runtime.blobs.put(out.getvalue()).sha256,
        captured_at=net.clock(),
        lonlat=(112.7505, 34.9515),
        accuracy_m=5.0,
        bearing_deg=90.0,
        coord_source="wgs84",
    )
    net.do("grid-1", service.record_evidence, claim, out.getvalue(), blobs=net.runtime.blobs)


@pytest.fixture
def ready(net) -> UUID:  # type: ignore[no-untyped-def]
    """A patch that was visited, photographed, judged unlawful by a person, its party known."""
    patch_id = judged_patch(net)
    photographed(net, visited(net, patch_id))
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    net.do("county", papers.record_party, patch_id, PARTY)
    return patch_id


def draft(net, patch_id: UUID, kind: str, overrides=None, *, by: str = "county", **more) -> UUID:  # type: ignore[no-untyped-def]
    row = net.do(by, papers.draft_paper, patch_id, kind, overrides=overrides, blobs=net.runtime.blobs, **more)
    return row.paper_id


def issue(net, paper_id: UUID, *, approver: str | None = "county-2") -> str:  # type: ignore[no-untyped-def]
    if approver:
        net.do(approver, papers.approve_paper, paper_id)
    return net.do("county", papers.issue_paper, paper_id, blobs=net.runtime.blobs).number


def words(net, paper_id: UUID, *, version: int | None = None) -> str:  # type: ignore[no-untyped-def]
    file = net.do(
        "county", papers.paper_file, paper_id, form="docx", version=version, blobs=net.runtime.blobs
    )
    document = docx.Document(io.BytesIO(file.data))
    return "\n".join(node.text or "" for node in document.element.body.iter() if node.tag.endswith("}t"))


def fields(net, paper_id: UUID, by: str = "county") -> dict[str, papers.FieldView]:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.actor(by)) as session:
        return {row.key: row for row in papers.paper_detail(session, net.actor(by), paper_id).fields}


def test_no_legal_paper_without_a_persons_verdict_and_never_the_suggestions_code(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged_patch(net)
    net.do("county", papers.record_party, patch_id, PARTY)
    visited(net, patch_id)
    with pytest.raises(Conflict) as refused:
        draft(net, patch_id, "stop_notice", STOP)
    assert refused.value.code == "patrol.paper.no_verdict"
    sheet = fields(net, draft(net, patch_id, "check_sheet"))
    assert (sheet["verdict_name"].value, sheet["basis_text"].value, sheet["violation_name"].value) == (
        None,
    ) * 3
    net.do("county", service.record_verdict, patch_id, VerdictBody("unlawful", note="类型待定"))
    with pytest.raises(Conflict) as refused:
        draft(net, patch_id, "stop_notice", STOP)
    assert refused.value.code == "patrol.paper.no_violation"
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    found = fields(net, draft(net, patch_id, "stop_notice", STOP))
    # The platform had suggested K02, the person said L04.
    assert "第七十七条" in found["basis_text"].text
    assert "矿产" not in found["basis_text"].text
    assert found["fine_max_yuan"].value == pytest.approx(10000 * 1000)


def test_a_paper_is_approved_by_another_person_then_issued_and_frozen(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    paper_id = draft(net, ready, "stop_notice", STOP)
    assert NUMBER_TO_COME in words(net, paper_id)
    with pytest.raises(Conflict) as early:
        issue(net, paper_id, approver=None)
    assert early.value.code == "patrol.paper.not_approved"
    with pytest.raises(NotAllowed) as own:
        net.do("county", papers.approve_paper, paper_id)
    assert own.value.code == "patrol.paper.same_person"
    number = issue(net, paper_id)
    assert number == "孟自然资责停〔2026〕1号"
    said = words(net, paper_id)
    assert number in said
    assert NUMBER_TO_COME not in said
    assert "10,000" in said
    assert "张三" in said
    with pytest.raises(Conflict) as frozen:
        net.do("county", papers.revise_paper, paper_id, STOP, blobs=net.runtime.blobs)
    assert frozen.value.code == "patrol.paper.frozen"
    (row,) = net.rows("SELECT * FROM paper WHERE paper_id = :id", id=paper_id)
    net.at(2027, 3, 1, 9, 0)
    for form in ("docx", "pdf"):
        file = net.do("county", papers.paper_file, paper_id, form=form, blobs=net.runtime.blobs)
        assert file.sha256 == row[f"issued_{form}_sha256"]
    assert reproduces(net, paper_id)
    (entry,) = net.rows("SELECT facts FROM audit_entry WHERE action = 'patrol.paper.issued'")
    assert json.loads(str(entry["facts"]))["docx_sha256"] == row["issued_docx_sha256"]
    with net.runtime.database.transaction(net.runtime.system) as session:
        assert audit.verify_chain(session) is None


def reproduces(net, paper_id: UUID) -> bool:  # type: ignore[no-untyped-def]
    from patrol.papers import store

    with net.runtime.database.transaction(net.runtime.system) as session:
        row = store.find_paper(session, paper_id)
        assert row is not None
        version = store.version_of(session, paper_id, row.version)
        assert version is not None
        return papers.is_reproducible(row, version, blobs=net.runtime.blobs)


def test_whoever_touched_a_draft_cannot_approve_it_and_changed_facts_stop_it(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    paper_id = draft(net, ready, "filing_report", FILING)
    net.do("county-2", papers.revise_paper, paper_id, {"opinion": {"value": "同意"}}, blobs=net.runtime.blobs)
    with pytest.raises(NotAllowed):
        net.do("county-2", papers.approve_paper, paper_id)
    net.do("reviewer", papers.approve_paper, paper_id)
    party = net.rows("SELECT party_id FROM case_party")[0]["party_id"]
    corrected = PartyBody("person", "张三丰", PARTY.id_number)
    net.do("county", papers.record_party, ready, corrected, replaces=party)
    with pytest.raises(Conflict) as stale:
        issue(net, paper_id, approver=None)
    assert stale.value.code == "patrol.paper.facts_changed"
    assert "当事人" in stale.value.facts["fields"]
    net.do("county", papers.revise_paper, paper_id, {}, blobs=net.runtime.blobs)
    assert fields(net, paper_id)["party_name"].text == "张三丰"
    assert issue(net, paper_id, approver="reviewer").endswith("1号")


def test_overrides_need_a_reason_and_stay_within_the_law(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    paper_id = draft(net, ready, "stop_notice", STOP)
    for change, code in (
        ({"unlawful_m2": {"value": "9000"}}, "patrol.paper.no_reason"),
        ({"paper_number": {"value": "1号", "reason": "x"}}, "patrol.paper.fixed_field"),
        ({"nothing": {"value": "1"}}, "patrol.paper.unknown_field"),
        ({"before_on": {"value": "昨天", "reason": "x"}}, "patrol.paper.bad_value"),
        ({"fine_yuan": {"value": "99"}}, "patrol.paper.fine_outside"),
    ):
        with pytest.raises(InvalidInput) as refused:
            net.do("county", papers.revise_paper, paper_id, change, blobs=net.runtime.blobs)
        assert refused.value.code == code
    change = {"unlawful_m2": {"value": "9000", "reason": "勘测定界成果"}, "fine_yuan": {"value": "900,000"}}
    net.do("county", papers.revise_paper, paper_id, change, blobs=net.runtime.blobs, expected_version=1)
    found = fields(net, paper_id)
    assert found["unlawful_mu"].text == "13.50"
    assert found["fine_capital"].text == "玖拾万元整"
    assert found["fine_max_yuan"].value == pytest.approx(9_000_000)
    assert (found["unlawful_m2"].override or {})["was"] == pytest.approx(10000)
    assert "9,000平方米" in found["facts_text"].text
    with pytest.raises(Conflict) as late:
        net.do("county", papers.revise_paper, paper_id, {}, blobs=net.runtime.blobs, expected_version=1)
    assert late.value.code == "patrol.paper.version_changed"


def test_an_edited_word_file_is_kept_and_gets_its_number(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    paper_id = draft(net, ready, "stop_notice", STOP)
    file = net.do("county", papers.paper_file, paper_id, form="docx", blobs=net.runtime.blobs)
    document = docx.Document(io.BytesIO(file.data))
    document.add_paragraph("另行告知：现场已张贴封条。")
    # Word cuts a mark into runs as it pleases.
    for paragraph in document.paragraphs:
        if NUMBER_TO_COME in paragraph.text:
            first, rest = paragraph.text[:4], paragraph.text[4:]
            paragraph.runs[0].text = first
            paragraph.add_run(rest)
    out = io.BytesIO()
    document.save(out)
    edited = out.getvalue()
    for data, code in (
        (b"PK nonsense", "patrol.paper.not_word"),
        (_without_mark(file.data), "patrol.paper.number_gone"),
    ):
        with pytest.raises(InvalidInput) as refused:
            net.do("county", papers.replace_document, paper_id, data, reason="修改", blobs=net.runtime.blobs)
        assert refused.value.code == code
    net.do(
        "county", papers.replace_document, paper_id, edited, reason="补充封条情况", blobs=net.runtime.blobs
    )
    issue(net, paper_id)
    said = words(net, paper_id).replace("\n", "")
    assert "现场已张贴封条" in said
    assert "孟自然资责停〔2026〕1号" in said
    assert NUMBER_TO_COME not in said
    assert reproduces(net, paper_id)


def _without_mark(data: bytes) -> bytes:
    document = docx.Document(io.BytesIO(data))
    for paragraph in document.paragraphs:
        if NUMBER_TO_COME in paragraph.text:
            paragraph.runs[0].text = "孟自然资责停〔2026〕99号"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_decision_waits_for_the_party(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    issue(net, draft(net, ready, "filing_report", FILING))
    net.do("county", service.move_case, ready, "file_case")
    net.do("county", service.move_case, ready, "advance_case", facts={"stage": "investigated"})
    notice = draft(net, ready, "penalty_notice", NOTICE)
    with pytest.raises(Conflict) as early:
        draft(net, ready, "penalty_decision")
    assert early.value.code in {"patrol.paper.wrong_stage", "patrol.paper.not_yet"}
    issue(net, notice)
    net.do("county", service.move_case, ready, "advance_case", facts={"stage": "notified"})
    said = NOTICE | {
        "fine_yuan": {"value": 1_000_000},
        "statement_result": {"value": "当事人未提出陈述申辩。"},
    }
    said |= {"payment_account": {"value": "孟州市财政专户"}}
    decision = draft(net, ready, "penalty_decision", said)
    net.do("county-2", papers.approve_paper, decision)
    with pytest.raises(Conflict) as unserved:
        net.do("county", papers.issue_paper, decision, blobs=net.runtime.blobs)
    assert unserved.value.code == "patrol.paper.not_served"
    how = {"serve_place": {"value": "当事人住所"}, "serve_how": {"value": "直接送达"}}
    receipt = draft(net, ready, "service_receipt", how, refers_to=notice)
    assert fields(net, receipt)["served_number"].text == "孟自然资罚告〔2026〕1号"
    issue(net, receipt, approver=None)
    serve = {"served_on": date(2026, 9, 8), "how": "直接送达", "to": "张三"}
    net.do("county", papers.record_service, notice, **serve)
    # Tuesday 8 September: five working days end on Tuesday 15 September at the close of office.
    net.at(2026, 9, 15, 17, 0)
    with pytest.raises(Conflict) as running:
        net.do("county", papers.issue_paper, decision, blobs=net.runtime.blobs)
    assert running.value.code == "patrol.paper.time_runs"
    net.at(2026, 9, 16, 9, 0)
    net.do("county", papers.revise_paper, decision, {}, blobs=net.runtime.blobs)
    assert issue(net, decision) == "孟自然资罚决〔2026〕1号"
    text_of_decision = words(net, decision)
    assert "壹佰万元整" in text_of_decision
    assert "孟自然资罚告〔2026〕1号" in text_of_decision
    assert "第五十七条" in text_of_decision


def test_numbers_run_from_one_whatever_rolls_back(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    """Fifty issues at once, a third of them failing after they took their number."""
    actor, blobs, now = net.actor("county"), net.runtime.blobs, net.clock()
    waiting = [draft(net, ready, "lead_register") for _ in range(50)]
    dice = random.Random(4108)
    falls = {paper_id: dice.randrange(3) for paper_id in waiting}

    class Lost(RuntimeError):
        pass

    def attempt(paper_id: UUID) -> str:
        while True:
            try:
                with net.runtime.database.transaction(actor) as session:
                    row = papers.issue_paper(session, actor, paper_id, blobs=blobs, now=now)
                    if falls[paper_id] > 0:
                        falls[paper_id] -= 1
                        raise Lost
                    return str(row.number)
            except Lost:
                continue

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(attempt, waiting))
    serials = sorted(int(re.findall(r"〕(\d+)号", number)[0]) for number in numbers)
    assert serials == list(range(1, 51))
    void = waiting[0]
    net.do("county-2", papers.void_paper, void, reason="当事人信息有误")
    again = issue(net, draft(net, ready, "lead_register"), approver=None)
    assert again == "孟自然资线登〔2026〕51号"
    (row,) = net.rows("SELECT status, number FROM paper WHERE paper_id = :id", id=void)
    assert (row["status"], row["number"]) == ("void", numbers[0])
    net.at(2027, 1, 4, 9, 0)
    assert issue(net, draft(net, ready, "lead_register"), approver=None) == "孟自然资线登〔2027〕1号"


def test_rights_and_area(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    paper_id = draft(net, ready, "stop_notice", STOP)
    with pytest.raises(NotAllowed):
        draft(net, ready, "stop_notice", STOP, by="station")
    draft(net, ready, "check_sheet", by="station")
    hidden = fields(net, paper_id, by="station")["party_id_number"]
    assert hidden.text == "110105**********2X"
    with pytest.raises(NotAllowed):
        net.do("station", papers.paper_file, paper_id, form="docx", blobs=net.runtime.blobs)
    with pytest.raises(NotAllowed):
        draft(net, ready, "check_sheet", by="chief")
    with pytest.raises(NotFound):
        net.do("chief-2", papers.approve_paper, paper_id)


def test_a_bureaus_own_template_is_checked_and_used(net, ready: UUID) -> None:  # type: ignore[no-untyped-def]
    def template(*lines: str) -> bytes:
        document = docx.Document()
        for line in lines:
            document.add_paragraph(line)
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()

    def replace(data: bytes) -> None:
        net.do("county", papers.replace_template, "stop_notice", data, name="本局格式", county_code="410883",
               blobs=net.runtime.blobs)  # fmt: skip

    with pytest.raises(InvalidInput) as bad:
        replace(template("{{当事人}}{{不存在的字段}}{{违法事实}}"))
    assert "不存在的字段" in bad.value.facts["unknown"]
    assert "法律依据" in bad.value.facts["missing"]
    for hostile in (
        "{{ 当事人.__class__ }}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ [1]*9 }}",
        "{% include 'x' %}",
    ):
        with pytest.raises(InvalidInput):
            replace(template("{{当事人}}{{违法事实}}{{法律依据}}{{改正要求}}", hostile))
    with pytest.raises(NotFound):
        net.do(
            "county",
            papers.replace_template,
            "stop_notice",
            b"",
            name="x",
            county_code="410882",
            blobs=net.runtime.blobs,
        )
    replace(template("本局格式 {{文号}}", "{{当事人}}{{违法事实}}{{法律依据}}{{改正要求}}{{签发日期}}"))
    own = draft(net, ready, "stop_notice", STOP)
    assert "本局格式" in words(net, own)
    net.do("county", papers.restore_template, "stop_notice", county_code="410883")
    assert "本局格式" not in words(net, draft(net, ready, "stop_notice", STOP))
    assert "本局格式" in words(net, own)
    assert issue(net, own).endswith("〔2026〕1号")
    assert net.clock() + timedelta(0)

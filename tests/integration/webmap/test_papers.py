"""Papers and statistics over HTTP; Word, Excel and PDF open in LibreOffice and say the API's numbers."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import docx
import pytest
from openpyxl import load_workbook
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from foundation import accounts
from foundation.access import Actor
from foundation.ids import derived_id
from foundation.runtime import Runtime
from patrol import service as patrol
from patrol.service import EvidenceClaim, VerdictBody, VisitBody

PARTY = {"kind": "person", "name": "张三", "id_number": "11010519491231002X", "address": "孟州市西虢镇"}
WRITTEN = {
    "correction": "停止施工，自行清除已堆放的建筑材料，恢复土地原状。",
    "opinion": "当事人的行为涉嫌违法，事实清楚，建议立案查处。",
    "survey_people": "周某、吴某",
    "survey_method": "GNSS-RTK 实地测量，2000 国家大地坐标系。",
    "survey_text": "地上已建成钢结构厂房一处，四周有围墙，未见批准文件公示。",
    "penalty_text": "责令退还非法占用的土地，限期三十日内拆除在非法占用的土地上新建的建筑物，恢复土地原状",
    "statement_result": "当事人在期限内未提出陈述、申辩，也未要求听证。",
    "payment_account": "孟州市财政局非税收入专户",
    "transfer_reason": "该案依法应由你单位管辖。",
    "execution_text": "当事人已自行拆除建筑物，罚款已缴清，土地已平整。",
    "serve_place": "当事人住所",
    "serve_how": "直接送达",
    "contact_name": "周某",
    "receiving_authority": "孟州市农业农村局",
}
needs_office = pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice is not installed (libreoffice-writer-nogui …)"
)
Rows = Callable[..., list[dict[str, object]]]


def actor_of(runtime: Runtime, login: str) -> Actor:
    with runtime.database.transaction(runtime.system) as session:
        return accounts.actor_of_login(session, login)


def do(runtime: Runtime, login: str, verb: Callable[..., Any], *args: Any, **more: Any) -> Any:
    actor = actor_of(runtime, login)
    with runtime.database.transaction(actor) as session:
        return verb(session, actor, *args, **more, now=runtime.clock())


def photo(no: int) -> bytes:
    picture = Image.new("RGB", (1200, 900), ("#7d9a5b", "#a68a64", "#8a8f98")[no % 3])
    ImageDraw.Draw(picture).rectangle((300, 350, 900, 700), fill="#c9ced6", outline="#333333", width=8)
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def unlawful(web_runtime: Runtime, rows: Rows) -> UUID:
    """A detected patch on farmland: visited, photographed, judged unlawful by a person."""
    (found,) = rows(
        "SELECT o.patch_id, ST_X(ST_PointOnSurface(o.geometry)) AS lon, ST_Y(ST_PointOnSurface(o.geometry))"
        " AS lat, p.post_id, a.login FROM patch_overview o JOIN post p ON o.division_code = p.division_code"
        " AND p.kind = 'grid_officer' JOIN account a ON a.account_id = p.holder_account_id"
        " WHERE o.suggestion = 'suspected' ORDER BY o.basic_farmland_m2 DESC, o.number, p.post_no LIMIT 1"
    )
    patch_id, login = UUID(str(found["patch_id"])), str(found["login"])
    do(web_runtime, "officer", patrol.dispatch, patch_id, post_id=found["post_id"])
    (task,) = rows(
        "SELECT assignment_id FROM assignment WHERE patch_id = :id AND status = 'sent'", id=patch_id
    )
    site = (float(str(found["lon"])), float(str(found["lat"])))
    visit = VisitBody(
        visit_id=uuid4(),
        assignment_id=UUID(str(task["assignment_id"])),
        device_time=web_runtime.clock(),
        device_counter=1,
        lonlat=site,
        accuracy_m=4.0,
        coord_source="cgcs2000",
        finding="built",
        use_text="钢结构厂房",
        note="厂房主体完工，未见审批公示牌",
    )
    do(web_runtime, login, patrol.record_visit, visit)
    for no in range(3):
        data = photo(no)
        claim = EvidenceClaim(
            evidence_id=derived_id("paper-photo", no),
            visit_id=visit.visit_id,
            media_type="image/jpeg",
            sha256=web_runtime.blobs.put(data).sha256,
            captured_at=web_runtime.clock() + timedelta(minutes=no),
            lonlat=(site[0] - 0.0004 + 0.0004 * no, site[1] - 0.0003),
            accuracy_m=5.0,
            bearing_deg=(45.0, 0.0, 315.0)[no],
            coord_source="cgcs2000",
        )
        do(web_runtime, login, patrol.record_evidence, claim, data, blobs=web_runtime.blobs)
    verdict = VerdictBody("unlawful", violation_code="L04", note="未经批准占用永久基本农田建设厂房。")
    do(web_runtime, "officer", patrol.record_verdict, patch_id, verdict)
    return patch_id


def drafted(
    client: TestClient, patch_id: UUID, kind: str, *, fine: float = 0.0, **more: Any
) -> dict[str, Any]:
    fields = {key: {"value": text} for key, text in WRITTEN.items()}
    if fine:
        fields["fine_yuan"] = {"value": str(fine)}
    body = {"kind": kind, "fields": fields, **more}
    answer = client.post(f"/api/v1/patches/{patch_id}/papers", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def issued(officer: TestClient, other: TestClient, paper: dict[str, Any]) -> dict[str, Any]:
    place, match = f"/api/v1/papers/{paper['paper_id']}", {"If-Match": f'"{paper["version"]}"'}
    if paper["is_two_person"]:
        assert officer.post(f"{place}/approve", headers=match).status_code == 403
        answer = other.post(f"{place}/approve", headers=match)
        assert answer.status_code == 200, answer.text
    answer = officer.post(f"{place}/issue", headers=match)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def whole_case(
    runtime: Runtime, sign_in: Callable[..., TestClient], patch_id: UUID
) -> dict[str, dict[str, Any]]:
    """Every kind of paper in the order in which a case has them."""
    clock: Any = runtime.clock
    made: dict[str, dict[str, Any]] = {}
    officer, other = sign_in("officer"), sign_in("officer2")

    def make(kind: str, **more: Any) -> None:
        made[kind] = issued(officer, other, drafted(officer, patch_id, kind, **more))

    def move(action: str, **facts: Any) -> None:
        do(runtime, "officer", patrol.move_case, patch_id, action, facts=facts)

    make("check_sheet")
    make("lead_register")
    make("stop_notice")
    make("survey_record")
    make("filing_report")
    make("transfer_letter")
    move("file_case")
    move("advance_case", stage="investigated")
    least = next(row for row in made["filing_report"]["fields"] if row["key"] == "fine_min_yuan")["value"]
    fine = round(least * 2, 2)
    make("penalty_notice", fine=fine)
    make("hearing_notice", fine=fine)
    make("service_receipt", refers_to=made["penalty_notice"]["paper_id"])
    for kind in ("penalty_notice", "hearing_notice"):
        answer = officer.post(
            f"/api/v1/papers/{made[kind]['paper_id']}/service",
            json={"served_on": "2026-09-08", "how": "直接送达", "to": "张三"},
        )
        assert answer.status_code == 200, answer.text
    move("advance_case", stage="notified")
    clock.set(clock() + timedelta(days=9))
    officer, other = sign_in("officer"), sign_in("officer2")
    make("penalty_decision", fine=fine)
    move("advance_case", stage="decided")
    make("closing_report")
    return made


def field(paper: dict[str, Any], key: str) -> str:
    return str(next(row["text"] for row in paper["fields"] if row["key"] == key))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def converted(folder: Path, files: list[Path], form: str, *options: str) -> dict[str, str]:
    """Text of files as LibreOffice reads them."""
    out = folder / form
    command = [
        "soffice", "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}", *options,
        "--convert-to", form, "--outdir", str(out), *map(str, files),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    ending = form.split(":")[0]
    return {path.stem: _body((out / f"{path.stem}.{ending}").read_text("utf-8-sig")) for path in files}


def _body(text: str) -> str:
    """What a reader sees of plain text, or of a flat OpenDocument file."""
    if "<office:body" in text:
        text = re.sub(r"<[^>]+>", "", text[text.index("<office:body") :])
    return squeezed(text)


@needs_office
def test_every_paper_opens_in_libreoffice_with_the_apis_numbers(
    web_runtime: Runtime, sign_in: Callable[..., TestClient], unlawful: UUID, tmp_path: Path
) -> None:
    officer = sign_in("officer")
    assert officer.post(f"/api/v1/patches/{unlawful}/parties", json=PARTY).status_code == 201
    made = whole_case(web_runtime, sign_in, unlawful)
    officer = sign_in("officer")
    patch = officer.get(f"/api/v1/patches/{unlawful}").json()
    words, prints = [], []
    for kind, paper in made.items():
        for form, kept in (("docx", words), ("pdf", prints)):
            answer = officer.get(paper[f"{form}_url"])
            assert answer.status_code == 200, answer.text
            path = tmp_path / f"{kind}.{form}"
            path.write_bytes(answer.content)
            kept.append(path)
    # One page, as an officer signs it.
    assert re.search(rb"/Type\s*/Pages\s*/Count 1\b", (tmp_path / "check_sheet.pdf").read_bytes())
    said = converted(tmp_path, words, "txt:Text (encoded):UTF8")
    told = converted(tmp_path, prints, "fodt", "--infilter=writer_pdf_import")
    areas = [f"{patch[key]:,.0f}" for key in ("area_m2", "basic_farmland_m2", "cropland_m2")]
    for kind, paper in made.items():
        numbers = [str(paper["number"])]
        if kind in {"check_sheet", "lead_register", "survey_record"}:
            numbers += areas
        if kind in {"stop_notice", "filing_report", "penalty_decision", "closing_report", "transfer_letter"}:
            numbers += [field(paper, "unlawful_m2"), areas[1]]
        if kind in {"penalty_notice", "hearing_notice", "penalty_decision"}:
            numbers += [field(paper, "fine_yuan"), field(paper, "fine_capital")]
        if kind == "check_sheet":
            numbers += [f"{row['area_m2']:,.0f}" for row in patch["overlay"]]
        if kind == "penalty_decision":
            numbers += [made["penalty_notice"]["number"], "第五十七条", "张三", PARTY["id_number"]]
        for number in numbers:
            assert squeezed(number) in said[kind], (kind, "Word", number)
            assert squeezed(number) in told[kind] or _in_pieces(number, told[kind]), (kind, "PDF", number)


def _in_pieces(text: str, told: str) -> bool:
    """A PDF holds lines, not paragraphs: a text may be broken once."""
    plain = squeezed(text)
    return any(plain[:at] in told and plain[at:] in told for at in range(2, len(plain) - 1))


@needs_office
def test_statistics_open_in_libreoffice_with_the_apis_numbers(
    sign_in: Callable[..., TestClient], unlawful: UUID, tmp_path: Path
) -> None:
    officer = sign_in("officer")
    found = officer.get("/api/v1/statistics/patches", params={"period": "2026-Q3"}).json()
    whole = found["lines"][-1]
    assert whole["total"]["count"] == len(found["items"]) > 5
    assert whole["by_verdict"]["unlawful"]["count"] == 1
    assert sum(row["count"] for row in whole["by_verdict"].values()) == whole["total"]["count"]
    assert sum(whole["by_progress"].values()) == whole["total"]["count"]
    for name in ("count", "area_m2", "cropland_m2", "basic_farmland_m2"):
        summed = sum(line["total"][name] for line in found["lines"][:-1])
        assert summed == pytest.approx(whole["total"][name])
    answer = officer.get(found["xlsx_url"])
    assert answer.status_code == 200, answer.text
    path = tmp_path / "statistics.xlsx"
    path.write_bytes(answer.content)
    sheet = load_workbook(path)["统计表"]
    names = [cell.value for cell in sheet[3]]
    last = {name: cell.value for name, cell in zip(names, sheet[sheet.max_row], strict=True)}
    assert last["全部 个数"] == whole["total"]["count"]
    assert last["违法 面积（亩）"] == pytest.approx(whole["by_verdict"]["unlawful"]["area_m2"] * 3 / 2000)
    text = converted(tmp_path, [path], "fods")["statistics"]
    assert f"{whole['total']['area_m2'] * 3 / 2000:,.2f}" in text
    for item in found["items"]:
        assert item["number"] in text
        assert f"{item['area_m2']:,.0f}" in text
    guard = sign_in("guard")
    assert guard.get("/api/v1/statistics/patches", params={"period": "2026"}).status_code == 403
    strange = sign_in("stranger").get(
        "/api/v1/statistics/patches", params={"period": "2026", "division": "410883000000"}
    )
    assert strange.status_code == 404
    assert officer.get("/api/v1/statistics/patches", params={"period": "2026-Q5"}).status_code == 422


def test_papers_over_http(sign_in: Callable[..., TestClient], unlawful: UUID, web_runtime: Runtime) -> None:
    officer, other, stranger = sign_in("officer"), sign_in("officer2"), sign_in("stranger")
    place = f"/api/v1/patches/{unlawful}/papers"
    offers = {row["kind"]: row for row in officer.get(place).json()["offers"]}
    assert offers["check_sheet"]["is_ready"]
    assert [row["code"] for row in offers["stop_notice"]["obstacles"]] == ["patrol.paper.no_party"]
    bad = officer.post(
        f"/api/v1/patches/{unlawful}/parties", json=PARTY | {"id_number": "110105194912310021"}
    )
    assert (bad.status_code, bad.json()["code"]) == (422, "patrol.party.bad_number")
    assert officer.post(f"/api/v1/patches/{unlawful}/parties", json=PARTY).status_code == 201
    paper = drafted(officer, unlawful, "stop_notice")
    where = f"/api/v1/papers/{paper['paper_id']}"
    assert stranger.get(where).status_code == 404
    assert stranger.get(place).status_code == 404
    assert stranger.post(f"{where}/approve", headers={"If-Match": '"1"'}).status_code == 404
    body = {"fields": {"correction": {"value": "立即停工"}}}
    assert officer.post(f"{where}/fields", json=body).status_code == 428
    assert officer.post(f"{where}/fields", json=body, headers={"If-Match": '"1"'}).json()["version"] == 2
    late = other.post(f"{where}/fields", json=body, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["facts"]["changed_by"]) == (412, "周某")
    word = officer.get(f"{where}/files/paper.docx").content
    sent = officer.put(f"{where}/document?reason=x", content=word, headers={"If-Match": '"2"'})
    assert (sent.status_code, sent.json()["versions"][-1]["origin"]) == (200, "edited")
    template = officer.get("/api/v1/paper-templates/stop_notice.docx").content
    check = officer.post("/api/v1/paper-templates/penalty_notice/check", content=template).json()
    assert check["is_sound"] is False
    assert "处罚内容" in check["missing"]
    assert "处罚内容" in check["text"]
    refused = officer.put("/api/v1/paper-templates/penalty_notice?name=x", content=template)
    assert (refused.status_code, refused.json()["code"]) == (422, "patrol.paper.bad_template")
    taken = officer.put("/api/v1/paper-templates/stop_notice?name=本局", content=template)
    assert (taken.status_code, taken.json()["county_code"]) == (200, "410883")
    assert officer.delete("/api/v1/paper-templates/stop_notice").status_code == 204


def test_a_template_is_seen_with_a_made_case_before_it_is_used(sign_in: Callable[..., TestClient]) -> None:
    officer = sign_in("officer")
    for row in officer.get("/api/v1/paper-templates").json():
        place = f"/api/v1/paper-templates/{row['kind']}"
        shown = officer.get(f"{place}/preview.docx")
        assert shown.status_code == 200, shown.text
        document = docx.Document(io.BytesIO(shown.content))
        cells = (cell for table in document.tables for row in table.rows for cell in row.cells)
        text = "\n".join(part.text for part in (*document.paragraphs, *cells))
        assert "〔" in text
        assert "{{" not in text
    sent = officer.get("/api/v1/paper-templates/stop_notice.docx").content
    pdf = officer.post("/api/v1/paper-templates/stop_notice/preview.pdf", content=sent)
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF-")
    refused = officer.post("/api/v1/paper-templates/penalty_notice/preview.pdf", content=sent)
    assert (refused.status_code, refused.json()["code"]) == (422, "patrol.paper.bad_template")
    assert officer.get("/api/v1/paper-templates").json()[0]["template_id"] is None, "nothing is kept"


def test_a_former_template_is_listed_read_and_taken_back(
    sign_in: Callable[..., TestClient], web_runtime: Runtime
) -> None:
    officer, stranger, guard = sign_in("officer"), sign_in("stranger"), sign_in("guard")
    where = "/api/v1/paper-templates/filing_report"
    built_in = officer.get(f"{where}.docx").content
    document = docx.Document(io.BytesIO(built_in))
    document.add_paragraph("本局第二版格式")
    out = io.BytesIO()
    document.save(out)
    first = officer.put(f"{where}?name=第一版", content=built_in).json()
    second = officer.put(f"{where}?name=第二版", content=out.getvalue()).json()
    rows = officer.get(f"{where}/versions").json()
    assert [(row["name"], row["retired_at"] is None) for row in rows] == [("第二版", True), ("第一版", False)]
    assert officer.get(f"{where}/versions/{second['template_id']}.docx").content == out.getvalue()
    old = f"{where}/versions/{first['template_id']}"
    assert officer.get(f"{old}.docx").content == built_in
    assert stranger.get(f"{old}.docx").status_code == 404
    assert stranger.post(f"{old}/restore").status_code == 404
    for path in (f"{where}/versions", f"{where}.docx", "/api/v1/paper-templates", f"{where}/preview.pdf"):
        assert stranger.get(path, params={"county": "410883"}).status_code == 404, path
    assert guard.get(f"{where}.docx").status_code == 403
    assert officer.get(f"{where}.docx", params={"county": "410800"}).status_code == 200, "and its city's"
    assert guard.post(f"{old}/restore").status_code == 403
    again = officer.post(f"{old}/restore").json()
    assert (again["name"], again["sha256"], again["retired_at"]) == ("第一版", first["sha256"], None)
    assert officer.get(f"{where}.docx").content == built_in
    rows = officer.get(f"{where}/versions").json()
    assert [row["retired_at"] is None for row in rows] == [True, False, False]

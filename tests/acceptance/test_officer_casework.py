"""From suspicion to the closed case, and an objection upheld: several people, a real browser."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import shapely
from docx import Document
from PIL import Image
from playwright.sync_api import Page, expect

from foundation.crs import ellipsoidal_area_m2
from tests.acceptance.browsing import Api, ApiAs, PageAs, TakePatch, open_patch, stay_put
from webmap.demo.people import read_holders

if TYPE_CHECKING:
    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance


def tab(page: Page, name: str) -> None:
    page.get_by_test_id(f"tab-{name}").click()


def toast(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.get_by_test_id("toast")).to_contain_text(text)


def state_of(api: Api, patch_id: str) -> str:
    return str(api.get(f"/patches/{patch_id}")["internal_state"])


def login_of(served_demo: ServedDemo, holder: str) -> str:
    (posts,) = (served_demo.installation.data_dir / "demonstration" / "demo").rglob("inputs/posts.csv")
    return read_holders(posts)[holder].login


def visit(api: Api, patch: dict[str, Any]) -> None:
    """The holder of the assignment signs, looks, and sends a photo."""
    task = next(
        row
        for row in api.get("/assignments", mine="true", status="open", limit=100)["items"]
        if row["patch_id"] == patch["patch_id"]
    )
    api.post(f"/assignments/{task['assignment_id']}/sign", {})
    now = datetime.fromisoformat(api.get("/session")["server_time"])
    lon, lat = patch["label_point"]
    body = {
        "assignment_id": task["assignment_id"], "device_time": now.isoformat(), "device_counter": 900_001,
        "lonlat": [lon, lat], "accuracy_m": 5.0, "coord_source": "cgcs2000", "finding": "built",
        "use_text": "彩钢厂房", "party_text": "某某（演示）", "is_stopped": False, "note": "",
    }  # fmt: skip
    visit_id = uuid4()
    out = io.BytesIO()
    Image.effect_noise((640, 480), 40).convert("RGB").save(out, "JPEG")
    photo = out.getvalue()
    headers = {
        "Content-Type": "image/jpeg", "X-Content-SHA256": hashlib.sha256(photo).hexdigest(),
        "X-Captured-At": (now - timedelta(minutes=1)).isoformat(), "X-Lon": str(lon),
        "X-Lat": str(lat),
        "X-Accuracy-M": "5", "X-Bearing-Deg": "90", "X-Coord-Source": "cgcs2000",
    }  # fmt: skip
    api.put(f"/visits/{visit_id}", json=body)
    api.put(f"/visits/{visit_id}/evidence/{uuid4()}", content=photo, headers=headers)


def record_party(page: Page) -> None:
    """A wrong check digit is told in Chinese; the dialog keeps what was typed."""
    page.get_by_test_id("add-party").click()
    page.get_by_test_id("party-name").fill("张三")
    page.get_by_test_id("party-number").fill("110105194912310021")
    page.get_by_test_id("party-save").click()
    expect(page.get_by_test_id("party-dialog").get_by_test_id("error-banner")).to_contain_text("号")
    page.get_by_test_id("party-number").fill("11010519491231002X")
    page.get_by_test_id("party-save").click()
    expect(page.get_by_test_id("party")).to_contain_text("张三")


def stop_notice(officer: Page, other: Page) -> str:
    """Drafted, its gap named and filled, approved by another person, issued; its number."""
    tab(officer, "papers")
    expect(officer.get_by_test_id("blocked-stop_notice")).to_have_count(1)
    record_party(officer)
    officer.get_by_test_id("draft-stop_notice").click()
    missing = officer.get_by_test_id("paper-missing")
    expect(missing).to_contain_text("签发前须填写")
    expect(officer.get_by_test_id("paper-issue")).to_have_count(0)
    gap = officer.get_by_test_id("field-correction")
    gap.get_by_test_id("field-edit").click()
    gap.get_by_test_id("field-value").fill("立即停止施工，自行拆除地上建（构）筑物，恢复土地原状。")
    gap.get_by_test_id("field-save").click()
    expect(missing).to_contain_text("必填项已齐")
    expect(officer.get_by_test_id("paper-approve")).to_have_count(0)

    tab(other, "papers")
    other.locator("[data-testid=paper][data-kind=stop_notice]").click()
    other.get_by_test_id("paper-approve").click()
    expect(other.get_by_test_id("paper-status")).to_have_attribute("data-status", "approved")
    other.keyboard.press("Escape")

    officer.keyboard.press("Escape")
    officer.locator("[data-testid=paper][data-kind=stop_notice]").click()
    officer.get_by_test_id("paper-issue").click()
    expect(officer.get_by_test_id("paper-status")).to_have_attribute("data-status", "issued")
    number = officer.get_by_test_id("paper-number").inner_text()
    with officer.expect_download() as download:
        officer.get_by_test_id("paper-docx").click()
    document = Document(io.BytesIO(Path(download.value.path()).read_bytes()))
    words = "\n".join(
        [paragraph.text for paragraph in document.paragraphs]
        + [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    )
    assert number in words
    assert "张三" in words
    assert "恢复土地原状" in words
    officer.keyboard.press("Escape")
    return number


def bundle(page: Page) -> set[str]:
    tab(page, "evidence")
    with page.expect_download() as download:
        page.get_by_test_id("bundle").click()
    with zipfile.ZipFile(Path(download.value.path())) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


def test_suspicion_to_closed_case(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo, take_patch: TakePatch
) -> None:
    patch, api = take_patch(), api_as("officer")
    patch_id = patch["patch_id"]
    officer, other = page_as("officer"), page_as("officer2")
    for page in (officer, other):
        stay_put(page)
        open_patch(page, patch)

    tab(officer, "judgement")
    expect(officer.get_by_test_id("replay")).to_have_attribute("data-equal", "true")
    detail = api.get(f"/patches/{patch_id}")
    expect(officer.get_by_test_id("sentences").locator("li")).to_have_count(
        len(detail["judgement"]["sentences"])
    )
    tab(officer, "case")
    expect(officer.get_by_test_id("state-clock")).to_contain_text("工作日")

    target = next(
        row
        for action in detail["actions"]
        for row in action["targets"]
        if row["tier"] == 4 and "网格员" in row["title"]
    )
    officer.keyboard.press("1")
    officer.get_by_test_id("dispatch-target").select_option(target["post_id"])
    officer.get_by_test_id("save-and-dispatch").click()
    drawer = officer.get_by_test_id("patch-drawer")
    expect(drawer).to_have_attribute("data-state", "dispatched")
    visit(api_as(login_of(served_demo, target["holder_name"])), patch)
    expect(drawer).to_have_attribute("data-state", "review")
    tab(officer, "evidence")
    expect(officer.get_by_test_id("plausibility").first).to_contain_text("可信度")
    officer.get_by_test_id("open-evidence").first.click()
    expect(officer.get_by_test_id("findings").locator("li").first).to_be_visible()
    expect(officer.get_by_test_id("evidence-dialog").get_by_test_id("custody")).to_contain_text("接收")
    officer.get_by_test_id("accept-technical").click()
    expect(officer.get_by_test_id("review-technical")).to_contain_text("通过")
    officer.keyboard.press("Escape")
    officer.keyboard.press("1")
    officer.get_by_test_id("save-verdict").click()
    toast(officer, "违法")

    number = stop_notice(officer, other)
    assert re.search(r"〔2026〕\d+号", number)
    officer.get_by_test_id("move-order_rectification").click()
    officer.get_by_test_id("move-confirm").click()
    expect(drawer).to_have_attribute("data-state", "rectify")

    station = next(
        row["holder_name"]
        for action in detail["actions"]
        for row in action["targets"]
        if row["title"].endswith("自然资源所")
    )
    now = api.get(f"/patches/{patch_id}")
    report = {"action": "report_rectified", "reason_code": _reason(api, "rectified"), "note": "已拆除复垦"}
    api_as(login_of(served_demo, station)).post(f"/patches/{patch_id}/moves", report, version=now["version"])
    tab(officer, "case")
    expect(officer.get_by_test_id("barred")).to_contain_text("复核通过")
    other.get_by_test_id("move-accept_recheck").click()
    expect(other.get_by_test_id("toast")).to_contain_text("复核通过")
    assert state_of(api, patch_id) == "city_review"

    city = page_as("city")
    stay_put(city)
    open_patch(city, patch)
    city.get_by_test_id("move-close").click()
    city.get_by_test_id("move-reason").select_option(index=1)
    city.get_by_test_id("move-confirm").click()
    expect(city.get_by_test_id("patch-drawer")).to_have_attribute("data-state", "closed")
    expect(drawer).to_have_attribute("data-state", "closed")
    tab(officer, "case")
    expect(officer.get_by_test_id("watch")).to_be_visible()
    names = bundle(officer)
    assert any(name.endswith("SHA256SUMS") for name in names), names
    assert any(name.endswith(".pdf") for name in names), names


def test_an_upheld_objection_corrects_the_numbers(
    page_as: PageAs, api_as: ApiAs, take_patch: TakePatch, tmp_path: Path
) -> None:
    patch, api = take_patch(), api_as("officer")
    patch_id = patch["patch_id"]
    before = api.get(f"/patches/{patch_id}")
    outline = shapely.from_geojson(json.dumps(before["outline"]))
    west, south, east, north = outline.bounds
    smaller = outline & shapely.box(west, south, west + 0.7 * (east - west), north)
    file = tmp_path / "outline.geojson"
    file.write_text(shapely.to_geojson(smaller), "utf-8")

    page = page_as("officer2")
    stay_put(page)
    open_patch(page, patch)
    tab(page, "case")
    page.get_by_test_id("object").click()
    page.get_by_test_id("objection-kind").select_option("geometry")
    page.get_by_test_id("objection-reason").select_option("includes_old")
    page.get_by_test_id("objection-note").fill("东侧为原有建筑，不应计入。")
    page.get_by_test_id("objection-confirm").click()
    expect(page.get_by_test_id("objection")).to_have_attribute("data-status", "open")
    expect(page.get_by_test_id("objection").get_by_test_id("decide")).to_have_count(0)

    city = page_as("city")
    city.get_by_test_id("nav-casework").click()
    row = city.locator(f"[data-testid=objection-row][data-number='{patch['number']}']")
    row.get_by_test_id("decide").click()
    city.get_by_test_id("uphold").check()
    city.get_by_test_id("outline-file").set_input_files(file)
    city.get_by_test_id("decision-reason").select_option(index=1)
    city.get_by_test_id("decision-confirm").click()
    expect(row).to_have_count(0)
    after = api.get(f"/patches/{patch_id}")
    assert after["area_m2"] == pytest.approx(ellipsoidal_area_m2(smaller), abs=0.01)
    assert after["judgement"]["revision"] == before["judgement"]["revision"] + 1
    expect(page.get_by_test_id("objection")).to_have_attribute("data-status", "upheld")
    tab(page, "judgement")
    expect(page.get_by_test_id("revision").locator("option")).to_have_count(after["judgement"]["revision"])
    expect(page.get_by_test_id("replay")).to_have_attribute("data-equal", "true")


def _reason(api: Api, kind: str) -> str:
    rows = api.get("/config")["reasons"]
    return str(next(row["code"] for row in rows if row["kind"] == kind))

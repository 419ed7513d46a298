"""The pages in a real browser, against the full demonstration."""

from __future__ import annotations

import io
import math
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openpyxl
import pytest
from docx import Document
from PIL import Image
from playwright.sync_api import Page, expect

from tests.acceptance.browsing import (
    PHONE,
    Api,
    ApiAs,
    PageAs,
    TakePatch,
    Watch,
    apart,
    eventually,
    fill_login,
    open_patch,
    pixels,
    stay_put,
    wait_for_map,
)

if TYPE_CHECKING:
    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance
TILE_PX = 256


def test_wrong_password_is_refused_in_chinese(page_as: PageAs, served_demo: ServedDemo) -> None:
    page = page_as(None)
    login, password = served_demo.logins["officer"]
    fill_login(page, login, password + "x")
    banner = page.get_by_test_id("error-banner")
    expect(banner).to_contain_text(re.compile("[账密]"))
    expect(page.get_by_test_id("map")).to_have_count(0)
    fill_login(page, login, password)
    expect(page.get_by_test_id("map")).to_be_visible()
    expect(page.get_by_test_id("user-menu")).to_contain_text("县级执法员")


def test_map_draws_scenes_patches_and_legal_layers(page_as: PageAs, watches: list[Watch]) -> None:
    page = page_as("officer")
    wait_for_map(page)
    expect(page.get_by_test_id("live-indicator")).to_have_attribute("data-live", "open")
    page.get_by_test_id("layer-ecological_redline").click()
    eventually(lambda: watches[0].answered("/ecological_redline/"), bool, page=page)
    wait_for_map(page)
    for part in (
        "/tiles/scenes/",
        "/tiles/patches/",
        "/layers/basic_farmland/",
        "/layers/ecological_redline/",
    ):
        answers = watches[0].answered(part)
        assert answers, part
        assert {status for _, status, _ in answers} == {200}, part
        assert max(int(headers.get("content-length", 0)) for _, _, headers in answers) > 200, part
    box = page.get_by_test_id("map").bounding_box()
    assert box is not None
    middle = pixels(page)[
        int(box["y"]) + 100 : int(box["y"]) + 400, int(box["x"]) + 300 : int(box["x"]) + 800
    ]
    assert middle.std() > 20
    assert 60 < middle.mean() < 190
    assert len(page.get_by_test_id("patch-row").all()) > 5


def test_swipe_shows_before_on_the_left_and_after_on_the_right(page_as: PageAs, api_as: ApiAs) -> None:
    api = api_as("officer")
    shed = _largest_new_building(api)
    lon, lat = shed["label_point"]
    page = page_as("officer", f"/#/map?c=17,{lat:.6f},{lon:.6f}&cmp=swipe:0.5&ly=")
    page.get_by_test_id("layer-patch").click()
    wait_for_map(page)
    after, before = (scene["scene_id"] for scene in api.get("/scenes")["items"][:2])
    ground = {
        name: _tile_pixel(api, scene, lon, lat) for name, scene in (("before", before), ("after", after))
    }
    assert apart(ground["before"], ground["after"]) > 30
    handle = page.get_by_test_id("swipe-handle")
    canvas = page.get_by_role("application").bounding_box()
    assert canvas is not None
    x, y = int(canvas["x"] + canvas["width"] / 2), int(canvas["y"] + canvas["height"] / 2)

    def shown() -> Any:
        return pixels(page)[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0)

    handle.focus()
    for key, steps, side in (
        ("ArrowRight", 4, "before"),
        ("ArrowLeft", 8, "after"),
        ("Shift+ArrowRight", 2, "before"),
    ):
        for _ in range(steps):
            page.keyboard.press(key)
        seen = eventually(shown, partial(_is_near, ground[side]), page=page)
        assert _is_near(ground[side], seen), (side, seen, ground)
    expect(handle).to_have_attribute("aria-valuenow", "62")


def test_state_chip_filters_the_table(page_as: PageAs, api_as: ApiAs) -> None:
    expected = api_as("officer").get("/patches", state="rectify", limit=100)["total"]
    page = page_as("officer")
    page.get_by_test_id("in-view-only").uncheck()
    rows = page.get_by_test_id("patch-row")
    expect(rows.first).to_be_visible()
    states = {row.get_attribute("data-state") for row in rows.all()}
    assert len(states) > 1
    page.get_by_test_id("state-chip-rectify").click()
    expect(page.locator("[data-testid=patch-row]:not([data-state=rectify])")).to_have_count(0)
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(expected + 1))
    page.get_by_test_id("state-chip-rectify").click()
    expect(page.locator("[data-testid=patch-row]:not([data-state=rectify])").first).to_be_visible()


def test_drawer_shows_evidence_overlay_law_and_timeline(page_as: PageAs, api_as: ApiAs) -> None:
    api = api_as("officer")
    shed = _largest_new_building(api)
    detail = api.get(f"/patches/{shed['patch_id']}")
    page = page_as("officer")
    open_patch(page, shed)
    for side in ("before", "after"):
        chip = page.get_by_test_id(f"chip-{side}")
        width = eventually(partial(chip.evaluate, "(image) => image.naturalWidth"), bool, page=page)
        assert width > 100, side
    judgement = page.get_by_test_id("judgement")
    for sentence in detail["judgement"]["sentences"]:
        expect(judgement).to_contain_text(sentence["text"])
        expect(judgement.locator("code", has_text=sentence["rule_id"]).first).to_be_visible()
    assert detail["judgement"]["legal_basis"]
    for basis in detail["judgement"]["legal_basis"]:
        expect(judgement).to_contain_text(basis["article"])
    panel = page.locator("#tab-panel")
    page.get_by_test_id("tab-overlay").click()
    for row in detail["overlay"]:
        expect(panel).to_contain_text(row["name"])
    page.get_by_test_id("tab-evidence").click()
    expect(panel).to_contain_text("遥感")
    page.get_by_test_id("tab-timeline").click()
    expect(page.get_by_test_id("timeline").locator("li")).to_have_count(len(detail["timeline"]))


def test_verdict_by_keyboard_is_saved_undone_and_dispatched(
    page_as: PageAs, api_as: ApiAs, take_patch: TakePatch
) -> None:
    patch, api = take_patch(), api_as("officer")
    page = page_as("officer")
    stay_put(page)
    open_patch(page, patch)
    drawer, toast = page.get_by_test_id("patch-drawer"), page.get_by_test_id("toast")
    was = api.get(f"/patches/{patch['patch_id']}")

    page.keyboard.press("1")
    expect(page.get_by_test_id("verdict-unlawful")).to_have_attribute("aria-checked", "true")
    page.get_by_test_id("save-verdict").press("Enter")
    expect(toast).to_contain_text("违法")
    saved = api.get(f"/patches/{patch['patch_id']}")
    assert (saved["verdict"]["kind"], saved["verdict"]["by_name"]) == ("unlawful", api.me["name"])
    assert saved["undo"] is not None

    page.locator("body").press("Control+z")
    expect(toast).to_contain_text("已撤销")
    undone = api.get(f"/patches/{patch['patch_id']}")
    assert (undone["internal_state"], undone["verdict"]) == (was["internal_state"], None)
    assert undone["version"] > saved["version"] > was["version"]
    assert any(step["is_undone"] for step in undone["timeline"])

    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    expect(drawer).to_have_attribute("data-state", "dispatched")
    sent = api.get(f"/patches/{patch['patch_id']}")
    assert sent["state"] == "dispatched"
    assert sent["assignments"]
    expect(page.locator(f"[data-testid=patch-row][data-number='{patch['number']}']")).to_have_attribute(
        "data-state", "dispatched"
    )


def test_another_officer_sees_the_change_without_reload(page_as: PageAs, take_patch: TakePatch) -> None:
    patch = take_patch()
    first, second = page_as("officer"), page_as("officer2")
    for page in (first, second):
        stay_put(page)
        open_patch(page, patch)
        expect(page.get_by_test_id("live-indicator")).to_have_attribute("data-live", "open")
    second.evaluate("() => { window.wasHere = true }")
    row = second.locator(f"[data-testid=patch-row][data-number='{patch['number']}']")
    expect(row).to_have_attribute("data-state", patch["state"])
    first.keyboard.press("1")
    first.keyboard.press("Control+Enter")
    expect(first.get_by_test_id("patch-drawer")).to_have_attribute("data-state", "dispatched")
    expect(row).to_have_attribute("data-state", "dispatched")
    expect(second.get_by_test_id("patch-drawer")).to_have_attribute("data-state", "dispatched")
    assert second.evaluate("() => window.wasHere") is True


def test_stale_version_asks_instead_of_overwriting(
    page_as: PageAs, api_as: ApiAs, take_patch: TakePatch
) -> None:
    patch, api = take_patch(), api_as("officer")
    page = page_as("officer2")
    page.context.route("**/api/v1/live", lambda route: route.abort())
    stay_put(page)
    open_patch(page, patch)
    version = api.get(f"/patches/{patch['patch_id']}")["version"]
    body = {"kind": "unlawful", "violation_code": patch["violation_code"], "reason_code": "evidence_clear"}
    changed = api.post(f"/patches/{patch['patch_id']}/verdict", body, version=version)

    page.keyboard.press("4")
    reason = page.get_by_test_id("reason")
    if reason.locator("option").count() > 1:
        reason.select_option(index=1)
    page.get_by_test_id("save-verdict").click()
    dialog = page.get_by_test_id("conflict")
    expect(dialog).to_contain_text("此图斑刚被他人处理")
    expect(dialog).to_contain_text(api.me["name"])
    expect(page.get_by_test_id("conflict-overwrite")).to_be_disabled()
    assert api.get(f"/patches/{patch['patch_id']}")["version"] == changed["version"]
    page.get_by_test_id("conflict-view").click()
    expect(dialog).not_to_be_visible()
    expect(page.get_by_test_id("patch-drawer")).to_have_attribute("data-state", changed["state"])
    expect(page.locator("#tab-panel")).to_contain_text(api.me["name"])


def test_permalink_opens_the_same_view(page_as: PageAs, api_as: ApiAs) -> None:
    shed = _largest_new_building(api_as("officer"))
    page = page_as("officer")
    open_patch(page, shed)
    page.get_by_test_id("swipe-handle").press("Shift+ArrowRight")
    page.get_by_test_id("layer-urban_boundary").click()
    page.get_by_test_id(f"state-chip-{shed['state']}").click()
    page.wait_for_url(re.compile(rf"cmp=swipe:0\.6.*urban_boundary.*st:{shed['state']}.*id={shed['number']}"))
    wait_for_map(page)
    link = page.evaluate("() => location.hash")

    other = page.context.new_page()
    other.goto(f"/{link}")
    expect(other.get_by_test_id("patch-drawer").get_by_role("heading", name=shed["number"])).to_be_visible()
    wait_for_map(other)
    expect(other.get_by_test_id("swipe-handle")).to_have_attribute("aria-valuenow", "60")
    expect(other.get_by_test_id(f"state-chip-{shed['state']}")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_test_id("layer-urban_boundary")).to_have_attribute("aria-pressed", "true")
    assert _place(other.evaluate("() => location.hash")) == pytest.approx(_place(link), abs=2e-4)


def test_interface_documents_come_from_this_server(page_as: PageAs) -> None:
    page = page_as(None, "/docs")
    expect(page.locator(".swagger-ui .opblock").first).to_be_visible()
    # Of a long list only what is in view stands in the page.
    patches = page.locator(".swagger-ui .opblock", has_text="/api/v1/patches").first
    page.mouse.move(600, 500)
    for _ in range(60):
        if patches.count():
            break
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(200)
    expect(patches).to_be_visible()


def test_manager_reads_the_bulletin_and_takes_it_along(page_as: PageAs, api_as: ApiAs) -> None:
    page = page_as("manager")
    page.wait_for_url("**/report.html")
    # This Monday's draft waits for its review; the week before is issued.
    expect(page.get_by_test_id("bulletin-status")).to_contain_text("草稿")
    page.get_by_test_id("period").select_option("2026-W40")
    expect(page.get_by_test_id("bulletin-status")).to_contain_text("已发布")
    period = page.get_by_test_id("report").get_attribute("data-period")
    bulletin, ranking = _bulletins_of(
        api_as("manager"), str(period), page.get_by_test_id("report").inner_text()
    )
    facts = bulletin["facts"]
    kpis = {row["key"]: row["value"] for row in facts["kpis"]}
    expect(page.get_by_test_id("kpi-opened").locator("b")).to_have_text(str(kpis["opened"]))
    expect(page.get_by_test_id("kpi-overdue").locator("b")).to_have_text(str(kpis["overdue"]))
    townships = next(unit["rows"] for unit in facts["units"] if unit["key"] == "townships")
    rows = page.get_by_test_id("unit-row")
    expect(rows).to_have_count(len(townships))
    assert townships
    for place, row in enumerate(townships):
        expect(rows.nth(place)).to_contain_text(row["name"])
        expect(rows.nth(place)).to_contain_text("—" if row["score"] is None else f"{row['score'] * 100:.1f}")

    words = _words(_download(page, "download-word"))
    assert facts["title"] in words
    for row in facts["kpis"]:
        value = f"{row['value']:g}" if isinstance(row["value"], float) else str(row["value"])
        assert f"{row['zh']}\t{value}{row['unit']}" in words, row["zh"]
    for sentence in facts["summary"]:
        assert sentence in words
    sheet = openpyxl.load_workbook(io.BytesIO(_download(page, "download-excel"))).worksheets[0]
    lines = [tuple(cell.value for cell in line) for line in sheet.iter_rows()]
    for unit in ranking["facts"]["units"]:
        for row in unit["rows"]:
            line = next(line for line in lines if line[2] == row["name"])
            assert line[0] == ("—" if row["rank"] is None else row["rank"])
            assert line[3] == ("—" if row["score"] is None else pytest.approx(row["score"]))


def test_inspector_visits_and_nothing_is_left_behind(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo, tmp_path: Path
) -> None:
    login = served_demo.logins["inspector"][0]
    api = api_as(login)
    task = next(
        item
        for item in api.get("/assignments", mine="true", status="open", limit=100)["items"]
        if item["kind"] == "verify" and item["status"] in {"sent", "signed"}
    )
    before = api.get(f"/patches/{task['patch_id']}")
    lon, lat = task["label_point"]
    page = page_as(
        login,
        "/field.html",
        size=PHONE,
        has_touch=True,
        is_mobile=True,
        geolocation={"longitude": lon, "latitude": lat, "accuracy": 5},
        permissions=["geolocation"],
    )
    wait_for_map(page)
    expect(page.get_by_test_id("gps")).to_contain_text("±5 m")
    page.locator(f"a[href='#/task/{task['assignment_id']}']").first.click()
    if task["status"] == "sent":
        page.get_by_test_id("task-sign").click()
        expect(page.get_by_test_id("notice")).to_contain_text("已签收")
    page.get_by_test_id("task-visit").click()
    page.get_by_test_id("visit-submit").click()
    expect(page.get_by_role("alert")).to_contain_text("请选择现场现状")
    photo = tmp_path / "site.jpg"
    Image.effect_noise((640, 480), 60).convert("RGB").save(photo, "JPEG", quality=80)
    page.get_by_test_id("photo-input").set_input_files(photo)
    expect(page.get_by_test_id("photo")).to_have_count(1)
    page.get_by_test_id("finding-built").click()
    page.get_by_test_id("stopped-no").click()
    page.get_by_test_id("visit-use").fill("彩钢厂房")
    page.get_by_test_id("visit-party").fill("某某（演示）")
    page.get_by_test_id("visit-note").fill("现场已建成，正在使用。")
    page.get_by_test_id("visit-submit").click()
    expect(page.get_by_test_id("sync-pill")).to_have_attribute("data-sync", "synced")

    page.get_by_test_id("sync-pill").click()
    expect(page.locator("[data-testid=queue-item][data-status=sent]")).to_have_count(2)
    expect(page.locator("[data-testid=queue-item]:not([data-status=sent])")).to_have_count(0)
    assert _unsent(page) == 0
    now = api.get(f"/patches/{task['patch_id']}")
    assert len(now["visits"]) - len(before["visits"]) == 1
    assert len(now["evidence"]) - len(before["evidence"]) == 1
    known = {shot["evidence_id"] for shot in before["evidence"]}
    fresh = next(shot for shot in now["evidence"] if shot["evidence_id"] not in known)
    assert fresh["hash_ok"]
    # What people look at is a copy without the camera's claims; the sealed original is the very file.
    assert api.content(fresh["url"].removeprefix("/api/v1")) != photo.read_bytes()
    sealed = api_as("officer").content(f"/evidence/{fresh['evidence_id']}/original")
    assert sealed == photo.read_bytes()


def _largest_new_building(api: Api) -> dict[str, Any]:
    """A new building on much basic farmland: before and after look quite different there."""
    rows: list[dict[str, Any]] = api.get("/patches", sort="-basic_farmland_m2", limit=100)["items"]
    return next(row for row in rows if row["change_class"] == "new_building")


def _tile_pixel(api: Api, scene_id: str, lon: float, lat: float) -> Any:
    """Colour of a scene's own tile at a place, mean of 5 × 5 pixels at zoom 17."""
    n = 2**17 * TILE_PX
    x = (lon + 180) / 360 * n
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n
    data = api.content(f"/tiles/scenes/{scene_id}/17/{int(x // TILE_PX)}/{int(y // TILE_PX)}.webp")
    tile = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)
    column, row = (min(TILE_PX - 3, max(2, int(each % TILE_PX))) for each in (x, y))
    return tile[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3).mean(axis=0)


def _is_near(one: Any, other: Any) -> bool:
    return apart(one, other) < 14


def _place(link: str) -> list[float]:
    """Zoom, latitude and longitude of a permalink."""
    found = re.search(r"c=([\d.]+),([\d.]+),([\d.]+)", link)
    assert found is not None, link
    return [float(each) for each in found.groups()]


def _bulletins_of(api: Api, period: str, shown: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The bulletin that is shown and the ranking workbook of the same week and area."""
    of_period = [each for each in api.get("/bulletins") if each["period"] == period]
    bulletin = next(
        each for each in of_period if each["kind"] == "weekly_bulletin" and each["number"] in shown
    )
    with_workbook = [
        each
        for each in of_period
        if each["division_code"] == bulletin["division_code"]
        and any(file["name"].endswith(".xlsx") for file in each["files"])
    ]
    return bulletin, with_workbook[0]


def _download(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_test_id(button).first.click()
    return Path(download.value.path()).read_bytes()


def _words(data: bytes) -> str:
    """Text of a Word document; the cells of a table row are told apart by tabs."""
    document = Document(io.BytesIO(data))
    lines = [paragraph.text for paragraph in document.paragraphs]
    for table in document.tables:
        lines += ["\t".join(cell.text for cell in row.cells) for row in table.rows]
    return "\n".join(lines)


def _unsent(page: Page) -> int:
    """Items of the phone's outbox that are not yet at the server, as its store says."""
    count: int = page.evaluate(
        """() => new Promise((resolve, reject) => {
          const opening = indexedDB.open('landwarden-field')
          opening.onerror = () => reject(opening.error)
          opening.onsuccess = () => {
            const asked = opening.result.transaction('outbox').objectStore('outbox').getAll()
            asked.onsuccess = () => resolve(asked.result.filter((item) => item.status !== 'sent').length)
            asked.onerror = () => reject(asked.error)
          }
        })"""
    )
    return count

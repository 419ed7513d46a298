"""The page of the net: by keyboard to a cell, leave and return; a list is looked at first."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.acceptance.browsing import ApiAs, PageAs

pytestmark = pytest.mark.acceptance
COUNTY = "410883000000"


def open_net(page: Page) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_test_id("nav-net").click()
    expect(page.get_by_test_id("net-cell").first).to_be_visible()


def choose(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("roster-file").click()
    chooser.value.set_files(path)


def test_who_answers_for_a_cell_and_who_stands_in(page_as: PageAs, api_as: ApiAs) -> None:
    page, api = page_as("officer"), api_as("officer")
    open_net(page)
    first = page.get_by_test_id("net-cell").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[data-testid=net-cell][aria-selected=true]")
    expect(chosen).to_be_focused()
    chain = page.get_by_test_id("net-chain")
    cells = api.get("/net", division=COUNTY)["cells"]
    expect(chain.get_by_test_id("net-link").first).to_contain_text(cells[1]["person"])
    for tier in ("四级（村）", "三级（乡镇）", "二级（县）", "一级（市）"):
        expect(chain).to_contain_text(tier)

    chain.get_by_role("button", name="请假").first.click()
    page.get_by_test_id("leave-stand-in").fill("代班某")
    page.get_by_test_id("leave-save").click()
    expect(chosen).to_have_attribute("data-state", "acting")
    expect(chain.get_by_test_id("net-link").first).to_contain_text("代班某")
    assert api.get("/net", division=COUNTY)["counts"]["acting"] == 1

    chain.get_by_role("button", name="任职记录").first.click()
    page.get_by_test_id("leave-end").click()
    expect(chosen).to_have_attribute("data-state", "holder")


def test_a_list_is_looked_at_and_nothing_is_taken_unseen(page_as: PageAs, tmp_path: Path) -> None:
    page = page_as("officer")
    open_net(page)
    page.get_by_test_id("net-roster").click()
    with page.expect_download() as download:
        page.get_by_test_id("roster-export").click()
    path = tmp_path / "posts.xlsx"
    download.value.save_as(path)
    choose(page, path)
    preview = page.get_by_test_id("roster-preview")
    expect(preview).to_contain_text("没有变化")

    book = load_workbook(path)
    sheet = book.worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    holder, tier = heads.index("责任人") + 1, heads.index("层级") + 1
    sheet.cell(2, holder).value = "新任某"
    sheet.cell(3, tier).value = "五级"
    sheet.delete_rows(4)
    book.save(path)
    choose(page, path)
    expect(preview).to_contain_text("→ 新任某")
    expect(preview).to_contain_text("第 3 行")
    expect(preview).to_contain_text("名单以外 1 个，保留不动")
    page.get_by_test_id("roster-ends").check()
    expect(preview).to_contain_text("名单以外 1 个，将撤销")
    expect(page.get_by_test_id("roster-confirm")).to_be_disabled()
    page.get_by_test_id("roster-ends").uncheck()
    expect(page.get_by_test_id("roster-confirm")).to_be_enabled()


def test_where_nobody_walked_and_who_saw_a_parcel_last(page_as: PageAs, api_as: ApiAs) -> None:
    page, api = page_as("officer"), api_as("officer")
    open_net(page)
    page.get_by_test_id("net-room-seen").click()
    page.get_by_test_id("seen-measure").select_option("near")
    weeks = page.get_by_test_id("period")
    weeks.select_option("2026-W40")
    told = api.get("/coverage", division=COUNTY, period="2026-W40")
    share = told["total"]["near_m2"] / told["total"]["cropland_m2"]
    assert 0.2 < share < 1
    expect(page.get_by_test_id("seen-total")).to_contain_text(f"本期巡查覆盖 {share:.1%}")
    worst = min(
        (cell for cell in told["cells"] if cell["cropland_m2"]),
        key=lambda cell: (cell["near_m2"] / cell["cropland_m2"], cell["code"]),
    )
    first = page.get_by_test_id("seen-cell").first
    expect(first).to_contain_text(worst["name"])
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    card = page.get_by_test_id("seen-card")
    expect(card.get_by_test_id("seen-near")).to_be_visible()
    expect(card.get_by_test_id("seen-outing").first).to_be_visible()
    code = page.locator("[data-testid=seen-cell][aria-selected=true]")
    expect(code).to_be_focused()

    card.get_by_test_id("seen-parcel").first.click()
    expect(card.get_by_test_id("seen-sight")).to_have_count(4)
    expect(card).to_contain_text("影像比对")
    expect(card).to_contain_text("未观测不等于未变化")
    card.get_by_role("button", name="返回网格").click()
    expect(card.get_by_test_id("seen-near")).to_be_visible()
    page.get_by_test_id("net-room-who").click()
    expect(page.get_by_test_id("net-cell").first).to_be_visible()

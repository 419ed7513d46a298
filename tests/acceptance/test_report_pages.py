"""Receipts, corrections, the lottery and signs in a real browser: who may not is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browsing import ApiAs, PageAs
from webmap.demo.people import read_holders

if TYPE_CHECKING:
    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance


def open_period(page: Page, period: str) -> None:
    expect(page.get_by_test_id("bulletin-status")).to_be_visible()
    page.get_by_test_id("period").select_option(period)
    expect(page.get_by_test_id("receipts").locator("tbody tr").first).to_be_visible()


def test_an_office_signs_and_a_correction_is_noted(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo
) -> None:
    issued = [row for row in api_as("city").get("/bulletins") if row["kind"] == "weekly_bulletin"]
    bulletin = next(row for row in issued if row["status"] == "issued")
    listed = api_as("city").get(f"/bulletins/{bulletin['bulletin_id']}/receipts")
    brigade = next(row for row in listed if row["division_code"] == "410883000000")
    (posts,) = (served_demo.installation.data_dir / "demonstration" / "demo").rglob("inputs/posts.csv")
    login = next(row.login for row in read_holders(posts).values() if row.login.startswith("dd"))
    office = page_as(login, "/report.html")
    open_period(office, bulletin["period"])
    row = office.get_by_test_id("receipts").locator("tr", has_text=brigade["post_title"])
    expect(row).to_contain_text("未签收")
    office.get_by_test_id("sign-receipt").click()
    expect(office.get_by_test_id("sign-receipt")).to_have_count(0)
    expect(row).not_to_contain_text("未签收")
    # A county does not correct the city's bulletin.
    expect(office.get_by_test_id("add-erratum")).to_have_count(0)
    page = page_as("city", "/report.html")
    open_period(page, bulletin["period"])
    page.get_by_test_id("add-erratum").click()
    page.get_by_test_id("erratum-number").select_option("kpis.opened")
    told = next(kpi["value"] for kpi in bulletin["facts"]["kpis"] if kpi["key"] == "opened")
    page.get_by_test_id("erratum-value").fill(str(told))
    page.get_by_test_id("erratum-reason").fill("重复计入")
    page.get_by_test_id("erratum-evidence").fill("核对记录第 3 号")
    page.get_by_test_id("save-erratum").click()
    expect(page.locator("#erratum [role=alert]")).to_be_visible()
    page.get_by_test_id("erratum-value").fill(str(told + 1))
    page.get_by_test_id("save-erratum").click()
    line = page.get_by_test_id("errata").locator("tbody tr").last
    expect(line).to_contain_text(f"{told + 1}个")
    expect(line).to_contain_text("待下期刊载")


def test_lottery_and_signs_have_pages_and_signs_are_for_superiors(page_as: PageAs, api_as: ApiAs) -> None:
    page = page_as("city", "/report.html#/lottery")
    expect(page.get_by_role("heading", name="已销号图斑每周抽查")).to_be_visible()
    expect(page.get_by_test_id("lottery-tickets").locator("tbody tr").first).to_be_visible()
    page.get_by_test_id("draw-again").click()
    expect(page.get_by_test_id("draw-check")).to_contain_text("核对一致")
    page.get_by_test_id("nav-alarms").click()
    expect(page.get_by_role("heading", name="苗头提示", exact=True)).to_be_visible()
    period = page.get_by_test_id("period").input_value()
    found = api_as("city").get("/report-alarms", period=period)
    shown = page.get_by_test_id("alarms").locator("section[data-testid^=alarm-] > ul > li")
    expect(shown).to_have_count(len(found["items"]))
    expect(page.get_by_test_id("alarms-none")).to_have_count(int(not found["items"]))

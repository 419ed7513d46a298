"""A citizen reports from a phone: one report is drawn as a patch, another laid aside; both are told."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.acceptance.browsing import ApiAs, PageAs

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance
PHONE = (360, 740)
REASON = "核实现场位置，需要联系举报人"


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").resize((3000, 2000)).save(buffer, "JPEG")
    return buffer.getvalue()


def report(page: Page, *, words: str, category: str) -> str:
    """Fill the form as somebody standing at the place would; the code comes back."""
    page.get_by_test_id("report-send").click()
    expect(page.get_by_text("请选择您看到了什么")).to_be_visible()
    page.get_by_test_id(f"category-{category}").check()
    page.get_by_test_id("report-county").select_option("410883000000")
    page.get_by_test_id("report-locate").click()
    expect(page.get_by_test_id("report-located")).to_contain_text("误差约")
    page.get_by_test_id("report-words").fill(words)
    page.get_by_test_id("report-photos").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    )
    expect(page.get_by_test_id("report-photo")).to_have_count(1)
    page.get_by_test_id("report-name").fill("李某")
    page.get_by_test_id("report-phone").fill("13900000000")
    page.get_by_test_id("report-send").click()
    code = page.get_by_test_id("report-code")
    expect(code).to_be_visible()
    return code.inner_text()


def standing(page: Page, code: str) -> str:
    page.goto("/citizen.html#/progress")
    page.reload()
    page.get_by_test_id("progress-code").fill(code)
    page.get_by_test_id("progress-ask").click()
    expect(page.get_by_test_id("progress")).to_be_visible()
    return page.get_by_test_id("progress").get_attribute("data-standing") or ""


def test_a_report_is_drawn_another_laid_aside_and_both_are_told(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo
) -> None:
    login = served_demo.logins["officer"][0]
    api = api_as(login)
    lon, lat = api.get("/patches", limit=1)["items"][0]["label_point"]
    place = {"longitude": lon + 0.012, "latitude": lat, "accuracy": 12}
    phone = page_as(
        None,
        "/citizen.html",
        size=PHONE,
        has_touch=True,
        is_mobile=True,
        geolocation=place,
        permissions=["geolocation"],
    )
    drawn = report(phone, words="村东头耕地上正在建厂房，已打地基。", category="building")
    phone.get_by_text("再举报一处").click()
    again = report(phone, words="村东头有人在地里盖厂房。", category="building")
    phone.get_by_text("再举报一处").click()
    phone.context.set_geolocation({"longitude": lon + 0.04, "latitude": lat, "accuracy": 12})
    aside = report(phone, words="村东头路边堆放建筑垃圾，约两车。", category="dumping")
    assert standing(phone, drawn) == "waiting"

    desk = page_as(login, "/")
    desk.get_by_test_id("nav-leads").click()
    desk.get_by_test_id("leads-citizens").click()
    rows = desk.get_by_test_id("citizen-report")
    mine = rows.filter(has_text="已打地基").first
    expect(mine).to_contain_text("附近 300 米内另有")
    mine.get_by_test_id("report-reveal").click()
    desk.get_by_test_id("reveal-reason").fill(REASON)
    desk.get_by_test_id("reveal-confirm").click()
    expect(desk.get_by_test_id("identity")).to_contain_text("13900000000")
    desk.keyboard.press("Escape")
    mine.get_by_test_id("report-to-lead").click()

    reports = {row["description"]: row for row in api.get("/citizen-reports")["items"]}
    waiting = [row["lead_id"] for row in api.get("/leads/waiting")["items"]]
    first = waiting.index(reports["村东头耕地上正在建厂房，已打地基。"]["lead_id"])
    desk.get_by_test_id("lead-card").nth(first).get_by_test_id("lead-draw").click()
    desk.get_by_test_id("draw-circle").click()
    expect(desk.get_by_test_id("lead-drawing")).to_contain_text("现场勘测为准")
    desk.get_by_test_id("draw-before").fill("2026-04-08")
    desk.get_by_test_id("draw-confirm").click()
    expect(desk.get_by_test_id("lead-drawing")).to_have_count(0)
    expect(desk.get_by_test_id("drawer-close")).to_be_visible()
    assert standing(phone, drawn) == "working"
    assert standing(phone, again) == "working", "the report beside it tells of the same ground"

    desk.get_by_test_id("nav-leads").click()
    waiting = [row["lead_id"] for row in api.get("/leads/waiting")["items"]]
    left = reports["村东头路边堆放建筑垃圾，约两车。"]["lead_id"]
    desk.get_by_test_id("lead-card").nth(waiting.index(left)).get_by_test_id("lead-dismiss").click()
    desk.get_by_test_id("dismiss-reason").first.check()
    desk.get_by_test_id("dismiss-note").fill("已清运")
    desk.get_by_test_id("dismiss-confirm").click()
    expect(desk.get_by_test_id("dismiss-confirm")).to_have_count(0)
    assert standing(phone, aside) == "set_aside"
    phone.get_by_test_id("answer-send").click()
    expect(phone.get_by_text("请选择满意程度")).to_be_visible()
    phone.get_by_test_id("satisfaction-4").check()
    phone.get_by_test_id("answer-remark").fill("处理及时")
    phone.get_by_test_id("answer-send").click()
    expect(phone.get_by_test_id("answer-thanks")).to_be_visible()
    answered = {row["description"]: row for row in api.get("/citizen-reports")["items"]}
    assert answered["村东头路边堆放建筑垃圾，约两车。"]["satisfaction"] == 4
    assert standing(phone, aside) == "set_aside"
    expect(phone.get_by_test_id("answer-form")).to_have_count(0)

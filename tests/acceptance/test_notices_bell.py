"""The bell: what one is told leads to the patch, is read once, and the ways of being told are one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.acceptance.browsing import ApiAs, PageAs

if TYPE_CHECKING:
    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance


def test_a_notice_leads_to_its_patch_and_is_read_once(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo
) -> None:
    login = served_demo.logins["inspector"][0]
    api, page = api_as(login), page_as(login)
    told = api.get("/notices")
    unread = [one for one in told["items"] if one["read_at"] is None and one["subject_kind"] == "patch"]
    assert unread, "the demonstration hands tasks down: somebody was told"
    bell = page.get_by_test_id("notice-bell")
    expect(bell).to_contain_text(str(told["unread_count"]))
    bell.click()
    row = page.get_by_test_id("notice-row").filter(has_text=unread[0]["number"]).first
    expect(row).to_contain_text(unread[0]["kind_name"])
    row.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_test_id("patch-drawer")
    expect(drawer).to_contain_text(unread[0]["number"])
    assert api.get("/notices")["unread_count"] == told["unread_count"] - 1

    bell.click()
    page.get_by_test_id("notices-settings").click()
    form = page.get_by_test_id("notice-settings")
    form.locator("input[type=time]").first.fill("21:30")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("status")).to_contain_text("已保存")
    assert api.get("/notices/preferences")["quiet_from"] == "21:30"
    # What could not be delivered is nobody's business but that of whoever keeps the platform.
    expect(page.get_by_test_id("notices-undelivered")).to_have_count(0)

"""Two officers at one draft: who saves second sees what the first has saved, and loses nothing typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browsing import ApiAs, PageAs, TakePatch, open_patch, stay_put

pytestmark = pytest.mark.acceptance
THEIRS, MINE = "建议现场复核后再定。", "建议移送执法大队核查。"


def fill_opinion(page: Page, text: str) -> None:
    field = page.get_by_test_id("field-opinion")
    field.get_by_test_id("field-edit").click()
    field.get_by_test_id("field-value").fill(text)


def test_a_lost_race_on_a_paper_is_shown_and_settled(
    page_as: PageAs, api_as: ApiAs, take_patch: TakePatch
) -> None:
    patch, other = take_patch(), api_as("officer2")
    page = page_as("officer")
    page.set_viewport_size({"width": 1366, "height": 768})
    stay_put(page)
    open_patch(page, patch)
    page.get_by_test_id("tab-papers").click()
    page.get_by_test_id("draft-lead_register").click()
    page.get_by_test_id("all-fields").check()
    fill_opinion(page, MINE)
    (paper,) = other.get(f"/patches/{patch['patch_id']}/papers")["papers"]
    place = f"/papers/{paper['paper_id']}"
    body = {"fields": {"opinion": {"value": THEIRS}}}
    theirs = other.post(f"{place}/fields", body, version=paper["version"])

    page.get_by_test_id("field-save").click()
    conflict = page.get_by_test_id("paper-conflict")
    expect(conflict).to_contain_text(theirs["versions"][-1]["made_name"])
    row = page.get_by_test_id("conflict-opinion")
    expect(row).to_contain_text(THEIRS)
    expect(row).to_contain_text(MINE)
    expect(page.get_by_test_id("field-value")).to_have_value(MINE)
    page.get_by_test_id("conflict-mine").click()
    expect(conflict).to_have_count(0)
    expect(page.get_by_test_id("field-opinion")).to_contain_text(MINE)
    now = other.get(place)
    assert now["version"] == theirs["version"] + 1
    assert next(field["text"] for field in now["fields"] if field["key"] == "opinion") == MINE

    body = {"fields": {"opinion": {"value": THEIRS}}}
    other.post(f"{place}/fields", body, version=now["version"])
    fill_opinion(page, "第三稿")
    page.get_by_test_id("field-save").click()
    page.get_by_test_id("conflict-theirs").click()
    expect(page.get_by_test_id("field-opinion")).to_contain_text(THEIRS)
    last = other.get(place)
    assert last["version"] == now["version"] + 1
    assert next(field["text"] for field in last["fields"] if field["key"] == "opinion") == THEIRS

"""The page of dispatching: the policy in force is taken from it, changed, and tried on a month."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browsing import PageAs

pytestmark = pytest.mark.acceptance


def choose(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("rules-file").click()
    chooser.value.set_files(path)


def test_a_changed_policy_is_tried_before_it_is_taken(page_as: PageAs, tmp_path: Path) -> None:
    page = page_as("officer")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_test_id("nav-dispatching").click()
    expect(page.get_by_test_id("dispatch-queue")).to_contain_text("没有排队的图斑")
    expect(page.get_by_test_id("dispatch-corrections")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_test_id("rules-download").click()
    file = tmp_path / "dispatch.toml"
    download.value.save_as(file)
    written = file.read_text("utf-8")
    assert tomllib.loads(written)["budget"]["day"] == 20

    page.get_by_test_id("rules-month").fill("2026-09")
    choose(page, file)
    found = page.get_by_test_id("rules-found")
    expect(found).to_contain_text("与现行规则相同")
    sentence = re.search(r"将派出 (\d+) 件给 (\d+) 人", found.inner_text())
    assert sentence is not None
    assert int(sentence[1]) >= int(sentence[2]) > 0

    # As many rows as people who got something, or helped.
    rows = page.get_by_test_id("rules-person")
    assert rows.count() >= int(sentence[2])

    file.write_text(written.replace("\nday = 20", "\nday = 1").replace("\nweek = 60", "\nweek = 1"), "utf-8")
    choose(page, file)
    expect(found).to_contain_text("每人每日限额 20 → 1；每人每周限额 60 → 1")

    file.write_text(written.replace("gap = 8", "gap = 0"), "utf-8")
    choose(page, file)
    expect(page.get_by_test_id("dispatch-rules").get_by_role("alert")).to_contain_text("balance.gap")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

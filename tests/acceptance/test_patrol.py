"""A patrol on the phone: page killed and reopened, a finding made and all sent late; one without a track."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.acceptance.browsing import ApiAs, PageAs

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance
PHONE = (360, 740)
STEP_DEG = 0.00016
"""About 15 metres of longitude."""


def walk_on(page: Page, place: dict[str, float], steps: int) -> None:
    """Step by step eastwards; each step is on the phone's disk before the next."""
    for _ in range(steps):
        known = int(page.get_by_test_id("walk").get_attribute("data-points") or 0)
        place["longitude"] += STEP_DEG
        time.sleep(1.2)  # a person, not a train: the position may not jump
        page.context.set_geolocation({**place, "accuracy": 5})
        expect(page.get_by_test_id("walk")).to_have_attribute("data-points", str(known + 1))


def test_a_patrol_survives_a_killed_page_and_a_lost_network(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo
) -> None:
    login = served_demo.logins["inspector"][0]
    api = api_as(login)
    today = api.get("/session")["server_time"][:10]
    days = {"first": "2026-09-01", "last": today}
    before = {row["patrol_id"] for row in api.get("/patrols", **days)["items"]}
    lon, lat = api.get("/patches", limit=1)["items"][0]["label_point"]
    place = {"longitude": lon, "latitude": lat}
    page = page_as(
        login,
        "/field.html#/patrol",
        size=PHONE,
        has_touch=True,
        is_mobile=True,
        geolocation={**place, "accuracy": 5},
        permissions=["geolocation"],
    )
    page.get_by_test_id("walk-start").click()
    expect(page.get_by_test_id("walk")).to_have_attribute("data-points", "1")
    walk_on(page, place, 4)
    page.get_by_test_id("walk-pause").click()
    expect(page.get_by_test_id("walk")).to_have_attribute("data-paused", "true")
    page.get_by_test_id("walk-pause").click()
    expect(page.get_by_test_id("walk")).to_have_attribute("data-paused", "false")

    context = page.context
    page.close()
    page = context.new_page()
    page.goto("/field.html#/patrol")
    expect(page.get_by_test_id("walk")).to_contain_text("已恢复未完成的巡查")
    assert int(page.get_by_test_id("walk").get_attribute("data-points") or 0) >= 5
    walk_on(page, place, 3)
    page.context.set_offline(True)
    walk_on(page, place, 3)
    note_a_finding(page)
    kept = int(page.get_by_test_id("walk").get_attribute("data-points") or 0)
    page.get_by_test_id("walk-end").click()
    page.get_by_test_id("walk-end-sure").click()
    expect(page.get_by_test_id("walks-unsent")).to_contain_text("1 次巡查待上传")
    page.context.set_offline(False)
    expect(page.get_by_test_id("sync-pill")).to_have_attribute("data-sync", "synced")
    expect(page.get_by_test_id("own-patrol").first).to_be_visible()
    expect(page.get_by_test_id("own-patrol-findings").first).to_contain_text("发现 1 处")

    (sent,) = [row for row in api.get("/patrols", **days)["items"] if row["patrol_id"] not in before]
    assert sent["fix_count"] == kept >= 11
    assert 100 < sent["distance_m"] < 250
    assert "too_short" in told(sent)  # a minute is no patrol, and that is said
    assert sent["is_valid"] is False

    (found,) = [row for row in api.get("/findings")["items"] if row["patrol_id"] == sent["patrol_id"]]
    assert (found["category"], found["note"], len(found["photos"])) == ("digging", "路边挖了一个大坑", 1)
    assert found["lonlat"] == pytest.approx([place["longitude"], place["latitude"]], abs=1e-6)
    assert sent["findings"] == 1
    page.get_by_test_id("field-tab-finding").click()
    told_row = page.get_by_test_id("own-finding").first
    expect(told_row).to_have_attribute("data-standing", found["standing"]["key"])
    expect(told_row).to_contain_text(found["standing"]["zh"])


def note_a_finding(page: Page) -> None:
    """Without a network, on the way: it stays on the phone, and the walk goes on."""
    page.get_by_test_id("walk-finding").click()
    page.get_by_test_id("finding-save").click()
    expect(page.get_by_role("alert")).to_contain_text("请选择发现了什么")
    page.get_by_test_id("kind-digging").click()
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG")
    page.get_by_test_id("photo-input").set_input_files(
        {"name": "site.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}
    )
    expect(page.get_by_test_id("photo")).to_have_count(1)
    page.get_by_test_id("finding-note").fill("路边挖了一个大坑")
    expect(page.get_by_test_id("finding-in-patrol")).to_be_visible()
    page.get_by_test_id("finding-save").click()
    expect(page.get_by_test_id("walk-found")).to_contain_text("本次发现 1 处")


def test_an_outing_for_tasks_records_no_position(
    page_as: PageAs, api_as: ApiAs, served_demo: ServedDemo
) -> None:
    login = served_demo.logins["inspector"][0]
    api = api_as(login)
    days = {"first": "2026-09-01", "last": api.get("/session")["server_time"][:10]}
    before = {row["patrol_id"] for row in api.get("/patrols", **days)["items"]}
    page = page_as(
        login,
        "/field.html#/patrol",
        size=(320, 568),
        has_touch=True,
        is_mobile=True,
        geolocation={"longitude": 112.79, "latitude": 34.93, "accuracy": 5},
        permissions=["geolocation"],
    )
    expect(page.get_by_test_id("coverage-share")).to_contain_text("本期已覆盖")
    page.get_by_test_id("coverage-show").click()
    expect(page.get_by_role("region", name="未覆盖的耕地")).to_have_attribute("data-map-state", "complete")
    page.get_by_test_id("walk-start-trackless").click()
    expect(page.get_by_test_id("walk")).to_have_attribute("data-track", "false")
    expect(page.get_by_test_id("walk")).to_contain_text("不记录位置")
    page.get_by_test_id("walk-end").click()
    page.get_by_test_id("walk-end-sure").click()
    expect(page.get_by_test_id("own-patrol").first).to_contain_text("核查任务 0 个，无轨迹")
    (sent,) = [row for row in api.get("/patrols", **days)["items"] if row["patrol_id"] not in before]
    assert (sent["fix_count"], sent["keeps_track"]) == (0, False)
    assert told(sent) == {"no_fixes"}, "no task was visited, so it does not count, and that is said"


def told(row: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in row["reasons"] if reason["decides"]}

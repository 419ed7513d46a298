"""The worker beside the served demonstration answers; work that waits is seen and called off in a browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from foundation.runtime import open_runtime
from foundation.settings import read_settings
from tests.acceptance.browsing import ApiAs, PageAs
from webmap.demo.people import COUNTY
from webmap.demo.stage import own_settings

if TYPE_CHECKING:
    from tests.acceptance.conftest import ServedDemo

pytestmark = pytest.mark.acceptance
ANSWER_S = 90.0


def test_a_question_asked_on_the_page_is_answered_by_the_worker(
    served_demo: ServedDemo, api_as: ApiAs
) -> None:
    officer = api_as("officer")
    (version, *_older) = officer.get("/layer-versions", kind="basic_farmland", county=COUNTY[:6])
    asked = officer.post(
        "/judgements/what-if", {"version_id": version["version_id"], "valid_from": "2026-09-02"}
    )
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        answer = officer.get(f"/judgements/what-if/{asked['what_if_id']}")
        if answer["status"] != "waiting":
            break
        time.sleep(1)
    assert answer["status"] == "answered", answer
    assert answer["answer"]["open_count"] > 0


def test_work_that_waits_is_seen_and_called_off(served_demo: ServedDemo, page_as: PageAs) -> None:
    settings = own_settings(read_settings(data_dir=served_demo.installation.data_dir))
    with open_runtime(settings) as runtime, runtime.database.transaction(runtime.system) as session:
        number = runtime.queue.defer(session, "detection.compare_registers", county_code=COUNTY[:6])
        tomorrow = text(
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day' WHERE id = :id"
        )
        session.execute(tomorrow, {"id": number})
    page = page_as("city", "/#/leads")
    strip = page.get_by_test_id("work-strip")
    expect(strip).to_contain_text("宗地登记比对")
    expect(strip).to_contain_text("孟州市")
    expect(strip).to_contain_text("排队中")
    strip.get_by_test_id("work-cancel").click()
    strip.get_by_test_id("work-cancel-sure").click()
    expect(page.get_by_test_id("toast")).to_contain_text("已要求停止")
    expect(strip).to_have_count(0)

"""Notices over HTTP: one's own, one's own choices, and what the administrator sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from foundation.runtime import Runtime
from patrol.notices import jobs

SignIn = Callable[..., TestClient]
API = "/api/v1/notices"


@pytest.fixture
def channels(web_runtime: Runtime):  # type: ignore[no-untyped-def]
    path = Path(web_runtime.settings.data_dir) / "notices.toml"
    path.write_text("""
[channels.sms]
zh = "短信"
en = "text message"
transport = "http"
address = "phone"
url = "http://127.0.0.1:9/sms"
body = { to = "{address}", text = "{text}" }
[push]
contact = "mailto:admin@bureau.example"
""")
    yield path
    path.unlink()


def test_choices_are_kept_and_faults_are_named(sign_in: SignIn, channels: Path) -> None:
    officer = sign_in("officer")
    first = officer.get(f"{API}/preferences").json()
    assert [(one["key"], one["is_on"]) for one in first["channels"]] == [("sms", False)]
    assert len(first["push_key"]) == 87
    wanted = {
        "channels": {"sms": {"is_on": True, "address": "13800000000", "pace": "daily"}},
        "muted": ["warn"],
    }
    kept = officer.put(f"{API}/preferences", json=wanted).json()
    assert (kept["channels"][0]["address"], kept["channels"][0]["pace"], kept["muted"]) == (
        "13800000000",
        "daily",
        ["warn"],
    )
    assert sign_in("officer2").get(f"{API}/preferences").json()["channels"][0]["address"] == ""
    for body, code in (
        ({"channels": {"sms": {"is_on": True, "address": "nobody"}}}, "patrol.notice.bad_address"),
        ({"channels": {"fax": {"is_on": True}}}, "patrol.notice.unknown_channel"),
        ({"muted": ["rumour"]}, "patrol.notice.unknown_kind"),
        ({"quiet_from": "25:00"}, "patrol.notice.bad_time"),
    ):
        answer = officer.put(f"{API}/preferences", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_platform_calls_no_address_that_is_no_push_service(sign_in: SignIn, channels: Path) -> None:
    officer = sign_in("officer")
    for endpoint in (
        "http://127.0.0.1:22/",
        "https://169.254.169.254/latest",
        "https://fcm.googleapis.com@127.0.0.1/",
        "https://fcm.googleapis.com:8443/a",
        "https://evil.example/fcm.googleapis.com",
    ):
        answer = officer.post(f"{API}/devices", json={"endpoint": endpoint, "name": "a"})
        assert answer.json()["code"] == "patrol.notice.bad_endpoint", endpoint
    good = {"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/a", "name": "Firefox"}
    device = officer.post(f"{API}/devices", json=good)
    assert device.status_code == 201
    where = f"{API}/devices/{device.json()['device_id']}"
    assert sign_in("officer2").delete(where).status_code == 404
    assert officer.delete(where).status_code == 204


def test_a_test_notice_is_listed_read_and_its_failure_seen(
    sign_in: SignIn, channels: Path, web_runtime: Runtime
) -> None:
    officer = sign_in("officer")
    wanted = {"channels": {"sms": {"is_on": True, "address": "13800000000"}}, "quiet_from": "00:00"}
    officer.put(f"{API}/preferences", json={**wanted, "quiet_to": "00:00"})
    for _ in range(2):
        listed = officer.post(f"{API}/test").json()
    assert (listed["unread_count"], [one["kind"] for one in listed["items"]]) == (1, ["test"])
    assert jobs.deliver(web_runtime).failed == 1  # nobody listens there
    assert officer.get(f"{API}/undelivered").status_code == 403
    assert sign_in("officer2").get(API).json() == {"unread_count": 0, "items": []}
    notice_id = listed["items"][0]["notice_id"]
    assert sign_in("officer2").post(f"{API}/{notice_id}/read").status_code == 404
    assert officer.post(f"{API}/{notice_id}/read").json()["read_at"] is not None
    assert officer.get(API, params={"unread": True}).json() == {"unread_count": 0, "items": []}

"""Leads that wait for a person, over HTTP: seen, attached, dismissed, taken back; nobody else's."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from detection import service as detection
from detection.leads import Lead, sighting
from foundation.clock import SteppedClock
from foundation.crs import destination
from foundation.ids import derived_id
from foundation.runtime import Runtime

SignIn = Callable[..., TestClient]


@pytest.fixture
def lead(web_runtime: Runtime, clock: SteppedClock) -> Lead:
    """A camera's event 600 m from any patch, so that it waits; its picture is stored."""
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 110, 70)).save(picture, "JPEG")
    served = web_runtime.blobs.put(picture.getvalue()).sha256
    system = web_runtime.system
    with web_runtime.database.transaction(system) as session:
        patch = detection.list_patches(session, system)[0]
        west, south, _, _ = patch.shape.outline.bounds
        event = sighting(
            lead_id=derived_id("camera event"),
            source="camera",
            division_code=patch.division_code,
            seen_at=clock() - timedelta(hours=2),
            lonlat=destination((west, south), bearing_deg=225, distance_m=230),
            radius_m=220.0,
            change_class="earthwork",
            confidence=0.8,
            attributes={
                "kind_name": "挖掘机作业",
                "camera_name": "西虢镇铁塔3号",
                "preset_name": "东侧农田",
                "served_sha256": served,
                "bbox": [0.4, 0.4, 0.1, 0.1],
            },
        )
        detection.record_leads(session, system, [event], clock())
        assert detection.fuse(session, system, [event.lead_id], clock()).waiting == (event.lead_id,)
    return event


def waiting(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/v1/leads/waiting")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_lead_is_seen_attached_and_taken_back(sign_in: SignIn, lead: Lead) -> None:
    officer = sign_in("officer")
    page = waiting(officer)
    [item] = page["items"]
    assert (page["total"], item["kind_name"], item["camera_name"]) == (1, "挖掘机作业", "西虢镇铁塔3号")
    assert item["radius_m"] == 220.0
    assert item["division_name"]
    nearest = item["suggested"][0]
    assert nearest["distance_m"] <= item["suggested"][-1]["distance_m"]
    assert nearest["distance_m"] == pytest.approx(230, abs=60)
    picture = officer.get(f"/api/v1/leads/{lead.lead_id}/picture.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    where = f"/api/v1/leads/{lead.lead_id}"
    done = officer.post(f"{where}/attach", json={"patch_id": nearest["patch_id"]})
    assert done.status_code == 200, done.text
    assert (done.json()["fate"], done.json()["number"]) == ("attached", nearest["number"])
    assert waiting(officer)["total"] == 0
    detail = officer.get(f"/api/v1/patches/{nearest['patch_id']}").json()
    assert "camera" in [one["source"] for one in detail["leads"]]
    late = sign_in("officer2").post(f"{where}/dismiss", json={"reason_code": "passing"})
    assert (late.status_code, late.json()["code"]) == (409, "detection.lead.not_waiting")
    assert officer.post(f"{where}/undo").json()["fate"] == "waiting"
    assert waiting(officer)["total"] == 1


def test_dismissing_takes_a_reason(sign_in: SignIn, lead: Lead, clock: SteppedClock) -> None:
    officer = sign_in("officer", language="en")
    where = f"/api/v1/leads/{lead.lead_id}"
    reasons = {one["code"]: one for one in waiting(officer)["reasons"]}
    assert reasons["farm_machine"]["name"] == "farm machine or farm work"
    for body, code in (
        ({"reason_code": "because"}, "detection.lead.unknown_reason"),
        ({"reason_code": "other"}, "detection.lead.note_missing"),
    ):
        refused = officer.post(f"{where}/dismiss", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    done = officer.post(f"{where}/dismiss", json={"reason_code": "other", "note": "临时演练"})
    assert (done.status_code, done.json()["fate"]) == (200, "dismissed")
    assert waiting(officer)["total"] == 0
    clock.set(clock() + timedelta(hours=2))
    late = officer.post(f"{where}/undo")
    assert (late.status_code, late.json()["code"]) == (409, "detection.lead.undo_too_late")


def test_other_counties_and_other_roles_see_nothing(sign_in: SignIn, lead: Lead) -> None:
    stranger = sign_in("stranger")
    assert waiting(stranger)["items"] == []
    where = f"/api/v1/leads/{lead.lead_id}"
    assert stranger.get(f"{where}/picture.jpg").status_code == 404
    assert stranger.post(f"{where}/dismiss", json={"reason_code": "passing"}).status_code == 404
    assert stranger.post(f"{where}/undo").status_code == 404
    assert sign_in("manager").get("/api/v1/leads/waiting").status_code == 403

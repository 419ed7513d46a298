"""The door of cameras: known by their key, each event exactly once, everything else refused."""

from __future__ import annotations

import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import shapely
from httpx import Response
from PIL import Image
from sqlalchemy import text
from starlette.testclient import TestClient

from detection.cameras import service as cameras
from detection.cameras.door import service as door
from detection.cameras.presets import Camera, Preset
from detection.waiting import service as waiting
from foundation import accounts
from foundation.audit import verify_chain
from foundation.clock import SteppedClock
from foundation.runtime import Runtime
from webmap.app import create_app

VILLAGE = "410883105201"
COUNTY, OTHER_COUNTY = "410883000000", "410882000000"
PASSWORD = "test-words"
PRESET = Preset(3, "东侧农田", 90.0, 6.0, 30.0, (320, 240), 0.3, 0.1)


@dataclass
class Vendor:
    """A vendor's program with the key of one device."""

    client: TestClient
    key: str

    def bring(self, picture: bytes, sha256: str | None = None) -> Response:
        where = f"/api/v1/cameras/pictures/{sha256 or hashlib.sha256(picture).hexdigest()}"
        return self.client.put(where, content=picture, headers=self.headers)

    def tell(self, event: dict[str, Any]) -> Response:
        return self.client.post("/api/v1/cameras/events", content=json.dumps(event), headers=self.headers)

    def alarm(self, data: bytes) -> Response:
        return self.client.post("/api/v1/cameras/gbt28181-alarms", content=data, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Accept-Language": "zh"}


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    """The application on an empty city with one village and two cameras."""
    village = "SRID=4490;" + shapely.MultiPolygon([shapely.box(112.7, 34.9, 112.8, 35.0)]).wkt
    with runtime.database.transaction(runtime.system) as session:
        session.execute(
            text("UPDATE division SET outline = ST_GeomFromEWKT(:outline) WHERE code = :code"),
            {"outline": village, "code": VILLAGE},
        )
        known = [
            Camera(name, f"铁塔{name}", (112.75, 34.95), 5.0, 35.0, 1.0, (PRESET,))
            for name in ("tower-3", "tower-4")
        ]
        cameras.put_cameras(session, runtime.system, known, runtime.clock())
    return TestClient(create_app(runtime), base_url="http://testserver", raise_server_exceptions=False)


@pytest.fixture
def vendor(runtime: Runtime, client: TestClient) -> Vendor:
    return Vendor(client, key_of(runtime, "tower-3"))


def key_of(runtime: Runtime, camera_id: str) -> str:
    with runtime.database.transaction(runtime.system) as session:
        return door.make_key(session, runtime.system, camera_id, now=runtime.clock()).token


def picture_of(shade: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), (shade, 110, 60)).save(buffer, "JPEG")
    return buffer.getvalue()


def event_of(picture: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": "0191a5b0-5f0e-7a7b-9d00-000000000001",
        "source": "tower_camera",
        "device_id": "tower-3",
        "preset": 3,
        "ts": "2026-09-01T09:27:05+08:00",
        "class": "excavator",
        "confidence": 0.87,
        "bbox": [0.4, 0.45, 0.1, 0.1],
        "media": {"image": "a.jpg", "sha256": hashlib.sha256(picture).hexdigest()},
    } | changes


def leads(runtime: Runtime) -> list[Any]:
    with runtime.database.transaction(runtime.system) as session:
        assert verify_chain(session) is None
        return [one.lead for one in waiting.list_waiting_leads(session, runtime.system).items]


def test_an_event_comes_in_once_and_another_body_is_kept_beside_it(runtime: Runtime, vendor: Vendor) -> None:
    picture = picture_of()
    event = event_of(picture)
    early = vendor.tell(event)
    assert (early.status_code, early.json()["code"]) == (422, "detection.camera.picture_missing")
    assert [vendor.bring(picture).status_code for _ in range(2)] == [201, 200]
    first = vendor.tell(event)
    assert (first.status_code, first.json()["fate"]) == (201, "new"), first.text
    again = vendor.tell(dict(reversed(event.items())))
    assert (again.status_code, again.json()) == (200, first.json())
    other = event | {"confidence": 0.2}
    for _ in range(2):
        refused = vendor.tell(other)
        assert (refused.status_code, refused.json()["code"]) == (409, "detection.camera.other_body")
        assert "人工比对" in refused.json()["detail"]
    [lead] = leads(runtime)
    assert str(lead.lead_id) == first.json()["lead_id"]
    assert runtime.blobs.read(lead.attributes["picture_sha256"]) == picture
    assert lead.attributes["trust"]["told"] == 0.87
    with runtime.database.transaction(runtime.system) as session:
        [dispute] = door.list_disputes(session, runtime.system)
    assert json.loads(dispute.first_body) == event
    assert json.loads(dispute.other_body) == other
    told = vendor.tell(event | {"event_id": "another"}).json()
    assert (told["fate"], told["lead_id"]) == ("known", first.json()["lead_id"])
    later = picture_of(40)
    vendor.bring(later)
    told = vendor.tell(event_of(later, event_id="later", ts="2026-09-01T15:00:00+08:00")).json()
    assert (told["fate"], told["lead_id"]) == ("repeated", first.json()["lead_id"])


def test_a_retry_storm_makes_one_lead(runtime: Runtime, vendor: Vendor) -> None:
    picture = picture_of()
    vendor.bring(picture)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: vendor.tell(event_of(picture)), range(16)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.text for answer in answers}) == 1
    assert len(leads(runtime)) == 1


def test_only_a_device_with_its_own_key_in_force_is_heard(
    runtime: Runtime, client: TestClient, vendor: Vendor
) -> None:
    picture = picture_of()
    vendor.bring(picture)
    for key in ("", "wrong"):
        answer = Vendor(client, key).tell(event_of(picture))
        assert (answer.status_code, answer.json()["code"]) == (401, "detection.camera.bad_key")
    other = Vendor(client, key_of(runtime, "tower-4"))
    answer = other.tell(event_of(picture))
    assert (answer.status_code, answer.json()["code"]) == (403, "detection.camera.another_device")
    # What one device brought is no other's.
    answer = other.tell(event_of(picture, device_id="tower-4"))
    assert answer.json()["code"] == "detection.camera.picture_missing"
    for path in ("patches", "session", "config", "leads/waiting", "cameras/disputes"):
        assert client.get(f"/api/v1/{path}", headers=vendor.headers).status_code == 403, path
    key_of(runtime, "tower-3")
    assert vendor.tell(event_of(picture)).status_code == 401
    assert leads(runtime) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"class": "unicorn"}, "detection.camera.unknown_kind"),
        ({"bbox": [0.9, 0.9, 0.5, 0.5]}, "detection.camera.bad_field"),
        ({"preset": 9}, "detection.camera.unknown_preset"),
        ({"ts": "2027-01-01T00:00:00+08:00"}, "detection.camera.clock_ahead"),
        ({"event_id": ""}, "detection.camera.bad_field"),
        ({"location": {"lon": 0, "lat": 0, "error_m": 5, "crs": "EPSG:4490"}}, "detection.camera.bad_field"),
        ({"location": {"lon": 113.2, "lat": 35.2, "error_m": 60}}, "detection.camera.bad_field"),
    ],
)
def test_what_breaks_a_rule_is_named_and_nothing_is_stored(
    runtime: Runtime, vendor: Vendor, changes: dict[str, Any], code: str
) -> None:
    picture = picture_of()
    vendor.bring(picture)
    answer = vendor.tell(event_of(picture, **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert leads(runtime) == []


def test_what_is_too_large_cut_or_no_picture_is_refused(vendor: Vendor) -> None:
    assert vendor.tell(event_of(picture_of(), vendor="x" * 70_000)).status_code == 413
    assert vendor.alarm(b"<a>" + b" " * 70_000).status_code == 413
    assert vendor.bring(b"\xff" * (21 << 20)).status_code == 413
    changed = vendor.bring(picture_of(), "0" * 64)
    assert (changed.status_code, changed.json()["code"]) == (422, "detection.camera.picture_changed")
    assert vendor.bring(b"text").json()["code"] == "detection.camera.not_a_picture"
    answer = vendor.client.post("/api/v1/cameras/events", content=b"{", headers=vendor.headers)
    assert answer.json()["code"] == "detection.camera.not_json"


def test_an_alarm_by_the_national_standard_waits_for_a_person(runtime: Runtime, vendor: Vendor) -> None:
    alarm = (
        '<?xml version="1.0" encoding="GB2312"?><Notify><CmdType>Alarm</CmdType><SN>7</SN>'
        "<DeviceID>tower-3</DeviceID><AlarmPriority>4</AlarmPriority><AlarmMethod>5</AlarmMethod>"
        "<AlarmTime>2026-09-01T09:27:05</AlarmTime><AlarmDescription>挖掘机</AlarmDescription></Notify>"
    )
    first = vendor.alarm(alarm.encode("gb18030"))
    assert (first.status_code, first.json()["event_id"]) == (201, "20260901T092705-7"), first.text
    assert vendor.alarm(alarm.encode("gb18030")).json() == first.json()
    other = vendor.alarm(alarm.replace("挖掘机", "推土机").encode("gb18030"))
    assert (other.status_code, other.json()["code"]) == (409, "detection.camera.other_body")
    [lead] = leads(runtime)
    assert (lead.outline, lead.radius_m, lead.attributes["kind"]) == (None, 3000.0, "excavator")
    next_minute = alarm.replace("09:27", "09:28").replace("<SN>7", "<SN>8")
    assert vendor.alarm(next_minute.encode("gb18030")).json()["fate"] == "repeated"


def test_a_device_that_erred_is_believed_less(runtime: Runtime, vendor: Vendor, clock: SteppedClock) -> None:
    seen = []
    for number, day in enumerate((1, 3, 5)):
        picture = picture_of(10 * number)
        vendor.bring(picture)
        sent = event_of(picture, event_id=str(number), ts=f"2026-09-0{day}T09:00:00+08:00")
        lead_id = vendor.tell(sent).json()["lead_id"]
        [lead] = [one for one in leads(runtime) if str(one.lead_id) == lead_id]
        seen.append(lead.confidence)
        with runtime.database.transaction(runtime.system) as session:
            waiting.dismiss_lead(
                session, runtime.system, lead.lead_id, reason_code="misread", now=runtime.clock()
            )
        clock.set(clock() + timedelta(minutes=1))
    assert seen[0] == 0.87
    assert seen[0] > seen[1] > seen[2]


def test_disputes_are_seen_inside_ones_area_only(
    runtime: Runtime, client: TestClient, vendor: Vendor
) -> None:
    picture = picture_of()
    vendor.bring(picture)
    vendor.tell(event_of(picture))
    vendor.tell(event_of(picture, confidence=0.1))
    for login, area_code, count in (("near", COUNTY, 1), ("far", OTHER_COUNTY, 0)):
        with runtime.database.transaction(runtime.system) as session:
            accounts.create_account(
                session, runtime.system, login=login, name=login, role="county_officer", area_code=area_code,
                password=PASSWORD, is_demo=True, now=runtime.clock(),
            )  # fmt: skip
        person = TestClient(client.app, base_url="http://testserver")
        person.headers["Origin"] = "http://testserver"
        assert person.post("/api/v1/session", json={"login": login, "password": PASSWORD}).status_code == 200
        assert len(person.get("/api/v1/cameras/disputes").json()["items"]) == count

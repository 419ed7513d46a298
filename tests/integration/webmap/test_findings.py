"""Findings over HTTP: once, a lead with an error radius, followed to its end; photos are evidence."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from PIL import ExifTags, Image
from starlette.testclient import TestClient

from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.runtime import Runtime
from patrol.custody.jobs import apply_arrived
from patrol.reports import service as reports

from .test_patrols import post, put, walk

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
FOUND_AT = datetime(2026, 9, 8, 9, 20, tzinfo=SHANGHAI)
__all__ = ["post"]


def photo(maker: str = "HUAWEI") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = maker
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def finding(post: dict[str, Any], **changes: object) -> dict[str, Any]:
    body = {
        "category": "building",
        "found_at": FOUND_AT.isoformat(),
        "device_counter": 7,
        "lonlat": [post["lon"], post["lat"]],
        "accuracy_m": 8.0,
        "coord_source": "wgs84",
        "note": "地基已打好",
    }
    return {**body, **changes}


def tell(client: TestClient, finding_id: object, body: dict[str, Any]) -> Any:
    return client.put(f"/api/v1/findings/{finding_id}", json=body)


def send(client: TestClient, finding_id: object, evidence_id: object, data: bytes, **headers: str) -> Any:
    claims = {
        "Content-Type": "image/jpeg",
        "X-Content-SHA256": hashlib.sha256(data).hexdigest(),
        "X-Captured-At": FOUND_AT.isoformat(),
        "X-Coord-Source": "wgs84",
        **headers,
    }
    where = f"/api/v1/findings/{finding_id}/evidence/{evidence_id}"
    return client.put(where, content=data, headers=claims)


def own(client: TestClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/api/v1/findings").json()["items"]
    return items


def test_a_finding_is_recorded_once_and_waits_as_a_lead_of_a_place(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, finding_id, body = sign_in(post["login"]), uuid4(), finding(post)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: tell(officer, finding_id, body), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    first = answers[0].json()
    assert (first["category_name"], first["standing"]["zh"]) == ("占耕建房", "待核")
    assert first["radius_m"] == 15.0
    listed = officer.get("/api/v1/findings").json()
    assert [row["finding_id"] for row in listed["items"]] == [str(finding_id)]
    assert {"占耕建房", "挖沙取土", "堆土", "倾倒垃圾", "挖塘", "其他"} <= {
        row["zh"] for row in listed["categories"]
    }
    leads = {row["lead_id"]: row for row in sign_in("officer").get("/api/v1/leads/waiting").json()["items"]}
    lead = leads[first["lead_id"]]
    assert (lead["source"], lead["radius_m"]) == ("patrol", 15.0)
    stored = rows("SELECT geometry IS NULL AS is_place FROM lead WHERE source = 'patrol'")
    assert stored == [{"is_place": True}], "one lead, and no polygon out of a point"


def test_another_body_under_the_id_is_refused_and_kept_and_nobody_takes_anothers(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, finding_id = sign_in(post["login"]), uuid4()
    assert tell(officer, finding_id, finding(post)).status_code == 201
    for _ in range(2):
        refused = tell(officer, finding_id, finding(post, category="pond"))
        assert (refused.status_code, refused.json()["code"]) == (409, "patrol.finding.other_body")
    held = rows("SELECT kind, reason FROM held_submission WHERE submission_id = :id", id=finding_id)
    assert held == [{"kind": "finding", "reason": "other_body"}]
    shown = sign_in("officer").get("/api/v1/evidence/held").json()["items"]
    assert [row["kind"] for row in shown] == ["finding"]
    assert own(officer)[0]["category"] == "building"
    (other,) = rows(
        "SELECT a.login FROM post p JOIN account a ON a.account_id = p.holder_account_id WHERE p.tier = 4"
        " AND p.division_code <> :code AND p.kind = 'grid_officer' ORDER BY p.post_no LIMIT 1",
        code=post["division_code"],
    )
    neighbour = sign_in(other["login"])
    assert own(neighbour) == []
    assert tell(neighbour, finding_id, finding(post)).status_code == 409
    assert send(neighbour, finding_id, uuid4(), photo()).json()["code"] == "patrol.finding.not_found"
    assert tell(sign_in("manager"), uuid4(), finding(post)).status_code == 403


def test_photos_of_a_finding_are_evidence_and_may_come_first(
    sign_in: SignIn, rows: Rows, post: dict[str, Any], web_runtime: Runtime
) -> None:
    officer, finding_id, evidence_id, data = sign_in(post["login"]), uuid4(), uuid4(), photo()
    near = {"X-Lon": str(post["lon"]), "X-Lat": str(post["lat"]), "X-Accuracy-M": "8"}
    early = send(officer, finding_id, evidence_id, data, **near)
    assert (early.status_code, early.json()["status"]) == (202, "held")
    assert tell(officer, finding_id, finding(post)).json()["photos"] == [str(evidence_id)]
    again = send(officer, finding_id, evidence_id, data, **near)
    assert (again.status_code, again.json()["status"], again.json()["distance_m"]) == (
        200,
        "recorded",
        pytest.approx(0.0, abs=0.01),
    )
    assert (
        send(officer, finding_id, evidence_id, photo("OPPO")).json()["code"] == "patrol.evidence.other_body"
    )
    far = {"X-Lon": str(post["lon"] + 0.02), "X-Lat": str(post["lat"]), "X-Accuracy-M": "8"}
    astray = send(officer, finding_id, uuid4(), photo("VIVO"), **far)
    assert astray.json()["distance_m"] > 1500
    assert astray.json()["plausibility"] < again.json()["plausibility"]
    damaged = send(officer, finding_id, uuid4(), photo("MI"), **{"X-Content-SHA256": "0" * 64})
    assert damaged.json()["code"] == "patrol.evidence.hash_mismatch"

    desk = sign_in("officer")
    detail = desk.get(f"/api/v1/evidence/{evidence_id}").json()
    assert (detail["finding_id"], detail["patch_id"]) == (str(finding_id), None)
    assert [step["step"] for step in detail["custody"]] == ["captured", "received", "stored"]
    served = desk.get(f"/api/v1/evidence/{evidence_id}/file")
    assert served.status_code == 200
    assert b"HUAWEI" in data
    assert b"HUAWEI" not in served.content
    lead_id = own(officer)[0]["lead_id"]
    seen = desk.get(f"/api/v1/leads/{lead_id}/finding").json()
    assert (seen["note"], len(seen["photos"])) == ("地基已打好", 2)
    assert sign_in("stranger").get(f"/api/v1/leads/{lead_id}/finding").status_code == 404
    assert apply_arrived(web_runtime) == 0


def test_the_finder_is_told_what_came_of_it_and_its_photos_go_with_the_patch(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, desk = sign_in(post["login"]), sign_in("officer")
    (patch,) = rows(
        "SELECT patch_id, number FROM patch_overview WHERE starts_with(division_code, '410883')"
        " ORDER BY number LIMIT 1"
    )
    first, second, data = uuid4(), uuid4(), photo()
    lead_id = tell(officer, first, finding(post)).json()["lead_id"]
    other_lead = tell(officer, second, finding(post, category="other")).json()["lead_id"]
    evidence_id = uuid4()
    send(officer, first, evidence_id, data)
    attached = desk.post(f"/api/v1/leads/{lead_id}/attach", json={"patch_id": str(patch["patch_id"])})
    assert attached.status_code == 200, attached.text
    told = {row["finding_id"]: row for row in own(officer)}
    assert told[str(first)]["standing"]["zh"] == f"已并入图斑 {patch['number']}"
    of_patch = desk.get(f"/api/v1/patches/{patch['patch_id']}").json()["evidence"]
    assert [row["evidence_id"] for row in of_patch] == [str(evidence_id)], "evidence of the patch now"
    steps = desk.get(f"/api/v1/patches/{patch['patch_id']}/custody").json()
    assert str(evidence_id) in str(steps), "and what happened to it before stands in the custody of the case"
    dismissed = desk.post(f"/api/v1/leads/{other_lead}/dismiss", json={"reason_code": "not_land"})
    assert dismissed.status_code == 200, dismissed.text
    assert {row["finding_id"]: row for row in own(officer)}[str(second)]["standing"]["zh"] == "不属实"
    desk.post(f"/api/v1/leads/{lead_id}/undo")
    assert {row["finding_id"]: row for row in own(officer)}[str(first)]["standing"]["key"] == "waiting"
    assert desk.get(f"/api/v1/evidence/{evidence_id}").json()["patch_id"] is None


def test_a_finding_within_a_patch_joins_it_at_once(sign_in: SignIn, rows: Rows, post: dict[str, Any]) -> None:
    (patch,) = rows(
        "SELECT p.patch_id, p.number, ST_X(s) AS lon, ST_Y(s) AS lat FROM patch p,"
        " ST_PointOnSurface(p.geometry) s"
        " WHERE NOT EXISTS (SELECT FROM patch o WHERE o.patch_id <> p.patch_id"
        "  AND ST_DWithin(o.geometry::geography, p.geometry::geography, 300))"
        " AND p.area_m2 > 2000 ORDER BY p.area_m2 DESC LIMIT 1"
    )
    told = tell(sign_in(post["login"]), uuid4(), finding(patch)).json()
    assert told["patch_number"] == patch["number"]
    assert told["standing"]["key"] == "joined"


@pytest.mark.parametrize("order", ["finding first", "patrol first"])
def test_a_finding_counts_with_its_patrol_whatever_arrives_first(
    sign_in: SignIn, post: dict[str, Any], order: str
) -> None:
    officer, patrol_id = sign_in(post["login"]), uuid4()
    body = finding(post, patrol_id=str(patrol_id))
    if order == "finding first":
        assert tell(officer, uuid4(), body).status_code == 201
        assert put(officer, patrol_id, walk(post)).json()["findings"] == 1
    else:
        assert put(officer, patrol_id, walk(post)).json()["findings"] == 0
        assert tell(officer, uuid4(), body).status_code == 201
    tell(officer, uuid4(), finding(post, device_counter=8))
    days = {"first": "2026-09-01", "last": "2026-09-30"}
    (mine,) = officer.get("/api/v1/patrols", params=days).json()["items"]
    assert (mine["patrol_id"], mine["findings"]) == (str(patrol_id), 1)
    assert put(officer, patrol_id, walk(post)).json()["findings"] == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"category": "noise"}, "patrol.finding.unknown_category"),
        ({"accuracy_m": 5000.0}, "patrol.finding.place_too_poor"),
        ({"note": "很" * 501}, "patrol.finding.note_too_long"),
        ({"lonlat": [2.3, 48.9]}, "patrol.visit.coordinates_outside"),
    ],
)
def test_what_cannot_be_a_finding_is_refused_with_its_reason(
    sign_in: SignIn, post: dict[str, Any], changes: dict[str, object], code: str
) -> None:
    answer = tell(sign_in(post["login"]), uuid4(), finding(post, **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_place_moved_on_the_map_is_less_certain(sign_in: SignIn, post: dict[str, Any]) -> None:
    own_lonlat = [post["lon"] + 0.002, post["lat"]]
    told = tell(sign_in(post["login"]), uuid4(), finding(post, own_lonlat=own_lonlat)).json()
    assert told["radius_m"] == 30.0
    assert told["lonlat"] == pytest.approx([post["lon"], post["lat"]])


def test_only_what_was_found_first_is_credited_as_self_found(
    sign_in: SignIn, rows: Rows, post: dict[str, Any], web_runtime: Runtime, clock: SteppedClock
) -> None:
    """A lead that founds a patch credits the round; one that comes to a known patch does not."""
    clock.set(clock() + timedelta(hours=1))
    officer, desk = sign_in(post["login"]), sign_in("officer")
    (known,) = rows(
        "SELECT patch_id FROM patch_overview WHERE starts_with(division_code, '410883')"
        " ORDER BY number LIMIT 1"
    )
    late = tell(officer, uuid4(), finding(post)).json()["lead_id"]
    desk.post(f"/api/v1/leads/{late}/attach", json={"patch_id": str(known["patch_id"])})
    lon, lat = post["lon"], post["lat"]
    new = tell(officer, uuid4(), finding(post, device_counter=9)).json()["lead_id"]
    ring = [[lon, lat], [lon + 4e-4, lat], [lon + 4e-4, lat + 4e-4], [lon, lat + 4e-4], [lon, lat]]
    outline = {"type": "Polygon", "coordinates": [ring]}
    drawn = desk.post(f"/api/v1/leads/{new}/patch", json={"outline": outline, "before_on": "2026-09-01"})
    assert drawn.status_code in {200, 201}, drawn.text
    number = drawn.json()["number"]
    at = clock()
    rows(
        "UPDATE case_file SET state = 'closed', verdict_kind = 'unlawful', verdict_at = :at, closed_at = :at"
        " WHERE patch_id IN (SELECT patch_id FROM patch WHERE number = :number OR patch_id = :known)"
        " RETURNING 1",
        at=at,
        number=number,
        known=known["patch_id"],
    )
    with web_runtime.database.transaction(web_runtime.system) as session:
        rates = reports.indicators(
            session, web_runtime.system, period="2026-W37", now=at + timedelta(hours=3)
        )
    credit = rates["self_found_rate"]
    assert (credit.numerator, credit.denominator) == (1, 2)
    standing = {row["lead_id"]: row["standing"]["key"] for row in own(officer)}
    assert standing == {late: "settled", new: "settled"}


def test_nobody_adds_findings_to_anothers_patrol(sign_in: SignIn, rows: Rows, post: dict[str, Any]) -> None:
    officer, patrol_id = sign_in(post["login"]), uuid4()
    put(officer, patrol_id, walk(post))
    (other,) = rows(
        "SELECT a.login FROM post p JOIN account a ON a.account_id = p.holder_account_id WHERE p.tier = 4"
        " AND p.division_code <> :code AND p.kind = 'grid_officer' ORDER BY p.post_no LIMIT 1",
        code=post["division_code"],
    )
    assert tell(sign_in(other["login"]), uuid4(), finding(post, patrol_id=str(patrol_id))).status_code == 201
    assert put(officer, patrol_id, walk(post)).json()["findings"] == 0

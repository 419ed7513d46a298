"""Citizens' reports over HTTP: open doors, what each tier sees, and who reported stays sealed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
NAME, PHONE = "金丝雀李某", "1390000cafe"
PLACE = {"lon": "112.7515", "lat": "34.9515"}
SAID = {
    "division_code": "410883105000",
    "category": "building",
    "description": "村东头耕地上正在建厂房，已打地基。",
}


def photo() -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x013B] = NAME
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def report(client: TestClient, *, photos: int = 0, **said: str) -> Any:
    files = [("photos", (f"{number}.jpg", photo(), "image/jpeg")) for number in range(photos)]
    return client.post("/api/v1/public/reports", data=SAID | said, files=files or None)


def test_a_report_is_a_lead_and_tells_how_it_stands(sign_in: SignIn, rows: Rows) -> None:
    nobody, officer, reviewer = sign_in(), sign_in("officer"), sign_in("reviewer")
    form = nobody.get("/api/v1/public/report-form").json()
    assert {"410883105000", "410883000000"} <= {place["code"] for place in form["places"]}
    answer = report(nobody, photos=2, name=NAME, phone=PHONE, **PLACE)
    assert answer.status_code == 201, answer.text
    code = answer.json()["code"]
    assert len(code.replace("-", "")) == 16
    told = nobody.post("/api/v1/public/report-progress", json={"code": code.lower()}).json()
    assert (told["standing"], told["is_asked_back"]) == ("waiting", False)
    early = nobody.post("/api/v1/public/report-answer", json={"code": code, "satisfaction": 5})
    assert (early.status_code, early.json()["code"]) == (409, "patrol.citizen.not_finished")

    (seen,) = officer.get("/api/v1/citizen-reports").json()["items"]
    assert (seen["photos"], seen["is_blurred"]) == (2, False)
    assert seen["lonlat"] == pytest.approx([112.7515, 34.9515])
    where = f"/api/v1/citizen-reports/{seen['report_id']}"
    picture = officer.get(f"{where}/photos/1.jpg")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert NAME.encode() not in picture.content
    assert officer.get(f"{where}/photos/2.jpg").status_code == 404
    assert reviewer.get(f"{where}/photos/0.jpg").status_code == 403
    assert sign_in("stranger").get("/api/v1/citizen-reports").json()["items"] == []
    assert sign_in("stranger").get(f"{where}/photos/0.jpg").status_code == 404
    waiting = {row["lead_id"]: row for row in officer.get("/api/v1/leads/waiting").json()["items"]}
    assert waiting[seen["lead_id"]]["source"] == "public"
    assert waiting[seen["lead_id"]]["place"] == pytest.approx([112.7515, 34.9515])


def test_who_reported_is_told_for_a_reason_only_and_stands_nowhere_else(sign_in: SignIn, rows: Rows) -> None:
    officer = sign_in("officer")
    report(sign_in(), name=NAME, phone=PHONE, **PLACE)
    listed = officer.get("/api/v1/citizen-reports")
    (seen,) = listed.json()["items"]
    where = f"/api/v1/citizen-reports/{seen['report_id']}/reveal"
    refused = officer.post(where, json={"reason": "急"})
    assert (refused.status_code, refused.json()["code"]) == (422, "patrol.citizen.no_reason")
    assert sign_in("stranger").post(where, json={"reason": "办案需要联系举报人"}).status_code == 404
    assert sign_in("guard").post(where, json={"reason": "办案需要联系举报人"}).status_code == 403
    answer = officer.post(where, json={"reason": "核实现场位置，需要联系举报人"})
    assert answer.json() == {"name": NAME, "phone": PHONE}
    told = [row["text"] for row in rows("SELECT facts::text AS text FROM audit_entry")]
    assert any("核实现场位置" in text for text in told)
    for text in (listed.text, *told):
        assert NAME not in text
        assert PHONE not in text


def test_lower_tiers_learn_neither_the_place_nor_the_hour(sign_in: SignIn, rows: Rows) -> None:
    (login,) = {
        row["login"]
        for row in rows(
            "SELECT login FROM account WHERE role = 'station' AND starts_with(area_code, '410883105') LIMIT 1"
        )
    }
    (patch,) = rows(
        "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM patch_overview, ST_PointOnSurface(geometry) AS p"
        " WHERE starts_with(division_code, '410883105') ORDER BY number LIMIT 1"
    )
    report(sign_in(), lon=str(patch["lon"]), lat=str(patch["lat"]))
    middle = [round((value // 0.01 + 0.5) * 0.01, 6) for value in (patch["lon"], patch["lat"])]
    station = sign_in(login)
    (seen,) = station.get("/api/v1/citizen-reports").json()["items"]
    assert seen["is_blurred"]
    assert seen["lonlat"] == pytest.approx(middle)
    assert "T00:00:00" in seen["received_at"]
    leads = {row["lead_id"]: row for row in station.get("/api/v1/leads/waiting").json()["items"]}
    lead = leads[seen["lead_id"]]
    assert lead["place"] == pytest.approx(middle)
    assert lead["radius_m"] >= 700.0
    assert lead["suggested"], "there is a patch on the spot"
    assert all(each["distance_m"] % 500 == 0 for each in lead["suggested"])


def test_words_alone_wait_until_an_officer_says_where(sign_in: SignIn) -> None:
    nobody, officer = sign_in(), sign_in("officer")
    code = report(nobody).json()["code"]
    progress = "/api/v1/public/report-progress"
    assert nobody.post(progress, json={"code": code}).json()["standing"] == "received"
    (seen,) = officer.get("/api/v1/citizen-reports").json()["items"]
    assert seen["lonlat"] is None
    where = f"/api/v1/citizen-reports/{seen['report_id']}/place"
    placed = officer.post(where, json={"lonlat": [112.7515, 34.9515], "radius_m": 80})
    assert placed.json()["standing"] == "waiting"
    assert officer.post(where, json={"lonlat": [112.7515, 34.9515]}).status_code == 409
    assert nobody.post(progress, json={"code": code}).json()["standing"] == "waiting"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"description": "短"}, 422, "patrol.citizen.bad_text"),
        ({"category": "noise"}, 422, "patrol.citizen.unknown_category"),
        ({"lon": "112.75"}, 422, "patrol.citizen.half_place"),
        ({"lon": "2.35", "lat": "48.85"}, 422, "patrol.citizen.bad_place"),
        ({"division_code": "110000000000"}, 422, "foundation.division.unknown"),
        ({"surprise": "1"}, 422, "webmap.request.invalid_field"),
    ],
)
def test_what_cannot_be_is_refused(
    sign_in: SignIn, rows: Rows, said: dict[str, str], status: int, code: str
) -> None:
    answer = report(sign_in(), **said)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert rows("SELECT 1 FROM citizen_report") == []


def test_pictures_that_are_none_and_too_many_are_refused(sign_in: SignIn, rows: Rows) -> None:
    nobody = sign_in()
    assert report(nobody, photos=7).json()["code"] == "patrol.citizen.too_many_photos"
    bad = nobody.post("/api/v1/public/reports", data=SAID, files=[("photos", ("a.jpg", b"MZ" * 50))])
    assert bad.json()["code"] == "patrol.citizen.bad_photo"
    assert rows("SELECT 1 FROM citizen_report") == []


def test_one_address_knocks_so_often_only(sign_in: SignIn) -> None:
    nobody = sign_in()
    codes = [report(nobody).status_code for _ in range(11)]
    assert codes == [201] * 10 + [429]
    late = report(nobody)
    assert late.json()["code"] == "webmap.request.too_many"
    assert "12336" in late.json()["detail"]
    assert nobody.post("/api/v1/public/report-progress", json={"code": "A" * 16}).status_code == 404


def test_another_sites_page_cannot_report_for_somebody(sign_in: SignIn) -> None:
    nobody = sign_in()
    nobody.headers["Origin"] = "https://elsewhere.invalid"
    assert report(nobody).json()["code"] == "webmap.request.foreign_origin"


SITE = [
    [112.7512, 34.9512],
    [112.7519, 34.9512],
    [112.7519, 34.9518],
    [112.7512, 34.9518],
    [112.7512, 34.9512],
]


def drawing(ring: list[list[float]]) -> dict[str, Any]:
    return {"outline": {"type": "Polygon", "coordinates": [ring]}}


def test_an_officer_draws_what_was_reported_and_a_case_begins(sign_in: SignIn, rows: Rows) -> None:
    nobody, officer = sign_in(), sign_in("officer")
    code = report(nobody, **PLACE).json()["code"]
    (seen,) = officer.get("/api/v1/citizen-reports").json()["items"]
    where = f"/api/v1/leads/{seen['lead_id']}/patch"
    assert sign_in("stranger").post(where, json=drawing(SITE)).status_code == 404
    far = [[lon + 0.1, lat] for lon, lat in SITE]
    assert officer.post(where, json=drawing(far)).json()["code"] == "detection.lead.drawn_elsewhere"
    crossed = [SITE[0], SITE[2], SITE[1], SITE[3], SITE[0]]
    assert officer.post(where, json=drawing(crossed)).json()["code"] == "detection.lead.bad_drawing"
    late = officer.post(where, json=drawing(SITE) | {"before_on": "2031-01-01"})
    assert (late.status_code, late.json()["code"]) == (422, "detection.lead.bad_before")
    answer = officer.post(where, json=drawing(SITE) | {"before_on": "2026-04-08"})
    assert answer.status_code == 200, answer.text
    number = answer.json()["number"]
    (patch,) = [
        row
        for row in officer.get("/api/v1/patches", params={"limit": 200}).json()["items"]
        if row["number"] == number
    ]
    assert patch["state"] in {"new", "suspect"}
    assert 4_000 < patch["area_m2"] < 4_500
    detail = officer.get(f"/api/v1/patches/{patch['patch_id']}").json()
    assert {lead["source"] for lead in detail["leads"]} == {"public"}
    assert detail["before_at"].startswith("2026-04-08")
    assert len(detail["leads"]) == 2
    assert nobody.post("/api/v1/public/report-progress", json={"code": code}).json()["standing"] == "working"
    assert officer.post(where, json=drawing(SITE)).json()["code"] == "detection.lead.not_waiting"
    chain = rows("SELECT action FROM audit_entry WHERE action = 'detection.lead.drawn'")
    assert len(chain) == 1


def test_what_was_drawn_of_one_moment_can_be_corrected(sign_in: SignIn) -> None:
    nobody, officer, city = sign_in(), sign_in("officer"), sign_in("city")
    report(nobody, **PLACE)
    (seen,) = officer.get("/api/v1/citizen-reports").json()["items"]
    number = officer.post(f"/api/v1/leads/{seen['lead_id']}/patch", json=drawing(SITE)).json()["number"]
    rows = officer.get("/api/v1/patches", params={"limit": 200}).json()["items"]
    patch_id = next(row["patch_id"] for row in rows if row["number"] == number)
    before = officer.get(f"/api/v1/patches/{patch_id}").json()
    raised = officer.post(
        f"/api/v1/patches/{patch_id}/objections",
        json={"kind": "geometry", "reason_code": "outline_wrong", "note": "东侧为原有建筑"},
        headers={"If-Match": f'"{before["version"]}"'},
    )
    assert raised.status_code in {200, 201}, raised.text
    objection = raised.json()
    half = [[min(lon, 112.7515), lat] for lon, lat in SITE]
    decided = city.post(
        f"/api/v1/objections/{objection['objection_id']}/decision",
        json={"upheld": True, "remedy": "corrected", "reason_code": "evidence_holds"} | drawing(half),
        headers={"If-Match": f'"{objection["version"]}"'},
    )
    assert decided.status_code == 200, decided.text
    after = officer.get(f"/api/v1/patches/{patch_id}").json()
    assert after["area_m2"] == pytest.approx(before["area_m2"] * 3 / 7, rel=1e-3)
    assert (after["before_at"], after["after_at"]) == (before["before_at"], before["after_at"])

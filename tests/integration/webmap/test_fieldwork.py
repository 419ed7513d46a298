"""The phone's side: sign, visit, photograph, each exactly once, whatever the network does."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from starlette.testclient import TestClient

from foundation.runtime import Runtime

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]


def photo(colour: str = "green") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(buffer, "JPEG")
    return buffer.getvalue()


class Task:
    """A patch handed down to the grid officer, who has signed."""

    def __init__(self, sign_in: SignIn, rows: Rows) -> None:
        officer = sign_in("officer")
        self.patch = officer.get("/api/v1/patches?state=suspect&limit=1").json()["items"][0]
        where = f"/api/v1/patches/{self.patch['patch_id']}"
        version = {"If-Match": f'"{self.patch["version"]}"'}
        detail = officer.post(f"{where}/dispatch", json={}, headers=version).json()
        self.clients: dict[str, TestClient] = {}
        self.chain: list[str] = []
        while True:
            open_ones = [a for a in detail["assignments"] if a["status"] == "sent"]
            assert len(open_ones) == 1
            self.assignment = open_ones[0]
            login = str(
                rows(
                    "SELECT login FROM assignment JOIN account ON account_id = holder_account_id"
                    " WHERE assignment_id = :id",
                    id=self.assignment["assignment_id"],
                )[0]["login"]
            )
            self.chain.append(login)
            self.client = self.clients.setdefault(login, sign_in(login))
            if self.assignment["kind"] == "verify":
                break
            assert self.act("forward", {}).status_code == 200
            detail = officer.get(where).json()
        self.visit_id = str(uuid4())

    def act(self, verb: str, body: object) -> Any:
        return self.client.post(f"/api/v1/assignments/{self.assignment['assignment_id']}/{verb}", json=body)

    def body(self, **changes: object) -> dict[str, object]:
        lon, lat = self.patch["label_point"]
        return {
            "assignment_id": self.assignment["assignment_id"],
            "device_time": "2026-09-08T13:58:00+08:00",
            "device_counter": 7,
            "lonlat": [lon + 0.0002, lat],
            "accuracy_m": 6.5,
            "coord_source": "wgs84",
            "finding": "built",
            "use_text": "养殖棚",
            "party_text": "某某",
            "is_stopped": False,
            "note": "现场与影像一致。",
            **changes,
        }

    def visit(self, **changes: object) -> Any:
        return self.client.put(f"/api/v1/visits/{self.visit_id}", json=self.body(**changes))

    def send(self, data: bytes | Iterator[bytes], evidence_id: str | None = None, **headers: str) -> Any:
        said = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else "0" * 64
        known = {
            "Content-Type": "image/jpeg",
            "X-Content-SHA256": said,
            "X-Captured-At": "2026-09-08T13:59:00+08:00",
            "X-Lon": str(self.patch["label_point"][0]),
            "X-Lat": str(self.patch["label_point"][1]),
            "X-Accuracy-M": "6",
            "X-Bearing-Deg": "315",
            "X-Coord-Source": "wgs84",
            "X-From-Gallery": "false",
        }
        sent = known | {name.replace("_", "-"): value for name, value in headers.items()}
        where = f"/api/v1/visits/{self.visit_id}/evidence/{evidence_id or uuid4()}"
        return self.client.put(where, content=data, headers=sent)


@pytest.fixture
def task(sign_in: SignIn, rows: Rows) -> Task:
    return Task(sign_in, rows)


def test_a_task_goes_down_the_tiers_to_the_field(task: Task) -> None:
    assert len(task.chain) >= 3
    mine = task.client.get("/api/v1/assignments?mine=true&status=open").json()
    assert [row["assignment_id"] for row in mine["items"]] == [task.assignment["assignment_id"]]
    assert mine["items"][0]["patch_number"] == task.patch["number"]
    signed = task.act("sign", None).json()
    assert (signed["status"], signed["status_name"]) == ("signed", "已签收")
    assert task.act("sign", None).status_code == 200
    first = task.clients[task.chain[0]]
    refused = first.post(f"/api/v1/assignments/{task.assignment['assignment_id']}/sign")
    assert (refused.status_code, refused.json()["code"]) == (403, "patrol.assignment.not_yours")


def test_a_task_comes_back_with_a_reason(task: Task) -> None:
    assert task.act("return", {}).json()["facts"]["field"] == "reason_code"
    assert task.act("return", {"reason_code": "odd"}).status_code == 422
    back = task.act("return", {"reason_code": "wrong_grid"})
    assert (back.status_code, back.json()["status_name"]) == (200, "已退回")


def test_a_visit_is_recorded_once_however_often_it_is_sent(task: Task, rows: Rows) -> None:
    task.act("sign", None)
    first, again = task.visit(), task.visit()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert 0 <= first.json()["distance_m"] < 100
    other = task.visit(note="另一份")
    assert (other.status_code, other.json()["code"]) == (409, "patrol.visit.other_body")
    assert rows("SELECT count(*) AS n FROM visit") == [{"n": 1}]
    detail = task.client.get(f"/api/v1/patches/{task.patch['patch_id']}").json()
    assert (detail["state"], detail["internal_state"]) == ("review", "to_judge")
    assert detail["visits"][0]["finding_name"] == "已建成"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lonlat": None}, "lonlat"),
        ({"lonlat": [112.7]}, "lonlat"),
        ({"device_time": "2026-09-08T13:58:00"}, "device_time"),
        ({"coord_source": "mars"}, "coord_source"),
        ({"finding": "maybe"}, "finding"),
        ({"accuracy_m": -1}, "accuracy_m"),
    ],
)
def test_a_visit_that_cannot_be_is_refused_by_field(
    task: Task, change: dict[str, object], field: str
) -> None:
    answer = task.visit(**change)
    assert answer.status_code == 422
    assert answer.json()["facts"]["field"].startswith(field)
    assert not answer.json()["facts"]["reason"].startswith("Input")


def test_a_photo_is_kept_with_its_custody_and_handed_out_unchanged(
    task: Task, sign_in: SignIn, rows: Rows
) -> None:
    data, evidence_id = photo(), str(uuid4())
    task.visit()
    first, again = task.send(data, evidence_id), task.send(data, evidence_id)
    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
    assert first.json()["flags"] == []
    assert task.send(photo("red"), evidence_id).json()["code"] == "patrol.evidence.other_body"
    officer = sign_in("officer")
    (shown,) = officer.get(f"/api/v1/patches/{task.patch['patch_id']}").json()["evidence"]
    assert (shown["hash_ok"], shown["bearing_deg"]) == (True, 315.0)
    answer = officer.get(shown["url"].replace("/file", "/original"))
    assert (answer.content, answer.headers["content-type"]) == (data, "image/jpeg")
    views = rows("SELECT actor_name FROM audit_entry WHERE action = 'patrol.evidence.viewed'")
    assert views == [{"actor_name": "周某"}]
    assert sign_in("stranger").get(shown["url"]).status_code == 404
    copy = officer.get(shown["url"])
    assert copy.content != data
    assert officer.get(shown["url"], headers={"If-None-Match": copy.headers["ETag"]}).status_code == 304


def test_a_damaged_lying_or_oversized_upload_leaves_nothing(task: Task, rows: Rows) -> None:
    task.visit()
    cases = {
        "patrol.evidence.hash_mismatch": (422, task.send(photo(), X_Content_SHA256="0" * 64)),
        "patrol.evidence.not_that_type": (422, task.send(b"#!/bin/sh\n" * 9)),
        "patrol.evidence.unknown_type": (422, task.send(photo(), Content_Type="text/html")),
        "webmap.upload.empty": (422, task.send(b"")),
        "webmap.request.too_large": (413, task.send(photo() + b"0" * (2 << 20))),
        "webmap.request.invalid_field": (422, task.send(photo(), X_Captured_At="yesterday")),
    }
    for code, (status, answer) in cases.items():
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    endless = task.send(iter([b"\xff\xd8\xff", *([b"0" * (1 << 20)] * 3)]))
    assert (endless.status_code, endless.json()["code"]) == (413, "webmap.request.too_large")
    assert rows("SELECT count(*) AS n FROM evidence") == [{"n": 0}]


def test_uploads_stop_before_the_disk_is_full_and_reading_goes_on(
    task: Task, web_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.visit()
    monkeypatch.setattr(web_runtime.blobs, "_low_water", 1 << 60)
    answer = task.send(photo())
    assert (answer.status_code, answer.json()["code"]) == (507, "foundation.blobs.disk_full")
    assert str(web_runtime.settings.data_dir) not in answer.text
    assert task.client.get("/api/v1/patches").status_code == 200

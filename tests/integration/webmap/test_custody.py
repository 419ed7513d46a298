"""Evidence over the API: out of order, twice under one id, reviewed, handed out, bundled; within its area."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import ExifTags, Image
from starlette.testclient import TestClient

from foundation.calendar import SHANGHAI
from patrol.custody.archive import COMMANDS

from .test_fieldwork import Task

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]


def photo(maker: str = "HUAWEI") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = maker
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:09:08 13:59:00"
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture
def task(sign_in: SignIn, rows: Rows) -> Task:
    return Task(sign_in, rows)


def test_a_photo_may_come_before_its_visit(task: Task, sign_in: SignIn) -> None:
    data, evidence_id = photo(), str(uuid4())
    early = task.send(data, evidence_id)
    assert (early.status_code, early.json()["status"]) == (202, "held")
    (held,) = task.client.get("/api/v1/evidence/held").json()["items"]
    assert (held["reason"], held["submission_id"]) == ("no_parent", evidence_id)
    assert sign_in("stranger").get("/api/v1/evidence/held").json()["items"] == []
    assert task.client.get(f"/api/v1/evidence/{evidence_id}").status_code == 404
    task.visit()
    again = task.send(data, evidence_id)
    assert (again.status_code, again.json()["status"], again.json()["flags"]) == (200, "recorded", [])
    assert task.client.get("/api/v1/evidence/held").json()["items"] == []


def test_a_second_body_is_refused_and_kept(task: Task, sign_in: SignIn) -> None:
    evidence_id = str(uuid4())
    task.visit()
    task.send(photo(), evidence_id)
    second = photo("OPPO")
    refused = task.send(second, evidence_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "patrol.evidence.other_body")
    assert task.visit(note="另一份").status_code == 409
    officer = sign_in("officer")
    held = officer.get("/api/v1/evidence/held").json()["items"]
    assert {(row["kind"], row["reason"]) for row in held} == {
        ("evidence", "other_body"),
        ("visit", "other_body"),
    }
    (photo_row,) = (row for row in held if row["kind"] == "evidence")
    assert photo_row["sha256"] == hashlib.sha256(second).hexdigest()
    where = f"/api/v1/evidence/held/{photo_row['held_id']}/settle"
    body = {"outcome": "second_noted", "note": "两份均为现场照片。"}
    assert sign_in("stranger").post(where, json=body).status_code == 404
    assert task.client.post(where, json=body).status_code == 403
    assert officer.post(where, json=body).json()["settled_by"] == "周某"
    assert officer.post(where, json=body).json()["code"] == "patrol.held.settled"


def test_what_is_shown_carries_no_exif_and_the_original_needs_a_right(task: Task, sign_in: SignIn) -> None:
    data, evidence_id = photo(), str(uuid4())
    task.visit()
    task.send(data, evidence_id)
    where = f"/api/v1/evidence/{evidence_id}"
    copy = task.client.get(f"{where}/file")
    assert copy.status_code == 200
    assert b"HUAWEI" not in copy.content
    assert task.client.get(f"{where}/original").status_code == 403
    officer = sign_in("officer")
    assert officer.get(f"{where}/original").content == data
    assert sign_in("stranger").get(f"{where}/original").status_code == 404
    assert sign_in("stranger").get(where).status_code == 404
    assert officer.post(f"{where}/printed", json={"paper": "图斑核查表"}).status_code == 200
    detail = officer.get(where).json()
    assert [step["step"] for step in detail["custody"]] == [
        "captured", "received", "stored", "viewed", "viewed", "printed",
    ]  # fmt: skip
    assert detail["custody"][3]["sha256"] == hashlib.sha256(copy.content).hexdigest()
    assert detail["original_url"] == f"{where}/original"
    assert task.client.get(where).json()["original_url"] is None
    assert 0.8 < detail["plausibility"] < 1
    assert {finding["check"]: finding["factor"] for finding in detail["findings"]}["nonce"] == 0.75
    english = sign_in("officer", language="en").get(where).json()
    assert "No capture number was stated." in [finding["text"] for finding in english["findings"]]


def test_two_people_review(task: Task, sign_in: SignIn) -> None:
    evidence_id = str(uuid4())
    task.visit()
    task.send(photo(), evidence_id)
    where = f"/api/v1/evidence/{evidence_id}/review"
    officer, reviewer = sign_in("officer"), sign_in("reviewer")
    technical, legal = ({"aspect": aspect, "outcome": "accepted"} for aspect in ("technical", "legal"))
    assert officer.post(where, json=legal).status_code == 403
    assert officer.post(where, json=technical).json()["is_reviewed"] is False
    assert reviewer.post(where, json=legal).json()["is_reviewed"] is True
    refused = officer.post(where, json=technical | {"outcome": "rejected"})
    assert refused.json()["code"] == "patrol.evidence.review_needs_note"
    (shown,) = officer.get(f"/api/v1/patches/{task.patch['patch_id']}").json()["evidence"]
    assert shown["is_reviewed"] is True


def test_papers_come_in_at_the_office(task: Task, sign_in: SignIn) -> None:
    data = b"%PDF-1.4 statement"
    where = f"/api/v1/patches/{task.patch['patch_id']}/evidence/{uuid4()}"
    headers = {
        "Content-Type": "application/pdf",
        "X-Content-SHA256": hashlib.sha256(data).hexdigest(),
        "X-Captured-At": "2026-09-08T13:00:00+08:00",
        "X-Evidence-Kind": "statement",
        "X-Title": "%E8%AF%A2%E9%97%AE%E7%AC%94%E5%BD%95",
    }
    officer = sign_in("officer")
    assert sign_in("stranger").put(where, content=data, headers=headers).status_code == 404
    first, again = (officer.put(where, content=data, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
    (shown,) = officer.get(f"/api/v1/patches/{task.patch['patch_id']}").json()["evidence"]
    assert (shown["kind_name"], shown["title"], shown["visit_id"]) == ("询问笔录", "询问笔录", None)
    wrong = officer.put(
        f"/api/v1/patches/{task.patch['patch_id']}/evidence/{uuid4()}",
        content=data,
        headers=headers | {"X-Evidence-Kind": "photo"},
    )
    assert wrong.json()["code"] == "patrol.evidence.unknown_kind"


def test_a_capture_number_is_given_and_counts(task: Task) -> None:
    now = datetime(2026, 9, 8, 14, 0, tzinfo=SHANGHAI)
    issued = task.client.post("/api/v1/capture-nonces", json={"device_time": now.isoformat()})
    assert issued.status_code == 201
    assert abs(issued.json()["skew_s"]) < 60
    task.visit()
    captured = issued.json()["issued_at"]
    sent = task.send(photo(), X_Capture_Nonce=issued.json()["nonce"], X_Captured_At=captured)
    assert sent.json()["plausibility"] == 1.0


def test_a_bundle_is_handed_out_within_the_area_and_entered(
    task: Task, sign_in: SignIn, rows: Rows, tmp_path: Path
) -> None:
    task.visit()
    task.send(photo())
    where = f"/api/v1/patches/{task.patch['patch_id']}/evidence-bundle.zip"
    officer = sign_in("officer")
    for login, status in (("stranger", 404), ("manager", 403)):
        assert sign_in(login).get(where).status_code == status
    assert task.client.get(where).status_code == 403
    answer = officer.get(where)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="evidence-410883-')
    digest = hashlib.sha256(answer.content).hexdigest()
    assert answer.headers["X-Content-SHA256"] == digest
    entered = rows(
        "SELECT actor_name FROM custody_event WHERE step = 'exported' AND sha256 = :sha", sha=digest
    )
    assert entered == [{"actor_name": "周某"}]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    for command in COMMANDS:
        assert subprocess.run(command.split(), cwd=tmp_path, capture_output=True).returncode == 0
    assert {"before.jpg", "after.jpg"} == {file.name for file in (tmp_path / "chips").iterdir()}
    told = (tmp_path / "judgement" / "说明.txt").read_text("utf-8")
    assert "逐字节一致" in told
    result = json.loads((tmp_path / "judgement" / "result.json").read_text("utf-8"))
    shown = officer.get(f"/api/v1/patches/{task.patch['patch_id']}").json()
    assert result["suggestion"] == shown["judgement"]["suggestion"]
    case = json.loads((tmp_path / "case.json").read_text("utf-8"))
    assert case["patch"]["area_m2"] == shown["area_m2"]
    names = [[entry["action_name"] for entry in told["timeline"]] for told in (case, shown)]
    assert names[0] == names[1]
    steps = officer.get(f"/api/v1/patches/{task.patch['patch_id']}/custody").json()["items"]
    assert [step["step"] for step in steps] == ["captured", "received", "stored", "exported", "exported"]


def test_the_head_of_the_chain_is_for_the_audit_administrator(sign_in: SignIn) -> None:
    assert sign_in("officer").get("/api/v1/audit/head").status_code == 403

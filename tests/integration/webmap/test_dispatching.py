"""The desk's page of dispatching over HTTP: corrections, the queue, a changed policy tried."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from PIL import Image
from starlette.testclient import TestClient

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
OFFICER = """
    SELECT a.assignment_id, u.login FROM assignment a JOIN account u ON u.account_id = a.holder_account_id
    WHERE a.patch_id = :id AND a.status = 'sent'
"""
OTHER = """
    SELECT o.post_id FROM post o JOIN post p ON p.post_id = :post AND p.division_code = o.division_code
    WHERE o.kind = 'grid_officer' AND o.post_id <> p.post_id AND o.holder_name <> '' LIMIT 1
"""


NAME_HELPER = """
    WITH named AS (
        INSERT INTO dispatch_helper (helper_id, patch_id, division_code, helper_division_code, post_id,
            lead_post_id, cell_code, share, patch_number, outline, named_at)
        SELECT gen_random_uuid(), x.patch_id, x.division_code, h.division_code, h.post_id, l.post_id, 'C',
               0.4, x.number, x.geometry, '2026-09-08T12:00+08'
        FROM patch x JOIN post h ON h.kind = 'grid_officer' AND h.tier = 4
             AND h.division_code <> x.division_code AND h.holder_account_id IS NOT NULL
        JOIN post l ON l.division_code = x.division_code AND l.kind = 'grid_officer'
        WHERE x.patch_id = :id ORDER BY h.post_no, l.post_no LIMIT 1 RETURNING helper_id, post_id
    ) SELECT n.helper_id, a.login, a.name FROM named n JOIN post p USING (post_id)
    JOIN account a ON a.account_id = p.holder_account_id
"""


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), "green").save(buffer, "JPEG")
    return buffer.getvalue()


def _dispatch(county: TestClient, **body: object) -> list[dict[str, Any]]:
    patches = county.get("/api/v1/patches?state=suspect&limit=5").json()["items"]
    for patch in patches:
        answer = county.post(
            f"/api/v1/patches/{patch['patch_id']}/dispatch",
            json=body,
            headers={"If-Match": f'"{patch["version"]}"'},
        )
        assert answer.status_code == 200, answer.text
    return patches  # type: ignore[no-any-return]


def test_a_changed_policy_is_tried_on_a_month(sign_in: SignIn) -> None:
    county = sign_in("officer")
    patches = _dispatch(county)
    text = county.get("/api/v1/dispatch-rules").json()["text"]
    same = county.post("/api/v1/dispatch-rules/preview?month=2026-09", json={"text": text}).json()
    assert (same["changes"], same["moved"], same["dispatches"]) == ([], [], len(patches))
    assert same["sent"] == [len(patches)] * 2
    assert len(patches) == sum(person["sent"][1] for person in same["persons"]) + same["to_others"][1]

    tight = text.replace("\nday = 20", "\nday = 2").replace("\nweek = 60", "\nweek = 3")
    found = county.post("/api/v1/dispatch-rules/preview?month=2026-09", json={"text": tight}).json()
    assert [change["key"] for change in found["changes"]] == ["day", "week"]
    assert found["sent"][0] == same["sent"][0]
    assert f"将派出 {found['sent'][1]} 件给 {found['people'][1]} 人" in found["sentence_zh"]

    wrong = county.post("/api/v1/dispatch-rules/preview", json={"text": text.replace("gap = 8", "gap = 0")})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "patrol.dispatch.bad_policy")
    assert "balance.gap" in wrong.json()["detail"]
    assert sign_in("wgy410800000000").get("/api/v1/dispatch-rules").status_code == 403


def test_the_queue_and_the_corrections_are_the_desks(sign_in: SignIn, rows: Rows) -> None:
    county = sign_in("officer")
    queue = county.get("/api/v1/dispatch-queue").json()
    assert (queue["items"], queue["day"], queue["week"]) == ([], 20, 60)
    patch = county.get("/api/v1/patches?state=suspect&limit=1").json()["items"][0]
    where = f"/api/v1/dispatch-queue/{patch['patch_id']}/release"
    refused = county.post(where, json={}, headers={"If-Match": f'"{patch["version"]}"'})
    assert (refused.status_code, refused.json()["code"]) == (409, "patrol.dispatch.not_queued")
    assert county.post(where, json={}).status_code == 428

    (first,) = rows(
        "SELECT p.post_id, a.login FROM post p JOIN account a ON a.account_id = p.holder_account_id"
        " JOIN patch USING (division_code) WHERE p.kind = 'grid_officer' AND patch_id = :id LIMIT 1",
        id=patch["patch_id"],
    )
    others = rows(OTHER, post=first["post_id"])
    sent = county.post(
        f"/api/v1/patches/{patch['patch_id']}/dispatch",
        json={"post_id": str(first["post_id"])},
        headers={"If-Match": f'"{patch["version"]}"'},
    )
    assert sent.status_code == 200, sent.text
    (task,) = rows(OFFICER, id=patch["patch_id"])
    back = sign_in(str(first["login"])).post(
        f"/api/v1/assignments/{task['assignment_id']}/return", json={"reason_code": "wrong_grid"}
    )
    assert back.status_code == 200, back.text
    if not others:
        return
    version = county.get(f"/api/v1/patches/{patch['patch_id']}").json()["version"]
    again = county.post(
        f"/api/v1/patches/{patch['patch_id']}/dispatch",
        json={"post_id": str(others[0]["post_id"]), "note": "归邻格管护"},
        headers={"If-Match": f'"{version}"'},
    )
    assert again.status_code == 200, again.text
    (correction,) = county.get("/api/v1/dispatch-corrections").json()
    assert (correction["why"], correction["revoked_at"]) == ("归邻格管护", None)
    revoke = f"/api/v1/dispatch-corrections/{correction['correction_id']}/revoke"
    assert county.post(revoke, json={"reason": " "}).status_code == 422
    assert county.post(revoke, json={"reason": "调整网格"}).status_code == 204
    assert county.get("/api/v1/dispatch-corrections").json() == []
    (kept,) = county.get("/api/v1/dispatch-corrections?revoked=true").json()
    assert kept["revoked_reason"] == "调整网格"


def test_a_helper_of_another_village_sees_the_patch_and_adds_to_its_evidence(
    sign_in: SignIn, rows: Rows
) -> None:
    desk = sign_in("officer")
    patch = desk.get("/api/v1/patches?state=suspect&limit=1").json()["items"][0]
    (named,) = rows(NAME_HELPER, id=patch["patch_id"])
    officer = sign_in(str(named["login"]))
    assert officer.get(f"/api/v1/patches/{patch['patch_id']}").status_code == 404
    (view,) = officer.get("/api/v1/helps").json()
    assert (view["helper_id"], view["patch_number"]) == (str(named["helper_id"]), patch["number"])
    assert view["outline"]["type"] == "MultiPolygon"
    assert [row["helper_id"] for row in desk.get("/api/v1/dispatch-helps").json()] == [view["helper_id"]]
    told = desk.get(f"/api/v1/patches/{patch['patch_id']}/case").json()["help"]
    assert (told["helper_id"], told["helper_title"]) == (view["helper_id"], view["helper_title"])

    data = photo()
    headers = {
        "Content-Type": "image/jpeg",
        "X-Content-SHA256": hashlib.sha256(data).hexdigest(),
        "X-Captured-At": "2026-09-08T13:30:00+08:00",
    }
    where = f"/api/v1/helps/{named['helper_id']}/evidence/{uuid4()}"
    answers = [officer.put(where, content=data, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200], answers[0].text
    (shown,) = desk.get(f"/api/v1/patches/{patch['patch_id']}").json()["evidence"]
    assert shown["evidence_id"] in where
    (kept,) = rows("SELECT by_name, division_code FROM evidence")
    assert (kept["by_name"], kept["division_code"]) == (named["name"], patch["division_code"])

    # Somebody else's help is not to be had, nor one that has ended, nor anything else of that patch.
    beside = f"/api/v1/patches/{patch['patch_id']}/evidence/{uuid4()}"
    assert officer.put(beside, content=data, headers=headers).status_code in {403, 404}
    (other,) = rows(
        "SELECT a.login FROM account a JOIN post p ON p.holder_account_id = a.account_id"
        " WHERE p.kind = 'grid_officer' AND a.login <> :login LIMIT 1",
        login=named["login"],
    )
    elsewhere = where[: where.rindex("/")] + f"/{uuid4()}"
    refused = sign_in(str(other["login"])).put(elsewhere, content=data, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (404, "patrol.helper.not_found")
    rows("UPDATE dispatch_helper SET ended_at = named_at RETURNING helper_id")
    late = officer.put(elsewhere, content=data, headers=headers)
    assert (late.status_code, late.json()["code"]) == (404, "patrol.helper.not_found")

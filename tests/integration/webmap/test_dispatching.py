"""The desk's page of dispatching over HTTP: corrections, the queue, a changed policy tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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

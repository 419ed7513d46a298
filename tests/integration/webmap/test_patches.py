"""The patch table, the drawer, and writes under a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from foundation.clock import SteppedClock
from foundation.runtime import Runtime

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]
VERDICT = {
    "kind": "unlawful",
    "violation_code": "L04",
    "reason_code": "evidence_clear",
    "note": "占用耕地建设。",
}


def pages(client: TestClient, limit: int, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {**query, "limit": limit, **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/v1/patches", params=params).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            assert page["total"] == len(found)
            return found


def suspect(client: TestClient) -> dict[str, Any]:
    query = {"state": "suspect", "limit": 1, "sort": "number"}
    item: dict[str, Any] = client.get("/api/v1/patches", params=query).json()["items"][0]
    return item


def post(client: TestClient, patch: dict[str, Any], verb: str, body: object, version: int | None = None):  # type: ignore[no-untyped-def]
    headers = {"If-Match": f'"{patch["version"] if version is None else version}"'}
    return client.post(f"/api/v1/patches/{patch['patch_id']}/{verb}", json=body, headers=headers)


@pytest.mark.parametrize(
    "sort",
    ["-severity", "severity", "number", "-number", "-area_m2", "-basic_farmland_m2", "due_at", "-updated_at"],
)
def test_pages_of_every_order_neither_skip_nor_repeat(sign_in: SignIn, rows: Rows, sort: str) -> None:
    client = sign_in("officer")
    found = pages(client, 4, sort=sort)
    everything = {str(row["number"]) for row in rows("SELECT number FROM patch")}
    assert len(found) == len(everything) > 8
    assert {row["number"] for row in found} == everything
    key = sort.lstrip("-")
    values = [row[key] for row in found]
    assert values == sorted(values, reverse=sort.startswith("-"))


def test_filters_agree_with_counts(sign_in: SignIn) -> None:
    client = sign_in("officer")
    everything = pages(client, 500)
    counts = client.get("/api/v1/patches/counts").json()
    assert counts["total"] == len(everything)
    for state, count in counts["by_state"].items():
        assert count == sum(row["state"] == state for row in everything)
        assert len(pages(client, 500, state=state)) == count
    west, south, east, north = everything[0]["bbox"]
    near = pages(client, 500, bbox=f"{west},{south},{east},{north}")
    assert everything[0]["number"] in {row["number"] for row in near}
    assert len(near) < len(everything)
    assert {row["severity"] for row in pages(client, 500, severity_min=3)} <= {3, 4}
    number = everything[0]["number"]
    assert [row["number"] for row in pages(client, 5, q=number)] == [number]
    assert client.get("/api/v1/patches/counts", params={"q": number}).json()["total"] == 1


def test_the_drawer_says_why(sign_in: SignIn) -> None:
    client = sign_in("officer")
    row = suspect(client)
    answer = client.get(f"/api/v1/patches/{row['patch_id']}")
    detail = answer.json()
    assert answer.headers["ETag"] == f'"{row["version"]}"'
    assert {key: detail[key] for key in row} == row
    assert detail["outline"]["type"] == "MultiPolygon"
    assert detail["before_at"] == "2026-04-08T11:12:00+08:00"
    assert detail["judgement"]["sentences"][0]["text"]
    assert detail["judgement"]["legal_basis"][0]["statute"].startswith("中华人民共和国")
    assert {"永久基本农田", "宗地"} <= {layer["name"] for layer in detail["judgement"]["layer_versions"]}
    assert {entry["key"] for entry in detail["overlay"]} >= {"ecological_redline", "construction_approval"}
    land = sum(entry["area_m2"] for entry in detail["overlay"] if entry["kind"] == "land")
    assert land == pytest.approx(detail["area_m2"], rel=0.01)
    assert detail["leads"][0]["source_name"] == "卫星遥感"
    assert detail["leads"][0]["method"]
    assert {"judge_unlawful", "dispatch"} <= {action["action"] for action in detail["actions"]}
    scenes = {scene["scene_id"] for scene in client.get("/api/v1/scenes").json()["items"]}
    assert {detail["before_scene_id"], detail["after_scene_id"]} == scenes
    for moment in ("before", "after"):
        chip = client.get(f"/api/v1/patches/{row['patch_id']}/chips/{moment}.jpg")
        assert (chip.status_code, chip.headers["content-type"]) == (200, "image/jpeg")
        assert chip.content[:3] == b"\xff\xd8\xff"
        again = client.get(chip.url.path, headers={"If-None-Match": chip.headers["ETag"]})
        assert again.status_code == 304


def test_writes_need_the_version_that_is_there(sign_in: SignIn) -> None:
    officer, other = sign_in("officer"), sign_in("officer2", language="en")
    patch = suspect(officer)
    where = f"/api/v1/patches/{patch['patch_id']}/verdict"
    assert officer.post(where, json=VERDICT).status_code == 428
    assert officer.post(where, json=VERDICT, headers={"If-Match": "*"}).json()["code"] == (
        "webmap.request.bad_version"
    )
    judged = post(officer, patch, "verdict", VERDICT)
    assert judged.status_code == 200, judged.text
    assert judged.json()["verdict"]["by_name"] == "周某"
    assert judged.headers["ETag"] == f'"{patch["version"] + 1}"'
    late = post(other, patch, "verdict", VERDICT)
    assert (late.status_code, late.json()["code"]) == (412, "patrol.case.version_changed")
    facts = late.json()["facts"]
    assert (facts["changed_by"], facts["version"], facts["state"]) == (
        "周某",
        patch["version"] + 1,
        "suspect",
    )
    assert facts["changed_at"].endswith("+08:00")


def test_judged_dispatched_undone(sign_in: SignIn, rows: Rows, clock: SteppedClock) -> None:
    officer = sign_in("officer")
    patch = suspect(officer)
    target = officer.get(f"/api/v1/patches/{patch['patch_id']}").json()
    offered = next(action for action in target["actions"] if action["action"] == "dispatch")["targets"]
    body = {**VERDICT, "dispatch_to": offered[-1]["post_id"]}
    sent = post(officer, patch, "verdict", body).json()
    assert sent["state"] == "dispatched"
    assert sent["assignments"][0]["status_name"] == "待签收"
    assert sent["undo"]["action_name"] == "派发核查"
    undone = post(officer, sent, "undo", None).json()
    assert (undone["state"], undone["verdict"]) == ("suspect", None)
    assert [entry["action"] for entry in undone["timeline"]][-1] == "undo"
    again = post(officer, undone, "verdict", body).json()
    clock.set(clock().replace(minute=clock().minute + 11))
    late = post(officer, again, "undo", None)
    assert (late.status_code, late.json()["code"]) == (409, "patrol.case.undo_too_late")
    refused = post(officer, again, "moves", {"action": "close", "reason_code": "rectified"})
    assert (refused.status_code, refused.json()["code"]) == (409, "patrol.case.illegal_move")
    audited = [row["action"] for row in rows("SELECT action FROM audit_entry ORDER BY seq")]
    assert audited.count("patrol.case.undo") + sum("undo" in str(name) for name in audited) >= 1


def test_nothing_of_a_refused_write_remains(
    sign_in: SignIn, rows: Rows, web_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails while the transaction is being committed is refused, not acknowledged."""
    officer = sign_in("officer")
    patch = suspect(officer)
    state = "SELECT (SELECT count(*) FROM case_event) AS events, (SELECT seq FROM audit_head) AS seq"
    before = rows(state)

    def broken(_: object) -> None:
        raise RuntimeError("the chain cannot be written")

    monkeypatch.setattr("foundation.audit.append_pending", broken)
    assert post(officer, patch, "verdict", VERDICT).status_code == 500
    monkeypatch.undo()
    assert rows(state) == before

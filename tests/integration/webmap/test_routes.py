"""Every route stands in the reviewed table, opens by right only, and stops at the county's border."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from webmap.app import describe_api
from webmap.deps import ANONYMOUS, check_policy, route_rights
from webmap.shields import HEADERS

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]
ROUTES = sorted(
    (method.upper(), path) for path, methods in describe_api()["paths"].items() for method in methods
)
CLOSED = [route for route in ROUTES if route_rights()[" ".join(route)] != (ANONYMOUS,)]
BODIES = {
    "verdict": {"kind": "unlawful", "violation_code": "L04", "reason_code": "evidence_clear"},
    "dispatch": {},
    "moves": {"action": "close", "reason_code": "rectified"},
    "return": {"reason_code": "other"},
    "forward": {},
    "attach": {"patch_id": str(uuid4())},
    "patch": {
        "outline": {"type": "Polygon", "coordinates": [[[112, 35], [112, 35.1], [112.1, 35], [112, 35]]]}
    },
    "dismiss": {"reason_code": "passing"},
    "pause": {"reason_code": "hearing"},
    "resume": {},
    "objections": {"kind": "geometry", "reason_code": "outline_wrong", "note": "范围不符"},
    "decision": {"upheld": False, "reason_code": "image_clear"},
    "papers": {"kind": "check_sheet"},
    "parties": {"kind": "person", "name": "张三"},
    "errata": {"number": "kpis.opened", "should_be": 1, "reason": "重复", "evidence": ["甲"]},
    "place": {"lonlat": [112.75, 34.95]},
    "reveal": {"reason": "办案需要联系举报人"},
    "release": {},
    "revoke": {"reason": "x"},
    "dispatch-rules": {"text": ""},
    "finding": {"outcome": "restored", "lonlat": [112.75, 34.95]},
    "preferences": {},
    "devices": {"endpoint": "https://push.invalid/a", "name": "a"},
    "absences": {"kind": "leave", "starts_on": "2026-09-08", "ends_on": "2026-09-09"},
    "end": {"back_on": "2026-09-08"},
    "handover": {"name": "张三", "on": "2026-09-01"},
    "grid": {"division_code": "410883105201"},
    "what-if": {"version_id": str(uuid4())},
    "patrols": {
        "post_id": str(uuid4()),
        "started_at": "2026-09-08T09:00:00+08:00",
        "ended_at": "2026-09-08T10:00:00+08:00",
        "fixes": [],
    },
    "visits": {
        "assignment_id": str(uuid4()),
        "device_time": "2026-09-08T10:00:00+08:00",
        "device_counter": 1,
        "lonlat": [112.75, 34.95],
        "accuracy_m": 5,
        "coord_source": "wgs84",
        "finding": "built",
    },
}


def body_of(path: str) -> dict[str, object] | None:
    words = [word for word in path.split("/") if word in BODIES]
    return BODIES[words[-1]] if words and "evidence" not in path else None


def address(path: str, **known: object) -> str:
    values = {
        "z": 14,
        "x": 13324,
        "y": 6489,
        "kind": "basic_farmland",
        "moment": "after",
        "revision": 1,
        "name": "a.docx",
        **known,
    }
    return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], uuid4())), path)


def ask(client: TestClient, method: str, path: str, where: str):  # type: ignore[no-untyped-def]
    headers = {"If-Match": '"1"'}
    if "evidence" in path and method == "PUT":
        headers |= {
            "Content-Type": "image/jpeg",
            "X-Content-SHA256": "0" * 64,
            "X-Captured-At": "2026-09-08T10:00+08:00",
        }
        return client.put(where, content=b"\xff\xd8\xff", headers=headers)
    queries = {name: {"period": "2026-W37"} for name in ("rankings", "report-alarms")}
    queries["lottery"] = {"week": "2026-W37"}
    queries |= {"net": {"division": "410883105000"}, "answers": {"lon": "112.75", "lat": "34.95"}}
    queries["import"] = {"token": "0"}
    query = queries.get(path.rsplit("/", 1)[-1])
    return client.request(method, where, json=body_of(path), headers=headers, params=query)


def test_table_and_application_name_the_same_routes(app: FastAPI) -> None:
    check_policy(app)
    assert len(ROUTES) > 25
    assert [route for route in ROUTES if route not in CLOSED] == [
        ("GET", "/api/v1/health"),
        ("GET", "/api/v1/public/report-form"),
        ("GET", "/api/v1/ready"),
        ("POST", "/api/v1/public/report-answer"),
        ("POST", "/api/v1/public/report-progress"),
        ("POST", "/api/v1/public/reports"),
        ("POST", "/api/v1/session"),
    ]


def test_rights_of_the_table_exist() -> None:
    from foundation.access import roles

    known = {right for role in roles().values() for right in role.rights} | {"anonymous", "signed_in"}
    assert {right for rights in route_rights().values() for right in rights} <= known


def test_nobody_signed_in_gets_nowhere(sign_in: SignIn) -> None:
    client = sign_in()
    for method, path in CLOSED:
        answer = ask(client, method, path, address(path))
        assert (answer.status_code, answer.json()["code"]) == (401, "foundation.accounts.no_session"), path


def test_a_role_without_the_right_is_refused(sign_in: SignIn) -> None:
    client = sign_in("guard")
    for method, path in CLOSED:
        if route_rights()[f"{method} {path}"] == ("signed_in",):
            continue
        answer = ask(client, method, path, address(path))
        assert (answer.status_code, answer.json()["code"]) == (403, "foundation.access.not_allowed"), path


@pytest.fixture
def known(rows: Rows, sign_in: SignIn) -> dict[str, object]:
    """Ids of things that exist in the county, a dispatched patch among them."""
    officer = sign_in("officer")
    patch = officer.get("/api/v1/patches", params={"state": "suspect", "limit": 1}).json()["items"][0]
    where = f"/api/v1/patches/{patch['patch_id']}/dispatch"
    answer = officer.post(where, json={}, headers={"If-Match": f'"{patch["version"]}"'})
    assert answer.status_code == 200, answer.text
    return {
        "patch_id": patch["patch_id"],
        "scene_id": rows("SELECT scene_id FROM scene LIMIT 1")[0]["scene_id"],
        "assignment_id": answer.json()["assignments"][0]["assignment_id"],
    }


def test_somebody_of_another_county_finds_nothing(sign_in: SignIn, known: dict[str, object]) -> None:
    stranger, officer = sign_in("stranger"), sign_in("officer")
    for method, path in CLOSED:
        if "{patch_id}" in path or "{scene_id}" in path or "{assignment_id}" in path:
            # A stranger without the role's right is refused before anything is looked up.
            answer = ask(stranger, method, path, address(path, **known))
            assert answer.status_code in {403, 404}, (path, answer.text)
            assert answer.status_code == 404 or answer.json()["code"] == "foundation.access.not_allowed"
    for path in ("/patches", "/assignments"):
        found = stranger.get(f"/api/v1{path}", params={"status": "all"} if "assign" in path else None).json()
        assert (found["items"], found["total"]) == ([], 0)
    assert stranger.get("/api/v1/patches/counts").json()["total"] == 0
    assert stranger.get("/api/v1/scenes").json()["items"] == []
    assert [
        layer["features"] for layer in stranger.get("/api/v1/config").json()["layers"] if layer["features"]
    ] == []
    where = "/api/v1/patches?division=410883000000"
    assert (stranger.get(where).status_code, officer.get(where).status_code) == (404, 200)
    assert stranger.get("/api/v1/divisions?parent=410883000000").status_code == 404


def test_every_answer_carries_the_security_headers(sign_in: SignIn) -> None:
    client = sign_in("officer")
    for where in (
        "/",
        "/docs",
        "/openapi.json",
        "/nowhere.js",
        "/api/v1/session",
        "/api/v1/health",
        "/api/v1/x",
    ):
        answer = client.get(where, follow_redirects=False)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, where
    assert (
        client.delete("/api/v1/session", headers={"Origin": "http://elsewhere"})
        .headers["Content-Security-Policy"]
        .startswith("default-src 'self'")
    )
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy

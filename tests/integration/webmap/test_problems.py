"""Refusals: one shape, two languages, the field named, nothing of the inside told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from foundation.runtime import Runtime

SignIn = Callable[..., TestClient]
VERDICT = "/api/v1/patches/00000000-0000-0000-0000-000000000001/verdict"


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"type", "title", "status", "code", "detail", "facts"}
    assert (body["status"], body["code"]) == (status, code)
    assert "{" not in body["detail"]
    return body


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "没有找到，或不在您的辖区内"),
        ("en-GB,en;q=0.9,zh;q=0.1", "Not found, or outside your area."),
        ("fr", "没有找到，或不在您的辖区内"),
        ("zh;q=0.1, en;q=x, en;q=0.7", "Not found"),
    ],
)
def test_language_follows_the_request(sign_in: SignIn, wanted: str, words: str) -> None:
    client = sign_in("stranger")
    answer = client.get("/api/v1/divisions?parent=410883000000", headers={"Accept-Language": wanted})
    assert words in is_problem(answer, 404, "foundation.access.not_found")["detail"]


@pytest.mark.parametrize(
    ("body", "field", "zh", "en"),
    [
        ({}, "kind", "必填", "required"),
        ({"kind": "guilty"}, "kind", "之一", "one of"),
        ({"kind": "unlawful", "fine": 3}, "fine", "没有这一项", "no such field"),
        ({"kind": "unlawful", "note": "长" * 2001}, "note", "最多 2000 个字符", "at most 2000"),
        ({"kind": "unlawful", "dispatch_to": "x"}, "dispatch_to", "UUID", "UUID"),
    ],
)
def test_the_wrong_field_is_named_in_both_languages(
    sign_in: SignIn, body: dict[str, Any], field: str, zh: str, en: str
) -> None:
    client = sign_in("officer")
    for language, words in (("zh", zh), ("en", en)):
        headers = {"Accept-Language": language, "If-Match": '"1"'}
        answer = client.post(VERDICT, json=body, headers=headers)
        problem = is_problem(answer, 422, "webmap.request.invalid_field")
        assert problem["facts"]["field"] == field
        assert words in problem["detail"]


def test_what_does_not_exist_or_cannot_be_read(sign_in: SignIn) -> None:
    client = sign_in("officer")
    is_problem(client.get("/api/v1/nowhere"), 404, "webmap.request.no_such_page")
    is_problem(client.put("/api/v1/patches"), 405, "webmap.request.wrong_method")
    answer = client.post(
        VERDICT, content=b"{", headers={"If-Match": '"1"', "Content-Type": "application/json"}
    )
    is_problem(answer, 422, "webmap.request.invalid_field")
    is_problem(client.get("/api/v1/patches?bbox=1,2,3"), 422, "webmap.query.bad_bbox")
    is_problem(client.get("/api/v1/patches?bbox=3,2,1,nan"), 422, "webmap.query.bad_bbox")
    is_problem(client.get("/api/v1/patches?state=new,odd"), 422, "webmap.query.unknown_state")
    is_problem(client.get("/api/v1/patches?cursor=zzz"), 422, "patrol.list.bad_cursor")
    is_problem(client.get("/api/v1/patches?q=%00"), 422, "webmap.request.bad_value")
    is_problem(client.get("/api/v1/rankings?period=2026-W99"), 422, "foundation.calendar.bad_period")
    is_problem(client.get("/api/v1/tiles/patches/3/9/0.pbf"), 404, "webmap.tile.outside")
    is_problem(client.get("/api/v1/tiles/layers/odd/14/13324/6489.pbf"), 422, "ingest.layer.unknown_kind")


def test_a_large_body_is_refused(sign_in: SignIn) -> None:
    body = {"login": "officer", "password": "x" * (2 << 20)}
    answer = sign_in().post("/api/v1/session", json=body)
    is_problem(answer, 413, "webmap.request.too_large")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def pieces() -> Iterator[bytes]:
        yield b'{"login": "'
        yield from (b"x" * 65_536 for _ in range(64))

    headers = {"Content-Type": "application/json"}
    piecemeal = sign_in().post("/api/v1/session", content=pieces(), headers=headers)
    is_problem(piecemeal, 413, "webmap.request.too_large")


def test_our_own_fault_tells_nothing_of_the_inside(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = sign_in("officer")

    def broken(*_: object, **__: object) -> None:
        secret = "a-secret-value"
        raise RuntimeError(f"inside {len(secret)}")

    monkeypatch.setattr("patrol.service.counts_by_state", broken)
    problem = is_problem(client.get("/api/v1/patches/counts"), 500, "webmap.request.failed")
    assert "inside" not in str(problem)
    logged = "".join(capsys.readouterr())
    assert "inside 14" in logged
    assert "a-secret-value" not in logged.replace('secret = "a-secret-value"', "")


def test_a_database_that_is_gone_is_said_and_readiness_shows_it(
    sign_in: SignIn, web_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in("officer")
    assert client.get("/api/v1/ready").json() == {
        "status": "ok", "database": "ok", "schema": "ok", "blobs": "ok", "jobs": "ok",
    }  # fmt: skip
    web_runtime.database.engine.dispose()
    monkeypatch.setattr(
        web_runtime.database.engine.dialect, "connect", lambda *_, **__: (_ for _ in ()).throw(_gone())
    )
    is_problem(client.get("/api/v1/patches"), 503, "foundation.database.unreachable")
    ready = client.get("/api/v1/ready")
    assert (ready.status_code, ready.json()["database"]) == (503, "failed")
    assert client.get("/api/v1/health").json() == {"status": "ok"}


def _gone() -> Exception:
    import psycopg

    return psycopg.OperationalError("connection refused")

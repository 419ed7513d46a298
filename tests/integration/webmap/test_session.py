"""Signing in and out; where writes may come from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from foundation.clock import SteppedClock

SignIn = Callable[..., TestClient]


def test_sign_in_answers_who_and_sets_a_cookie_that_scripts_cannot_read(sign_in: SignIn) -> None:
    client = sign_in()
    answer = client.post("/api/v1/session", json={"login": "officer", "password": "test-words"})
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("landwarden_session=", "HttpOnly", "SameSite=strict", "Path=/"))
    assert "Secure" not in cookie  # http on this machine; by https it is there
    me = client.get("/api/v1/session").json()
    assert (me["login"], me["role_name"], me["area_name"]) == ("officer", "县级执法员", "孟州市")
    assert {"patch.view", "patch.judge", "patch.dispatch"} <= set(me["rights"])
    assert me["server_time"].endswith("+08:00")


def test_cookie_is_secure_behind_https(sign_in: SignIn, app: FastAPI) -> None:
    client = TestClient(app, base_url="https://testserver", headers={"Origin": "https://testserver"})
    answer = client.post("/api/v1/session", json={"login": "officer", "password": "test-words"})
    assert "; Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("login", ["officer", "nobody-of-that-name"])
def test_wrong_password_and_unknown_login_get_the_same_answer(sign_in: SignIn, login: str) -> None:
    answer = sign_in().post("/api/v1/session", json={"login": login, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "foundation.access.bad_credentials"
    assert "用户名或密码不正确" in answer.json()["detail"]


def test_account_is_locked_after_repeated_failures_and_opens_again(
    sign_in: SignIn, clock: SteppedClock
) -> None:
    client, right = sign_in(), {"login": "officer", "password": "test-words"}
    for _ in range(8):
        client.post("/api/v1/session", json={"login": "officer", "password": "wrong"})
    assert client.post("/api/v1/session", json=right).status_code == 401
    clock.set(clock().replace(minute=30))
    assert client.post("/api/v1/session", json=right).status_code == 200


def test_session_ends_by_signing_out_and_by_time(sign_in: SignIn, clock: SteppedClock) -> None:
    client = sign_in("officer")
    token = client.cookies["landwarden_session"]
    assert client.delete("/api/v1/session").status_code == 204
    stolen = sign_in()
    stolen.cookies.set("landwarden_session", token)
    assert stolen.get("/api/v1/session").status_code == 401
    other = sign_in("officer")
    clock.set(clock().replace(day=9))
    assert other.get("/api/v1/session").json()["code"] == "foundation.accounts.no_session"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://elsewhere.test", "https://testserver", "http://testserver:81"]
)
def test_writes_from_elsewhere_are_refused(sign_in: SignIn, origin: str | None) -> None:
    client = sign_in("officer")
    del client.headers["Origin"]
    headers = {} if origin is None else {"Origin": origin}
    answer = client.delete("/api/v1/session", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "webmap.request.foreign_origin")
    assert client.get("/api/v1/session").status_code == 200

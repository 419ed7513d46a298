"""The next outing over HTTP: the officer's own task, from the officer's own place."""

from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]
WHERE = "/api/v1/outings/next"


def test_the_officer_is_led_to_the_task(sign_in: SignIn, rows: Rows) -> None:
    county = sign_in("officer")
    patch = county.get("/api/v1/patches?state=suspect&limit=1").json()["items"][0]
    (post,) = rows(
        "SELECT p.post_id, a.login FROM post p JOIN account a ON a.account_id = p.holder_account_id"
        " JOIN patch USING (division_code) WHERE p.kind = 'grid_officer' AND patch_id = :id LIMIT 1",
        id=patch["patch_id"],
    )
    answer = county.post(
        f"/api/v1/patches/{patch['patch_id']}/dispatch",
        json={"post_id": str(post["post_id"])},
        headers={"If-Match": f'"{patch["version"]}"'},
    )
    assert answer.status_code == 200, answer.text

    officer = sign_in(str(post["login"]))
    lon, lat = patch["label_point"]
    outing = officer.get(WHERE, params={"lon": lon + 0.01, "lat": lat}).json()
    assert [stop["assignment"]["patch_id"] for stop in outing["stops"]] == [patch["patch_id"]]
    assert outing["line"][0] == [lon + 0.01, lat]
    assert 1100 < outing["stops"][0]["leg_m"] < 1300  # 0.01° of longitude at 35° N, by 1.3

    assert officer.get(WHERE, params={"lon": lon}).json()["code"] == "patrol.outing.half_start"
    assert county.get(WHERE).json()["stops"] == []

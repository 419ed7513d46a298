"""Outings from the phone: whole, once, own post only; each says why what does not count does not."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from foundation.calendar import SHANGHAI

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
BEGIN = datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI)


@pytest.fixture
def post(rows: Rows) -> dict[str, Any]:
    """A grid officer's post, a place on its ground, and the officer's login."""
    return rows(
        "SELECT p.post_id, p.division_code, a.login, ST_X(c.place) AS lon, ST_Y(c.place) AS lat FROM post p"
        " JOIN account a ON a.account_id = p.holder_account_id"
        " JOIN LATERAL (SELECT ST_PointOnSurface(geometry) AS place FROM grid_cell g"
        "  WHERE g.division_code = p.division_code AND g.valid_to IS NULL"
        "  ORDER BY ST_Area(g.geometry) DESC LIMIT 1) c ON true"
        " WHERE p.kind = 'grid_officer' AND p.tier = 4 ORDER BY p.post_no LIMIT 1"
    )[0]


def walk(
    post: dict[str, Any], *, begin: datetime = BEGIN, minutes: int = 40, **changes: object
) -> dict[str, Any]:
    """Back and forth about the place, a fix every fifteen seconds."""
    count = minutes * 4
    fixes = [
        {
            "t": (begin + timedelta(seconds=15 * k)).isoformat(),
            "lon": post["lon"] + 2e-4 * abs((k % 40) - 20) / 20,
            "lat": post["lat"] + 3e-6 * (k % 7),
            "accuracy_m": 6.0 + k % 5,
        }
        for k in range(count)
    ]
    body = {
        "post_id": str(post["post_id"]),
        "started_at": begin.isoformat(),
        "ended_at": (begin + timedelta(minutes=minutes)).isoformat(),
        "fixes": fixes,
    }
    return {**body, **changes}


def put(client: TestClient, patrol_id: object, body: dict[str, Any]) -> Any:
    return client.put(f"/api/v1/patrols/{patrol_id}", json=body)


def listed(client: TestClient, first: str = "2026-09-01", last: str = "2026-09-30") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/api/v1/patrols", params={"first": first, "last": last}).json()[
        "items"
    ]
    return items


def test_an_outing_is_recorded_once_and_says_what_did_not_count(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, patrol_id = sign_in(post["login"]), uuid4()
    body = walk(post)
    body["fixes"][10]["accuracy_m"] = 900.0
    body["fixes"][20]["is_mock"] = True
    first = put(officer, patrol_id, body)
    assert first.status_code == 201, first.text
    told = {reason["code"]: reason for reason in first.json()["reasons"]}
    assert first.json()["is_valid"] is True
    assert (told["accuracy"]["fix_count"], told["mock"]["fix_count"]) == (1, 1)
    assert not told["accuracy"]["decides"]
    assert told["accuracy"]["text"] == "定位精度差的点不计入"
    again = put(officer, patrol_id, body)
    assert (again.status_code, again.json()) == (200, first.json())
    (mine,) = listed(officer)
    assert (mine["patrol_id"], mine["fix_count"], mine["keeps_track"]) == (str(patrol_id), 160, True)
    assert mine["reasons"] == first.json()["reasons"]
    stored = rows("SELECT count(*) AS n FROM patrol WHERE patrol_id = :id", id=patrol_id)
    assert stored == [{"n": 1}]


def test_a_retry_storm_leaves_one_outing(sign_in: SignIn, rows: Rows, post: dict[str, Any]) -> None:
    officer, patrol_id, body = sign_in(post["login"]), uuid4(), walk(post)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: put(officer, patrol_id, body), range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.text for answer in answers}) == 1
    audited = rows(
        "SELECT count(*) AS n FROM audit_entry WHERE action = 'patrol.patrol.recorded' AND subject_id = :id",
        id=str(patrol_id),
    )
    assert audited == [{"n": 1}]


def test_another_body_under_the_same_id_is_refused_and_kept(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, patrol_id = sign_in(post["login"]), uuid4()
    assert put(officer, patrol_id, walk(post)).status_code == 201
    other = walk(post, minutes=55)
    for _ in range(2):
        refused = put(officer, patrol_id, other)
        assert (refused.status_code, refused.json()["code"]) == (409, "patrol.patrol.other_body")
    held = rows("SELECT kind, sha256 FROM held_submission WHERE submission_id = :id", id=patrol_id)
    assert [row["kind"] for row in held] == ["patrol"]
    assert listed(officer)[0]["fix_count"] == 160


def test_fixes_in_any_order_and_twice_are_one_track(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, body = sign_in(post["login"]), walk(post)
    receipts, ids = [], [uuid4() for _ in range(6)]
    for seed, patrol_id in enumerate(ids):
        mixed = [*body["fixes"], *(body["fixes"][:30] if seed > 3 else ())]
        if seed:
            random.Random(seed).shuffle(mixed)
        answer = put(officer, patrol_id, {**body, "fixes": mixed})
        assert answer.status_code == 201, answer.text
        receipts.append(answer.json()["is_valid"])
    found = listed(officer)
    assert receipts == [True] * 6
    assert len({(row["distance_m"], row["duration_min"]) for row in found}) == 1
    stored = rows("SELECT fix_count, md5(fixes) AS digest FROM patrol WHERE patrol_id = ANY(:ids)", ids=ids)
    once = {row["digest"] for row in stored if row["fix_count"] == len(body["fixes"])}
    assert len(once) == 1, "the same fixes in another order are the same track, byte for byte"


def test_nobody_walks_for_another_and_no_clock_runs_ahead(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    (other,) = rows(
        "SELECT a.login FROM post p JOIN account a ON a.account_id = p.holder_account_id WHERE p.tier = 4"
        " AND p.division_code <> :code AND p.kind = 'grid_officer' ORDER BY p.post_no LIMIT 1",
        code=post["division_code"],
    )
    body = walk(post)
    assert put(sign_in(other["login"]), uuid4(), body).status_code == 404
    (above,) = rows(
        "SELECT a.login FROM post p JOIN account a ON a.account_id = p.holder_account_id WHERE p.tier = 3"
        " AND p.kind = 'field_chief' AND starts_with(:code, landwarden_prefix(p.division_code)) LIMIT 1",
        code=post["division_code"],
    )
    whoever = put(sign_in(above["login"]), uuid4(), body)
    assert (whoever.status_code, whoever.json()["code"]) == (403, "patrol.patrol.not_your_post")
    assert put(sign_in("manager"), uuid4(), body).status_code == 403
    ahead = put(sign_in(post["login"]), uuid4(), walk(post, begin=BEGIN + timedelta(days=1)))
    assert (ahead.status_code, ahead.json()["code"]) == (422, "patrol.patrol.not_ended_yet")
    assert "校准" in ahead.json()["detail"]
    for changes, code in (
        ({"ended_at": "2026-09-08T08:00:00+08:00"}, "patrol.patrol.ends_before_start"),
        (
            {"fixes": [{"t": BEGIN.isoformat(), "lon": 2.3, "lat": 48.9, "accuracy_m": 5}]},
            "patrol.patrol.bad_fix",
        ),
    ):
        answer = put(sign_in(post["login"]), uuid4(), walk(post, **changes))
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert listed(sign_in(post["login"])) == []


def test_an_outing_before_midnight_on_sunday_counts_in_the_week_that_ends(
    sign_in: SignIn, post: dict[str, Any]
) -> None:
    officer = sign_in(post["login"])
    late = datetime(2026, 9, 6, 23, 15, tzinfo=SHANGHAI)
    in_utc = walk(post, begin=late)
    in_utc["started_at"] = late.astimezone(UTC).isoformat()
    assert in_utc["started_at"].startswith("2026-09-06T15:15")
    assert put(officer, uuid4(), in_utc).status_code == 201
    assert len(listed(officer, "2026-08-31", "2026-09-06")) == 1
    assert listed(officer, "2026-09-07", "2026-09-13") == []
    refused = officer.get("/api/v1/patrols", params={"first": "2026-09-07", "last": "2026-09-06"})
    assert (refused.status_code, refused.json()["code"]) == (422, "patrol.patrol.bad_days")

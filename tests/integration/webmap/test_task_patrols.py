"""Outings for tasks need no track; only tasks may have one under `unit_only`; who stands in may walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.runtime import Runtime
from patrol.reports import service as reports
from patrol.reports.rankings import Part
from webmap.app import create_app

from .conftest import ORIGIN, PASSWORD
from .test_fieldwork import Task
from .test_patrols import BEGIN, listed, post, put, walk

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
VISITED = datetime(2026, 9, 8, 13, 58, tzinfo=SHANGHAI)
__all__ = ["post"]


@pytest.fixture
def task(sign_in: SignIn, rows: Rows) -> Task:
    """A patch handed down to its officer."""
    return Task(sign_in, rows)


@pytest.fixture
def sign_in_units(web_runtime: Runtime) -> SignIn:
    """Likewise where the bureau ranks units only."""
    settings = web_runtime.settings.model_copy(update={"policy_profile": "unit_only"})
    app = create_app(replace(web_runtime, settings=settings))

    def signed_in(login: str) -> TestClient:
        client = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)
        client.headers.update({"Origin": ORIGIN, "Accept-Language": "zh"})
        assert client.post("/api/v1/session", json={"login": login, "password": PASSWORD}).status_code == 200
        return client

    return signed_in


def task_outing(task: Task, rows: Rows, *, tasks: int = 1, **changes: object) -> dict[str, Any]:
    (own,) = rows(
        "SELECT post_id FROM assignment WHERE assignment_id = :id", id=task.assignment["assignment_id"]
    )
    body = {
        "post_id": str(own["post_id"]),
        "started_at": (VISITED - timedelta(minutes=20)).isoformat(),
        "ended_at": (VISITED + timedelta(minutes=1)).isoformat(),
        "fixes": [],
        "tasks_visited": tasks,
    }
    return {**body, **changes}


def test_visited_tasks_make_an_outing_count_without_a_track(task: Task, rows: Rows) -> None:
    task.act("sign", None)
    assert task.visit().status_code == 201
    patrol_id, body = uuid4(), task_outing(task, rows)
    told = put(task.client, patrol_id, body)
    assert (told.status_code, told.json()["is_valid"], told.json()["reasons"]) == (201, True, [])
    again = put(task.client, patrol_id, body)
    assert (again.status_code, again.json()) == (200, told.json())
    (mine,) = listed(task.client)
    assert (mine["fix_count"], mine["tasks_visited"], mine["keeps_track"]) == (0, 1, False)


def test_claimed_tasks_without_a_visit_do_not_count_and_it_is_said(task: Task, rows: Rows) -> None:
    told = put(task.client, uuid4(), task_outing(task, rows, tasks=2)).json()
    assert told["is_valid"] is False
    codes = {reason["code"]: reason["decides"] for reason in told["reasons"]}
    assert codes == {"tasks_unproved": False, "no_fixes": True}
    task.act("sign", None)
    task.visit()
    early = task_outing(task, rows, ended_at=(VISITED - timedelta(minutes=5)).isoformat())
    assert put(task.client, uuid4(), early).json()["is_valid"] is False, "the visit was after its end"


def test_where_only_units_are_ranked_a_plain_outing_leaves_no_track(
    sign_in_units: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    officer, patrol_id = sign_in_units(post["login"]), uuid4()
    assert officer.get("/api/v1/patrols/posts").json()["tracks"] == "tasks_only"
    told = put(officer, patrol_id, walk(post)).json()
    (dropped,) = (reason for reason in told["reasons"] if reason["code"] == "track_not_kept")
    assert (dropped["fix_count"], dropped["decides"], told["is_valid"]) == (160, False, True)
    assert "未保存" in dropped["text"]
    (stored,) = rows(
        "SELECT track IS NULL AS is_bare, length(fixes) AS size, plausibility FROM patrol"
        " WHERE patrol_id = :id",
        id=patrol_id,
    )
    (empty,) = rows("SELECT min(length(fixes)) AS size FROM patrol")
    assert stored["is_bare"]
    assert stored["size"] == empty["size"] < 40, "no position is kept in the packed fixes either"
    assert stored["plausibility"] is None
    assert listed(officer)[0]["keeps_track"] is False


def test_there_an_outing_for_tasks_keeps_its_track(task: Task, rows: Rows, sign_in_units: SignIn) -> None:
    task.act("sign", None)
    task.visit()
    lon, lat = task.patch["label_point"]
    begin = VISITED - timedelta(minutes=20)
    fixes = walk({"post_id": "", "lon": lon, "lat": lat}, begin=begin, minutes=20)["fixes"]
    told = put(sign_in_units(task.chain[-1]), uuid4(), task_outing(task, rows, fixes=fixes)).json()
    assert told["is_valid"] is True
    assert "track_not_kept" not in {reason["code"] for reason in told["reasons"]}
    assert rows("SELECT track IS NOT NULL AS is_kept FROM patrol") == [{"is_kept": True}]


@pytest.fixture
def stand_in(sign_in: SignIn, rows: Rows, post: dict[str, Any]) -> dict[str, Any]:
    """Another village's officer, who stands in for the post from 7 to 8 September."""
    (other,) = rows(
        "SELECT a.login, a.name FROM post p JOIN account a ON a.account_id = p.holder_account_id"
        " WHERE p.tier = 4 AND p.division_code <> :code AND p.kind = 'grid_officer'"
        " ORDER BY p.post_no LIMIT 1",
        code=post["division_code"],
    )
    leave = {
        "kind": "leave",
        "starts_on": "2026-09-07",
        "ends_on": "2026-09-08",
        "stand_in_name": other["name"],
        "stand_in_login": other["login"],
    }
    done = sign_in("officer").post(f"/api/v1/posts/{post['post_id']}/absences", json=leave)
    assert done.status_code in {200, 201}, done.text
    return other


def test_who_stands_in_walks_for_the_post_while_the_leave_lasts(
    sign_in: SignIn, rows: Rows, post: dict[str, Any], stand_in: dict[str, Any], clock: SteppedClock
) -> None:
    helper = sign_in(stand_in["login"])
    offered = helper.get("/api/v1/patrols/posts").json()
    assert offered["tracks"] == "all"
    instead = {row["post_id"]: row for row in offered["items"]}[str(post["post_id"])]
    assert instead["instead_of"]
    assert instead["until"] == "2026-09-08"
    clock.set(datetime(2026, 9, 10, 9, 0, tzinfo=SHANGHAI))
    helper = sign_in(stand_in["login"])
    late = put(helper, uuid4(), walk(post))
    assert (late.status_code, late.json()["is_valid"]) == (201, True), "walked in the leave, sent after it"
    for begin in (BEGIN - timedelta(days=2), BEGIN + timedelta(days=1)):
        refused = put(helper, uuid4(), walk(post, begin=begin))
        assert refused.status_code == 404, "before and after the leave it is another's ground"
    assert str(post["post_id"]) not in str(helper.get("/api/v1/patrols/posts").json())
    (own,) = listed(helper)
    assert own["walked_by"] == stand_in["name"]
    holder = sign_in(post["login"])
    assert [row["walked_by"] for row in listed(holder)] == [stand_in["name"]]
    assert put(holder, uuid4(), walk(post, begin=BEGIN + timedelta(days=1))).status_code == 201
    (audited,) = rows(
        "SELECT actor_name FROM audit_entry WHERE action = 'patrol.patrol.recorded' ORDER BY seq LIMIT 1"
    )
    assert audited["actor_name"] == stand_in["name"]


def test_what_a_stand_in_walked_counts_for_the_post(
    sign_in: SignIn,
    post: dict[str, Any],
    stand_in: dict[str, Any],
    web_runtime: Runtime,
    clock: SteppedClock,
) -> None:
    assert put(sign_in(stand_in["login"]), uuid4(), walk(post)).status_code == 201
    clock.set(datetime(2026, 9, 14, 9, 0, tzinfo=SHANGHAI))
    with web_runtime.database.transaction(web_runtime.system) as session:
        found = reports.indicators(session, web_runtime.system, period="2026-W37", now=clock())
    assert str(post["post_id"]) in found["completion_rate"].counted
    with web_runtime.database.transaction(web_runtime.system) as session:
        view = reports.rankings(
            session, web_runtime.system, period="2026-W37", part=Part("grid_officers"), now=clock()
        )
    counted = {row.name: row.raw for row in view.rows if row.raw}
    assert len(counted) == 1
    assert stand_in["name"] not in counted, "the row is the post's; who walked stands in the ledger"


def test_every_cell_of_a_village_is_told_to_one_officer_and_its_coverage_may_be_asked(
    sign_in: SignIn, rows: Rows, post: dict[str, Any]
) -> None:
    code = post["division_code"]
    people = rows(
        "SELECT a.login, p.kind FROM post p JOIN account a ON a.account_id = p.holder_account_id"
        " WHERE p.division_code = :code AND p.kind IN ('grid_officer', 'field_chief')",
        code=code,
    )
    all_cells = {
        row["code"]
        for row in rows("SELECT code FROM grid_cell WHERE division_code = :c AND valid_to IS NULL", c=code)
    }
    told: dict[str, list[str]] = {"grid_officer": [], "field_chief": []}
    for person in people:
        for item in sign_in(person["login"]).get("/api/v1/patrols/posts").json()["items"]:
            told[person["kind"]] += item["cells"]
    assert sorted(told["grid_officer"]) == sorted(all_cells), "each cell once"
    assert set(told["field_chief"]) == all_cells
    officer = sign_in(post["login"])
    for cell in told["grid_officer"][:2]:
        seen = officer.get(f"/api/v1/coverage/cells/{cell}")
        assert seen.status_code == 200, seen.text
        assert {"cropland_m2", "covered_m2", "not_covered", "as_of"} <= set(seen.json())

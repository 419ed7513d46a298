"""Rankings and bulletins over HTTP: who may read, draft files, issue once."""

from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

from foundation.clock import SteppedClock
from foundation.runtime import Runtime
from patrol.reports import service as reports

SignIn = Callable[..., TestClient]


def draft(runtime: Runtime, clock: SteppedClock, division_code: str) -> str:
    system = runtime.system
    with runtime.database.transaction(system) as session:
        view = reports.draft_bulletin(
            session,
            system,
            kind="weekly_bulletin",
            period="2026-W37",
            division_code=division_code,
            blobs=runtime.blobs,
            now=clock(),
        )
    return str(view.bulletin_id)


def test_a_ranking_names_its_period_and_formulas(sign_in: SignIn) -> None:
    manager = sign_in("manager")
    answer = manager.get("/api/v1/rankings", params={"period": "2026-W37", "of": "post", "tier": 4})
    ranking = answer.json()
    assert (answer.status_code, ranking["period"]) == (200, "2026-W37")
    assert (ranking["from"], ranking["to"]) == ("2026-09-07", "2026-09-13")
    assert ranking["rows"]
    assert all(row["required"] >= 0 and row["valid"] <= row["required"] for row in ranking["rows"])
    assert {"completion_rate", "score"} <= {row["key"] for row in ranking["definitions"]}
    outside = sign_in("stranger").get("/api/v1/rankings?period=2026-W37&division=410883000000")
    assert outside.status_code == 404
    assert sign_in("stranger").get("/api/v1/rankings?period=2026-W37").json()["rows"] == []


def test_a_bulletin_is_drafted_read_issued_and_then_stays(
    sign_in: SignIn, web_runtime: Runtime, clock: SteppedClock
) -> None:
    identity = draft(web_runtime, clock, "410883000000")
    manager, officer, stranger = sign_in("manager"), sign_in("officer"), sign_in("stranger")
    (shown,) = manager.get("/api/v1/bulletins").json()
    assert (shown["bulletin_id"], shown["status"]) == (identity, "draft")
    early = sign_in("officer").post(f"/api/v1/bulletins/{identity}/review")
    assert (early.status_code, early.json()["code"]) == (409, "patrol.bulletin.period_runs")
    assert officer.post(f"/api/v1/bulletins/{identity}/issue").status_code == 403
    clock.set(clock().replace(day=14))
    manager = sign_in("manager")  # six days later the session has ended
    stale = manager.post(f"/api/v1/bulletins/{identity}/review").json()
    assert stale["code"] == "patrol.bulletin.drafted_early"
    draft(web_runtime, clock, "410883000000")
    unseen = manager.post(f"/api/v1/bulletins/{identity}/issue")
    assert (unseen.status_code, unseen.json()["code"]) == (409, "patrol.bulletin.not_reviewed")
    officer = sign_in("officer")
    reviewed = officer.post(f"/api/v1/bulletins/{identity}/review", json={"note": "数据已核对"}).json()
    assert (reviewed["status"], reviewed["review_note"]) == ("reviewed", "数据已核对")
    issued = manager.post(f"/api/v1/bulletins/{identity}/issue").json()
    assert issued["status"] == "issued"
    officer, stranger = sign_in("officer"), sign_in("stranger")
    assert [row["bulletin_id"] for row in officer.get("/api/v1/bulletins").json()] == [identity]
    assert stranger.get("/api/v1/bulletins").json() == []
    for entry in issued["files"]:
        answer = officer.get(entry["url"])
        assert answer.status_code == 200
        assert answer.content[:2] == (b"%P" if entry["name"].endswith(".pdf") else b"PK")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert stranger.get(entry["url"]).status_code == 404
    assert officer.get(f"/api/v1/bulletins/{identity}/files/odd.docx").status_code == 404

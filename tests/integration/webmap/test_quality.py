"""Quality of detection over HTTP: the counts are those of the verdicts, within the caller's area."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.testclient import TestClient

from detection import service as detection
from detection.second_stage.models import shipped_model
from detection.second_stage.service import verdict_examples
from foundation.clock import SteppedClock
from foundation.runtime import Runtime

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]

UNLAWFUL, LAWFUL = ("unlawful", "evidence_clear"), ("lawful", "approved")
SEASON, MACHINE, DOUBT = ("not_new", "season"), ("not_new", "farm_machine"), ("doubtful", "image_unclear")


def sign(runtime: Runtime, clock: SteppedClock, patch_id: UUID, verdict: tuple[str, str]) -> None:
    with runtime.database.transaction(runtime.system) as session:
        patch = detection.get_patch(session, runtime.system, patch_id)
        detection.record_verdict(
            session,
            runtime.system,
            patch_id=patch_id,
            verdict=verdict[0],
            change_class=patch.shape.change_class,
            reason_code=verdict[1],
            now=clock(),
        )
    clock.set(clock() + timedelta(seconds=1))


def test_numbers_are_the_verdicts_in_the_database(
    sign_in: SignIn, web_runtime: Runtime, clock: SteppedClock, rows: Rows
) -> None:
    found = rows("SELECT patch_id, number, change_class FROM patch ORDER BY number")
    assert len(found) >= 6
    ids = [row["patch_id"] for row in found]
    for patch_id, verdict in zip(ids, (UNLAWFUL, LAWFUL, SEASON, MACHINE, DOUBT), strict=False):
        sign(web_runtime, clock, patch_id, verdict)
    sign(web_runtime, clock, ids[0], SEASON)  # what was signed last counts
    quality = sign_in("manager").get("/api/v1/detection/quality").json()
    stored = rows(
        "SELECT verdict, reason_code, count(*) AS n FROM (SELECT DISTINCT ON (patch_id) * FROM field_label"
        " ORDER BY patch_id, recorded_at DESC) newest GROUP BY verdict, reason_code"
    )
    counts = {(row["verdict"], row["reason_code"]): row["n"] for row in stored}
    whole = quality["all"]
    assert len(whole["confirmed"]) == counts[LAWFUL] == 1
    assert len(whole["false_alarms"]) == counts[SEASON] + counts[MACHINE] == 3
    assert [ref["number"] for ref in whole["undecided"]] == [found[4]["number"]]
    assert (whole["decided"], whole["precision"], whole["is_small"]) == (4, 0.25, True)
    low, high = whole["interval"]
    assert 0.0 < low < 0.25 < high < 1.0
    for table in ("by_class", "by_source", "by_week", "by_method"):
        assert sum(len(row["false_alarms"]) for row in quality[table]) == 3, table
    assert [row["key"] for row in quality["by_week"]] == ["2026-W37"]
    reasons = {row["reason_code"]: (row["name"], len(row["patches"])) for row in quality["reasons"]}
    assert reasons == {"season": ("作物季相变化", 2), "farm_machine": ("农机停放或作业", 1)}
    classes = {row["key"] for row in quality["by_class"]}
    assert classes == {row["change_class"] for row in found[:5]}
    said = [row for row in quality["reliability"] if row["mean_probability"] is not None]
    assert sum(row["line"]["decided"] for row in said) == 4
    assert all(row["low"] <= row["mean_probability"] <= row["high"] for row in said)


def test_a_period_and_an_area_bound_what_is_counted(
    sign_in: SignIn, web_runtime: Runtime, clock: SteppedClock, rows: Rows
) -> None:
    [row] = rows("SELECT patch_id FROM patch ORDER BY number LIMIT 1")
    sign(web_runtime, clock, row["patch_id"], UNLAWFUL)
    manager = sign_in("manager")
    path = "/api/v1/detection/quality"
    assert manager.get(path, params={"from": "2026-09-08", "to": "2026-09-08"}).json()["all"]["decided"] == 1
    empty = manager.get(path, params={"from": "2026-09-01", "to": "2026-09-07"}).json()
    assert (empty["all"]["decided"], empty["all"]["precision"], empty["by_class"]) == (0, None, [])
    assert sign_in("stranger").get(path).json()["all"]["decided"] == 0
    assert sign_in("officer").get(path).json()["all"]["decided"] == 1
    assert sign_in("guard").get(path).status_code == 403
    bad = manager.get(path, params={"from": "2026-09-09", "to": "2026-09-08"})
    assert (bad.status_code, bad.json()["code"]) == (422, "detection.quality.bad_period")


def test_what_a_verdict_teaches_is_what_detection_saw(
    web_runtime: Runtime, clock: SteppedClock, rows: Rows
) -> None:
    """The facts of a stored lead give the chance that was noted when it was found: training sees no other."""
    for row in rows("SELECT patch_id FROM patch"):
        sign(web_runtime, clock, row["patch_id"], UNLAWFUL)
    model = shipped_model()
    assert model is not None
    with web_runtime.database.transaction(web_runtime.system) as session:
        examples = verdict_examples(session, web_runtime.system)
    noted = {
        str(row["lead_id"]): row["attributes"]["second_stage"]
        for row in rows("SELECT lead_id, attributes FROM lead WHERE run_id IS NOT NULL")
    }
    assert len(examples) == len(noted) >= 6
    chances = model.chances([one.facts for one in examples]).is_real
    for one, chance in zip(examples, chances, strict=True):
        told = noted[one.key.split()[1]]
        assert told["model_sha256"] == model.sha256
        assert told["probability"] == round(float(chance), 4)
        assert one.group.startswith("township 410883")
    (run,) = rows("SELECT statistics FROM detection_run")
    counts = run["statistics"]["second_stage"]["counts"]
    assert sum(counts.values()) == run["statistics"]["changes"]

"""Verdicts in the database teach a model; it serves only if better, and every switch can be undone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
import shapely
from sqlalchemy import text
from typer import Typer
from typer.testing import CliRunner

from detection import service, store
from detection.leads import Lead
from detection.second_stage import cli, jobs
from detection.second_stage import service as second_stage
from detection.second_stage.models import shipped_examples, shipped_model
from foundation.audit import verify_chain
from foundation.clock import SteppedClock
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import NotFound
from foundation.ids import derived_id
from foundation.runtime import Runtime
from ingest.jobs import import_scene
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
TOWNSHIPS = [f"{COUNTY}{number}" for number in (100, 101, 102, 103, 104, 105, 106, 107)]
METHOD = "irmad+change_vector+surface_type"
Truth = Callable[[dict[str, float], np.random.Generator], bool]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


@pytest.fixture
def run_id(runtime: Runtime, files: CountyFiles) -> UUID:
    """A stored comparison to which leads can belong."""
    runtime.settings.data_dir.mkdir(parents=True, exist_ok=True)
    before, after = (import_scene(runtime, path, county_code=COUNTY) for path in (files.before, files.after))
    identity = derived_id("test_run", "one")
    with runtime.database.transaction(runtime.system) as session:
        store.add_run(
            session,
            {
                "run_id": identity,
                "county_code": COUNTY,
                "before_scene_id": before.scene_id,
                "after_scene_id": after.scene_id,
                "method": METHOD,
                "method_version": "2",
                "parameters": {},
                "parameters_sha256": "0" * 64,
                "registration": {"residual_px": 0.2},
                "control": {"no_change_control": 0.0005},
                "statistics": {},
                "finished_at": runtime.clock(),
            },
        )
    return identity


def is_large(facts: dict[str, float], _: np.random.Generator) -> bool:
    """A bureau whose small finds are all farm machines and grain: nothing that the generator knows."""
    return facts["statistics.area_m2"] > 1500.0


def is_chance(_: dict[str, float], rng: np.random.Generator) -> bool:
    """Verdicts that nothing explains."""
    return bool(rng.random() < 0.5)


def teach(runtime: Runtime, run_id: UUID, count: int, truth: Truth) -> None:
    """Leads with measured facts of real objects, each fused into a patch of its own and judged."""
    rng = np.random.default_rng(11)
    known = [one for one in shipped_examples() if one.is_real]
    now = runtime.clock()
    leads, verdicts = [], {}
    for number in range(count):
        facts = known[int(rng.integers(len(known)))].facts
        corner = 112.80 + 0.004 * (number % 40), 34.80 + 0.004 * (number // 40)
        side = 1e-5 * np.sqrt(facts["statistics.area_m2"])
        outline = shapely.box(*corner, corner[0] + side, corner[1] + side)
        area_m2 = ellipsoidal_area_m2(outline)
        lead = Lead(
            derived_id("test_lead", run_id, number),
            "satellite",
            f"{TOWNSHIPS[number % len(TOWNSHIPS)]}201",
            now - timedelta(days=153),
            now,
            outline,
            area_m2,
            0.9 * area_m2,
            1.1 * area_m2,
            "new_building",
            0.8,
            run_id=run_id,
            class_probabilities={"new_building": 0.9, "crop_season": 0.1},
            witnesses={"irmad": True},
            attributes={
                "statistics": {
                    name.removeprefix("statistics."): value
                    for name, value in facts.items()
                    if name.startswith("statistics.")
                }
            },
        )
        leads.append(lead)
        verdicts[lead.lead_id] = truth(dict(facts), rng)
    with runtime.database.transaction(runtime.system) as session:
        service.record_leads(session, runtime.system, leads, now)
        service.fuse(session, runtime.system, None, now)
    with runtime.database.transaction(runtime.system) as session:
        for lead_id, is_real in verdicts.items():
            patch_id = session.scalar(
                text("SELECT patch_id FROM patch_lead WHERE lead_id = :lead"), {"lead": lead_id}
            )
            service.record_verdict(
                session,
                runtime.system,
                patch_id=UUID(str(patch_id)),
                verdict="unlawful" if is_real else "not_new",
                change_class="new_building",
                reason_code="evidence_clear" if is_real else "farm_machine",
                now=now,
            )


def serving(runtime: Runtime) -> second_stage.Serving:
    with runtime.database.transaction(runtime.system) as session:
        return second_stage.serving_model(session, runtime.blobs)


def test_a_better_model_takes_over_and_can_be_undone(
    runtime: Runtime, run_id: UUID, clock: SteppedClock
) -> None:
    teach(runtime, run_id, 240, is_large)
    training = jobs.train(runtime)
    assert (training.labels, training.served_before) == (240, "shipped")
    assert training.comparison.reason == "better", training.comparison.report()
    new, active = training.comparison.new, training.comparison.active
    assert new is not None
    assert active is not None
    assert new["log_loss"] < active["log_loss"]
    assert new["average_precision"] > active["average_precision"]
    assert sum(bin_["count"] for bin_ in new["reliability"]) == 240
    assert training.record is not None
    now_serving = serving(runtime)
    assert now_serving.record is not None
    assert now_serving.record.model_id == training.record.model_id
    assert now_serving.sha256 != getattr(shipped_model(), "sha256", None)

    clock.set(clock() + timedelta(hours=1))
    again = jobs.train(runtime)
    assert again.comparison.reason == "too_few_unseen"
    assert again.served_before == str(training.record.model_id)
    assert serving(runtime).sha256 == now_serving.sha256

    with runtime.database.transaction(runtime.system) as session:
        second_stage.activate(session, runtime.system, None, now=clock())
    assert serving(runtime).record is None
    with runtime.database.transaction(runtime.system) as session:
        second_stage.activate(session, runtime.system, training.record.model_id, now=clock())
        listed = second_stage.list_models(session, runtime.system)
    assert [one.is_active for one in listed] == [False, True]
    with runtime.database.transaction(runtime.system) as session:
        actions = session.scalars(
            text("SELECT action FROM audit_entry WHERE subject_kind = 'detection_model' ORDER BY seq")
        ).all()
        assert verify_chain(session) is None
    assert [action.rpartition(".")[2] for action in actions] == [
        *("trained", "activated", "trained", "activated", "activated")
    ]
    with pytest.raises(NotFound), runtime.database.transaction(runtime.system) as session:
        second_stage.activate(session, runtime.system, UUID(int=7), now=clock())


def test_a_model_that_learnt_nothing_does_not_take_over(runtime: Runtime, run_id: UUID) -> None:
    teach(runtime, run_id, 240, lambda facts, rng: True if rng.random() < 0.97 else is_chance(facts, rng))
    training = jobs.train(runtime)
    assert training.comparison.reason in {"not_better", "ranks_worse"}
    assert training.record is not None
    assert not training.record.is_active
    assert serving(runtime).record is None


def test_too_few_verdicts_change_nothing_and_say_so(
    runtime: Runtime, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(runtime, run_id, 30, is_large)

    @contextmanager
    def opened(_: object) -> Iterator[Runtime]:
        yield runtime

    monkeypatch.setattr("foundation.runtime.open_runtime", opened)
    app = Typer()
    cli.register(app)
    told = CliRunner().invoke(app, ["train"])
    assert told.exit_code == 0
    assert "核查结论太少，原模型继续使用" in told.output
    report = json.loads(CliRunner().invoke(app, ["train", "--json"]).output)
    assert (report["labels"], report["model_id"]) == (30, None)
    assert report["active_on_unseen"]["count"] == 30
    assert "* shipped" in CliRunner().invoke(app, ["models"]).output
    assert serving(runtime).record is None

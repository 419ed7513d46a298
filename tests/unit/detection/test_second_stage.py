"""The second stage: exact trees, honest probabilities, whole divisions held out, nothing lost."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

from detection.pixels.changes import DetectedChange, Detection
from detection.second_stage.calibration import (
    average_precision,
    fit_platt,
    log_losses,
    measure_calibration,
)
from detection.second_stage.examples import (
    GENERATOR,
    VERDICT,
    Example,
    read_table,
    truth_of_verdict,
    write_table,
)
from detection.second_stage.features import FirstStage, Occasion, Seen, facts_of, matrix
from detection.second_stage.generator import examples_of_seed
from detection.second_stage.model import SecondStage
from detection.second_stage.models import settings as numbers
from detection.second_stage.models import shipped_examples, shipped_model
from detection.second_stage.rescoring import Bars, rescore
from detection.second_stage.switching import compare
from detection.second_stage.training import Trained, folds, train
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput

METHOD = "irmad+change_vector+surface_type"
NOW = datetime(2026, 9, 8, 11, 0, tzinfo=SHANGHAI)
BARS = Bars(promote=0.7, demote=0.05, rename=0.9)
FAST = {**numbers()["training"], "iterations": 30, "kind_iterations": 20}


def make_examples(count: int = 240, *, townships: int = 8, seed: int = 3) -> list[Example]:
    """Objects that are real when green is lost on a compact shape; a third of the facts are missing."""
    rng = np.random.default_rng(seed)
    examples = []
    for number in range(count):
        loss, compact = rng.normal(size=2)
        is_real = bool(loss + 0.7 * compact + 0.5 * rng.normal() > 0.0)
        facts = {"statistics.loss": loss, "shape.compactness": compact, "class.earthwork": 1.0}
        if rng.random() < 0.33:
            del facts["shape.compactness"]
        kind = ("earthwork" if compact > 0.0 else "road") if is_real else None
        examples.append(
            Example(
                facts,
                is_real,
                kind,
                f"township {number % townships:02d}",
                VERDICT,
                0.8,
                METHOD,
                f"label {number}",
                NOW + timedelta(minutes=number),
            )
        )
    return examples


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(make_examples(), FAST)


def test_the_exported_trees_repeat_the_library(trained: Trained) -> None:
    examples = make_examples()
    model = SecondStage.from_bytes(trained.model.to_bytes())
    table = matrix([one.facts for one in examples], model.names)
    assert np.isnan(table).any()
    machine = HistGradientBoostingClassifier(
        max_iter=FAST["iterations"],
        learning_rate=FAST["learning_rate"],
        max_leaf_nodes=FAST["max_leaf_nodes"],
        min_samples_leaf=FAST["min_samples_leaf"],
        l2_regularization=FAST["l2"],
        early_stopping=False,
        random_state=FAST["seed"],
    ).fit(table, [one.is_real for one in examples], sample_weight=np.ones(len(examples)))
    unseen = matrix([one.facts for one in make_examples(500, seed=9)], model.names)
    ours = 1.0 / (1.0 + np.exp(-model.real.scores(unseen)[:, 0]))
    np.testing.assert_allclose(ours, machine.predict_proba(unseen)[:, 1], atol=1e-9)
    assert model.to_bytes() == trained.model.to_bytes()


def test_a_model_file_is_not_trusted(trained: Trained) -> None:
    data = trained.model.to_bytes()
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    loop = {**arrays, "real.left": np.zeros_like(arrays["real.left"])}
    code = {**arrays, "real.value": np.array([print], object)}
    for bad in (loop, code, {k: v for k, v in arrays.items() if k != "kinds.roots"}):
        buffer = io.BytesIO()
        np.savez(buffer, **bad)
        with pytest.raises(InvalidInput) as caught:
            SecondStage.from_bytes(buffer.getvalue())
        assert caught.value.code == "detection.second_stage.bad_model"
    with pytest.raises(InvalidInput):
        SecondStage.from_bytes(data[: len(data) // 2])


def test_held_out_divisions_are_really_held_out() -> None:
    """A fact that names the township tells the label there and nowhere else: only a leak could use it."""
    rng = np.random.default_rng(1)
    examples = [
        replace(one, facts={"statistics.township": float(number % 8), "statistics.noise": rng.normal()})
        for number, one in enumerate(make_examples(400))
    ]
    truth_of = {number: bool(number in {1, 2, 5, 6}) for number in range(8)}
    examples = [replace(one, is_real=truth_of[i % 8], change_class=None) for i, one in enumerate(examples)]
    result = train(examples, FAST)
    truth = np.array([one.is_real for one in examples])
    learnt = result.model.chances([one.facts for one in examples]).is_real
    assert average_precision(learnt, truth) > 0.95
    assert average_precision(result.held_out, truth) < 0.75


def test_folds_keep_groups_whole() -> None:
    dealt = folds([f"township {n}" for n in range(11)], 5)
    assert set(dealt.values()) == {0, 1, 2, 3, 4}
    assert len(dealt) == 11


def test_one_kind_of_label_cannot_be_learnt_from() -> None:
    with pytest.raises(Conflict) as caught:
        train([replace(one, is_real=True) for one in make_examples(20)], FAST)
    assert caught.value.code == "detection.second_stage.too_few"


def test_facts_of_the_run_need_many_runs() -> None:
    rows = [
        replace(one, facts={**one.facts, "run.residual_px": i % 3}) for i, one in enumerate(make_examples())
    ]
    assert "run.residual_px" not in train(rows, FAST).model.names
    rows = [
        replace(one, facts={**one.facts, "run.residual_px": i % 40}) for i, one in enumerate(make_examples())
    ]
    assert "run.residual_px" in train(rows, FAST).model.names


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=8, max_size=60),
    st.lists(st.floats(-30, 30), min_size=2, max_size=20),
)
def test_calibration_never_reverses_a_ranking(pairs: list[tuple[float, bool]], asked: list[float]) -> None:
    scores, truth = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], bool)
    likely = fit_platt(scores, truth, np.ones(len(pairs))).apply(np.sort(np.array(asked)))
    assert (np.diff(likely) >= 0.0).all()
    assert ((likely >= 0.0) & (likely <= 1.0)).all()


def test_calibration_finds_the_true_chances() -> None:
    rng = np.random.default_rng(5)
    scores = rng.normal(size=20_000) * 2.0
    chance = 1.0 / (1.0 + np.exp(-(0.5 * scores - 1.0)))
    truth = rng.random(20_000) < chance
    fitted = fit_platt(scores, truth, np.ones(20_000))
    assert fitted.slope == pytest.approx(0.5, abs=0.03)
    assert fitted.shift == pytest.approx(-1.0, abs=0.05)
    report = measure_calibration(fitted.apply(scores), truth)
    assert sum(bin_.count for bin_ in report.bins) == 20_000
    assert report.expected_error < 0.015
    assert measure_calibration(np.full(20_000, 0.9), truth).expected_error > 0.3


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=50))
def test_average_precision_is_the_libraries(pairs: list[tuple[int, bool]]) -> None:
    likely, truth = np.array([p[0] / 6 for p in pairs]), np.array([p[1] for p in pairs], bool)
    if truth.any():
        assert average_precision(likely, truth) == pytest.approx(average_precision_score(truth, likely))


def _compared(new: np.ndarray, active: np.ndarray, truth: np.ndarray, townships: int = 10) -> str:
    groups = [f"township {number % townships:02d}" for number in range(len(truth))]
    return compare(
        new, active, truth, groups=groups, labels=len(truth), settings=numbers()["switching"]
    ).reason


def test_only_a_better_model_takes_over() -> None:
    rng = np.random.default_rng(8)
    truth = rng.random(400) < 0.6
    sharp = np.clip(np.where(truth, 0.85, 0.15) + 0.1 * rng.normal(size=400), 0.01, 0.99)
    dull = np.clip(np.where(truth, 0.65, 0.4) + 0.2 * rng.normal(size=400), 0.01, 0.99)
    assert _compared(sharp, dull, truth) == "better"
    assert _compared(dull, sharp, truth) == "not_better"
    assert _compared(sharp, sharp, truth) == "not_better"
    assert _compared(sharp[:150], dull[:150], truth[:150]) == "too_few_labels"
    assert _compared(sharp, dull, truth, townships=3) == "too_few_townships"


def test_better_chances_with_a_worse_ranking_are_refused() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(600) < 0.5
    ranked = np.where(truth, 0.9999, 0.9990)
    mild = np.clip(np.where(truth, 0.6, 0.4) + 0.2 * rng.normal(size=600), 0.05, 0.95)
    assert log_losses(mild, truth).mean() < log_losses(ranked, truth).mean()
    assert _compared(mild, ranked, truth) == "ranks_worse"


def make_change(change_class: str, loss: float, compact: float, *, east: float = 0.0) -> DetectedChange:
    outline = shapely.box(113.0 + east, 35.0, 113.0008 + east, 35.0007)
    statistics = {} if change_class == "cloud_shadow" else {"loss": loss, "compact": compact}
    return DetectedChange(
        outline=outline,
        outline_px=outline,
        area_m2=5600.0,
        area_min_m2=5300.0,
        area_max_m2=5900.0,
        change_class=change_class,
        class_probabilities={change_class: 0.8, "other": 0.2},
        confidence=0.7,
        witnesses={"irmad": True},
        statistics=statistics,
        site=1,
    )


def make_detection(changes: list[DetectedChange], method: str = METHOD) -> Detection:
    return Detection(
        changes=tuple(changes),
        objects=None,  # type: ignore[arg-type]
        unseen=None,  # type: ignore[arg-type]
        grid=None,  # type: ignore[arg-type]
        sensor="multispectral",
        sensor_reason_zh="",
        sensor_reason_en="",
        method=method,
        version="1",
        parameters={"low_share": 0.9},
        registration={"residual_px": 0.2},
        normalisation={},
        detectors={},
        no_change_control=0.0,
        observed_share=1.0,
        cloud_share=0.0,
        before_sha256="a",
        after_sha256="b",
        before_at=NOW - timedelta(days=150),
        after_at=NOW,
    )


@pytest.fixture(scope="module")
def model() -> SecondStage:
    """Learnt from objects as `make_change` makes them."""
    rng = np.random.default_rng(4)
    examples = []
    for number in range(300):
        is_real = bool(rng.random() < 0.5)
        kind = ("earthwork", "water")[number // 2 % 2]
        loss = rng.normal(2.0 if is_real else -2.0, 0.4)
        compact = rng.normal(1.0 if kind == "water" else -1.0, 0.3)
        [change] = make_detection([make_change("earthwork", loss, compact)]).changes
        first = FirstStage("earthwork", 0.7, {"earthwork": 0.8}, change.statistics)
        seen = Seen(change.outline, 5600.0, 5300.0, 5900.0, change.witnesses)
        facts = facts_of(seen, first, Occasion("satellite", None, None, None, None))
        named = kind if is_real else None
        group = f"county {number % 6}"
        examples.append(Example(facts, is_real, named, group, GENERATOR, 0.7, METHOD, f"{number}"))
    return train(examples, FAST).model


def test_every_object_comes_back_and_every_change_is_told(model: SecondStage) -> None:
    changes = [
        make_change("earthwork", 2.0, -1.0),
        make_change("crop_season", 2.0, 1.0, east=0.01),
        make_change("earthwork", -2.0, -1.0, east=0.02),
        make_change("earthwork", 2.0, 1.0, east=0.03),
        make_change("crop_season", -2.0, -1.0, east=0.04),
        make_change("cloud_shadow", 0.0, 0.0, east=0.05),
    ]
    result = rescore(model, make_detection(changes), source="satellite", bars=BARS)
    kinds = [decision.kind for decision in result.decisions]
    assert kinds == ["kept", "promoted", "demoted", "renamed", "kept", "silent"]
    after = result.detection.changes
    assert [change.outline for change in after] == [change.outline for change in changes]
    assert [change.change_class for change in after] == [
        *("earthwork", "water", "crop_season", "water", "crop_season", "cloud_shadow")
    ]
    report = result.report()
    assert sum(report["counts"].values()) == len(changes)
    assert [row["decision"] for row in report["overruled"]] == ["promoted", "demoted", "renamed"]
    demoted = report["overruled"][1]
    assert demoted["rule_class"] == "earthwork"
    assert demoted["longitude"] == pytest.approx(113.0204, abs=1e-4)
    assert demoted["probability"] < BARS.demote
    for change, decision in zip(after[:5], result.decisions, strict=False):
        assert sum(change.class_probabilities.values()) == pytest.approx(1.0, abs=0.02)
        chance = decision.probability or 0.0
        assert change.confidence == pytest.approx(chance if change.is_real else 1.0 - chance, abs=1e-3)
    assert result.detection.parameters["second_stage_sha256"] == model.sha256


def test_a_model_is_silent_on_a_first_stage_that_it_does_not_know(model: SecondStage) -> None:
    detection = make_detection([make_change("other", -2.0, 0.0)], method="sar_log_ratio")
    for served in (model, None):
        result = rescore(served, detection, source="satellite", bars=BARS)
        assert result.detection.changes == detection.changes
        assert [decision.kind for decision in result.decisions] == ["silent"]


def test_verdicts_say_whether_the_ground_had_changed() -> None:
    labels = numbers()["labels"]
    assert truth_of_verdict("unlawful", "evidence_clear", labels) is True
    assert truth_of_verdict("lawful", "approved", labels) is True
    assert truth_of_verdict("not_new", "season", labels) is False
    assert truth_of_verdict("not_new", "facility_filed", labels) is True
    assert truth_of_verdict("not_new", "survey_class", labels) is None
    assert truth_of_verdict("doubtful", "image_unclear", labels) is None
    assert truth_of_verdict("withdrawn", None, labels) is None


def test_the_table_of_examples_comes_back() -> None:
    examples = [replace(one, origin=GENERATOR, recorded_at=None) for one in make_examples(30)]
    back = read_table(write_table(examples))
    assert [(one.key, one.is_real, one.change_class, one.group) for one in back] == [
        (one.key, one.is_real, one.change_class, one.group) for one in examples
    ]
    for one, other in zip(back, examples, strict=True):
        facts = {name: value for name, value in one.facts.items() if name in other.facts}
        assert facts == pytest.approx(dict(other.facts), rel=1e-6)


def test_counties_for_measuring_are_never_learnt_from(tmp_path: object) -> None:
    for seed in (4108, 77, 301):
        with pytest.raises(InvalidInput):
            examples_of_seed(seed, tmp_path, numbers()["generator"])  # type: ignore[arg-type]
        assert f"county {seed}" not in {one.group for one in shipped_examples()}


def test_the_shipped_model_is_learnt_from_the_shipped_table_and_calibrated() -> None:
    model = shipped_model()
    assert model is not None
    assert model.methods == (METHOD,)
    scores = model.card["scores"][GENERATOR]
    assert scores["held_out"]["brier"] < 0.25 * scores["first_stage"]["brier"]
    assert scores["held_out"]["expected_error"] < 0.02
    examples = shipped_examples()
    assert model.card["examples"] == {GENERATOR: len(examples)}
    chances = model.chances([one.facts for one in examples]).is_real
    truth = np.array([one.is_real for one in examples], bool)
    assert average_precision(chances, truth) > 0.99

"""Fit a second stage, hold whole divisions out to measure it, and say whether it is better than another.

The only module that needs scikit-learn; what it makes is evaluated by `detection.second_stage.trees`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.second_stage.calibration import Platt, fit_platt, measure_calibration
from detection.second_stage.examples import GENERATOR, VERDICT, Example, data_sha256
from detection.second_stage.features import RUN_PREFIX, matrix
from detection.second_stage.model import SecondStage
from detection.second_stage.trees import Trees
from foundation.errors import Conflict, Defect

EXACT = 1e-9


@dataclass(frozen=True)
class Trained:
    """A model, and what it said of each example while the example's whole group was held out.

    Attributes
    ----------
    held_out : ndarray, shape (examples,), float64
        Chance of a real change, from a fit and a calibration that never saw the example's group.
    """

    model: SecondStage
    held_out: NDArray[np.float64]


def train(examples: Sequence[Example], settings: Mapping[str, Any]) -> Trained:
    """Fit on all examples; measure on groups held out.

    Parameters
    ----------
    examples : sequence of Example
        Of at least two groups, real and false ones among them.
    settings : mapping
        ``[training]`` of ``second_stage.toml``.

    Raises
    ------
    Conflict
        ``detection.second_stage.too_few``: one group only, or only real or only false objects.
    """
    groups = sorted({one.group for one in examples})
    is_real = np.array([one.is_real for one in examples], bool)
    if len(groups) < 2 or is_real.all() or not is_real.any():
        raise Conflict("detection.second_stage.too_few", labels=len(examples), groups=len(groups))
    names = choose_names(examples, settings)
    table = matrix([one.facts for one in examples], names)
    weights = _weights(examples, settings)
    fold = np.array([folds(groups, int(settings["folds"]))[one.group] for one in examples])
    scores = np.full(len(examples), np.nan)
    for number in np.unique(fold):
        rest = fold != number
        trees = _fit_real(table[rest], is_real[rest], weights[rest], settings)
        scores[~rest] = trees.scores(table[~rest])[:, 0]
    classes, kinds = _fit_kinds(examples, table, weights, settings)
    model = SecondStage(
        names,
        tuple(sorted({one.method for one in examples})),
        classes,
        real=_fit_real(table, is_real, weights, settings),
        kinds=kinds,
        calibration=fit_platt(scores, is_real, weights),
        card={},
    )
    held_out = _cross_calibrated(scores, is_real, weights, fold)
    card = _card(examples, is_real, held_out, settings)
    return Trained(replace(model, card=card), held_out)


def choose_names(examples: Sequence[Example], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Facts that are known often enough; those of a whole comparison only when there are many comparisons."""
    counts = Counter(name for one in examples for name in one.facts)
    values: dict[str, set[float]] = {}
    for one in examples:
        for name, value in one.facts.items():
            if name.startswith((RUN_PREFIX, "season.")):
                values.setdefault(name, set()).add(round(value, 6))
    least = max(2, int(settings["least_known_share"] * len(examples)))
    return tuple(
        name
        for name, count in sorted(counts.items())
        if (count >= least or name.startswith("class."))
        and len(values.get(name, ())) >= (settings["least_runs"] if name in values else 0)
    )


def folds(groups: Sequence[str], count: int) -> dict[str, int]:
    """Fold of each group: whole groups, dealt in the order of their names."""
    return {group: number % min(count, len(groups)) for number, group in enumerate(sorted(groups))}


def _weights(examples: Sequence[Example], settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """One for a verdict; the generator's objects share their allowance once there are verdicts."""
    made = sum(one.origin == GENERATOR for one in examples)
    has_verdicts = made < len(examples)
    share = min(1.0, float(settings["generator_weight"]) / made) if made and has_verdicts else 1.0
    return np.array([share if one.origin == GENERATOR else 1.0 for one in examples])


def _fit_real(
    table: NDArray[np.float64],
    is_real: NDArray[np.bool_],
    weights: NDArray[np.float64],
    settings: Mapping[str, Any],
) -> Trees:
    """Boosted trees of real against not real, one output."""
    if is_real.all() or not is_real.any():
        share = float(np.clip((weights * is_real).sum() / weights.sum(), 1e-3, 1.0 - 1e-3))
        return _constant([np.log(share / (1.0 - share))])
    return _boosted(table, is_real.astype(int), weights, settings)


def _fit_kinds(
    examples: Sequence[Example],
    table: NDArray[np.float64],
    weights: NDArray[np.float64],
    settings: Mapping[str, Any],
) -> tuple[tuple[str, ...], Trees]:
    """Boosted trees of the class of real objects. Two classes become two outputs of opposite sign."""
    named = np.array([one.is_real and one.change_class is not None for one in examples])
    labels = np.array([one.change_class or "" for one in examples])[named]
    classes = tuple(sorted(set(labels.tolist())))
    if len(classes) < 2:
        return classes or ("other",), _constant([0.0])
    codes = np.searchsorted(np.array(classes), labels)
    own = {
        **settings,
        "iterations": settings["kind_iterations"],
        "learning_rate": settings["kind_learning_rate"],
    }
    trees = _boosted(table[named], codes, weights[named], own)
    if len(classes) == 2:
        trees = replace(
            trees, baseline=np.array([0.0, trees.baseline[0]]), outputs=np.ones_like(trees.outputs)
        )
    return classes, trees


def _constant(baseline: Sequence[float]) -> Trees:
    empty, none = np.zeros(0), np.zeros(0, np.int32)
    return Trees(
        np.zeros(0, np.int16),
        empty,
        np.zeros(0, bool),
        none,
        none,
        empty,
        none,
        none,
        np.array(baseline, float),
    )


def _boosted(
    table: NDArray[np.float64],
    codes: NDArray[np.integer[Any]],
    weights: NDArray[np.float64],
    settings: Mapping[str, Any],
) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    machine = HistGradientBoostingClassifier(
        max_iter=settings["iterations"],
        learning_rate=settings["learning_rate"],
        max_leaf_nodes=settings["max_leaf_nodes"],
        min_samples_leaf=settings["min_samples_leaf"],
        l2_regularization=settings["l2"],
        early_stopping=False,
        random_state=settings["seed"],
    )
    with threadpool_limits(limits=1):
        machine.fit(table, codes, sample_weight=weights)
        told = machine.decision_function(table)
    trees = _exported(machine)
    if np.abs(trees.scores(table) - told.reshape(len(table), -1)).max() > EXACT:
        raise Defect("detection.second_stage.inexact_export")
    return trees


def _exported(machine: Any) -> Trees:
    """The fitted trees as plain arrays."""
    parts, roots, outputs, start = [], [], [], 0
    for round_ in machine._predictors:
        for output, tree in enumerate(round_):
            nodes = tree.nodes
            is_leaf = nodes["is_leaf"].astype(bool)
            parts.append(
                (
                    np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int16),
                    np.where(is_leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
                    nodes["missing_go_to_left"].astype(bool),
                    np.where(is_leaf, 0, nodes["left"] + start).astype(np.int32),
                    np.where(is_leaf, 0, nodes["right"] + start).astype(np.int32),
                    np.where(is_leaf, nodes["value"], 0.0).astype(np.float64),
                )
            )
            roots.append(start)
            outputs.append(output)
            start += len(nodes)
    feature, threshold, is_missing_left, left, right, value = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    baseline = np.asarray(machine._baseline_prediction, float).reshape(-1)
    return Trees(
        feature,
        threshold,
        is_missing_left,
        left,
        right,
        value,
        np.array(roots, np.int32),
        np.array(outputs, np.int32),
        baseline,
    )


def _cross_calibrated(
    scores: NDArray[np.float64],
    is_real: NDArray[np.bool_],
    weights: NDArray[np.float64],
    fold: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Held-out scores as chances, each fold by a calibration fitted on the others."""
    likely = np.empty(len(scores))
    for number in np.unique(fold):
        rest = fold != number
        fitted: Platt = fit_platt(scores[rest], is_real[rest], weights[rest])
        likely[~rest] = fitted.apply(scores[~rest])
    return likely


def _card(
    examples: Sequence[Example],
    is_real: NDArray[np.bool_],
    held_out: NDArray[np.float64],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """What the model learnt from and how good it was on groups held out, beside the first stage alone."""
    first = np.array([one.first_confidence for one in examples])
    scores = {}
    for origin in (GENERATOR, VERDICT):
        chosen = np.array([one.origin == origin for one in examples])
        if chosen.any():
            scores[origin] = {
                "held_out": measure_calibration(held_out[chosen], is_real[chosen]).report(),
                "first_stage": measure_calibration(first[chosen], is_real[chosen]).report(),
            }
    moments = [one.recorded_at for one in examples if one.recorded_at is not None]
    return {
        "data_sha256": data_sha256(examples),
        "examples": dict(sorted(Counter(one.origin for one in examples).items())),
        "groups": sorted({one.group for one in examples}),
        "data_until": max(moments).isoformat() if moments else None,
        "settings": dict(settings),
        "scores": scores,
    }

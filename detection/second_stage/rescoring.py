"""What the second stage says of the objects of a comparison. All come back; every change is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from detection.second_stage.features import FirstStage, Occasion, Seen, facts_of

if TYPE_CHECKING:
    from detection.pixels.changes import DetectedChange, Detection
    from detection.second_stage.model import SecondStage

NO_MODEL = "none"
NOT_REAL_CLASS = "crop_season"
TOLD_SHARE = 0.005
"""Chances of classes below it are not listed."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Chances asked before the rules are overruled: ``[acting]`` of ``second_stage.toml``."""

    promote: float
    demote: float
    rename: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one object.

    Attributes
    ----------
    kind : str
        ``kept``, ``promoted`` (the rules had explained it away), ``demoted`` (the rules had called it real),
        ``renamed`` (another class), ``silent`` (nothing measured that the model could look at).
    probability : float or None
        Calibrated chance of a real change.
    heard : tuple of str
        Witnesses that the model heard; others may speak of the lead later.
    """

    kind: str
    probability: float | None
    rule_class: str
    rule_confidence: float
    rule_probabilities: Mapping[str, float]
    change_class: str
    heard: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """JSON-serialisable."""
        return {
            "decision": self.kind,
            "probability": self.probability,
            "rule_class": self.rule_class,
            "rule_confidence": self.rule_confidence,
            "rule_probabilities": dict(self.rule_probabilities),
            "heard": list(self.heard),
        }


@dataclass(frozen=True)
class Rescored:
    """A comparison after the second stage: one decision for each of its changes, in their order."""

    detection: Detection
    decisions: tuple[Decision, ...]
    model_sha256: str

    def report(self) -> dict[str, Any]:
        """What the run keeps: counts, and each object whose fate was changed, with its place and reason."""
        overruled = [
            {
                **decision.report(),
                "change_class": decision.change_class,
                "longitude": round(change.outline.representative_point().x, 6),
                "latitude": round(change.outline.representative_point().y, 6),
                "area_m2": round(change.area_m2, 1),
            }
            for change, decision in zip(self.detection.changes, self.decisions, strict=True)
            if decision.kind in {"promoted", "demoted", "renamed"}
        ]
        counts = Counter(decision.kind for decision in self.decisions)
        return {
            "model_sha256": self.model_sha256,
            "counts": dict(sorted(counts.items())),
            "overruled": overruled,
        }


def occasion_of(detection: Detection, source: str) -> Occasion:
    """The circumstances of a comparison."""
    residual = detection.registration.get("residual_px")
    return Occasion(
        source,
        detection.before_at,
        detection.after_at,
        None if residual is None else float(residual),
        detection.no_change_control,
    )


def facts_of_changes(detection: Detection, source: str) -> list[dict[str, float]]:
    """Facts of each change, in their order."""
    occasion = occasion_of(detection, source)
    return [
        facts_of(
            Seen(change.outline, change.area_m2, change.area_min_m2, change.area_max_m2, change.witnesses),
            FirstStage(change.change_class, change.confidence, change.class_probabilities, change.statistics),
            occasion,
        )
        for change in detection.changes
    ]


def rescore(model: SecondStage | None, detection: Detection, *, source: str, bars: Bars) -> Rescored:
    """Apply a model to a comparison.

    Without a model, or where the model does not know the first stage that was used, everything stays as it
    is and is told as ``silent``.

    Parameters
    ----------
    source : str
        As the leads will say: ``satellite``, ``drone``.
    """
    sha256 = NO_MODEL if model is None else model.sha256
    asked = replace(detection, parameters={**detection.parameters, "second_stage_sha256": sha256})
    if model is None or detection.method not in model.methods:
        return Rescored(asked, tuple(_silent(change) for change in detection.changes), sha256)
    is_measured = [bool(change.statistics) for change in detection.changes]
    chances = model.chances(facts_of_changes(detection, source))
    decisions, changes = [], []
    for number, change in enumerate(detection.changes):
        if not is_measured[number]:
            decisions.append(_silent(change))
            changes.append(change)
            continue
        likely = dict(zip(model.classes, chances.classes[number].tolist(), strict=True))
        decision = _decide(change, float(chances.is_real[number]), likely, bars)
        decisions.append(decision)
        changes.append(_changed(change, decision, likely))
    return Rescored(replace(asked, changes=tuple(changes)), tuple(decisions), sha256)


def _silent(change: DetectedChange) -> Decision:
    return Decision(
        "silent",
        None,
        change.change_class,
        change.confidence,
        dict(change.class_probabilities),
        change.change_class,
        tuple(sorted(change.witnesses)),
    )


def _decide(change: DetectedChange, chance: float, likely: Mapping[str, float], bars: Bars) -> Decision:
    best = max(likely, key=lambda name: (likely[name], name))
    kind, change_class = "kept", change.change_class
    if not change.is_real and chance >= bars.promote:
        kind, change_class = "promoted", best
    elif change.is_real and chance < bars.demote:
        kind, change_class = "demoted", NOT_REAL_CLASS
    elif change.is_real and best != change.change_class and likely[best] >= bars.rename:
        kind, change_class = "renamed", best
    return Decision(
        kind,
        round(chance, 4),
        change.change_class,
        change.confidence,
        dict(change.class_probabilities),
        change_class,
        tuple(sorted(change.witnesses)),
    )


def _changed(change: DetectedChange, decision: Decision, likely: Mapping[str, float]) -> DetectedChange:
    """The change with its calibrated chances; confidence is the chance that real (or not real) is right."""
    chance = decision.probability if decision.probability is not None else 0.0
    told = {name: round(chance * share, 4) for name, share in likely.items() if chance * share >= TOLD_SHARE}
    told[NOT_REAL_CLASS] = round(1.0 - chance, 4)
    told.setdefault(decision.change_class, round(chance * likely.get(decision.change_class, 0.0), 4))
    after = replace(
        change,
        change_class=decision.change_class,
        class_probabilities=dict(sorted(told.items(), key=lambda item: (-item[1], item[0]))),
    )
    return replace(after, confidence=round(chance if after.is_real else 1.0 - chance, 4))

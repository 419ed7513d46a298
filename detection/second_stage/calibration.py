"""From scores to probabilities that hold, and how well they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLIP = 1e-6
BINS = 10


@dataclass(frozen=True, slots=True)
class Platt:
    """P = 1 / (1 + exp(-(slope × score + shift))), slope > 0: ranking stays as it is.

    References
    ----------
    Platt (1999), Probabilistic Outputs for Support Vector Machines; preferred to isotonic regression below
    about a thousand labels: Niculescu-Mizil & Caruana (2005), Predicting Good Probabilities.
    """

    slope: float
    shift: float

    def apply(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of raw scores, any shape."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * scores + self.shift))))


def fit_platt(scores: NDArray[np.float64], is_real: NDArray[np.bool_], weights: NDArray[np.float64]) -> Platt:
    """Slope and shift by Newton's method on Platt's softened targets.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Scores of objects that the model had not seen.
    """
    real, false = float(weights[is_real].sum()), float(weights[~is_real].sum())
    target = np.where(is_real, (real + 1.0) / (real + 2.0), 1.0 / (false + 2.0))
    design = np.column_stack([scores, np.ones_like(scores)])
    point = np.array([1.0, 0.0])
    for _ in range(100):
        likely = Platt(*point).apply(scores)
        slope = design.T @ (weights * (likely - target))
        bend = (design * (weights * likely * (1.0 - likely))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        while _loss(point - step, scores, target, weights) > _loss(point, scores, target, weights) + 1e-12:
            step = step / 2.0
            if np.abs(step).max() < 1e-12:
                break
        point = point - step
        if np.abs(step).max() < 1e-9:
            break
    return Platt(max(float(point[0]), 1e-3), float(point[1]))


def _loss(
    point: NDArray[np.float64],
    scores: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> float:
    z = point[0] * scores + point[1]
    return float((weights * (np.logaddexp(0.0, z) - target * z)).sum())


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Objects of one range of probability: how many, what was said, and what was so."""

    low: float
    high: float
    count: int
    mean_probability: float | None
    share_real: float | None


@dataclass(frozen=True)
class Calibration:
    """How good probabilities are.

    Attributes
    ----------
    average_precision : float
        Area under precision over recall: ranking.
    brier, log_loss : float
        Proper scores: smaller is better.
    expected_error : float
        Mean distance of what was said from what was so, over ten bins (ECE).
    """

    count: int
    real: int
    average_precision: float
    brier: float
    log_loss: float
    expected_error: float
    bins: tuple[ReliabilityBin, ...]

    def report(self) -> dict[str, object]:
        """JSON-serialisable."""
        return {
            "count": self.count,
            "real": self.real,
            "average_precision": round(self.average_precision, 5),
            "brier": round(self.brier, 5),
            "log_loss": round(self.log_loss, 5),
            "expected_error": round(self.expected_error, 5),
            "reliability": [
                {
                    "low": bin_.low,
                    "high": bin_.high,
                    "count": bin_.count,
                    "mean_probability": bin_.mean_probability,
                    "share_real": bin_.share_real,
                }
                for bin_ in self.bins
            ],
        }


def measure_calibration(likely: NDArray[np.float64], is_real: NDArray[np.bool_]) -> Calibration:
    """Scores of probabilities against what was so, each object once; both shape (n,)."""
    outcome = is_real.astype(np.float64)
    bins = reliability(likely, is_real)
    total = max(1, len(likely))
    error = sum(
        bin_.count * abs(bin_.mean_probability - bin_.share_real)
        for bin_ in bins
        if bin_.mean_probability is not None and bin_.share_real is not None
    )
    return Calibration(
        len(likely),
        int(is_real.sum()),
        average_precision(likely, is_real),
        float(((likely - outcome) ** 2).mean()) if len(likely) else 0.0,
        float(log_losses(likely, is_real).mean()) if len(likely) else 0.0,
        float(error) / total,
        bins,
    )


def log_losses(likely: NDArray[np.float64], is_real: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Cost of each probability, in nats, shape (n,)."""
    clipped = np.clip(likely, CLIP, 1.0 - CLIP)
    return np.asarray(-np.log(np.where(is_real, clipped, 1.0 - clipped)))


def average_precision(likely: NDArray[np.float64], is_real: NDArray[np.bool_]) -> float:
    """Mean precision at each real object, ties taken together."""
    if not is_real.any():
        return 0.0
    order = np.argsort(-likely, kind="stable")
    ranked, outcome = likely[order], is_real[order].astype(np.float64)
    last = np.append(np.diff(ranked) != 0.0, True)
    found = np.cumsum(outcome)[last]
    precision = found / (np.flatnonzero(last) + 1)
    recall = found / outcome.sum()
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def reliability(likely: NDArray[np.float64], is_real: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """Ten bins of equal width; an empty bin says so."""
    place = np.minimum((likely * BINS).astype(int), BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        count = int(inside.sum())
        bins.append(
            ReliabilityBin(
                number / BINS,
                (number + 1) / BINS,
                count,
                round(float(likely[inside].mean()), 5) if count else None,
                round(float(is_real[inside].mean()), 5) if count else None,
            )
        )
    return tuple(bins)

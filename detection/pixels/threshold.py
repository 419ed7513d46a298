"""Where change begins: Otsu's cut, never below a robust floor.

The floor is the finding: on an unchanged scene Otsu alone cuts the noise in half; the floor leaves a
few pixels in a thousand.

References
----------
Otsu (1979), A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OTSU_BINS = 512
TAIL_PCT = 99.5
SIGMA_PCT = 15.865525
"""The share of a normal distribution below −1 σ."""


@dataclass(frozen=True, slots=True)
class Cut:
    """``value`` is the cut used; ``otsu`` and ``floor`` are what it was chosen from."""

    value: float
    otsu: float
    floor: float

    def report(self) -> dict[str, float]:
        """What is stored with a run."""
        return {"value": round(self.value, 4), "otsu": round(self.otsu, 4), "floor": round(self.floor, 4)}


def choose_cut(score: NDArray[Any], *, floor_sigmas: float, is_folded: bool) -> Cut:
    """max(Otsu, robust floor) of the scores of valid pixels.

    Parameters
    ----------
    score : ndarray, shape (pixels,)
        Strength of change, ≥ 0.
    floor_sigmas : float
        k of the floor.
    is_folded : bool
        For the absolute value of a centred quantity the floor is k × 1.4826 × median; for a length it is
        median + k × (median − 16th percentile): the lower half of the scores knows nothing of change.
    """
    if score.size == 0:
        return Cut(np.inf, np.inf, np.inf)
    values = np.asarray(score, np.float64)
    middle = float(np.median(values))
    if is_folded:
        floor = floor_sigmas * 1.4826 * middle
        ceiling = float(values.max())
    else:
        floor = middle + floor_sigmas * (middle - float(np.percentile(values, SIGMA_PCT)))
        ceiling = float(np.percentile(values, TAIL_PCT))
    best = otsu(np.minimum(values, ceiling))
    return Cut(max(best, floor), best, floor)


def otsu(values: NDArray[np.float64]) -> float:
    """The cut that makes the variance between the two sides greatest."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-12:
        return high
    counts, edges = np.histogram(values, OTSU_BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    above = below[-1] - below
    mass = np.cumsum(counts * centres)
    mean_below = mass / np.maximum(below, 1)
    mean_above = (mass[-1] - mass) / np.maximum(above, 1)
    between = below * above * (mean_below - mean_above) ** 2
    return float(centres[int(np.argmax(between))])

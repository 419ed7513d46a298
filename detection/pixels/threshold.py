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

from detection.pixels.compiled import compiled

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
    if is_folded:
        (middle,) = percentiles(score, 50.0)
        floor = floor_sigmas * 1.4826 * middle
        ceiling = float(score.max())
    else:
        lower, middle, ceiling = percentiles(score, SIGMA_PCT, 50.0, TAIL_PCT)
        floor = middle + floor_sigmas * (middle - lower)
    best = otsu(score, ceiling=ceiling)
    return Cut(max(best, floor), best, floor)


def percentiles(values: NDArray[Any], *percentages: float) -> list[float]:
    """As `numpy.percentile` gives them, of all values, in ascending order of the percentages.

    Each is one partition of what lies above the one before: NumPy's partition is vectorised for one place at
    a time and many times slower for several, and its median and percentiles ask for several.
    """
    parted = values.flatten()
    found: list[float] = []
    begin, under = 0, 0.0
    for percentage in percentages:
        place = percentage / 100.0 * (parted.size - 1)
        low = int(place)
        high = min(low + 1, parted.size - 1)
        parted[begin:].partition(high - begin)
        if begin <= low:  # else the place just under the last one, whose value is known
            under = float(parted[begin : low + 1].max())
        found.append(under + (place - low) * (float(parted[high]) - under))
        begin = high
    return found


def otsu(values: NDArray[Any], *, ceiling: float = np.inf) -> float:
    """The cut that makes the variance between the two sides greatest; values count as ``ceiling`` at most."""
    low, high = float(values.min()), min(float(values.max()), ceiling)
    if high - low < 1e-12:
        return high
    edges = np.linspace(low, high, OTSU_BINS + 1)
    counts = np.zeros(OTSU_BINS, np.int64)
    _count(np.ascontiguousarray(values).ravel(), high, edges, counts)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    above = below[-1] - below
    mass = np.cumsum(counts * centres)
    mean_below = mass / np.maximum(below, 1)
    mean_above = (mass[-1] - mass) / np.maximum(above, 1)
    between = below * above * (mean_below - mean_above) ** 2
    return float(centres[int(np.argmax(between))])


@compiled
def _count(
    values: NDArray[Any], ceiling: float, edges: NDArray[np.float64], counts: NDArray[np.int64]
) -> None:
    """The histogram of `numpy.histogram`: a value on an edge belongs above it, the last edge excepted."""
    last = counts.size - 1
    low = edges[0]
    scale = counts.size / (edges[counts.size] - low)
    for number in range(values.size):
        value = min(float(values[number]), ceiling)
        place = min(int((value - low) * scale), last)
        if value < edges[place]:
            place -= 1
        elif place < last and value >= edges[place + 1]:
            place += 1
        counts[place] += 1

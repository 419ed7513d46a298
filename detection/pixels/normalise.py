"""Radiometric normalisation: AFTER on BEFORE's scale by pixels that did not change.

References
----------
Canty & Nielsen (2008), Automatic radiometric normalization of multitemporal satellite imagery with the
iteratively re-weighted MAD transformation, Remote Sensing of Environment 112(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import Samples, gather
from detection.pixels.detectors.irmad import SAMPLE_PIXELS, IrmadFit, chi_square_survival

MIN_NO_CHANGE_SHARE = 0.2
NO_CHANGE_P = 0.05


@dataclass(frozen=True)
class Normalisation:
    """Per band ``like_before = gain · after + offset``; the identity where it was refused."""

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    no_change_share: float
    is_applied: bool

    @classmethod
    def identity(cls, bands: int, no_change_share: float = 0.0) -> Normalisation:
        """Leaves AFTER as it is."""
        return cls(np.ones(bands, np.float32), np.zeros(bands, np.float32), no_change_share, False)

    def apply(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """AFTER on BEFORE's scale, float32 (bands, rows, cols)."""
        if not self.is_applied:
            return after
        scaled: NDArray[np.float32] = after * self.gain[:, None, None] + self.offset[:, None, None]
        return scaled

    def report(self) -> dict[str, Any]:
        """What is stored with a run."""
        return {
            "is_applied": self.is_applied,
            "no_change_share": round(self.no_change_share, 4),
            "gain": [round(float(value), 5) for value in self.gain],
            "offset": [round(float(value), 5) for value in self.offset],
        }


def fit_normalisation(samples: Samples, irmad: IrmadFit) -> Normalisation:
    """Orthogonal regression of each band through the pixels that IR-MAD finds unchanged.

    Refused (identity, ``is_applied`` false) where fewer than 20 % of the pixels are unchanged: a line
    through changed land would hide the change.
    """
    before, after = gather(samples, SAMPLE_PIXELS)
    bands = before.shape[1]
    chi = irmad.chi_square(before.T.astype(np.float32), after.T.astype(np.float32))
    weights = chi_square_survival(chi, bands)
    is_same = weights > NO_CHANGE_P
    share = float(is_same.mean())
    identity = Normalisation.identity(bands, share)
    if share < MIN_NO_CHANGE_SHARE:
        return identity
    lines = [
        _orthogonal_line(after[is_same, band], before[is_same, band], weights[is_same])
        for band in range(bands)
    ]
    gain = np.array([line[0] for line in lines], np.float32)
    offset = np.array([line[1] for line in lines], np.float32)
    if (gain < 0.2).any() or (gain > 5.0).any():
        return identity
    return Normalisation(gain, offset, share, True)


def _orthogonal_line(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope and intercept of the weighted total-least-squares line y = slope · x + intercept."""
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    sxx = np.average((x - mean_x) ** 2, weights=weights)
    syy = np.average((y - mean_y) ** 2, weights=weights)
    sxy = np.average((x - mean_x) * (y - mean_y), weights=weights)
    if sxy <= 0:
        return 1.0, float(mean_y - mean_x)
    slope = (syy - sxx + np.sqrt((syy - sxx) ** 2 + 4 * sxy**2)) / (2 * sxy)
    return float(slope), float(mean_y - slope * mean_x)

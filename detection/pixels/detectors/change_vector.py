"""Standardised change vector: how far a pixel moved in band space, in robust σ of each band.

Bands are regressed on each other first (robust gain and offset), so that a brighter date is no change.

References
----------
Malila (1980), Change Vector Analysis, LARS Symposium.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled_fast
from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples, gather, smoothed_root
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

SAMPLE_PIXELS = 131_072
MIN_PIXELS = 64
LINE_PIXELS = 32_768
SMOOTH_SIGMA_PX = 1.0


@dataclass(frozen=True)
class ChangeVectorFit:
    """Per band: ``after ≈ gain · before + offset`` and the robust σ of the difference."""

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    sigma: NDArray[np.float32]

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Root mean square of the standardised band differences, smoothed; 0 where not valid."""
        bands = len(self.gain)
        total = np.empty(pixels.is_valid.shape, np.float32)
        scale = 1.0 / (self.sigma * np.float32(np.sqrt(bands)))
        _mean_square(pixels.before, pixels.after, self.gain, self.offset, scale.astype(np.float32), total)
        return smoothed_root(total, pixels.is_valid, SMOOTH_SIGMA_PX)

    def report(self) -> Mapping[str, Any]:
        """Gains and offsets between the dates."""
        return {
            "gain": [round(float(value), 5) for value in self.gain],
            "offset": [round(float(value), 5) for value in self.offset],
            "sigma": [round(float(value), 5) for value in self.sigma],
        }


@compiled_fast
def _mean_square(
    before: FloatGrid,
    after: FloatGrid,
    gain: NDArray[np.float32],
    offset: NDArray[np.float32],
    scale: NDArray[np.float32],
    total: FloatGrid,
) -> None:
    bands, rows, cols = before.shape
    for row in range(rows):
        out = total[row]
        out[:] = 0.0
        for band in range(bands):
            first, second = before[band, row], after[band, row]
            slope, rest, unit = gain[band], offset[band], scale[band]
            for col in range(cols):
                shift = (second[col] - slope * first[col] - rest) * unit
                out[col] += shift * shift


class ChangeVector:
    """Standardised change vector analysis as a registered detector."""

    spec = DetectorSpec(
        name="change_vector",
        version="1",
        sensors=frozenset({"multispectral", "rgb"}),
        min_bands=1,
        max_bands=64,
        dtypes=frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"}),
        halo_px=3,
        floor_sigmas=3.5,
        is_folded=False,
        parameters=MappingProxyType({"sample_pixels": SAMPLE_PIXELS, "smooth_sigma_px": SMOOTH_SIGMA_PX}),
    )

    def fit(self, samples: Samples) -> ChangeVectorFit:
        """Robust gain, offset and σ for each band, by trimmed orthogonal regression."""
        before, after = gather(samples, SAMPLE_PIXELS)
        if len(before) < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(before), needed=MIN_PIXELS)
        lines = [_robust_line(before[:, band], after[:, band]) for band in range(before.shape[1])]
        gain, offset, sigma = (np.array(column, np.float32) for column in zip(*lines, strict=True))
        return ChangeVectorFit(gain, offset, sigma)


def _robust_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Reduced major axis through the densest 60 %, iterated from the quartiles."""
    step = max(1, len(x) // LINE_PIXELS)
    x, y = x[::step], y[::step]
    (x_low, x_mid, x_high), (y_low, y_mid, y_high) = (
        np.percentile(x, (25, 50, 75)),
        np.percentile(y, (25, 50, 75)),
    )
    gain = (y_high - y_low) / (x_high - x_low) if x_high > x_low and y_high > y_low else 1.0
    offset = y_mid - gain * x_mid
    residual = y - gain * x - offset
    for _ in range(10):
        is_kept = np.abs(residual) <= np.percentile(np.abs(residual), 60)
        x_sigma, y_sigma = x[is_kept].std(), y[is_kept].std()
        if x_sigma < 1e-9 or y_sigma < 1e-9:
            break
        gain = y_sigma / x_sigma
        offset = y[is_kept].mean() - gain * x[is_kept].mean()
        residual = y - gain * x - offset
    middle = float(np.median(residual))
    sigma = 1.4826 * float(np.median(np.abs(residual - middle)))
    spread = max(float(x.std()), float(y.std()), 1e-6)
    return float(gain), float(offset) + middle, max(sigma, 1e-3 * spread)

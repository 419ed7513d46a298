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
from detection.pixels.threshold import percentiles
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

SAMPLE_PIXELS = 32_768
MIN_PIXELS = 64
TRIMS, KEPT_PCT = 10, 60.0
SMOOTH_SIGMA_PX = 1.0


@dataclass(frozen=True)
class ChangeVectorFit:
    """Per band: ``after ≈ gain · before + offset`` and the robust σ of the difference."""

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    sigma: NDArray[np.float32]
    smooth_sigma_px: float = SMOOTH_SIGMA_PX

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Root mean square of the standardised band differences, smoothed; 0 where not valid."""
        return smoothed_root(self.squares(pixels.before, pixels.after), pixels.is_valid, self.smooth_sigma_px)

    def squares(self, before: NDArray[Any], after: NDArray[Any]) -> FloatGrid:
        """Mean square of the standardised differences of each pixel."""
        total = np.empty(before.shape[1:], np.float32)
        scale = 1.0 / (self.sigma * np.float32(np.sqrt(len(self.gain))))
        before, after = np.ascontiguousarray(before), np.ascontiguousarray(after)
        _mean_square(before, after, self.gain, self.offset, scale.astype(np.float32), total)
        return total

    def report(self) -> Mapping[str, Any]:
        """Gains and offsets between the dates."""
        return {
            "gain": [round(float(value), 5) for value in self.gain],
            "offset": [round(float(value), 5) for value in self.offset],
            "sigma": [round(float(value), 5) for value in self.sigma],
        }


@compiled_fast
def _mean_square(
    before: NDArray[Any],
    after: NDArray[Any],
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
                shift = (np.float32(second[col]) - slope * np.float32(first[col]) - rest) * unit
                out[col] += shift * shift


class ChangeVector:
    """Standardised change vector analysis as a registered detector."""

    spec = DetectorSpec(
        name="change_vector",
        version="2",
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
    (x_low, x_mid, x_high), (y_low, y_mid, y_high) = (percentiles(each, 25.0, 50.0, 75.0) for each in (x, y))
    gain = (y_high - y_low) / (x_high - x_low) if x_high > x_low and y_high > y_low else 1.0
    offset = y_mid - gain * x_mid
    far = np.abs(y - gain * x - offset)
    for _ in range(TRIMS):
        x_mean, x_sigma, y_mean, y_sigma = _moments_within(x, y, far, *percentiles(far, KEPT_PCT))
        if x_sigma < 1e-9 or y_sigma < 1e-9:
            break
        before = gain, offset
        gain = y_sigma / x_sigma
        offset = y_mean - gain * x_mean
        if before == (gain, offset):
            break  # the same pixels were kept
        _distances(x, y, gain, offset, far)
    residual = y - gain * x - offset
    (middle,) = percentiles(residual, 50.0)
    (far_off,) = percentiles(np.abs(residual - middle), 50.0)
    spread = max(float(x.std()), float(y.std()), 1e-6)
    return float(gain), float(offset) + middle, max(1.4826 * far_off, 1e-3 * spread)


@compiled_fast
def _moments_within(
    x: NDArray[np.float64], y: NDArray[np.float64], far: NDArray[np.float64], limit: float
) -> tuple[float, float, float, float]:
    """Mean and standard deviation of x, then of y, over the points not farther than the limit."""
    count, x_sum, y_sum = 0.0, 0.0, 0.0
    for at in range(len(x)):
        kept = 1.0 if far[at] <= limit else 0.0
        count += kept
        x_sum += kept * x[at]
        y_sum += kept * y[at]
    x_mean, y_mean = x_sum / count, y_sum / count
    x_square, y_square = 0.0, 0.0
    for at in range(len(x)):
        kept = 1.0 if far[at] <= limit else 0.0
        x_square += kept * (x[at] - x_mean) ** 2
        y_square += kept * (y[at] - y_mean) ** 2
    return x_mean, np.sqrt(x_square / count), y_mean, np.sqrt(y_square / count)


@compiled_fast
def _distances(
    x: NDArray[np.float64], y: NDArray[np.float64], gain: float, offset: float, far: NDArray[np.float64]
) -> None:
    for at in range(len(x)):
        far[at] = abs(y[at] - gain * x[at] - offset)

"""Iteratively reweighted multivariate alteration detection.

Blind to any gain, offset or linear mixing of bands between the dates. Statistics come from a sample;
the whole of a pixel's work is one small matrix product.

References
----------
Nielsen (2007), The Regularized Iteratively Reweighted MAD Method, IEEE Trans. Image Processing 16(2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled_fast
from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples, gather, smoothed_root
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

SAMPLE_PIXELS = 131_072
MIN_PIXELS_PER_BAND = 40
MAX_ITERATIONS = 50
TOLERANCE = 1e-3
RIDGE = 1e-6
MIN_WEIGHT = 0.1
"""Weights that shrink below this mean cling to a few look-alike pixels (saturated ones): stop before."""
NO_CHANGE_P = 0.05
STRETCH_PX = 1024
"""Pixels whose weights and products are summed while they lie in the processor's first cache."""
SMOOTH_SIGMA_PX = 1.0
FEW_BANDS = 6
"""Up to so many the sums are compiled for their very number: loops over bands vanish, what a pixel needs
stays in registers, and it is twice as fast; at eight the compiler gives up and it is slower."""


@dataclass(frozen=True)
class IrmadFit:
    """Fitted statistics: ``folded`` (p, 2p + 1) maps ``[before; after; 1]`` to standardised variates."""

    folded: NDArray[np.float32]
    correlations: NDArray[np.float64]
    no_change_share: float
    iterations: int
    smooth_sigma_px: float = SMOOTH_SIGMA_PX

    def chi_square(self, before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float32]:
        """χ² with p degrees of freedom under no change; inputs (bands, …) of any type, output (…)."""
        bands = before.shape[0]
        lines = [np.ascontiguousarray(date).reshape(bands, -1, before.shape[-1]) for date in (before, after)]
        total = np.empty(lines[0].shape[1:], np.float32)
        sums = _chi_square_of(bands) if bands <= FEW_BANDS else _chi_square
        sums(lines[0], lines[1], self.folded, total)
        return total.reshape(before.shape[1:])

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Root of the smoothed χ²: in units of σ, so that one threshold rule serves all band counts."""
        return smoothed_root(self.squares(pixels.before, pixels.after), pixels.is_valid, self.smooth_sigma_px)

    def squares(self, before: NDArray[Any], after: NDArray[Any]) -> FloatGrid:
        """χ² of each pixel."""
        return self.chi_square(before, after)

    def report(self) -> Mapping[str, Any]:
        """Canonical correlations and the share of no-change pixels."""
        return {
            "correlations": [round(float(value), 4) for value in self.correlations],
            "no_change_share": round(self.no_change_share, 4),
            "iterations": self.iterations,
        }


@compiled_fast
def _chi_square(before: NDArray[Any], after: NDArray[Any], folded: FloatGrid, total: FloatGrid) -> None:
    """Σ over variates of (folded · [before; after; 1])², line by line: a line's sums stay in the cache."""
    bands, rows, cols = before.shape
    variate = np.empty(cols, np.float32)
    for row in range(rows):
        out = total[row]
        out[:] = 0.0
        for number in range(bands):
            variate[:] = folded[number, 2 * bands]
            for band in range(bands):
                one, other = folded[number, band], folded[number, bands + band]
                first, second = before[band, row], after[band, row]
                for col in range(cols):
                    variate[col] += one * np.float32(first[col]) + other * np.float32(second[col])
            for col in range(cols):
                out[col] += variate[col] * variate[col]


@lru_cache(maxsize=FEW_BANDS)
def _chi_square_of(bands: int) -> Callable[..., None]:
    """`_chi_square` for one number of bands."""

    @compiled_fast
    def sums(before: NDArray[Any], after: NDArray[Any], folded: FloatGrid, total: FloatGrid) -> None:
        rows, cols = total.shape
        for row in range(rows):
            out = total[row]
            for col in range(cols):
                square = np.float32(0.0)
                for number in range(bands):
                    variate = folded[number, 2 * bands]
                    for band in range(bands):
                        variate += folded[number, band] * np.float32(before[band, row, col])
                        variate += folded[number, bands + band] * np.float32(after[band, row, col])
                    square += variate * variate
                out[col] = square

    return sums


class Irmad:
    """IR-MAD as a registered detector."""

    spec = DetectorSpec(
        name="irmad",
        version="1",
        sensors=frozenset({"multispectral", "rgb"}),
        min_bands=2,
        max_bands=64,
        dtypes=frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"}),
        halo_px=3,
        floor_sigmas=3.5,
        is_folded=False,
        parameters=MappingProxyType(
            {"sample_pixels": SAMPLE_PIXELS, "smooth_sigma_px": SMOOTH_SIGMA_PX, "ridge": RIDGE}
        ),
    )

    def fit(self, samples: Samples) -> IrmadFit:
        """Fit on up to 131,072 valid pixels."""
        return fit_irmad(*gather(samples, SAMPLE_PIXELS))


def fit_irmad(before: NDArray[np.float64], after: NDArray[np.float64]) -> IrmadFit:
    """Iterate MAD with no-change weights until the canonical correlations stand still.

    Parameters
    ----------
    before, after : ndarray, shape (pixels, bands), float64
        Any unit; each band is scaled by its own spread first.

    Raises
    ------
    InvalidInput
        ``detection.pair.sample_too_small``: the covariance would be singular.
    """
    pixels, bands = before.shape
    if pixels < MIN_PIXELS_PER_BAND * bands:
        raise InvalidInput(
            "detection.pair.sample_too_small", pixels=pixels, needed=MIN_PIXELS_PER_BAND * bands
        )
    scale = np.concatenate([_spread(before), _spread(after)])
    z = np.ascontiguousarray((np.concatenate([before, after], axis=1) / scale).T)
    middle = z.mean(axis=1)
    z -= middle[:, None]
    matrix, centre, correlations = _directions(float(pixels), np.zeros(2 * bands), z @ z.T)
    previous = np.zeros(bands)
    iterations = 0
    while iterations < MAX_ITERATIONS:
        iterations += 1
        sums, second = _reweighted(z, matrix, centre)
        if sums[0] < MIN_WEIGHT * pixels or sums[0] < MIN_PIXELS_PER_BAND * bands:
            break
        matrix, centre, correlations = _directions(sums[0], sums[2:], second)
        if np.abs(correlations - previous).max() < TOLERANCE:
            break
        previous = correlations
    share = float(_reweighted(z, matrix, centre)[0][1] / pixels)
    folded = np.concatenate([matrix / scale, -(matrix @ (centre + middle))[:, None]], axis=1)
    return IrmadFit(folded.astype(np.float32), correlations, share, iterations)


def chi_square_survival(chi: NDArray[Any], degrees: int) -> NDArray[np.float64]:
    """P(χ²_k > x), closed form: a finite series, with erfc for odd k."""
    half = np.asarray(chi, np.float64) / 2.0
    damp = np.exp(-half)
    if degrees % 2 == 0:
        term = np.ones_like(half)
        total = term.copy()
        for k in range(1, degrees // 2):
            term = term * half / k
            total += term
        return np.minimum(damp * total, 1.0)
    root = np.sqrt(half)
    total = _erfc(root)
    term = root / math.gamma(1.5)
    for k in range(1, (degrees - 1) // 2 + 1):
        total = total + damp * term
        term = term * half / (k + 0.5)
    return np.minimum(total, 1.0)


def _erfc(x: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import erfc

    result: NDArray[np.float64] = erfc(x)
    return result


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = values.std(axis=0)
    return np.where(deviation > 1e-12, deviation, 1.0)


def _directions(
    total: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One MAD from weighted sums of pixels and of their products: matrix (p, 2p), centre, correlations (p,).

    Both blocks are whitened by Cholesky factors; the canonical directions are then eigenvectors of a
    symmetric matrix, so ``eigh`` serves and no complex pair can appear.
    """
    bands = len(first) // 2
    centre = first / total
    covariance = second / total - np.outer(centre, centre)
    ridge = RIDGE * np.eye(bands)
    low_x = np.linalg.cholesky(covariance[:bands, :bands] + ridge)
    low_y = np.linalg.cholesky(covariance[bands:, bands:] + ridge)
    cross = np.linalg.solve(low_x, np.linalg.solve(low_y, covariance[:bands, bands:].T).T)
    squares, left = np.linalg.eigh(cross @ cross.T)
    correlations = np.sqrt(np.clip(squares, 0.0, 1.0))
    right = cross.T @ left / np.maximum(correlations, 1e-9)
    a = np.linalg.solve(low_x.T, left)
    b = np.linalg.solve(low_y.T, right)
    spread = np.sqrt(np.maximum(2.0 * (1.0 - correlations), 1e-6))
    return np.ascontiguousarray(np.concatenate([a / spread, -b / spread]).T), centre, correlations


@compiled_fast
def _reweighted(
    z: NDArray[np.float64], matrix: NDArray[np.float64], centre: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """No-change weights of all pixels, z (2p, pixels), summed a stretch of pixels at a time.

    Returns the sum of the weights, how many exceed 0.05, the weighted sums of z; and those of its products.
    """
    lines, pixels = z.shape
    sums = np.zeros(2 + lines)
    second = np.zeros((lines, lines))
    constants = -matrix @ centre
    weights, room = np.empty(STRETCH_PX), np.empty(STRETCH_PX)
    for start in range(0, pixels, STRETCH_PX):
        stop = min(start + STRETCH_PX, pixels)
        _squares(z, start, stop, matrix, constants, weights, room)
        for at in range(stop - start):
            weights[at] = _survival(weights[at], matrix.shape[0])
            sums[0] += weights[at]
            sums[1] += 1.0 if weights[at] > NO_CHANGE_P else 0.0
        _add_products(z, start, stop, weights, room, sums, second)
    for line in range(lines):
        for other in range(line):
            second[other, line] = second[line, other]
    return sums, second


@compiled_fast
def _squares(
    z: NDArray[np.float64],
    start: int,
    stop: int,
    matrix: NDArray[np.float64],
    constants: NDArray[np.float64],
    chi: NDArray[np.float64],
    variate: NDArray[np.float64],
) -> None:
    """χ² of pixels ``start`` to ``stop``."""
    chi[:] = 0.0
    for number in range(matrix.shape[0]):
        variate[:] = constants[number]
        for line in range(z.shape[0]):
            factor, values = matrix[number, line], z[line][start:stop]
            for at in range(stop - start):
                variate[at] += factor * values[at]
        for at in range(stop - start):
            chi[at] += variate[at] * variate[at]


@compiled_fast
def _add_products(
    z: NDArray[np.float64],
    start: int,
    stop: int,
    weights: NDArray[np.float64],
    weighted: NDArray[np.float64],
    sums: NDArray[np.float64],
    second: NDArray[np.float64],
) -> None:
    """Add the weighted sums of pixels ``start`` to ``stop``, of their products the lower triangle."""
    for line in range(z.shape[0]):
        values = z[line][start:stop]
        total = 0.0
        for at in range(stop - start):
            weighted[at] = weights[at] * values[at]
            total += weighted[at]
        sums[2 + line] += total
        for other in range(line + 1):
            values = z[other][start:stop]
            total = 0.0
            for at in range(stop - start):
                total += weighted[at] * values[at]
            second[line, other] += total


@compiled_fast
def _survival(chi: float, degrees: int) -> float:
    """`chi_square_survival` of one number."""
    half = 0.5 * chi
    if degrees % 2 == 0:
        term, total = 1.0, 1.0
        for k in range(1, degrees // 2):
            term *= half / k
            total += term
        return min(math.exp(-half) * total, 1.0)
    root = math.sqrt(half)
    total, damp = math.erfc(root), math.exp(-half)
    term = root / math.gamma(1.5)
    for k in range(1, (degrees - 1) // 2 + 1):
        total += damp * term
        term *= half / (k + 0.5)
    return min(total, 1.0)

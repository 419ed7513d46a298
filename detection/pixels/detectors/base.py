"""What a detector is: a specification as data, a fit on sample blocks, a score by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled, compiled_fast
from ingest.pair import PairPixels

FloatGrid = NDArray[np.float32]
Samples = Sequence[PairPixels]


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """What a detector needs and makes; stored with every run.

    Attributes
    ----------
    halo_px : int
        Pixels beyond a block that a score inside the block depends on.
    floor_sigmas : float
        The threshold never falls below this many robust σ of the unchanged majority.
    is_folded : bool
        The score is the absolute value of a centred quantity (its middle is 0), not a one-sided length.
    cut : float, optional
        A fixed cut, for scores that carry their own scale (a probability, metres of height); None where
        the cut is measured on the scene.
    """

    name: str
    version: str
    sensors: frozenset[str]
    min_bands: int
    max_bands: int
    dtypes: frozenset[str]
    halo_px: int
    floor_sigmas: float
    is_folded: bool
    parameters: Mapping[str, Any]
    cut: float | None = None


class Scorer(Protocol):
    """A fitted detector."""

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Strength of change at each pixel, float32 (rows, cols), ≥ 0; 0 where not valid."""
        ...

    def report(self) -> Mapping[str, Any]:
        """Fitted figures worth storing, JSON-serialisable."""
        ...


@runtime_checkable
class SquareScorer(Scorer, Protocol):
    """A fitted detector whose score is `smoothed_root` of something known of each pixel alone."""

    def squares(self, before: NDArray[Any], after: NDArray[Any]) -> FloatGrid:
        """Squares of the score before smoothing, float32 (rows, cols); inputs of any type."""
        ...

    @property
    def smooth_sigma_px(self) -> float:
        """Spread of the smoothing."""
        ...


class Detector(Protocol):
    """A way to score change between two aligned dates."""

    @property
    def spec(self) -> DetectorSpec:
        """What it needs and makes."""
        ...

    def fit(self, samples: Samples) -> Scorer:
        """Estimate statistics from sample blocks of the scene.

        Raises
        ------
        InvalidInput
            ``detection.pair.sample_too_small``: too few valid pixels.
        """
        ...


def gather(samples: Samples, limit: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Valid pixels of all blocks, thinned evenly to about ``limit``; each (pixels, bands), float64.

    The memory runs along the pixels of a band: a band's column is contiguous.
    """
    step = max(1, sum(int(np.count_nonzero(block.is_valid)) for block in samples) // limit)
    places: list[NDArray[np.int64]] = []
    phase = 0
    for block in samples:
        count = int(np.count_nonzero(block.is_valid))
        if count < block.is_valid.size:
            places.append(np.flatnonzero(block.is_valid)[phase::step])
        else:
            places.append(np.arange(phase, count, step))
        phase = (phase - count) % step
    dates = [block.before for block in samples], [block.after for block in samples]
    before, after = (thinned(blocks, places) for blocks in dates)
    return before.T, after.T


def thinned(blocks: Sequence[NDArray[Any]], places: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Pixels of blocks (bands, rows, cols) by their running numbers, as (bands, pixels), float64."""
    made = np.empty((len(blocks[0]), sum(map(len, places))))
    at = 0
    for block, wanted in zip(blocks, places, strict=True):
        _pick(block, wanted, made[:, at : at + len(wanted)])
        at += len(wanted)
    return made


@compiled
def _pick(block: NDArray[Any], places: NDArray[np.int64], made: NDArray[np.float64]) -> None:
    bands, _, cols = block.shape
    for number in range(len(places)):
        row, col = divmod(places[number], cols)
        for band in range(bands):
            made[band, number] = block[band, row, col]


OWN_LIMIT = 4.0
"""A smoothed square counts up to four times the pixel's own: strong change must not spill over its edge."""


def smoothed_root(square: FloatGrid, is_valid: NDArray[np.bool_], sigma_px: float) -> FloatGrid:
    """Root of a Gaussian mean of squares over valid pixels, limited by the pixel's own; 0 where not valid.

    Parameters
    ----------
    square : ndarray, shape (rows, cols), float32
        Overwritten where not valid.
    """
    smooth = smoothed_square(square, is_valid, sigma_px, is_whole=bool(is_valid.all()))
    _limited_root(smooth, square, OWN_LIMIT if sigma_px > 0 else 1.0)
    if not is_valid.all():
        smooth[~is_valid] = 0.0
    return smooth


def smoothed_square(
    square: FloatGrid, is_valid: NDArray[np.bool_], sigma_px: float, *, is_whole: bool
) -> FloatGrid:
    """The Gaussian mean of `smoothed_root` alone; ``square`` is set to 0 where not valid."""
    if not is_whole:
        square[~is_valid] = 0.0
    if sigma_px <= 0:
        return square.copy()
    smooth = _blurred(square, sigma_px)
    if not is_whole:
        smooth /= np.maximum(_blurred(is_valid.astype(np.float32), sigma_px), 1e-3)
    return smooth


def _blurred(grid: FloatGrid, sigma_px: float) -> FloatGrid:
    return np.asarray(cv2.GaussianBlur(grid, (7, 7), sigma_px, borderType=cv2.BORDER_REFLECT_101), np.float32)


@compiled_fast
def _limited_root(smooth: FloatGrid, own: FloatGrid, limit: float) -> None:
    rows, cols = smooth.shape
    for row in range(rows):
        for col in range(cols):
            smooth[row, col] = np.sqrt(
                max(min(smooth[row, col], np.float32(limit) * own[row, col]), np.float32(0.0))
            )

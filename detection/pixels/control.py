"""The no-change control: an unchanged twin of a pair, to show what the chain flags where nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import gather
from detection.pixels.detectors.cross_sensor import CrossSensor
from detection.pixels.threshold import percentiles
from ingest.pair import PairPixels

SEED = 4108
SPECKLE_LOOKS = 4.0
SIGMA_PIXELS = 131_072


def unchanged_twins(samples: Sequence[PairPixels], *, is_speckle: bool) -> list[PairPixels]:
    """BEFORE on both dates with the pair's own offset and noise shared between them; speckle for radar.

    The noise of a band is one robust σ for the whole sample: noise that differs from block to block would
    look like change. Between two kinds of sensor AFTER is drawn anew from the scene's own relation of the
    two. The seed holds the block's number, so that the control repeats bit for bit.
    """
    seen = [block for block in samples if block.is_valid.any()]
    if any(len(block.before) != len(block.after) for block in seen):
        fit = CrossSensor().fit(seen)
        return [fit.twin(block, SEED + number) for number, block in enumerate(seen)]
    before, after = gather(seen, SIGMA_PIXELS)
    joined = (after - before).T
    middle = _medians(joined)
    sigma = 1.4826 * _medians(np.abs(joined - middle[:, :, 0]))
    return [_twin(block, number, middle, sigma, is_speckle) for number, block in enumerate(seen)]


def _medians(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([percentiles(line, 50.0) for line in lines])[:, :, None]


def _twin(
    block: PairPixels, number: int, middle: NDArray[Any], sigma: NDArray[Any], is_speckle: bool
) -> PairPixels:
    random = np.random.default_rng((SEED, number))
    before = block.before
    if is_speckle:
        looks = random.gamma(SPECKLE_LOOKS, 1.0 / SPECKLE_LOOKS, before.shape)
        speckled = (before * np.sqrt(looks)).astype(np.float32)
        return PairPixels(before, speckled, block.is_valid, block.row, block.col)
    each = (sigma / np.sqrt(2.0)).astype(np.float32)
    first, second = (random.standard_normal(before.shape, np.float32) for _ in range(2))
    first *= each
    first += before
    second *= each
    second += before
    second += middle.astype(np.float32)
    return PairPixels(first, second, block.is_valid, block.row, block.col)

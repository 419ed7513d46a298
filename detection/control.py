"""The no-change control: an unchanged twin of a pair, to show what the chain flags where nothing happened."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.pair import PairPixels

SEED = 4108
SPECKLE_LOOKS = 4.0


def unchanged_twin(block: PairPixels, number: int, *, is_speckle: bool) -> PairPixels:
    """BEFORE on both dates with the pair's own offset and noise shared between them; speckle for radar.

    Parameters
    ----------
    number : int
        Which block: part of the seed, so that the control repeats bit for bit.
    """
    random = np.random.default_rng((SEED, number))
    before, is_valid = block.before, block.is_valid
    if is_speckle:
        looks = random.gamma(SPECKLE_LOOKS, 1.0 / SPECKLE_LOOKS, before.shape)
        return PairPixels(before, (before * np.sqrt(looks)).astype(np.float32), is_valid)
    gap = block.after[:, is_valid] - before[:, is_valid]
    middle = np.median(gap, axis=1)
    sigma = 1.4826 * np.median(np.abs(gap - middle[:, None]), axis=1)
    sigma_each = sigma[:, None, None] / np.sqrt(2.0)
    first = before + sigma_each * random.standard_normal(before.shape)
    second: NDArray[np.float64] = before + middle[:, None, None]
    second = second + sigma_each * random.standard_normal(before.shape)
    return PairPixels(first.astype(np.float32), second.astype(np.float32), is_valid)

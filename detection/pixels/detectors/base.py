"""What a detector is: a specification as data, a fit on sample blocks, a score by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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
    """Valid pixels of all blocks, thinned evenly to about ``limit``; each (pixels, bands), float64."""
    before = np.concatenate([block.before[:, block.is_valid].T for block in samples])
    after = np.concatenate([block.after[:, block.is_valid].T for block in samples])
    step = max(1, len(before) // limit)
    return before[::step].astype(np.float64), after[::step].astype(np.float64)

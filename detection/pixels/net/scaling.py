"""Bringing a date's colours to one scale before the net sees them, by figures of the whole scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.threshold import percentiles

Float = NDArray[np.float32]
CLIP = 4.0


@dataclass(frozen=True, slots=True)
class ColourScale:
    """Centre of each colour and one spread for all: what makes x = (value − centre) / spread."""

    centre: tuple[float, float, float]
    spread: float

    def apply(self, pixels: Float) -> Float:
        """Scaled colours, clipped to ±4; (3, rows, cols) float32."""
        centre = np.asarray(self.centre, np.float32)[:, None, None]
        scaled: Float = np.clip((pixels - centre) / np.float32(self.spread), -CLIP, CLIP)
        return scaled


def measure_scale(values: Sequence[NDArray[Any]] | NDArray[Any]) -> ColourScale:
    """Scale of one date from its valid values, three bands of any length.

    The centre lies half way between each band's median and the median of all, so that casts weaken and
    colours remain; the spread is half the mean 5–95 % range.
    """
    bands = [np.asarray(band).ravel() for band in values]
    levels = np.array([percentiles(band, 5.0, 50.0, 95.0) for band in bands])
    middle = levels[:, 1]
    centre = 0.5 * (middle + middle.mean())
    spread = float(np.mean(levels[:, 2] - levels[:, 0]) / 2.0)
    red, green, blue = (float(value) for value in centre)
    return ColourScale((red, green, blue), max(spread, 1e-3))

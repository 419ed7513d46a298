"""SAR: log-ratio of box-averaged backscatter.

Speckle is multiplicative: the logarithm of the ratio has the same spread everywhere. The robust floor of
the threshold matters more than the score: on an unchanged scene plain Otsu flags a third of all pixels.

References
----------
Bovolo & Bruzzone (2005), A Detail-Preserving Scale-Driven Approach to Change Detection in Multitemporal
SAR Images, IEEE TGRS 43(12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

BOX_PX = 5
FLOOR_SHARE = 0.1
MIN_PIXELS = 256


@dataclass(frozen=True)
class SarLogRatioFit:
    """``middle`` is the scene's own log-ratio of gain (median), ``floor`` holds deep shadow still."""

    middle: float
    floor: float

    def score(self, pixels: PairPixels) -> FloatGrid:
        """|ln(after/before) − middle| of box means, greatest over the channels; 0 where not valid."""
        score = np.abs(log_ratio(pixels, self.floor) - self.middle)
        result: FloatGrid = score.max(axis=0).astype(np.float32)
        result[~pixels.is_valid] = 0.0
        return result

    def report(self) -> Mapping[str, Any]:
        """The gain between the dates."""
        return {"middle_log_ratio": round(self.middle, 5), "floor": round(self.floor, 5)}


class SarLogRatio:
    """Box-5 log-ratio as a registered detector; linear amplitude or intensity as delivered, not decibels."""

    spec = DetectorSpec(
        name="sar_log_ratio",
        version="1",
        sensors=frozenset({"sar"}),
        min_bands=1,
        max_bands=2,
        dtypes=frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"}),
        halo_px=BOX_PX // 2,
        floor_sigmas=3.5,
        is_folded=True,
        parameters=MappingProxyType({"box_px": BOX_PX}),
    )

    def fit(self, samples: Samples) -> SarLogRatioFit:
        """Median log-ratio, and the floor: a tenth of the median backscatter; below it lies noise."""
        values = np.concatenate([block.before[:, block.is_valid].ravel() for block in samples])
        if len(values) < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(values), needed=MIN_PIXELS)
        if float(values.min()) < 0:
            raise InvalidInput("detection.pair.sar_in_decibels", minimum=round(float(values.min()), 2))
        floor = max(FLOOR_SHARE * float(np.median(values)), 1e-9)
        ratios = np.concatenate([log_ratio(block, floor)[:, block.is_valid].ravel() for block in samples])
        return SarLogRatioFit(float(np.median(ratios)), floor)


def log_ratio(pixels: PairPixels, floor: float) -> NDArray[np.float32]:
    """ln of the ratio of box means, after over before, float32 (bands, rows, cols)."""
    bands = []
    for before, after in zip(pixels.before, pixels.after, strict=True):
        first, second = (_box_mean(band) for band in (before, after))
        bands.append(np.log((second + floor) / (first + floor)))
    return np.stack(bands)


def _box_mean(band: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = cv2.blur(band, (BOX_PX, BOX_PX), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(mean, np.float32)

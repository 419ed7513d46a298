"""The siamese net as a detector: chance of new buildings, converted land, earthworks on fine colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples, gather
from detection.pixels.net.inference import HALO_PX, HEADS, MODEL_FILE, STRIDE_PX, answer, answer_all_ways
from detection.pixels.net.scaling import ColourScale, measure_scale
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

SAMPLE_PIXELS = 262_144
MIN_PIXELS = 64
FIXED_CUT = 0.5
"""Half: the net is trained to be as often right as it is sure; nothing is chosen on a scene."""
PICTURE_BANDS = (0, 1, 2)


@dataclass(frozen=True)
class SiameseFit:
    """Colour scale of each date, and the weights that answer.

    Attributes
    ----------
    bands : (int, int, int)
        Positions of red, green and blue.
    is_thorough : bool
        Whether eight views of each block are averaged.
    """

    before: ColourScale
    after: ColourScale
    bands: tuple[int, int, int]
    model: Path
    is_thorough: bool = False

    def heads(self, pixels: PairPixels) -> FloatGrid:
        """Probability of each kind of change, (heads, rows, cols) float32; 0 where not valid.

        The block must begin at a multiple of 32 pixels of the scene, halo included, or at its edge.
        """
        bands = list(self.bands)
        before, after = self.before.apply(pixels.before[bands]), self.after.apply(pixels.after[bands])
        before[:, ~pixels.is_valid] = 0.0
        after[:, ~pixels.is_valid] = 0.0
        ask = answer_all_ways if self.is_thorough else answer
        found = ask(self.model, before, after)
        found[:, ~pixels.is_valid] = 0.0
        return found

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Highest probability among the heads, (rows, cols) float32; 0 where not valid."""
        strongest: FloatGrid = self.heads(pixels).max(axis=0)
        return strongest

    def scored(self, pixels: PairPixels) -> tuple[FloatGrid, NDArray[np.uint8]]:
        """Score as `score` gives it, and at each pixel the number of the head that names it, from 1.

        A new building is converted land as well: where its own head is sure, it has the word.
        """
        heads = self.heads(pixels)
        named = np.where(heads[0] >= FIXED_CUT, 0, heads.argmax(axis=0))
        return heads.max(axis=0), (named + 1).astype(np.uint8)

    def report(self) -> Mapping[str, Any]:
        """Colour scales of both dates and which weights answered."""
        return {
            "weights": self.model.name,
            "heads": list(HEADS),
            "bands": list(self.bands),
            "before": _told(self.before),
            "after": _told(self.after),
        }


class Siamese:
    """The net as a registered detector.

    Parameters
    ----------
    model : Path
        ONNX file; by default the weights that the product ships.
    bands : (int, int, int)
        Positions of red, green and blue among the bands.
    """

    spec = DetectorSpec(
        name="siamese",
        version="1",
        sensors=frozenset({"rgb"}),
        min_bands=3,
        max_bands=64,
        dtypes=frozenset({"uint8", "uint16", "int16", "float32"}),
        halo_px=HALO_PX,
        floor_sigmas=0.0,
        is_folded=False,
        parameters=MappingProxyType(
            {"sample_pixels": SAMPLE_PIXELS, "stride_px": STRIDE_PX, "weights": MODEL_FILE.name}
        ),
        cut=FIXED_CUT,
    )

    def __init__(
        self,
        model: Path = MODEL_FILE,
        bands: tuple[int, int, int] = PICTURE_BANDS,
        *,
        is_thorough: bool = False,
    ) -> None:
        self.model = model
        self.bands = bands
        self.is_thorough = is_thorough

    def fit(self, samples: Samples) -> SiameseFit:
        """Measure the colour scale of each date on the sample."""
        before, after = gather(samples, SAMPLE_PIXELS)
        if len(before) < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(before), needed=MIN_PIXELS)
        bands = list(self.bands)
        scales = [measure_scale(np.ascontiguousarray(date[:, bands].T)) for date in (before, after)]
        return SiameseFit(scales[0], scales[1], self.bands, self.model, self.is_thorough)


def _told(scale: ColourScale) -> dict[str, Any]:
    return {"centre": [round(value, 4) for value in scale.centre], "spread": round(scale.spread, 4)}

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
from detection.pixels.indices import BandRoles
from detection.pixels.net.codes import head_codes
from detection.pixels.net.inference import (
    HALO_PX,
    HEADS,
    MODEL_FILE,
    STRIDE_PX,
    Weights,
    answer_at,
    land_zoom,
    low_cut_of,
)
from detection.pixels.net.scaling import ColourScale, measure_scale
from foundation.errors import InvalidInput
from ingest.pair import PairPixels
from ingest.raster import RasterGrid

SAMPLE_PIXELS = 262_144
MIN_PIXELS = 64
FIXED_CUT = 0.5
"""Half: the net is trained to be as often right as it is sure; nothing is chosen on a scene."""
PICTURE_BANDS = (0, 1, 2)
COLOURS = ("red", "green", "blue")
THOROUGH_PX = 16 << 20
"""Scenes up to 16 megapixels, enlarged, are looked at in eight views: steadier; larger ones in one."""


@dataclass(frozen=True)
class SiameseFit:
    """Colour scale of each date, and the weights that answer.

    Attributes
    ----------
    bands : (int, int, int)
        Positions of red, green and blue.
    is_thorough : bool
        Whether eight views of each block are averaged.
    zoom : int
        See `inference.land_zoom`.
    """

    before: ColourScale
    after: ColourScale
    bands: tuple[int, int, int]
    model: Weights
    is_thorough: bool = False
    zoom: int = 1

    def heads(self, pixels: PairPixels) -> FloatGrid:
        """Probability of each kind of change, (heads, rows, cols) float32; 0 where not valid.

        The block must begin at a multiple of 32 pixels of the scene, halo included, or at its edge.
        """
        bands = list(self.bands)
        before, after = self.before.apply(pixels.before[bands]), self.after.apply(pixels.after[bands])
        before[:, ~pixels.is_valid] = 0.0
        after[:, ~pixels.is_valid] = 0.0
        found = answer_at(self.model, before, after, zoom=self.zoom, is_thorough=self.is_thorough)
        found[:, ~pixels.is_valid] = 0.0
        return found

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Highest probability among the heads, (rows, cols) float32; 0 where not valid."""
        strongest: FloatGrid = self.heads(pixels).max(axis=0)
        return strongest

    def scored(self, pixels: PairPixels) -> tuple[FloatGrid, NDArray[np.uint8]]:
        """Score as `score` gives it, and what each head says as one code, see `head_codes`."""
        heads = self.heads(pixels)
        return heads.max(axis=0), head_codes(heads, low=low_cut_of(self.model), high=FIXED_CUT)

    def report(self) -> Mapping[str, Any]:
        """Colour scales of both dates and which weights answered."""
        return {
            "weights": self.model.path.name,
            "weights_sha256": self.model.sha256,
            "heads": list(HEADS),
            "bands": list(self.bands),
            "low_cut": low_cut_of(self.model),
            "views": 8 if self.is_thorough else 1,
            "land_zoom": self.zoom,
            "before": _told(self.before),
            "after": _told(self.after),
        }


class Siamese:
    """The net as a registered detector.

    Parameters
    ----------
    model : Path or Weights
        ONNX file; by default the weights that the product ships.
    bands : (int, int, int)
        Positions of red, green and blue among the bands.
    is_thorough : bool
        Whether eight views of each block are averaged.
    zoom : int
        See `inference.land_zoom`.
    """

    spec = DetectorSpec(
        name="siamese",
        version="3",
        sensors=frozenset({"rgb"}),
        min_bands=3,
        max_bands=64,
        dtypes=frozenset({"uint8", "uint16", "int16", "float32"}),
        halo_px=HALO_PX,
        floor_sigmas=0.0,
        is_folded=False,
        parameters=MappingProxyType(
            {"sample_pixels": SAMPLE_PIXELS, "stride_px": STRIDE_PX, "thorough_px": THOROUGH_PX}
        ),
        cut=FIXED_CUT,
    )

    def __init__(
        self,
        model: Path | Weights = MODEL_FILE,
        bands: tuple[int, int, int] = PICTURE_BANDS,
        *,
        is_thorough: bool = False,
        zoom: int = 1,
    ) -> None:
        self.model = model
        self.bands = bands
        self.is_thorough = is_thorough
        self.zoom = zoom

    @classmethod
    def suited(cls, roles: BandRoles, grid: RasterGrid, weights: Weights | None = None) -> Siamese:
        """The detector for a scene: its colours by their roles, views and enlargement as its size asks.

        Parameters
        ----------
        grid : RasterGrid
            Of the whole scene, so that blocks agree.
        weights : Weights, optional
            By default those that the product ships.

        Raises
        ------
        InvalidInput
            ``detection.pair.no_colours``: nobody knows which bands are red, green and blue.
        """
        if not roles.has(*COLOURS):
            raise InvalidInput("detection.pair.no_colours", known=", ".join(sorted(roles.index)) or "-")
        red, green, blue = (roles.index[colour] for colour in COLOURS)
        zoom = land_zoom(grid.gsd_m())
        is_thorough = grid.shape[0] * grid.shape[1] * zoom**2 <= THOROUGH_PX
        return cls(weights or MODEL_FILE, (red, green, blue), is_thorough=is_thorough, zoom=zoom)

    def fit(self, samples: Samples) -> SiameseFit:
        """Measure the colour scale of each date on the sample."""
        before, after = gather(samples, SAMPLE_PIXELS)
        if len(before) < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(before), needed=MIN_PIXELS)
        bands = list(self.bands)
        scales = [measure_scale(np.ascontiguousarray(date[:, bands].T)) for date in (before, after)]
        weights = self.model if isinstance(self.model, Weights) else Weights.of(self.model)
        return SiameseFit(scales[0], scales[1], self.bands, weights, self.is_thorough, self.zoom)


def _told(scale: ColourScale) -> dict[str, Any]:
    return {"centre": [round(value, 4) for value in scale.centre], "spread": round(scale.spread, 4)}

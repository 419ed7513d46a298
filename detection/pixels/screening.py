"""What was not seen: clouds and their shadows, delivered as a mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from foundation.errors import InvalidInput
from ingest.pair import Box, ImagePair, PairPixels
from ingest.raster import describe_raster, open_raster, read_part


@dataclass(frozen=True)
class CloudScreen:
    """Where cloud or shadow hides the land, whole scene, or nothing where no mask was delivered."""

    is_hidden: NDArray[np.bool_] | None
    share: float

    @classmethod
    def of(cls, pair: ImagePair, cloud_mask: Path | None) -> CloudScreen:
        """Read the delivered mask.

        Raises
        ------
        InvalidInput
            ``detection.pair.cloud_mask_grid``: not on the BEFORE grid.
        """
        if cloud_mask is None:
            return cls(None, 0.0)
        info = describe_raster(cloud_mask, pixel_grid=True)
        same_place = info.grid.crs_wkt is None or info.grid.transform.almost_equals(pair.grid.transform, 1e-6)
        if info.grid.shape != pair.grid.shape or not same_place:
            raise InvalidInput("detection.pair.cloud_mask_grid", file=cloud_mask.name)
        rows, cols = pair.grid.shape
        with open_raster(cloud_mask, info.driver) as source:
            is_hidden = read_part(source, Window(0, 0, cols, rows), [1], cloud_mask)[0] != 0
        return cls(is_hidden, float(is_hidden.mean()))

    def screened(self, pixels: PairPixels, box: Box) -> PairPixels:
        """The block with hidden pixels marked as not valid."""
        if self.is_hidden is None:
            return pixels
        is_valid = pixels.is_valid & ~self.is_hidden[box.slices]
        return replace(pixels, is_valid=is_valid)
